"""The whole model, in the paper's reading order: text, labels, attention, head."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sklearn_htc.network.heads import JointHead, LabelwiseHead
from sklearn_htc.network.masking import masked_mean
from sklearn_htc.network.structure_encoders import GCNEncoder, TreeLSTMEncoder

__all__ = ["HTCInfoMax", "ModelOutput"]


class ModelOutput(NamedTuple):
    """What one forward pass gives to the losses.

    Attributes
    ----------
    logits : Tensor of shape (B, N)
        Log-odds of every label.
    text : Tensor of shape (B, K, d)
        Text features T.
    mask : bool Tensor of shape (B, K)
        Which positions exist.
    labels : Tensor of shape (N, d)
        Label representations; of shape (0, d) where the model has none.
    classifier_weight : Tensor of shape (N, n_inputs)
        The head's weights, for recursive regularisation.
    """

    logits: Tensor
    text: Tensor
    mask: Tensor
    labels: Tensor
    classifier_weight: Tensor


class HTCInfoMax(nn.Module):
    """Text encoder, structure encoder, label attention and head (HiAGM-LA).

    The two information maximization modules touch training alone and stand with the
    losses, in `sklearn_htc.network.objective`.

    Parameters
    ----------
    text_encoder : Module
        From a batch to (T, mask).
    structure_encoder : GCNEncoder, TreeLSTMEncoder or None
        From label embeddings (N, d) to label representations (N, d); None leaves them.
    head : LabelwiseHead or JointHead
        From text features and label representations to logits (B, N).
    n_nodes : int
        Number of labels N.
    dimension : int
        Size d of the label embeddings.
    """

    def __init__(
        self,
        *,
        text_encoder: nn.Module,
        structure_encoder: GCNEncoder | TreeLSTMEncoder | None,
        head: LabelwiseHead | JointHead,
        n_nodes: int,
        dimension: int,
    ) -> None:
        super().__init__()
        self.n_nodes = n_nodes
        self.dimension = dimension
        self.text_encoder = text_encoder
        self.label_embedding = nn.Parameter(torch.empty(n_nodes, dimension))
        nn.init.normal_(self.label_embedding, std=dimension**-0.5)
        self.structure_encoder = structure_encoder
        self.head = head

    def encode_labels(self) -> Tensor:
        """Compute the label representations.

        Returns
        -------
        labels : Tensor of shape (N, d)
            The same for every document.
        """
        if self.structure_encoder is None:
            return self.label_embedding
        return self.structure_encoder(self.label_embedding)

    def prediction_width(self, n_positions: int) -> int:
        """Say how many numbers stand in memory for a document that is predicted.

        Parameters
        ----------
        n_positions : int
            Positions K of the longest document.

        Returns
        -------
        width : int
            Of its logits or of its text features, whichever are more.
        """
        return max(self.n_nodes, n_positions * self.dimension)

    def set_prior(self, prior: Tensor) -> None:
        """Replace P(child | parent), when more training labels have been counted.

        Parameters
        ----------
        prior : Tensor of shape (n_edges,)
            In the order of the edges that the structure encoder was built with.
        """
        if self.structure_encoder is not None:
            self.structure_encoder.prior.copy_(prior)

    def forward(self, labels: Tensor | None = None, **batch: Tensor) -> ModelOutput:
        """Score every label of every document.

        Parameters
        ----------
        labels : Tensor of shape (N, d), default=None
            Label representations, where they were computed before (prediction).
        **batch : Tensors with B rows
            What the text encoder takes.

        Returns
        -------
        output : ModelOutput
            Logits (B, N), and what the losses need besides.
        """
        text, mask = self.text_encoder(**batch)
        if labels is None:
            labels = self.encode_labels()
        logits = self.head(text, mask, labels)
        return ModelOutput(logits, text, mask, labels, self.head.weight)

    def represent(self, **batch: Tensor) -> Tensor:
        """Represent each document by the mean of its text features.

        Parameters
        ----------
        **batch : Tensors with B rows
            What the text encoder takes.

        Returns
        -------
        documents : Tensor of shape (B, d)
            t of Eq. 5.
        """
        return masked_mean(*self.text_encoder(**batch))
