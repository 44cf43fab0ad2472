"""Recursive regularisation: a child's classifier weights lie near its parents'."""

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["RecursiveRegularization"]


class RecursiveRegularization(nn.Module):
    """Half the squared distance of classifier weights, summed over all edges.

    With W the weights and L the Laplacian matrix of the hierarchy, taken without
    directions, this is tr(W^T L W) / 2 and its gradient is L W: one sparse product
    gives both.

    Parameters
    ----------
    parent, child : int Tensor of shape (n_edges,)
        The edges of the hierarchy.
    n_nodes : int
        Number of labels N.
    """

    laplacian: Tensor

    def __init__(self, *, parent: Tensor, child: Tensor, n_nodes: int) -> None:
        super().__init__()
        both = torch.cat([parent, child])
        nodes = torch.arange(n_nodes)
        degree = torch.bincount(both, minlength=n_nodes)
        laplacian = torch.sparse_coo_tensor(
            torch.stack([torch.cat([both, nodes]), torch.cat([child, parent, nodes])]),
            torch.cat([-torch.ones(len(both)), degree]),
            (n_nodes, n_nodes),
            check_invariants=True,
        ).coalesce()
        self.register_buffer("laplacian", laplacian, persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        """Compute the penalty.

        Parameters
        ----------
        weight : Tensor of shape (N, n_inputs)
            Classifier weights, one row per label.

        Returns
        -------
        penalty : Tensor of shape ()
            0 where there is no edge.
        """
        return _HalfQuadraticForm.apply(weight, self.laplacian)


class _HalfQuadraticForm(torch.autograd.Function):
    """tr(W^T L W) / 2 for a symmetric L, with the gradient L W kept from forward."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, matrix: Tensor) -> Tensor:
        ctx.product = matrix @ weight
        return 0.5 * torch.dot(weight.flatten(), ctx.product.flatten())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # In place, as the head's weights may be many: so it serves for one pass.
        product = ctx.product
        del ctx.product
        return product.mul_(gradient), None
