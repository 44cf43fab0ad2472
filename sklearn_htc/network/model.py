"""The whole model, in the paper's reading order: text, labels, attention, head."""

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_htc.network.heads import JointHead
from sklearn_htc.network.hierarchical_model import HierarchicalModel, ModelOutput

__all__ = ["HTCInfoMax"]


class HTCInfoMax(HierarchicalModel):
    """Text encoder, structure encoder, label attention and head (HiAGM-LA).

    The two information maximization modules touch training alone and stand with the
    losses, in `sklearn_htc.network.objective`.

    Parameters
    ----------
    **parts
        Those of `HierarchicalModel`. The structure encoder, if there is one, goes from
        label embeddings (N, d) to label representations (N, d); the head from text
        features and label representations to logits (B, N).
    """

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.label_embedding = nn.Parameter(torch.empty(self.n_nodes, self.dimension))
        nn.init.normal_(self.label_embedding, std=self.dimension**-0.5)

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
            Of its logits, or of the contexts that a joint head reads, or of its text
            features, whichever are more.
        """
        of_labels = self.n_nodes
        if isinstance(self.head, JointHead):
            of_labels *= self.dimension
        return max(of_labels, n_positions * self.position_width)

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
