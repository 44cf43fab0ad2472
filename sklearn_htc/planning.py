"""From an estimator's parameters and its training data to a network plan."""

from typing import Any

import numpy as np
import torch
from scipy import sparse

from sklearn_htc.decoding import Decoder, PathDecoder, ThresholdDecoder
from sklearn_htc.documents import SEQUENCE_ENCODERS
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.network.build import LabelGraph, NetworkPlan
from sklearn_htc.optimizers import RowwiseAdam
from sklearn_htc.targets import TargetEncoder

__all__ = [
    "make_decoder",
    "make_graph",
    "make_plan",
    "path_nodes_of",
    "pretrained_embeddings",
]


def path_nodes_of(encoder: TargetEncoder, target: sparse.csr_array) -> np.ndarray:
    """Find the most specific node of each path that the training rows take.

    Parameters
    ----------
    encoder : TargetEncoder
        Knows the form of Y.
    target : csr_array of shape (n_documents, n_nodes)
        Closed under ancestors.

    Returns
    -------
    path_nodes : int ndarray
        In the order of the classes where each document has one label; sorted
        otherwise; empty where a row has no path or several.
    """
    if not encoder.is_multilabel:
        return encoder.class_nodes
    specific = encoder.hierarchy.most_specific(target)
    if np.any(np.diff(specific.indptr) != 1):
        return np.empty(0, dtype=np.int64)
    return np.unique(specific.indices)


def make_decoder(
    hierarchy: Hierarchy, path_nodes: np.ndarray, threshold: float | str
) -> Decoder:
    """Choose how scores become labels.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray
        The paths to choose one of; where empty, each node has to reach the threshold.
    threshold : float or "auto"
        The least probability of a predicted node; "auto" is 0.5.

    Returns
    -------
    decoder : Decoder
        With `probabilities` and `decide`.
    """
    if len(path_nodes):
        return PathDecoder(hierarchy, path_nodes)
    return ThresholdDecoder(
        hierarchy, threshold=0.5 if threshold == "auto" else float(threshold)
    )


def make_graph(
    hierarchy: Hierarchy, path_nodes: np.ndarray, counts: np.ndarray, n_documents: int
) -> LabelGraph:
    """Describe the hierarchy, and the labels of the training rows, to the network.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray
        The most specific node of each path that may be predicted.
    counts : ndarray of shape (n_nodes,)
        Training documents of each node.
    n_documents : int
        Training documents in all.

    Returns
    -------
    graph : LabelGraph
        Tensors on the CPU.
    """
    parent, child = hierarchy.edges
    # The prior stores one entry an edge, in the order of `edges`.
    prior = hierarchy.prior_from_counts(counts).data
    paths = hierarchy.ancestors[path_nodes]
    return LabelGraph(
        parent=torch.from_numpy(parent.astype(np.int64)),
        child=torch.from_numpy(child.astype(np.int64)),
        prior=torch.from_numpy(prior.astype(np.float32)),
        frequency=torch.from_numpy((counts / n_documents).astype(np.float32)),
        path_nodes=torch.from_numpy(path_nodes.astype(np.int64)),
        path_members=torch.from_numpy(paths.indices.astype(np.int64)),
        path_starts=torch.from_numpy(paths.indptr.astype(np.int64)),
    )


