"""Algorithms on directed graphs in arrays: levels, cycles, reachability."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

__all__ = ["by_level", "ranges", "reachability", "topological_levels"]

# Of a longer cycle only the two ends are shown.
SHOWN_OF_CYCLE = 10


def topological_levels(
    parent: np.ndarray,
    child: np.ndarray,
    n_nodes: int,
    name: Callable[[int], str] = str,
) -> np.ndarray:
    """Compute each node's longest distance from a node without parents.

    Parameters
    ----------
    parent, child : int ndarray of shape (n_edges,)
        The edges, each once.
    n_nodes : int
        Number of nodes.
    name : callable, default=str
        Maps a node to its name in errors.

    Returns
    -------
    levels : int ndarray of shape (n_nodes,)
        0 for nodes without parents.

    Raises
    ------
    ValueError
        If the graph has a cycle. The error names its nodes.
    """
    below = child[np.argsort(parent, kind="stable")].tolist()
    ends = np.cumsum(np.bincount(parent, minlength=n_nodes)).tolist()
    waiting = np.bincount(child, minlength=n_nodes).tolist()
    levels = [0] * n_nodes
    ready = [node for node in range(n_nodes) if not waiting[node]]
    # Plain lists, as arrays are slow where a level has few nodes.
    for node in ready:
        start = ends[node - 1] if node else 0
        for lower in below[start : ends[node]]:
            levels[lower] = max(levels[lower], levels[node] + 1)
            waiting[lower] -= 1
            if not waiting[lower]:
                ready.append(lower)
    if len(ready) < n_nodes:
        cycle = _find_cycle(parent, child, np.array(waiting) > 0)
        steps = [name(node) for node in cycle]
        if len(steps) > SHOWN_OF_CYCLE:
            half = SHOWN_OF_CYCLE // 2
            hidden = f"({len(steps) - 2 * half} more)"
            steps = [*steps[:half], hidden, *steps[-half:]]
        raise ValueError(
            f"The hierarchy has a cycle: {' -> '.join(steps)}. Remove one of these "
            "edges."
        )
    return np.array(levels, dtype=np.int64)


def by_level(levels: np.ndarray) -> list[np.ndarray]:
    """Group nodes by level.

    Parameters
    ----------
    levels : int ndarray of shape (n_nodes,)
        As `topological_levels` returns them.

    Returns
    -------
    groups : list of int ndarray
        The nodes of each level in ascending order, from level 0 on.
    """
    order = np.argsort(levels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(levels))[:-1])


def reachability(parents: sparse.csr_array, levels: np.ndarray) -> sparse.csr_array:
    """Compute the ancestors of every node, itself included, in one pass over levels.

    Parameters
    ----------
    parents : csr_array of shape (n_nodes, n_nodes)
        `parents[i, j]` is 1 where node j is a parent of node i.
    levels : int ndarray of shape (n_nodes,)
        As `topological_levels` returns them.

    Returns
    -------
    ancestors : csr_array of shape (n_nodes, n_nodes), dtype int64
        `ancestors[i, j]` is 1 where node j is node i or one of its ancestors. Indices
        are sorted.
    """
    n_nodes = len(levels)
    n_parents = np.diff(parents.indptr)
    # Rows of ancestors, one after another in the order in which they are found.
    found = np.empty(max(2 * n_nodes, 16), dtype=parents.indices.dtype)
    start, length = np.zeros((2, n_nodes), dtype=np.int64)
    used = 0
    for nodes in by_level(levels):
        above = parents.indices[ranges(parents.indptr[nodes], n_parents[nodes])]
        owner = np.repeat(np.arange(len(nodes)), n_parents[nodes])
        reached = found[ranges(start[above], length[above])]
        owner = np.concatenate((np.repeat(owner, length[above]), np.arange(len(nodes))))
        reached = np.concatenate((reached, nodes))
        if (n_parents[nodes] > 1).any():
            # Parents may share ancestors.
            owner, reached = np.divmod(np.unique(owner * n_nodes + reached), n_nodes)
        else:
            reached = reached[np.argsort(owner, kind="stable")]
        length[nodes] = np.bincount(owner, minlength=len(nodes))
        start[nodes] = used + np.cumsum(length[nodes]) - length[nodes]
        end = used + len(reached)
        if end > len(found):
            found = np.concatenate((found[:used], np.empty_like(found, shape=end * 2)))
        found[used:end] = reached
        used = end
    indptr = np.concatenate(([0], np.cumsum(length)))
    indices = found[ranges(start, length)]
    ones = np.ones(len(indices), dtype=np.int64)
    ancestors = sparse.csr_array((ones, indices, indptr), shape=(n_nodes, n_nodes))
    ancestors.sort_indices()
    return ancestors


def ranges(start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Join the ranges from each start on."""
    total = np.cumsum(length)
    positions = np.repeat(start - (total - length), length)
    positions += np.arange(len(positions))
    return positions


def _find_cycle(
    parent: np.ndarray, child: np.ndarray, unresolved: np.ndarray
) -> list[int]:
    """Walk up among nodes that each have an unresolved parent until one repeats."""
    inside = unresolved[parent] & unresolved[child]
    parent_of = dict(zip(child[inside].tolist(), parent[inside].tolist(), strict=True))
    node = next(iter(parent_of))
    walk: dict[int, None] = {}
    while node not in walk:
        walk[node] = None
        node = parent_of[node]
    upward = list(walk)[list(walk).index(node) :]
    return [node, *reversed(upward)]
