"""Recursive regularisation: a child's classifier weights lie near its parents'."""

from torch import Tensor

__all__ = ["recursive_regularization"]


def recursive_regularization(weight: Tensor, parent: Tensor, child: Tensor) -> Tensor:
    """Sum half the squared distance between parent and child over all edges.

    Parameters
    ----------
    weight : Tensor of shape (N, n_inputs)
        Classifier weights, a row a label.
    parent, child : int Tensor of shape (n_edges,)
        The edges of the hierarchy.

    Returns
    -------
    penalty : Tensor of shape ()
        0 where there is no edge.
    """
    return 0.5 * (weight[parent] - weight[child]).square().sum()
