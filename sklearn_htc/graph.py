"""Algorithms on directed graphs in arrays: levels, cycles, reachability."""

from collections.abc import Hashable, Sequence

import numpy as np
from scipy import sparse

__all__ = ["reachability", "topological_levels"]


def topological_levels(
    parent: np.ndarray, child: np.ndarray, names: Sequence[Hashable]
) -> np.ndarray:
    """Compute each node's longest distance from a node without parents.

    Parameters
    ----------
    parent, child : int ndarray of shape (n_edges,)
        The edges, each once.
    names : sequence of length n_nodes
        What errors call the nodes.

    Returns
    -------
    levels : int ndarray of shape (n_nodes,)
        0 for nodes without parents.

    Raises
    ------
    ValueError
        If the graph has a cycle; it is named.
    """
    n_nodes = len(names)
    adjacency = sparse.csr_array(
        (np.ones(len(parent), dtype=np.int64), (parent, child)), shape=(n_nodes,) * 2
    )
    waiting = np.bincount(child, minlength=n_nodes)
    levels = np.full(n_nodes, -1)
    frontier, level = np.flatnonzero(waiting == 0), 0
    while frontier.size:
        levels[frontier] = level
        below = adjacency[frontier].indices
        np.subtract.at(waiting, below, 1)
        frontier = np.unique(below[waiting[below] == 0])
        level += 1
    if (levels < 0).any():
        cycle = _find_cycle(parent, child, levels < 0)
        raise ValueError(
            "The hierarchy has a cycle: "
            + " -> ".join(repr(names[node]) for node in cycle)
            + ". Remove one of these edges."
        )
    return levels


def reachability(parents: sparse.csr_array) -> sparse.csr_array:
    """Compute the ancestors of every node, itself included, by repeated squaring.

    Parameters
    ----------
    parents : csr_array of shape (n_nodes, n_nodes)
        `parents[i, j]` is 1 where node j is a parent of node i.

    Returns
    -------
    ancestors : csr_array of shape (n_nodes, n_nodes)
        `ancestors[i, j]` is 1 where node j is node i or one of its ancestors.
    """
    reach = (sparse.eye_array(parents.shape[0], dtype=np.int64) + parents).tocsr()
    while True:
        squared = (reach @ reach).tocsr()
        squared.data.fill(1)
        if squared.nnz == reach.nnz:
            squared.sort_indices()
            return squared
        reach = squared


def _find_cycle(
    parent: np.ndarray, child: np.ndarray, unresolved: np.ndarray
) -> list[int]:
    """Walk up among nodes that each have an unresolved parent until one repeats."""
    inside = unresolved[parent] & unresolved[child]
    parent_of = dict(zip(child[inside], parent[inside], strict=True))
    node = next(iter(parent_of))
    walk: dict[int, None] = {}
    while node not in walk:
        walk[node] = None
        node = parent_of[node]
    upward = list(walk)[list(walk).index(node) :]
    return [node, *reversed(upward)]
