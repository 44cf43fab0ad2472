"""Which former nodes each node of a changed hierarchy goes on from."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from scipy import sparse

from sklearn_htc.caches import ForgetsCaches
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.labels import short_repr

__all__ = ["Sources"]


@dataclass(frozen=True, eq=False)
class Sources(ForgetsCaches):
    """Former nodes by node.

    Parameters
    ----------
    former, hierarchy : Hierarchy
        Before and after.
    matrix : csr_array of shape (n_nodes, n_former), dtype bool
        Which former nodes each node has the documents of: one as a rule, several where
        nodes were merged, none for an added node.
    """

    former: Hierarchy
    hierarchy: Hierarchy
    matrix: sparse.csr_array

    @classmethod
    def read(cls, former: Hierarchy, hierarchy: Hierarchy, mapping: Any) -> Self:
        """Check what the user says about nodes that are not what they were.

        Parameters
        ----------
        former, hierarchy : Hierarchy
            Before and after.
        mapping : mapping or None
            From former nodes to what became of them: a node, a list of nodes (split),
            or None (removed). Others keep their names; those that are no longer there
            are removed.

        Returns
        -------
        sources : Sources
            Of every node.

        Raises
        ------
        ValueError
            If the mapping is none, names a node that is not there, or leaves none.
        """
        if mapping is None:
            mapping = {}
        if not isinstance(mapping, Mapping):
            raise ValueError(
                f"mapping is {short_repr(mapping)}. Give a mapping from former nodes "
                "to nodes of the new hierarchy."
            )
        for label in mapping:
            if label not in former:
                raise ValueError(
                    f"mapping names {short_repr(label)}, which was not a node of the "
                    "hierarchy. Remove it from the mapping."
                )
        pairs = []
        for column, label in enumerate(former.nodes):
            if label in mapping:
                targets = _targets(label, mapping[label], hierarchy)
            else:
                targets = [label] if label in hierarchy else []
            rows = hierarchy.index(targets)
            pairs += [(row, column) for row in dict.fromkeys(rows.tolist())]
        rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        matrix = sparse.csr_array(
            (np.ones(len(rows), dtype=bool), (rows, columns)),
            shape=(len(hierarchy), len(former)),
        )
        if not matrix.nnz:
            raise ValueError(
                "No former node is in the new hierarchy. Give a mapping from former "
                "nodes to those of today, or fit anew."
            )
        return cls(former, hierarchy, matrix)

    @property
    def counts(self) -> np.ndarray:
        """How many former nodes each node goes on from, (n_nodes,)."""
        return np.diff(self.matrix.indptr)

    @cached_property
    def most_general(self) -> sparse.csr_array:
        """`matrix` without former nodes that are below another one of the same node.

        A document of a parent and of its child is one document.
        """
        strict = self.former.ancestors.T.astype(np.int64) - sparse.eye_array(
            len(self.former), dtype=np.int64
        )
        is_below = self.matrix.astype(np.int64) @ strict > 0
        return sparse.csr_array(self.matrix > self.matrix.multiply(is_below))

    def inherited(self, counts: np.ndarray) -> np.ndarray:
        """Count the documents that nodes have of former ones.

        Parameters
        ----------
        counts : ndarray of shape (n_former,)
            About how many documents each former node had.

        Returns
        -------
        inherited : ndarray of shape (n_nodes,)
            About how many. Parts of a split node have equal shares of its documents.
        """
        inherited: np.ndarray = self.most_general @ (counts / self.n_parts)
        return inherited

    def parts_of(self, former_parts: np.ndarray) -> np.ndarray:
        """Group the nodes that have equal shares of a node that was split.

        Parameters
        ----------
        former_parts : int ndarray of shape (n_former,)
            The groups that former nodes were in; -1 where in none.

        Returns
        -------
        parts : int ndarray of shape (n_nodes,)
            Equal for the parts of one node, split now or before; -1 for other nodes.
        """
        parts = np.full(len(self.hierarchy), -1)
        one = np.flatnonzero(self.counts == 1)
        source = self.matrix[one].indices
        before = former_parts[source]
        parts[one] = np.where(before >= 0, len(self.former) + before, -1)
        is_part = self.is_part[one]
        parts[one[is_part]] = source[is_part]
        return parts

    @property
    def n_parts(self) -> np.ndarray:
        """Into how many nodes each former node was split, at least 1, (n_former,)."""
        n_parts = np.bincount(self.matrix.indices, minlength=self.matrix.shape[1])
        return np.maximum(n_parts, 1)

    @property
    def is_new(self) -> np.ndarray:
        """Whether a node goes on from none, or is a part of one, (n_nodes,)."""
        return (self.counts == 0) | self.is_part

    @property
    def is_part(self) -> np.ndarray:
        """Whether a node is one of several that a former node was split into."""
        is_split = (self.n_parts > 1).astype(np.int64)
        return self.matrix.astype(np.int64) @ is_split > 0

    def goes_on_from(self, was: np.ndarray) -> np.ndarray:
        """Say which nodes go on from some former nodes, and are no part of one.

        Parameters
        ----------
        was : bool ndarray of shape (n_former,)
            Which.

        Returns
        -------
        goes_on : bool ndarray of shape (n_nodes,)
            Of today.
        """
        goes_on: np.ndarray = self.matrix.astype(np.int64) @ was.astype(np.int64) > 0
        return goes_on & ~self.is_part

    @property
    def is_touched(self) -> np.ndarray:
        """Whether a node no longer stands for what it stood for, (n_nodes,).

        It is added, merged, a part of another, or has other descendants.
        """
        # Descendants before and after, as former nodes and as nodes of today.
        before = self.matrix.astype(np.int64) @ self.former.ancestors.T
        after = sparse.csr_array(self.hierarchy.ancestors.T) @ self.matrix.astype(
            np.int64
        )
        differs = (before > 0) != (after > 0)
        has_other = np.diff(sparse.csr_array(differs).indptr) > 0
        is_new = (self.counts != 1) | self.is_part
        has_new = self.hierarchy.ancestors.T.astype(np.int64) @ is_new > 0
        return is_new | has_other | has_new


def _targets(label: Hashable, target: Any, hierarchy: Hierarchy) -> list[Hashable]:
    """List the nodes that a former node became."""
    if target is None:
        return []
    is_several = isinstance(target, (list, set, frozenset))
    if isinstance(target, frozenset) and target in hierarchy:
        is_several = False
    targets = list(target) if is_several else [target]
    for each in targets:
        if each not in hierarchy:
            raise ValueError(
                f"mapping sends {short_repr(label)} to {short_repr(each)}, which is "
                "not a node of the new hierarchy. Add the node, or map to None to "
                "remove it."
            )
    return targets
