"""Text propagation: the structure encoder passes on what a text says (HiAGM-TP)."""

from typing import Any

from torch import Tensor, nn

from sklearn_htc.network.hierarchical_model import HierarchicalModel, ModelOutput
from sklearn_htc.network.masking import masked_mean
from sklearn_htc.network.structure_encoders import GCNEncoder, TreeLSTMEncoder

__all__ = ["TextPropagation"]


class TextPropagation(HierarchicalModel):
    """Text encoder, projection to every node, structure encoder and head (HiAGM-TP).

    v_l = W_l t + b_l for each node l, with t the mean of the text features; the
    structure encoder turns the v_l of a document into h_l; the head reads the h_l.
    There are no label representations. The structure encoder runs once per document: W
    has N d^2 weights, and a batch of B documents has B N d numbers in memory, several
    times over.

    Parameters
    ----------
    **parts
        Those of `HierarchicalModel`. The structure encoder goes from node inputs
        (B, N, d) to node representations (B, N, d), the head from these to logits
        (B, N).
    """

    structure_encoder: GCNEncoder | TreeLSTMEncoder

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.node_inputs = nn.Linear(self.dimension, self.n_nodes * self.dimension)

    def encode_labels(self) -> Tensor:
        """Return nothing, as there are no label representations without a text.

        Returns
        -------
        labels : Tensor of shape (0, d)
            Empty.
        """
        return self.node_inputs.weight.new_empty(0, self.dimension)

    def prediction_width(self, n_positions: int) -> int:
        """Say how many numbers stand in memory for a document that is predicted.

        Parameters
        ----------
        n_positions : int
            Positions K of the longest document.

        Returns
        -------
        width : int
            Of its node representations or of its text features.
        """
        of_nodes = self.n_nodes * self.dimension
        return max(of_nodes, n_positions * self.position_width)

    def forward(self, labels: Tensor | None = None, **batch: Tensor) -> ModelOutput:
        """Score every label of every document.

        Parameters
        ----------
        labels : Tensor of shape (0, d), default=None
            What `encode_labels` gives: not read.
        **batch : Tensors with B rows
            What the text encoder takes.

        Returns
        -------
        output : ModelOutput
            Logits (B, N), and what the losses need besides.
        """
        text, mask = self.text_encoder(**batch)
        inputs = self.node_inputs(masked_mean(text, mask))
        inputs = inputs.unflatten(1, (self.n_nodes, self.dimension))
        logits = self.head.score(self.structure_encoder(inputs))
        return ModelOutput(logits, text, mask, self.encode_labels(), self.head.weight)
