"""The machines of a label tree: sparse weights, router by router."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from scipy import sparse

from sklearn_htc.graph import ranges
from sklearn_htc.label_tree.routing import Routing

__all__ = ["TreeWeights"]

# Smaller weights are left out, at C of 1 and more; weights shrink with C below it.
# Documents have length 1 on the average.
LEAST_WEIGHT = 0.03
# Entries of documents that are looked up at a time.
MAX_LOOKUPS = 4 * 10**6


@dataclass(frozen=True, eq=False)
class TreeWeights:
    """One linear machine per branch, learned from the documents of its router alone.

    Parameters
    ----------
    keys : int64 ndarray of shape (n_rows,)
        router * n_features + feature of each row, sorted.
    rows : csr_array of shape (n_rows, max_branches), float32
        Weights of the router's branches for that feature, in their order.
    intercept : ndarray of shape (n_branches,), float32
        Scores of a document without features.
    n_features : int
        Features in all.
    """

    keys: np.ndarray = field(repr=False)
    rows: sparse.csr_array = field(repr=False)
    intercept: np.ndarray = field(repr=False)
    n_features: int

    @classmethod
    def fit(
        cls,
        X: sparse.csr_array,
        target: sparse.csr_array,
        sample_weight: np.ndarray,
        routing: Routing,
        *,
        C: float,
    ) -> Self:
        """Train the machines of one router after the other.

        Parameters
        ----------
        X : csr_array of shape (n_documents, n_features), float32
            Documents, of length 1 on the average.
        target : csr_array of shape (n_documents, n_branches)
            As `Routing.of_branches` gives it.
        sample_weight : ndarray of shape (n_documents,)
            Weight of each document.
        routing : Routing
            The tree.
        C : float
            Inverse of the penalty on weights.

        Returns
        -------
        weights : TreeWeights
            Of all branches.
        """
        # Looking weights up needs no torch.
        from sklearn_htc.wide.machines import fit_machines
        from sklearn_htc.wide.products import DocumentProducts

        by_branch = sparse.csc_array(target)
        intercept = np.full(target.shape[1], -1, dtype=np.float32)
        source = np.zeros(routing.n_routers, dtype=np.int64)
        leads = np.flatnonzero(routing.router >= 0)
        source[routing.router[leads]] = leads
        bounds, members = routing.branches
        keys, lengths, slots, values = [], [], [], []
        # A router's documents have few of the features, which get columns in a row.
        occurs = np.zeros(X.shape[1], dtype=bool)
        column = np.zeros(X.shape[1], dtype=np.int32)
        for router in range(routing.n_routers):
            branches = members[bounds[router] : bounds[router + 1]]
            if not router:
                documents = np.arange(X.shape[0])
            else:
                own = slice(*by_branch.indptr[source[router] : source[router] + 2])
                documents = by_branch.indices[own]
            if not len(documents):
                continue
            part = X[documents]
            occurs[:] = False
            occurs[part.indices] = True
            features = np.flatnonzero(occurs)
            column[features] = np.arange(len(features))
            compact = sparse.csr_array(
                (part.data, column[part.indices], part.indptr),
                shape=(len(documents), len(features)),
            )
            coef, intercept[branches], _ = fit_machines(
                DocumentProducts(compact),
                target[documents][:, branches],
                sample_weight[documents],
                C=C,
            )
            row, slot = np.nonzero(np.abs(coef) >= LEAST_WEIGHT * min(C, 1))
            used, length = np.unique(row, return_counts=True)
            keys.append(router * X.shape[1] + features[used].astype(np.int64))
            lengths.append(length)
            slots.append(slot.astype(np.int32))
            values.append(coef[row, slot])
        indptr = np.concatenate([[0], np.concatenate(lengths).cumsum()])
        shape = (len(indptr) - 1, int(np.diff(bounds).max()))
        rows = sparse.csr_array(
            (np.concatenate(values), np.concatenate(slots), indptr), shape=shape
        )
        return cls(np.concatenate(keys), rows, intercept, X.shape[1])

    def products(
        self, X: sparse.csr_array, documents: np.ndarray, routers: np.ndarray
    ) -> np.ndarray:
        """Multiply documents by the weights of the branches of routers.

        Parameters
        ----------
        X : csr_array of shape (n_documents, n_features), float32
            Documents.
        documents, routers : int ndarray of shape (n_pairs,)
            Which document meets which router.

        Returns
        -------
        products : ndarray of shape (n_pairs, max_branches), float32
            0 where a router has fewer branches. Without intercepts.
        """
        lengths = np.diff(X.indptr)[documents]
        products = np.empty((len(documents), self.rows.shape[1]), dtype=np.float32)
        ends = lengths.cumsum()
        steps = np.arange(MAX_LOOKUPS, ends[-1:].sum(), MAX_LOOKUPS)
        pieces = np.searchsorted(ends, steps)
        for part in np.split(np.arange(len(documents)), pieces):
            length = lengths[part]
            entries = ranges(X.indptr[documents[part]].astype(np.int64), length)
            wanted = np.repeat(routers[part] * self.n_features, length)
            wanted += X.indices[entries]
            place, is_there = self._look_up(wanted)
            found = np.flatnonzero(is_there)
            indptr = np.searchsorted(found, np.concatenate([[0], length.cumsum()]))
            meeting = sparse.csr_array(
                (X.data[entries[found]], place[found], indptr),
                shape=(len(part), len(self.keys)),
            )
            products[part] = (meeting @ self.rows).toarray()
        return products

    def by_feature(self, routing: Routing) -> sparse.csr_array:
        """Collect the weights of each feature, whatever the router.

        Parameters
        ----------
        routing : Routing
            The tree.

        Returns
        -------
        weights : csr_array of shape (n_features, n_branches), float32
            0 for those that were left out.
        """
        bounds, members = routing.branches
        router, feature = np.divmod(self.keys, self.n_features)
        length = np.diff(self.rows.indptr)
        branch = members[bounds[np.repeat(router, length)] + self.rows.indices]
        shape = (self.n_features, len(members))
        entries = self.rows.data, (np.repeat(feature, length), branch)
        return sparse.csr_array(entries, shape=shape)

    def of_branches(
        self, features: np.ndarray, branches: np.ndarray, routing: Routing
    ) -> np.ndarray:
        """Look up single weights.

        Parameters
        ----------
        features : int ndarray of shape (n_features,)
            Which columns of X.
        branches : int ndarray of shape (n_branches,)
            Which branches.
        routing : Routing
            The tree.

        Returns
        -------
        weights : ndarray of shape (n_features, n_branches), float32
            0 for those that were left out.
        """
        bounds, members = routing.branches
        weights = np.zeros((len(features), len(branches)), dtype=np.float32)
        for column, branch in enumerate(branches.tolist()):
            router = routing.above[branch]
            own = members[bounds[router] : bounds[router + 1]]
            slot = np.searchsorted(own, branch)
            wanted = router * self.n_features + features.astype(np.int64)
            place, found = self._look_up(wanted)
            rows = self.rows[place[found]]
            weights[found, column] = rows[:, [slot]].toarray().ravel()
        return weights

    def _look_up(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the row of each key (n,), and whether there is such a row."""
        place = np.searchsorted(self.keys, wanted)
        is_there = place < len(self.keys)
        is_there[is_there] = self.keys[place[is_there]] == wanted[is_there]
        return place, is_there
