"""The tree along which documents are led to labels: the hierarchy, made narrow."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

from sklearn_htc.caches import ForgetsCaches
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.hierarchy import Hierarchy

__all__ = ["Routing"]

# A router with more branches gets clusters in between: at most half as many clusters,
# and where that is possible at most half as many labels in each.
MAX_BRANCHES = 128
# Of 2-means, which has come near its end then.
N_ITERATIONS = 8


@dataclass(frozen=True, eq=False)
class Routing(ForgetsCaches):
    """Routers, which are the inner nodes of a tree, and branches, which are all others.

    Router 0 is the root. Branches are the nodes of the hierarchy, in their order, and
    after them clusters of nodes that have too many siblings. A branch that leads on is
    a router too.

    Parameters
    ----------
    n_nodes : int
        Nodes of the hierarchy.
    above : int ndarray of shape (n_branches,)
        The router that each branch leaves from.
    router : int ndarray of shape (n_branches,)
        The router that a branch leads to; -1 where it ends.
    """

    n_nodes: int
    above: np.ndarray = field(repr=False)
    router: np.ndarray = field(repr=False)

    @classmethod
    def learn(
        cls,
        hierarchy: Hierarchy,
        target: sparse.csr_array,
        X: Any,
        rng: np.random.RandomState,
    ) -> "Routing":
        """Lead along the hierarchy; cluster siblings where there are many.

        A node with several parents is reached from the most frequent one. Clusters are
        balanced, of labels whose documents are alike, as in Parabel (Prabhu et al., WWW
        2018).

        Parameters
        ----------
        hierarchy : Hierarchy
            The label graph.
        target : csr_array of shape (n_documents, n_nodes)
            Labels, closed under ancestors.
        X : csr_array of shape (n_documents, n_features)
            Documents.
        rng : RandomState
            Draws where clusters start.

        Returns
        -------
        routing : Routing
            Over all nodes.
        """
        n_nodes = len(hierarchy)
        parent = _main_parents(hierarchy, target.sum(axis=0))
        router = np.full(n_nodes, -1)
        inner = np.flatnonzero(np.bincount(parent + 1, minlength=n_nodes + 1)[1:])
        router[inner] = np.arange(1, len(inner) + 1)
        above = np.where(parent < 0, 0, router[parent])
        n_routers = len(inner) + 1
        new_above: list[int] = []
        by_label = sparse.csc_array(target)
        wide = np.flatnonzero(np.bincount(above, minlength=n_routers) > MAX_BRANCHES)
        for start in wide:
            members = np.flatnonzero(above == start)
            centroids = normalize(by_label[:, members].T.astype(X.dtype) @ X)
            waiting = [(int(start), members, sparse.csr_array(centroids))]
            while waiting:
                place, members, centroids = waiting.pop()
                if len(members) <= MAX_BRANCHES:
                    above[members] = place
                    continue
                n_halvings = int(np.ceil(np.log2(2 * len(members) / MAX_BRANCHES)))
                n_halvings = min(n_halvings, int(np.log2(MAX_BRANCHES / 2)))
                for part in _clusters(centroids, n_halvings, rng):
                    new_above.append(place)
                    waiting.append((n_routers, members[part], centroids[part]))
                    n_routers += 1
        first = n_routers - len(new_above)
        return cls(
            n_nodes,
            np.concatenate([above, np.array(new_above, dtype=above.dtype)]),
            np.concatenate([router, np.arange(first, n_routers)]),
        )

    @property
    def n_routers(self) -> int:
        """How many routers there are, the root included."""
        return int(self.router.max(initial=0)) + 1

    @cached_property
    def branches(self) -> tuple[np.ndarray, np.ndarray]:
        """The branches of router r: `members[bounds[r] : bounds[r + 1]]`, sorted.

        They come as (bounds, members).
        """
        counts = np.bincount(self.above, minlength=self.n_routers)
        bounds = np.concatenate([[0], counts.cumsum()])
        return bounds, np.argsort(self.above, kind="stable")

    def of_data(self, data: TrainingData) -> sparse.csr_array:
        """Say which branches documents take.

        Parameters
        ----------
        data : TrainingData
            Documents with their labels.

        Returns
        -------
        target : csr_array of shape (n_documents, n_branches)
            0 and 1. Where each document has one path, it takes those that lead to the
            most specific node of it, even if that has other ancestors besides.
        """
        if not len(data.path_nodes):
            return self.of_branches(data.target, to_root=False)
        ends = data.hierarchy.most_specific(data.target)
        return self.of_branches(ends, to_root=True)

    def of_branches(
        self, target: sparse.csr_array, *, to_root: bool
    ) -> sparse.csr_array:
        """Say which branches lead to labels.

        Parameters
        ----------
        target : csr_array of shape (n_documents, n_nodes)
            Labels.
        to_root : bool
            Whether all branches on the way from the root count, or those of the labels
            and of clusters directly above them, where ancestors are labels too.

        Returns
        -------
        target : csr_array of shape (n_documents, n_branches)
            0 and 1.
        """
        n_branches = len(self.above)
        source = np.full(self.n_routers, -1)
        leads = self.router >= 0
        source[self.router[leads]] = np.flatnonzero(leads)
        # From a node up, through the clusters that it is in, to the next node.
        rows, columns = [np.arange(self.n_nodes)], [np.arange(self.n_nodes)]
        nodes, up = rows[0], source[self.above[: self.n_nodes]]
        first = 0 if to_root else self.n_nodes
        while (goes_on := up >= first).any():
            nodes, up = nodes[goes_on], up[goes_on]
            rows.append(nodes)
            columns.append(up)
            up = source[self.above[up]]
        row, column = np.concatenate(rows), np.concatenate(columns)
        shape = (self.n_nodes, n_branches)
        membership = sparse.csr_array((np.ones(len(row)), (row, column)), shape=shape)
        closed = sparse.csr_array(target @ membership)
        closed.data = np.ones_like(closed.data, dtype=np.float32)
        closed.sort_indices()
        return closed


def _main_parents(hierarchy: Hierarchy, counts: np.ndarray) -> np.ndarray:
    """Return the most frequent parent of each node (n_nodes,); -1 where there is none.

    Among equally frequent ones it is the first.
    """
    parent, child = hierarchy.edges
    main = np.full(len(hierarchy), -1)
    order = np.lexsort((-parent, counts[parent]))
    # Of several the last one stays.
    main[child[order]] = parent[order]
    return main


def _clusters(
    centroids: sparse.csr_array, n_halvings: int, rng: np.random.RandomState
) -> Iterator[np.ndarray]:
    """Split rows into 2^n_halvings clusters of equal size."""
    parts = [np.arange(centroids.shape[0])]
    for _ in range(n_halvings):
        halves = []
        for part in parts:
            is_first = _first_half(centroids[part], rng)
            halves += [part[is_first], part[~is_first]]
        parts = halves
    return iter(parts)


def _first_half(centroids: sparse.csr_array, rng: np.random.RandomState) -> np.ndarray:
    """Tell half of the rows (n,) from the others, by balanced spherical 2-means."""
    n = centroids.shape[0]
    first = centroids[[rng.randint(n)]]
    # The one that is least like it.
    second = centroids[[int((centroids @ first.T).toarray().argmin())]]
    between = (first - second).toarray().ravel()
    is_first = np.zeros(n, dtype=bool)
    for _ in range(N_ITERATIONS):
        order = np.argsort(-(centroids @ between), kind="stable")
        before = is_first
        is_first = np.zeros(n, dtype=bool)
        is_first[order[: n // 2]] = True
        if np.array_equal(before, is_first):
            break
        means = [part @ centroids for part in (is_first * 1.0, ~is_first * 1.0)]
        between = np.subtract(
            *(mean / max(np.linalg.norm(mean), 1e-12) for mean in means)
        )
    return is_first
