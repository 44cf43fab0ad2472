"""What is known about a document and a label, as a few numbers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_htc.hierarchy import Hierarchy

__all__ = [
    "NEW_LABELS",
    "SEEN_LABELS",
    "PairFeatures",
    "coef_per_label",
    "parents_log_odds",
    "rarity",
]

# Log-odds are cut here: beyond, they tell nothing more.
MOST_LOG_ODDS = 10.0

# Coefficients without evidence: about what hidden labels of two data sets came to. Of
# 1, the label's own log-odds, coverage, log share, the parent's log-odds and the
# strongest rival's. Its own log-odds tell what its text taught as a document.
NEW_LABELS = (-1.0, 0.0, 5.0, 0.5, 0.25, -0.4)
# Of the same without the 1, of these divided by sqrt(1 + count), of 1 / sqrt(1 + count)
# and of 1. With these coefficients a label stays as it is.
SEEN_LABELS = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """Numbers of pairs of documents and labels.

    Parameters
    ----------
    own : ndarray of shape (n_documents, n_nodes)
        Log-odds of every label by itself.
    parent : ndarray of shape (n_documents, n_nodes)
        Log-odds of the most probable parent, as `parents_log_odds` returns them.
    coverage, log_shares : ndarray of shape (n_documents, n_nodes)
        As `Similarity` gives them.
    rivals : int ndarray of shape (n_rivals,)
        The most specific labels of documents that were learned from.
    counts : ndarray of shape (n_nodes,)
        How many documents of each label were learned from.
    """

    own: np.ndarray
    parent: np.ndarray
    coverage: np.ndarray
    log_shares: np.ndarray
    rivals: np.ndarray
    counts: np.ndarray

    def of_new(self, labels: np.ndarray) -> np.ndarray:
        """List the features of labels that have no document.

        Parameters
        ----------
        labels : int ndarray of shape (n_labels,)
            Which.

        Returns
        -------
        features : ndarray of shape (n_documents, n_labels, 6), float32
            In the order of `NEW_LABELS`.
        """
        plain = self._plain(np.arange(len(self.own))[:, None], labels[None])
        return np.stack([np.ones_like(plain[0]), *plain], axis=-1)

    def of_seen_pairs(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """List the features of some pairs with labels that have documents.

        Parameters
        ----------
        rows, labels : int ndarray of shape (n_pairs,)
            The document and the label of each pair.

        Returns
        -------
        features : ndarray of shape (n_pairs, 12), float32
            In the order of `SEEN_LABELS`.
        """
        plain = self._plain(rows, labels)
        one = np.ones_like(plain[0])
        rare = one * rarity(self.counts[labels])
        parts = [*plain, *(rare * part for part in plain), rare, one]
        return np.stack(parts, axis=-1)

    def log_odds_of_new(self, labels: np.ndarray, coef: np.ndarray) -> np.ndarray:
        """Compute log-odds of labels that have no document.

        Parameters
        ----------
        labels : int ndarray of shape (n_labels,)
            Which.
        coef : ndarray of shape (6,)
            In the order of `NEW_LABELS`.

        Returns
        -------
        log_odds : ndarray of shape (n_documents, n_labels), float32
            `of_new(labels) @ coef`, in less memory.
        """
        return self._sums(labels, np.broadcast_to(coef, (len(labels), len(coef))))

    def log_odds_of_seen(self, labels: np.ndarray, coef: np.ndarray) -> np.ndarray:
        """Compute log-odds of labels that have documents.

        Parameters
        ----------
        labels : int ndarray of shape (n_labels,)
            Which.
        coef : ndarray of shape (12,)
            In the order of `SEEN_LABELS`.

        Returns
        -------
        log_odds : ndarray of shape (n_documents, n_labels), float32
            Features of all pairs times `coef`, in less memory.
        """
        return self._sums(labels, coef_per_label(coef, self.counts[labels]))

    def _sums(self, labels: np.ndarray, coef: np.ndarray) -> np.ndarray:
        """Add up the features of all documents with labels, times a row for each."""
        plain = self._plain(np.arange(len(self.own))[:, None], labels[None])
        coef = coef.astype(np.float32)
        total = np.zeros_like(plain[0]) + coef[:, 0]
        for each, part in zip(coef.T[1:], plain, strict=True):
            total += each * part
        return total

    def _plain(self, rows: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
        return [
            _cut(self.own[rows, labels]),
            self.coverage[rows, labels],
            self.log_shares[rows, labels],
            _cut(self.parent[rows, labels]),
            _cut(self._strongest_rival(rows, labels)),
        ]

    def _strongest_rival(self, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the largest log-odds of another label for each pair."""
        shape = np.broadcast_shapes(rows.shape, labels.shape)
        best, which = self._two_best
        is_best = which[rows] == labels
        strongest = np.where(is_best, best[rows, 1], best[rows, 0])
        return np.broadcast_to(strongest, shape)

    @cached_property
    def _two_best(self) -> tuple[np.ndarray, np.ndarray]:
        """The two largest log-odds of rivals (n, 2), and whose the first is (n,)."""
        n_documents = len(self.own)
        least = np.full((n_documents, 2), -MOST_LOG_ODDS, dtype=np.float32)
        rivals = np.concatenate([self.own[:, self.rivals], least], axis=1)
        top = np.argpartition(-rivals, 1, axis=1)[:, :2]
        best = np.take_along_axis(rivals, top, axis=1)
        order = np.argsort(-best, axis=1, kind="stable")
        best, top = (np.take_along_axis(each, order, axis=1) for each in (best, top))
        labels = np.append(self.rivals, [-1, -1])
        return best, labels[top[:, 0]]


