"""How far labels with documents give way to labels without (exclusion).

What documents taught knows nothing of labels without documents. Of a document that has
one of these it is as sure as ever that another label is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import log_expit

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.label_texts.pair_features import rarity

__all__ = ["LikelyPairs", "NewEnds", "fit_exclusion", "make_room"]

# Of less probable pairs there are too many, and they tell next to nothing. Choosing by
# probability alone, whether a pair is true or not, leaves the estimate without bias.
LEAST = 0.01
# Where the likelihood only rises.
MOST_EXCLUSION = 3.0


@dataclass(frozen=True, eq=False)
class NewEnds:
    """The most specific of the labels without documents.

    Parameters
    ----------
    labels : int ndarray of shape (n_new,)
        All labels without documents of which anything is known.
    is_end : bool ndarray of shape (n_new,)
        Which of them have none of the others below them.
    related : csr_array of shape (n_ends, n_nodes), float32
        1 where a node is above or below, or is the end itself.
    gives_way : ndarray of shape (n_nodes,), float32
        From 0 for labels without documents to 1 for labels with many. Of a label that
        has few, hardly more is known than of the new ones.
    """

    labels: np.ndarray
    is_end: np.ndarray
    related: sparse.csr_array
    gives_way: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, hierarchy: Hierarchy, counts: np.ndarray) -> Self:
        """Find the most specific ones.

        Parameters
        ----------
        labels : int ndarray of shape (n_new,)
            Labels without documents.
        hierarchy : Hierarchy
            The label graph.
        counts : ndarray of shape (n_nodes,)
            How many documents of each label were learned from.

        Returns
        -------
        ends : NewEnds
            Of these.
        """
        above = hierarchy.ancestors[labels]
        n_at_or_below = above[:, labels].sum(axis=0)
        is_end = np.asarray(n_at_or_below).ravel() == 1
        below = sparse.csr_array(hierarchy.ancestors.T)[labels[is_end]]
        related = (above[is_end].astype(np.float32) + below.astype(np.float32)) > 0
        related = sparse.csr_array(related.astype(np.float32))
        return cls(labels, is_end, related, 1 - rarity(counts))

    def surprisal(self, log_odds: np.ndarray) -> np.ndarray:
        """Say how improbable it is that a document has no new label.

        Parameters
        ----------
        log_odds : ndarray of shape (n_documents, n_new)
            Of the labels.

        Returns
        -------
        surprisal : ndarray of shape (n_documents, n_nodes), float32
            Minus the logarithm of the probability that it has none of the ends, without
            those that are related to the node; times how far that gives way.
        """
        each = -log_expit(-log_odds[:, self.is_end].astype(np.float32))
        of_others: np.ndarray = each.sum(axis=1, keepdims=True) - each @ self.related
        # Rounding may leave less where all are related.
        return np.maximum(of_others, 0) * self.gives_way


def make_room(
    log_odds: np.ndarray, surprisal: np.ndarray, exclusion: float
) -> np.ndarray:
    """Lower what is not true beside labels that have no document.

    A label with probability p gets p exp(-exclusion * surprisal). Where no document has
    two labels, exclusion 1 leaves what the new ones don't take to each label that has
    many documents; one that has few gives way less.

    Parameters
    ----------
    log_odds : ndarray of shape (n_documents, n_labels), float32
        Of labels that have documents.
    surprisal : ndarray of the same shape
        As `NewEnds.surprisal` gives it.
    exclusion : float
        0 where labels are as frequent beside new ones as elsewhere, 1 where no document
        has both.

    Returns
    -------
    lowered : ndarray of the same shape, float32
        Log-odds.
    """
    log_p = log_expit(log_odds) - np.float32(exclusion) * surprisal
    # log(1 - p), where p is near 0 as where it is near 1.
    lowered: np.ndarray = log_p - np.log(-np.expm1(np.minimum(log_p, -1e-7)))
    return np.where(surprisal > 0, lowered, log_odds).astype(np.float32)


@dataclass(frozen=True, eq=False)
class LikelyPairs:
    """Pairs of a document and a label that has documents, the probable ones.

    Parameters
    ----------
    rows, labels : int ndarray of shape (n_pairs,)
        Which.
    log_odds : ndarray of shape (n_pairs,)
        What the documents of the labels taught.
    is_true : bool ndarray of shape (n_pairs,)
        Whether the document has the label.
    """

    rows: np.ndarray
    labels: np.ndarray
    log_odds: np.ndarray
    is_true: np.ndarray

    @classmethod
    def of(
        cls, log_odds: np.ndarray, target: sparse.csr_array, ends: np.ndarray
    ) -> Self:
        """Choose pairs.

        Parameters
        ----------
        log_odds : ndarray of shape (n_documents, n_nodes)
            Of all labels.
        target : csr_array of shape (n_documents, n_nodes)
            The labels of the documents.
        ends : int ndarray of shape (n_ends,)
            The most specific labels of documents that were learned from.

        Returns
        -------
        pairs : LikelyPairs
            Of these labels.
        """
        own = log_odds[:, ends]
        is_chosen = own >= np.log(LEAST / (1 - LEAST))
        rows, columns = np.nonzero(is_chosen)
        is_true = target[:, ends].toarray()[is_chosen] > 0
        return cls(rows, ends[columns], own[is_chosen], is_true)


def fit_exclusion(
    parts: Sequence[tuple[LikelyPairs, np.ndarray, np.ndarray]],
) -> float:
    """Find out how far labels exclude labels that have no document.

    Parameters
    ----------
    parts : sequence of (LikelyPairs, ndarray, ndarray)
        Pairs; the surprisal of each (n_pairs,), as `NewEnds.surprisal` gives it;
        and the weight of each.

    Returns
    -------
    exclusion : float
        That of the largest likelihood, from 0 to 3.
    """
    log_odds, is_true, surprisal, weight = (
        np.concatenate(each).astype(np.float64)
        for each in zip(
            *((p.log_odds, p.is_true, s, w) for p, s, w in parts), strict=True
        )
    )
    log_p = log_expit(log_odds)

    def loss(exclusion: float) -> float:
        lowered = log_p - exclusion * surprisal
        others = np.log(-np.expm1(np.minimum(lowered, -1e-12)))
        return -float(weight @ np.where(is_true > 0, lowered, others))

    found = minimize_scalar(loss, bounds=(0, MOST_EXCLUSION), method="bounded")
    return float(found.x) if loss(found.x) < loss(0.0) else 0.0