def make_plan(
    estimator: Any,
    documents: Any,
    graph: LabelGraph,
    n_tokens: int | None,
    device: str,
) -> NetworkPlan:
    """Resolve an estimator's parameters to the names and sizes of a network.

    Parameters
    ----------
    estimator : BaseHierarchicalNetwork
        Its parameters and `text_encoder_` are read.
    documents : Documents
        The training documents.
    graph : LabelGraph
        The hierarchy.
    n_tokens : int or None
        Size of the vocabulary of token ids, for sequence encoders.
    device : str
        Where it is trained.

    Returns
    -------
    plan : NetworkPlan
        What `build_model` and `build_objective` need.

    Raises
    ------
    ValueError
        If parameters contradict each other or the training data.
    """
    one_path = len(graph.path_nodes) > 0
    loss = estimator.loss
    if loss == "auto":
        loss = "path" if one_path else "zlpr"
    if loss == "path" and not one_path:
        raise ValueError(
            "loss='path' needs exactly one path a document, but a training row has "
            "none or several. Use loss='zlpr' or 'binary_cross_entropy'."
        )
    if estimator.variant == "tp" and estimator.structure_encoder is None:
        raise ValueError(
            "variant='tp' needs a structure encoder, which is what propagates text. "
            "Use structure_encoder='gcn' or 'treelstm'."
        )
    halves = estimator.structure_encoder == "treelstm"
    if estimator.dimension % 2 and (halves or estimator.text_encoder_ == "bigru"):
        raise ValueError(
            f"dimension={estimator.dimension} must be even: two directions share it."
        )
    return NetworkPlan(
        graph=graph,
        dimension=estimator.dimension,
        variant=estimator.variant,
        text_encoder=estimator.text_encoder_,
        text_encoder_options=_text_encoder_options(
            estimator, documents, n_tokens, device
        ),
        structure_encoder=estimator.structure_encoder,
        node_dropout=estimator.node_dropout,
        head=estimator.head,
        classifier_dropout=estimator.classifier_dropout,
        loss=loss,
        loss_reduction=estimator.loss_reduction,
        mutual_information=estimator.mutual_information,
        label_prior=estimator.label_prior,
        prior_matching=estimator.prior_matching,
        objective_options={
            "mutual_information_weight": estimator.mutual_information_weight,
            "label_prior_weight": estimator.label_prior_weight,
            "recursive_regularization_weight": estimator.recursive_regularization,
        },
    )


def _text_encoder_options(
    estimator: Any, documents: Any, n_tokens: int | None, device: str
) -> dict[str, Any]:
    """Collect what one text encoder takes besides the dimension."""
    # A GPU updates the whole vocabulary in less time than it finds distinct rows.
    lazy = isinstance(estimator.optimizer, type) and issubclass(
        estimator.optimizer, RowwiseAdam
    )
    sparse = lazy and torch.device(device).type == "cpu"
    text_encoder = estimator.text_encoder_
    if text_encoder in SEQUENCE_ENCODERS:
        size = estimator.embedding_size
        if estimator.embedding_weights is not None:
            size = np.shape(estimator.embedding_weights)[1]
        return {
            "n_tokens": n_tokens,
            "embedding_size": size,
            "embedding_dropout": estimator.embedding_dropout,
            "dropout": estimator.text_dropout,
            "sparse": sparse,
        }
    options = {"dropout": estimator.embedding_dropout}
    if text_encoder == "bag":
        return options | {
            "n_terms": documents.n_features,
            "scale": documents.scale,
            "sparse": sparse,
        }
    options["n_features"] = documents.n_features
    if text_encoder == "dense":
        options["scale"] = documents.scale
    return options


def pretrained_embeddings(estimator: Any, plan: NetworkPlan) -> torch.Tensor | None:
    """Check that pretrained embeddings fit the embedding layer.

    Parameters
    ----------
    estimator : BaseHierarchicalNetwork
        Its `embedding_weights` and `text_encoder_` are read.
    plan : NetworkPlan
        The network that they are for.

    Returns
    -------
    weights : Tensor or None
        None where the estimator has none.

    Raises
    ------
    ValueError
        If the encoder has no embedding layer, or one of another shape.
    """
    if estimator.embedding_weights is None:
        return None
    if estimator.text_encoder_ == "bag":
        shape = (plan.text_encoder_options["n_terms"], estimator.dimension)
        rows = "one row a column of X, and `dimension` columns"
    elif estimator.text_encoder_ in SEQUENCE_ENCODERS:
        shape = (
            plan.text_encoder_options["n_tokens"] + 1,
            plan.text_encoder_options["embedding_size"],
        )
        rows = "one row a token id, 0 included"
    else:
        raise ValueError(
            "embedding_weights need an encoder with an embedding layer: 'bag', 'bigru' "
            f"or 'rcnn', not {estimator.text_encoder_!r}."
        )
    weights = np.asarray(estimator.embedding_weights, dtype=np.float32)
    if weights.shape != shape:
        raise ValueError(
            f"embedding_weights has shape {weights.shape}, but {shape} is needed: "
            f"{rows}."
        )
    return torch.from_numpy(weights)