def coef_per_label(coef: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Write the coefficients of labels with documents as those of labels without.

    Parameters
    ----------
    coef : ndarray of shape (12,)
        In the order of `SEEN_LABELS`.
    counts : ndarray of shape (n_labels,)
        Documents of each label.

    Returns
    -------
    coef : ndarray of shape (n_labels, 6)
        Of each label, in the order of `NEW_LABELS`.
    """
    n = (len(coef) - 2) // 2
    rare = rarity(counts)[:, None]
    constant = coef[-1] + coef[-2] * rare
    return np.hstack([constant, coef[:n] + coef[n : 2 * n] * rare])


def rarity(counts: np.ndarray) -> np.ndarray:
    """Say how rare labels are.

    Parameters
    ----------
    counts : ndarray of shape (n_labels,)
        Documents of each label.

    Returns
    -------
    rarity : ndarray of shape (n_labels,), float32
        1 / sqrt(1 + count).
    """
    rare: np.ndarray = (1 / np.sqrt(1 + counts)).astype(np.float32)
    return rare


def _cut(log_odds: np.ndarray) -> np.ndarray:
    return np.clip(log_odds, -MOST_LOG_ODDS, MOST_LOG_ODDS).astype(np.float32)


def parents_log_odds(
    log_odds: np.ndarray, counts: np.ndarray, hierarchy: Hierarchy
) -> np.ndarray:
    """Find the log-odds of each label's most probable parent.

    Parameters
    ----------
    log_odds : ndarray of shape (n_documents, n_nodes)
        Of all labels.
    counts : ndarray of shape (n_nodes,)
        Documents of each label. A parent without any says nothing: its own parent
        stands for it.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    parent : ndarray of shape (n_documents, n_nodes)
        10 for roots, which every document may have.
    """
    # One row per node, as whole rows are fetched faster than columns.
    known = np.array(log_odds.T, order="C")
    parent = np.full_like(known, MOST_LOG_ODDS)
    roots = hierarchy.roots
    known[roots[counts[roots] == 0]] = MOST_LOG_ODDS
    for nodes, parents in hierarchy.parents_by_level:
        best = np.maximum.reduceat(known[parents.indices], parents.indptr[:-1], axis=0)
        parent[nodes] = best
        is_new = counts[nodes] == 0
        known[nodes[is_new]] = best[is_new]
    return np.ascontiguousarray(parent.T)
