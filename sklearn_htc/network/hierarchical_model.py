"""What label attention and text propagation share: the parts, and what goes out."""

from typing import NamedTuple

from torch import Tensor, nn

from sklearn_htc.network.heads import JointHead, LabelwiseHead
from sklearn_htc.network.masking import masked_mean
from sklearn_htc.network.structure_encoders import GCNEncoder, TreeLSTMEncoder

__all__ = ["HierarchicalModel", "ModelOutput"]


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


class HierarchicalModel(nn.Module):
    """Text encoder, structure encoder and head; subclasses say how they are joined.

    Parameters
    ----------
    text_encoder : Module
        From a batch to (T, mask).
    structure_encoder : GCNEncoder, TreeLSTMEncoder or None
        From one vector per node to another; None if nodes are not connected.
    head : LabelwiseHead or JointHead
        To logits (B, N).
    n_nodes : int
        Number of labels N.
    dimension : int
        Size d of text features and node vectors.
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
        self.structure_encoder = structure_encoder
        self.head = head

    @property
    def position_width(self) -> int:
        """How many numbers stand in memory for a position of a text.

        A pretrained encoder's states may be larger than the text features.
        """
        of_states: int = getattr(self.text_encoder, "hidden_size", 0)
        return max(of_states, self.dimension)

    def set_prior(self, prior: Tensor) -> None:
        """Replace P(child | parent), when more training labels have been counted.

        Parameters
        ----------
        prior : Tensor of shape (n_edges,)
            In the order of the edges that the structure encoder was built with.
        """
        if self.structure_encoder is not None:
            self.structure_encoder.prior.copy_(prior)

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
