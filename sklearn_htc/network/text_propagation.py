"""Text propagation: the structure encoder passes on what a text says (HiAGM-TP)."""

from torch import Tensor, nn

from sklearn_htc.network.heads import JointHead, LabelwiseHead
from sklearn_htc.network.masking import masked_mean
from sklearn_htc.network.model import ModelOutput
from sklearn_htc.network.structure_encoders import GCNEncoder, TreeLSTMEncoder

__all__ = ["TextPropagation"]


class TextPropagation(nn.Module):
    """Text encoder, projection to every node, structure encoder and head (HiAGM-TP).

    v_l = W_l t + b_l for each node l, with t the mean of the text features; the
    structure encoder turns the v_l of a document into h_l; the head reads the h_l.
    There are no label representations, and the structure encoder runs once a document:
    W has N d^2 weights, and a batch of B documents B N d numbers in memory, several
    times over.

    Parameters
    ----------
    text_encoder : Module
        From a batch to (T, mask).
    structure_encoder : GCNEncoder or TreeLSTMEncoder
        From node inputs (B, N, d) to node representations (B, N, d).
    head : LabelwiseHead or JointHead
        From node representations to logits (B, N).
    n_nodes : int
        Number of labels N.
    dimension : int
        Size d of text features and node representations.
    """

    def __init__(
        self,
        *,
        text_encoder: nn.Module,
        structure_encoder: GCNEncoder | TreeLSTMEncoder,
        head: LabelwiseHead | JointHead,
        n_nodes: int,
        dimension: int,
    ) -> None:
        super().__init__()
        self.n_nodes = n_nodes
        self.dimension = dimension
        self.text_encoder = text_encoder
        self.node_inputs = nn.Linear(dimension, n_nodes * dimension)
        self.structure_encoder = structure_encoder
        self.head = head

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
        return max(self.n_nodes, n_positions) * self.dimension

    def set_prior(self, prior: Tensor) -> None:
        """Replace P(child | parent), when more training labels have been counted.

        Parameters
        ----------
        prior : Tensor of shape (n_edges,)
            In the order of the edges that the structure encoder was built with.
        """
        self.structure_encoder.prior.copy_(prior)

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

    def represent(self, **batch: Tensor) -> Tensor:
        """Represent each document by the mean of its text features.

        Parameters
        ----------
        **batch : Tensors with B rows
            What the text encoder takes.

        Returns
        -------
        documents : Tensor of shape (B, d)
            t.
        """
        return masked_mean(*self.text_encoder(**batch))
