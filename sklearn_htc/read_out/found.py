"""Probabilities of the few labels that a search found, read along the hierarchy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from sklearn_htc.graph import by_level, ranges
from sklearn_htc.hierarchy import Hierarchy

__all__ = ["Found", "largest_per_row", "raised_to_descendants", "sums_along_paths"]


@dataclass(frozen=True, eq=False)
class Found:
    """What a search found of some documents; all other probabilities are small.

    Parameters
    ----------
    labels : csr_array of shape (n_documents, n_nodes), float32
        Probabilities of nodes, P(child) <= P(parent). The ancestors of a node are found
        with it. Sorted.
    ends : csr_array of shape (n_documents, n_nodes), float32
        Probabilities that the path of a document ends at a node, where each has one
        path: at least one per document. Empty where documents may have any labels.
    """

    labels: sparse.csr_array
    ends: sparse.csr_array

    @classmethod
    def stacked(cls, parts: Sequence[Self]) -> Self:
        """Put what was found of several pieces one below the other.

        Parameters
        ----------
        parts : sequence of Found
            At least one.

        Returns
        -------
        found : Found
            Of all documents.
        """
        return cls(
            sparse.vstack([part.labels for part in parts], format="csr"),
            sparse.vstack([part.ends for part in parts], format="csr"),
        )


def raised_to_descendants(
    values: sparse.csr_array, hierarchy: Hierarchy
) -> sparse.csr_array:
    """Raise each node to the largest value among it and its descendants.

    Parameters
    ----------
    values : csr_array of shape (n, n_nodes)
        Not negative; 0 where nothing is stored.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    raised : csr_array of shape (n, n_nodes)
        No child is above a parent.
    """
    n_nodes, levels, parents = len(hierarchy), hierarchy.levels, hierarchy.parents
    n_parents = np.diff(parents.indptr)
    n_levels = int(levels.max()) + 1
    # Of each level, parts of what is known of its nodes: row * n_nodes + node, value.
    known: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(n_levels)]

    def add(keys: np.ndarray, worth: np.ndarray) -> None:
        level = levels[keys % n_nodes]
        order = np.argsort(level, kind="stable")
        for own in np.split(order, np.flatnonzero(np.diff(level[order])) + 1):
            if len(own):
                known[level[own[0]]].append((keys[own], worth[own]))

    add(_keys_of(values), values.data)
    keys_of_levels, worth_of_levels = [], []
    # From the lowest level up, as a list of all ancestors grows with the squared depth.
    for parts in reversed(known):
        if not parts:
            continue
        keys, worth = (np.concatenate(part) for part in zip(*parts, strict=True))
        keys, place = np.unique(keys, return_inverse=True)
        largest = np.zeros(len(keys), dtype=values.dtype)
        np.maximum.at(largest, place, worth)
        keys_of_levels.append(keys)
        worth_of_levels.append(largest)
        rows, nodes = np.divmod(keys, n_nodes)
        many = n_parents[nodes]
        above = parents.indices[ranges(parents.indptr[nodes], many)]
        add(np.repeat(rows * n_nodes, many) + above, np.repeat(largest, many))
    if not keys_of_levels:
        return values
    rows, nodes = np.divmod(np.concatenate(keys_of_levels), n_nodes)
    entries = np.concatenate(worth_of_levels), (rows, nodes)
    return sparse.csr_array(entries, shape=values.shape)


def sums_along_paths(
    values: sparse.csr_array, hierarchy: Hierarchy
) -> sparse.csr_array:
    """Add up the values of each stored node and its ancestors.

    Parameters
    ----------
    values : csr_array of shape (n, n_nodes)
        Sorted; 0 where nothing is stored. Ancestors are stored with a node.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    sums : csr_array of shape (n, n_nodes)
        Stored where values are.
    """
    keys = _keys_of(values)
    if hierarchy.is_tree:
        sums = values.data.astype(np.float64)
        parent = np.zeros(len(hierarchy), dtype=np.int64)
        below = np.flatnonzero(hierarchy.levels)
        parent[below] = hierarchy.parents.indices
        # A list of all ancestors would grow with the squared depth.
        of_level = by_level(hierarchy.levels[values.indices])
        for entries in of_level[1:]:
            nodes = values.indices[entries]
            sums[entries] += _stored(sums, keys, keys[entries] - nodes + parent[nodes])
    else:
        entry, row, node = _with_ancestors(values, hierarchy)
        found = _stored(values.data, keys, row * len(hierarchy) + node)
        sums = np.bincount(entry, found, minlength=values.nnz)
    sums = sums.astype(values.dtype)
    return sparse.csr_array((sums, values.indices, values.indptr), shape=values.shape)


def largest_per_row(
    values: sparse.csr_array, k: int, levels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """List the columns of the k largest stored values of each row, the largest first.

    Parameters
    ----------
    values : csr_array of shape (n, n_columns)
        At least k stored values per row.
    k : int
        How many.
    levels : ndarray of shape (n_columns,), default=None
        Of equal values those of a lower level come first; otherwise those that are
        stored first.

    Returns
    -------
    columns : int ndarray of shape (n, k)
        Where they are.
    largest : ndarray of shape (n, k)
        The values.
    """
    keys = [-values.data, _rows_of(values)]
    if levels is not None:
        keys.insert(0, levels[values.indices])
    order = np.lexsort(keys)
    chosen = order[values.indptr[:-1, None] + np.arange(k)]
    return values.indices[chosen], values.data[chosen]


def _keys_of(values: sparse.csr_array) -> np.ndarray:
    """Return a number for the row and column of each stored entry, (n_stored,)."""
    keys: np.ndarray = _rows_of(values) * np.int64(values.shape[1]) + values.indices
    return keys


def _stored(data: np.ndarray, keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Look up what is stored at some keys; 0 where nothing is."""
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    return np.where(keys[place] == wanted, data[place], 0)


def _rows_of(values: sparse.csr_array) -> np.ndarray:
    """Return the row of each stored entry."""
    return np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))


def _with_ancestors(
    values: sparse.csr_array, hierarchy: Hierarchy
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List (entry, row, ancestor) of all stored entries and the ancestors of each."""
    above = hierarchy.ancestors[values.indices]
    n_above = np.diff(above.indptr)
    entries = np.repeat(np.arange(values.nnz), n_above)
    return entries, _rows_of(values)[entries], above.indices
