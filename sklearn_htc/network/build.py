"""From names and sizes to modules: the one place that knows all of them."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_htc.network.heads import (
    JointHead,
    LabelwiseHead,
    MeanPoolingHead,
    MeanPoolingStart,
    PretrainedMeanPoolingHead,
)
from sklearn_htc.network.losses.classification_losses import (
    ZLPR,
    BinaryCrossEntropy,
    PathCrossEntropy,
)
from sklearn_htc.network.losses.loss_weight import LossWeight
from sklearn_htc.network.losses.mutual_information import TextLabelDiscriminator
from sklearn_htc.network.losses.objective import HTCInfoMaxObjective
from sklearn_htc.network.losses.prior_matching import LabelPriorDiscriminator
from sklearn_htc.network.losses.recursive_regularization import RecursiveRegularization
from sklearn_htc.network.model import HTCInfoMax
from sklearn_htc.network.structure_encoders import GCNEncoder, TreeLSTMEncoder
from sklearn_htc.network.text_encoders import (
    BagOfTermsEncoder,
    BiGRUEncoder,
    DenseEncoder,
    RCNNEncoder,
    TokenEmbeddingEncoder,
)
from sklearn_htc.network.text_propagation import TextPropagation
from sklearn_htc.network.transformer_encoder import TransformerEncoder

__all__ = [
    "LabelGraph",
    "NetworkPlan",
    "build_model",
    "build_objective",
    "least_weights",
    "load_embeddings",
]

TEXT_ENCODERS: dict[str, Any] = {
    "bag": BagOfTermsEncoder,
    "dense": DenseEncoder,
    "bigru": BiGRUEncoder,
    "rcnn": RCNNEncoder,
    "tokens": TokenEmbeddingEncoder,
    "transformer": TransformerEncoder,
}
STRUCTURE_ENCODERS: dict[str, type[GCNEncoder] | type[TreeLSTMEncoder]] = {
    "gcn": GCNEncoder,
    "treelstm": TreeLSTMEncoder,
}
HEADS: dict[str, type[LabelwiseHead] | type[JointHead]] = {
    "labelwise": LabelwiseHead,
    "joint": JointHead,
    "mean_pooling": MeanPoolingHead,
}
# What stands in for them where text features are those of a pretrained encoder.
HEADS_OF_PRETRAINED = HEADS | {
    "labelwise": MeanPoolingStart,
    "mean_pooling": PretrainedMeanPoolingHead,
}


@dataclass(frozen=True)
class LabelGraph:
    """What the network knows of the hierarchy and of the training labels.

    Parameters
    ----------
    parent, child : int Tensor of shape (n_edges,)
        The edges.
    prior : Tensor of shape (n_edges,)
        P(child | parent) of each edge.
    frequency : Tensor of shape (n_nodes,)
        Share of the training documents that have each node.
    path_nodes : int Tensor of shape (n_paths,)
        The most specific node of each path that may be predicted.
    path_members : int Tensor of shape (n_members,)
        The nodes of all paths, one path after the other.
    path_starts : int Tensor of shape (n_paths + 1,)
        Where each path starts in `path_members`, and where the last one ends.
    """

    parent: Tensor
    child: Tensor
    prior: Tensor
    frequency: Tensor
    path_nodes: Tensor
    path_members: Tensor
    path_starts: Tensor


@dataclass(frozen=True)
class NetworkPlan:
    """Names and sizes of all parts.

    Parameters
    ----------
    graph : LabelGraph
        The hierarchy.
    dimension : int
        Size d of text features and label representations.
    variant : {"la", "tp"}
        Label attention, or text propagation.
    text_encoder : str
        A key of `TEXT_ENCODERS`.
    text_encoder_options : dict
        Its arguments besides `dimension`.
    structure_encoder : str or None
        A key of `STRUCTURE_ENCODERS`, or None.
    node_dropout : float
        Dropout of the structure encoder.
    head : str
        A key of `HEADS`.
    classifier_dropout : float
        Dropout of the head.
    loss : {"binary_cross_entropy", "zlpr", "path"}
        The classification loss L_c.
    loss_reduction : {"sum", "mean"}
        Of the binary cross-entropy over labels.
    mutual_information : bool
        Whether L_MI is part of the objective.
    label_prior : {"uniform", "normal"} or None
        The prior of L_pr, or None to leave it out.
    prior_matching : {"adversarial", "released"}
        How the structure encoder sees L_pr.
    objective_options : dict
        The weights of the losses.
    """

    graph: LabelGraph
    dimension: int
    variant: str
    text_encoder: str
    structure_encoder: str | None
    node_dropout: float
    head: str
    classifier_dropout: float
    loss: str
    loss_reduction: str
    mutual_information: bool
    label_prior: str | None
    prior_matching: str
    text_encoder_options: dict[str, Any] = field(default_factory=dict)
    objective_options: dict[str, float] = field(default_factory=dict)

    @property
    def n_nodes(self) -> int:
        """Number of labels N."""
        return len(self.graph.frequency)


def least_weights(plan: NetworkPlan) -> int:
    """Count the weights that grow with labels and words, without making them.

    Parameters
    ----------
    plan : NetworkPlan
        Names and sizes.

    Returns
    -------
    n_weights : int
        Those of the words, of the nodes and of the head.
    """
    n_nodes, dimension = plan.n_nodes, plan.dimension
    options = plan.text_encoder_options
    of_words = options.get("n_terms", 0) * dimension
    of_words += (options.get("n_tokens") or 0) * options.get("embedding_size", 0)
    of_nodes = n_nodes * dimension * (dimension if plan.variant == "tp" else 1)
    of_head = n_nodes * dimension * (n_nodes if plan.head == "joint" else 1)
    total: int = of_words + of_nodes + of_head
    return total


def build_model(
    plan: NetworkPlan, weights: dict[str, Tensor] | None = None
) -> HTCInfoMax | TextPropagation:
    """Build the prediction network.

    Parameters
    ----------
    plan : NetworkPlan
        Names and sizes.
    weights : dict of str to Tensor, default=None
        Those of a pretrained encoder.

    Returns
    -------
    model : HTCInfoMax or TextPropagation
        With random weights from torch's global generator, but for those of a pretrained
        encoder. The head's biases are the log-odds of the labels' frequencies.
    """
    graph = plan.graph
    structure_encoder = None
    if plan.structure_encoder is not None:
        structure_encoder = STRUCTURE_ENCODERS[plan.structure_encoder](
            parent=graph.parent,
            child=graph.child,
            prior=graph.prior,
            n_nodes=plan.n_nodes,
            dimension=plan.dimension,
            dropout=plan.node_dropout,
        )
    heads = HEADS_OF_PRETRAINED if plan.text_encoder == "transformer" else HEADS
    head = heads[plan.head](
        n_nodes=plan.n_nodes,
        dimension=plan.dimension,
        dropout=plan.classifier_dropout,
    )
    with torch.no_grad():
        head.bias.copy_(torch.logit(graph.frequency, eps=1e-4))
    options = plan.text_encoder_options
    if weights is not None:
        options = options | {"weights": weights}
    text_encoder = TEXT_ENCODERS[plan.text_encoder](dimension=plan.dimension, **options)
    model: Any = TextPropagation if plan.variant == "tp" else HTCInfoMax
    return model(
        text_encoder=text_encoder,
        structure_encoder=structure_encoder,
        head=head,
        n_nodes=plan.n_nodes,
        dimension=plan.dimension,
    )


def load_embeddings(model: Any, weights: Tensor) -> None:
    """Replace rows of the text encoder's embedding layer by pretrained ones.

    Parameters
    ----------
    model : HTCInfoMax or TextPropagation
        With a text encoder that has an embedding layer.
    weights : Tensor of shape (n_rows, width)
        As large as the embedding layer; rows of NaN leave its rows as they are.
    """
    embedding: Any = model.text_encoder.embedding
    known = ~weights.isnan().any(dim=1)
    with torch.no_grad():
        embedding.weight[known] = weights[known].to(embedding.weight.device)


def build_objective(plan: NetworkPlan) -> HTCInfoMaxObjective:
    """Build the training objective with its discriminators.

    Parameters
    ----------
    plan : NetworkPlan
        Names and sizes.

    Returns
    -------
    objective : HTCInfoMaxObjective
        With random weights from torch's global generator.
    """
    graph = plan.graph
    classification: nn.Module
    if plan.loss == "path":
        classification = PathCrossEntropy(
            nodes=graph.path_nodes,
            members=graph.path_members,
            starts=graph.path_starts,
        )
    elif plan.loss == "zlpr":
        classification = ZLPR()
    else:
        classification = BinaryCrossEntropy(reduction=plan.loss_reduction)
    text_label = label_prior = loss_weight = None
    if plan.mutual_information:
        # Only sequence encoders give positions an order that a kernel can span.
        ordered = plan.text_encoder in ("bigru", "tokens", "transformer")
        text_label = TextLabelDiscriminator(
            dimension=plan.dimension, kernel_size=3 if ordered else 1
        )
    if plan.label_prior is not None:
        label_prior = LabelPriorDiscriminator(
            dimension=plan.dimension,
            prior=plan.label_prior,
            matching=plan.prior_matching,
        )
    if text_label is not None or label_prior is not None:
        loss_weight = LossWeight(dimension=plan.dimension)
    return HTCInfoMaxObjective(
        classification=classification,
        text_label_discriminator=text_label,
        label_prior_discriminator=label_prior,
        loss_weight=loss_weight,
        recursive_regularization=RecursiveRegularization(
            parent=graph.parent, child=graph.child, n_nodes=plan.n_nodes
        ),
        **plan.objective_options,
    )
