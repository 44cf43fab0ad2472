"""Coherent values: none that rises from a parent to a child."""

from collections.abc import Iterable

import numpy as np
from scipy import sparse

from sklearn_htc.hierarchy import Hierarchy

__all__ = ["make_coherent", "raise_ancestors"]


def make_coherent(values: np.ndarray, hierarchy: Hierarchy) -> np.ndarray:
    """Let a node and those above and below it meet halfway.

    A child that is more probable than its parent says as much about the parent as the
    parent about the child. Each value becomes the mean of the least among the node and
    its ancestors and of the largest among the node and its descendants; neither rises
    from parent to child. Unlike the least alone this doesn't lower the sum of what was
    calibrated.

    Parameters
    ----------
    values : ndarray of shape (n, n_nodes)
        Log-odds or probabilities, one per document and node.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    coherent : ndarray of shape (n, n_nodes)
        No child is above a parent; unchanged where that held already.
    """
    # One row per node: whole rows are fetched and compared much faster than columns.
    lowered = np.array(values.T, order="C")
    raised = lowered.copy()
    _spread(np.minimum, lowered, hierarchy.parents_by_level)
    _spread(np.maximum, raised, reversed(hierarchy.children_by_level))
    return np.ascontiguousarray((lowered + raised).T / 2)


def raise_ancestors(
    values: np.ndarray, nodes: np.ndarray, hierarchy: Hierarchy
) -> np.ndarray:
    """Let no ancestor of some nodes be below them.

    Parameters
    ----------
    values : ndarray of shape (n, n_nodes)
        Log-odds or probabilities, one per document and node.
    nodes : int ndarray of shape (n_raising,)
        Those that their ancestors are to reach.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    raised : ndarray of shape (n, n_nodes)
        Unchanged but for these ancestors.
    """
    by_node = np.array(values.T, order="C")
    least = np.full_like(by_node, -np.inf)
    least[nodes] = by_node[nodes]
    _spread(np.maximum, least, reversed(hierarchy.children_by_level))
    return np.ascontiguousarray(np.maximum(by_node, least).T)


def _spread(
    extreme: np.ufunc,
    values: np.ndarray,
    neighbours_by_level: Iterable[tuple[np.ndarray, sparse.csr_array]],
) -> None:
    """Let `extreme` of a node's row and its neighbours' replace it, level by level."""
    for nodes, neighbours in neighbours_by_level:
        found = values[neighbours.indices]
        if len(found) > len(nodes):
            found = extreme.reduceat(found, neighbours.indptr[:-1], axis=0)
        values[nodes] = extreme(values[nodes], found)
