"""Values of some nodes, put in their places among those of all nodes."""

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["AmongNodes", "mask"]


class AmongNodes(nn.Module):
    """Puts values of some nodes in their places.

    Parameters
    ----------
    nodes : int ndarray of shape (n,)
        Which nodes, none of them twice.
    n_nodes : int
        Of the hierarchy.
    """

    position: Tensor
    is_listed: Tensor

    def __init__(self, nodes: np.ndarray, n_nodes: int) -> None:
        super().__init__()
        position = np.zeros(n_nodes, dtype=np.int64)
        position[nodes] = np.arange(len(nodes))
        self.register_buffer("position", torch.from_numpy(position))
        self.register_buffer("is_listed", mask(nodes, n_nodes))

    def forward(self, own: Tensor, others: Tensor | float) -> Tensor:
        """Give the nodes their values.

        Parameters
        ----------
        own : Tensor of shape (B, n)
            Values of the nodes.
        others : Tensor of shape (B, n_nodes) or float
            What all other nodes have.

        Returns
        -------
        values : Tensor of shape (B, n_nodes)
            Of all nodes.
        """
        return torch.where(self.is_listed, own[:, self.position], others)


def mask(nodes: np.ndarray, n_nodes: int) -> Tensor:
    """Say which nodes are in a list.

    Parameters
    ----------
    nodes : int ndarray of shape (n,)
        The list.
    n_nodes : int
        Of the hierarchy.

    Returns
    -------
    mask : bool Tensor of shape (n_nodes,)
        True for those in the list.
    """
    is_listed = np.zeros(n_nodes, dtype=bool)
    is_listed[nodes] = True
    return torch.from_numpy(is_listed)
