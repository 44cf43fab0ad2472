"""A label tree: probabilities of the labels that are worth looking at, by search."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import log_expit

from sklearn_htc.caches import ForgetsCaches
from sklearn_htc.data.documents import Documents
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.label_tree.routing import Routing
from sklearn_htc.label_tree.weights import TreeWeights
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.found import Found, raised_to_descendants

__all__ = ["BATCH_SIZE", "BranchScores", "LabelTree", "scaled"]

# Documents that are searched at a time.
BATCH_SIZE = 1024

# Branches of a smaller probability are not followed, except the best of each level.
LEAST_PROBABILITY = 1e-3
# Probabilities are this far from 0 and 1.
MARGIN = float(np.finfo(np.float32).eps)
# Branches that are followed at each level of a document.
MAX_FOLLOWED = 64

Entries = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class BranchScores:
    """Scores of the branches of routers that documents have come to.

    Parameters
    ----------
    pairs : int ndarray of shape (n_scores,)
        Which pair of document and router; sorted, and each of them is there.
    branches : int ndarray of shape (n_scores,)
        Which branch of the router.
    scores : ndarray of shape (n_scores,), float32
        Positive where the machine says yes.
    """

    pairs: np.ndarray
    branches: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class LabelTree(ForgetsCaches):
    """Routers say which of their branches a document takes, given that it comes there.

    The probability of a node is the product of these probabilities from the root on, as
    in probabilistic label trees (Jasinska et al., ICML 2016). So it is never above that
    of its parent.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    routing : Routing
        The tree.
    machines : TreeWeights
        Of its branches.
    feature_scale_ : ndarray of shape (n_features,), float32
        What features are multiplied by before they meet the weights.
    calibration : Calibration
        From a branch's scores to log-odds.
    may_take : bool ndarray of shape (n_branches,) or None
        Where each document has one path: whether one leads through a branch. None where
        documents may have any labels.
    may_end : bool ndarray of shape (n_routers,) or None
        Where each document has one path: whether one ends at a router.
    """

    hierarchy: Hierarchy
    routing: Routing
    machines: TreeWeights = field(repr=False)
    feature_scale_: np.ndarray = field(repr=False)
    calibration: Calibration = field(repr=False)
    may_take: np.ndarray | None = field(repr=False)
    may_end: np.ndarray | None = field(repr=False)

    def search(
        self,
        X: Any,
        *,
        least: float = LEAST_PROBABILITY,
        n_followed: int = MAX_FOLLOWED,
    ) -> Found:
        """Find the probable labels of documents, level by level.

        Parameters
        ----------
        X : {csr_array, ndarray} of shape (n_documents, n_features)
            Documents, at least one.
        least : float, default=0.001
            Branches of a smaller probability are not followed, except the best one of
            each level. No more probable node is missed unless `n_followed` are more
            probable than it.
        n_followed : int, default=64
            How many branches are followed at each level of a document.

        Returns
        -------
        found : Found
            The nodes of the branches that were followed.
        """
        X = scaled(X, self.feature_scale_)
        n_documents, n_nodes = X.shape[0], self.routing.n_nodes
        documents, routers = np.arange(n_documents), np.zeros(n_documents, dtype=int)
        log_p = np.zeros(n_documents, dtype=np.float32)
        # Which branch has led here; a cluster's has a number from n_nodes on.
        nodes = np.full(n_documents, n_nodes)
        labels: list[Entries] = []
        ends: list[Entries] = []
        left: list[Entries] = []
        while len(documents):
            # Neighbours look up the same weights.
            order = np.argsort(routers, kind="stable")
            documents, routers, nodes = documents[order], routers[order], nodes[order]
            log_p = log_p[order]
            found = self.score(X, documents, routers)
            taken, ended = self._log_probabilities(found, routers)
            if ended is not None:
                here = (nodes < n_nodes) & np.isfinite(ended)
                ends.append((documents[here], nodes[here], (log_p + ended)[here]))
            log_p = log_p[found.pairs] + taken
            documents = documents[found.pairs]
            kept = _most_probable(documents, log_p, least, n_followed)
            if self._has_paths_beside:
                others = np.delete(np.arange(len(documents)), kept)
                left.append((documents[others], found.branches[others], log_p[others]))
            documents, nodes, log_p = documents[kept], found.branches[kept], log_p[kept]
            is_node = nodes < n_nodes
            labels.append((documents[is_node], nodes[is_node], log_p[is_node]))
            routers = self.routing.router[nodes]
            leads = routers >= 0
            if ended is not None:
                ends.append((documents[~leads], nodes[~leads], log_p[~leads]))
            documents, nodes, log_p = documents[leads], nodes[leads], log_p[leads]
            routers = routers[leads]
        shape = (n_documents, n_nodes)
        of_labels = _assemble(labels, shape, MARGIN)
        # All of them together may not be more than a rounding error.
        of_ends = _assemble(ends, shape, MARGIN / n_nodes)
        if self._has_paths_beside:
            of_labels = of_labels + of_ends @ self._ancestors_beside
            of_labels = self._with_unfollowed(of_labels, left, least)
            of_labels.data = np.minimum(of_labels.data, 1 - MARGIN)
        if not self.hierarchy.is_tree:
            of_labels = raised_to_descendants(of_labels, self.hierarchy)
        return Found(of_labels, of_ends)

    def score(
        self, X: sparse.csr_array, documents: np.ndarray, routers: np.ndarray
    ) -> BranchScores:
        """Score the branches of routers.

        Parameters
        ----------
        X : csr_array of shape (n_documents, n_features), float32
            Documents, scaled.
        documents, routers : int ndarray of shape (n_pairs,)
            Which document has come to which router.

        Returns
        -------
        scores : BranchScores
            Of all their branches.
        """
        bounds, members = self.routing.branches
        n_branches = np.diff(bounds)[routers]
        products = self.machines.products(X, documents, routers)
        pairs, slots = np.nonzero(np.arange(products.shape[1]) < n_branches[:, None])
        branches = members[bounds[routers[pairs]] + slots]
        scores = products[pairs, slots] + self.machines.intercept[branches]
        return BranchScores(pairs, branches, scores)

    def log_odds(self, found: BranchScores) -> np.ndarray:
        """Calibrate scores.

        Parameters
        ----------
        found : BranchScores
            Of any branches.

        Returns
        -------
        log_odds : ndarray of shape (n_scores,), float32
            Given that the document comes to the router; where it has one path, before
            branches compete. -inf where no path leads through a branch.
        """
        log_odds = self.calibration.log_odds_of(found.scores, found.branches)
        if self.may_take is not None:
            log_odds[~self.may_take[found.branches]] = -np.inf
        return log_odds

    def weights(self) -> sparse.csr_array:
        """Return what labels differ by, (n_features, n_nodes), of scaled features."""
        return self.machines.by_feature(self.routing)[:, : self.routing.n_nodes]

    def iter_represented(
        self, documents: Documents, labels: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Represent texts such that products with the labels' vectors are their scores.

        Parameters
        ----------
        documents : Documents
            That have a form as vectors.
        labels : ndarray of shape (n_nodes, d), float32
            As `wide.representation.label_basis` makes them of `weights`.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents.
        texts : ndarray of shape (B, d), float32
            As `wide.representation.represent` makes them of scores.
        """
        vectors = documents.vectors
        assert vectors is not None
        of_features = self.weights() @ labels
        for start in range(0, len(documents), BATCH_SIZE):
            rows = np.arange(start, min(start + BATCH_SIZE, len(documents)))
            yield rows, scaled(vectors.X[rows], self.feature_scale_) @ of_features

    @property
    def _has_paths_beside(self) -> bool:
        """Whether the path of a document has nodes that no branch on its way is."""
        return self.may_end is not None and not self.hierarchy.is_tree

    def _with_unfollowed(
        self, of_labels: sparse.csr_array, left: list[Entries], least: float
    ) -> sparse.csr_array:
        """Add what branches that were not followed say of ancestors beside the way.

        Each is improbable, but an ancestor of many of them may not be. Of a branch it
        has the share that it has of the training documents there.
        """
        documents, branches, log_p = (
            np.concatenate(part) for part in zip(*left, strict=True)
        )
        shape = (of_labels.shape[0], len(self.routing.above))
        masses = sparse.csr_array((np.exp(log_p), (documents, branches)), shape=shape)
        more = masses @ self._shares_beside
        of_found = more * (of_labels > 0)
        of_others = more - of_found
        of_others.data[of_others.data < max(least, MARGIN)] = 0
        of_others.eliminate_zeros()
        total: sparse.csr_array = of_labels + of_found + of_others
        return total

    @cached_property
    def _shares_beside(self) -> sparse.csr_array:
        """Shares that ancestors beside the way have of branches' training documents.

        They have shape (n_branches, n_nodes).
        """
        counts, router = self.calibration.counts_, self.routing.router
        below = np.bincount(self.routing.above, counts, minlength=len(router) + 1)
        # Those whose path ends at the branch itself.
        own = np.maximum(counts - np.where(router >= 0, below[router], 0), 0)
        own_of_nodes = own[: len(self.hierarchy), None]
        ends = sparse.csr_array(self._ways.multiply(own_of_nodes)).T.tocsr()
        totals = np.maximum(ends.sum(axis=1), MARGIN)
        shares = (ends @ self._ancestors_beside).multiply(1 / totals[:, None])
        return sparse.csr_array(shares, dtype=np.float32)

    @property
    def _ways(self) -> sparse.csr_array:
        """Which branches lead to each node, (n_nodes, n_branches), 0 and 1."""
        each = sparse.csr_array(sparse.eye_array(len(self.hierarchy)))
        return self.routing.of_branches(each, to_root=True)

    @cached_property
    def _ancestors_beside(self) -> sparse.csr_array:
        """The ancestors of nodes that are not on the way to them, 0 and 1."""
        ancestors = self.hierarchy.ancestors
        on_the_way = self._ways[:, : len(self.hierarchy)]
        beside = sparse.csr_array(ancestors - on_the_way.astype(ancestors.dtype))
        beside.eliminate_zeros()
        return beside.astype(np.float32)

    def _log_probabilities(
        self, found: BranchScores, routers: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return log P(branch | router) (n_scores,), and log P(path ends | router).

        The latter (n_pairs,) where each document has one path: it takes one branch, or
        ends. These have the distribution that independent events with the same log-odds
        have, given that it is so.
        """
        log_odds = self.log_odds(found)
        if self.may_end is None:
            return log_expit(log_odds), None
        starts = np.searchsorted(found.pairs, np.arange(len(routers)))
        may_end = self.may_end[routers]
        largest = np.maximum.reduceat(log_odds, starts)
        largest = np.where(may_end, np.maximum(largest, 0), largest)
        total = np.add.reduceat(np.exp(log_odds - largest[found.pairs]), starts)
        total += np.exp(-largest, where=may_end, out=np.zeros_like(largest))
        log_total = largest + np.log(total)
        ended = np.where(may_end, -log_total, -np.inf)
        return log_odds - log_total[found.pairs], ended.astype(np.float32)


def scaled(X: Any, scale: np.ndarray) -> sparse.csr_array:
    """Multiply each feature by a factor.

    Parameters
    ----------
    X : {csr_array, ndarray} of shape (n_documents, n_features)
        Documents.
    scale : ndarray of shape (n_features,), float32
        The factors.

    Returns
    -------
    scaled : csr_array of shape (n_documents, n_features), float32
        New ones.
    """
    X = sparse.csr_array(X)
    data = (X.data * scale[X.indices]).astype(np.float32, copy=False)
    return sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)


def _most_probable(
    documents: np.ndarray, log_p: np.ndarray, least: float, most: int
) -> np.ndarray:
    """Choose the most probable entries of each document, at least one if possible."""
    best = np.full(documents.max() + 1, -np.inf, dtype=log_p.dtype)
    np.maximum.at(best, documents, log_p)
    log_least = np.log(least) if least > 0 else np.finfo(log_p.dtype).min
    # Few are left to be sorted.
    is_likely = log_p >= np.minimum(log_least, best[documents])
    kept = np.flatnonzero(is_likely & np.isfinite(log_p))
    order = kept[np.lexsort((-log_p[kept], documents[kept]))]
    starts = np.searchsorted(documents[order], np.arange(len(best)))
    rank = np.arange(len(order)) - starts[documents[order]]
    return order[rank < most]


def _assemble(
    entries: list[Entries], shape: tuple[int, int], least: float
) -> sparse.csr_array:
    """Make an array (n_documents, n_nodes) of probabilities from their logarithms."""
    if not entries:
        return sparse.csr_array(shape, dtype=np.float32)
    rows, columns, log_p = (np.concatenate(part) for part in zip(*entries, strict=True))
    values = np.clip(np.exp(log_p), np.float32(least), np.float32(1 - MARGIN))
    array = sparse.csr_array((values, (rows, columns)), shape=shape)
    array.sort_indices()
    return array
