"""A classifier of the user's in the place of the wide path."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit

from sklearn_htc.wide.base import WidePath

__all__ = ["WrappedClassifier", "scores_of"]

# Scores of all labels at a time (67 MB), but of no fewer documents than that.
MAX_SCORES = 2**24
LEAST_DOCUMENTS = 256


@dataclass(frozen=True)
class WrappedClassifier(WidePath):
    """A classifier of the user's as a wide path.

    Parameters
    ----------
    estimator : classifier
        Fitted to an indicator of all nodes.
    is_absent : bool ndarray of shape (n_nodes,)
        Which labels had no document.
    least_score : float
        What these get.
    """

    estimator: Any
    is_absent: np.ndarray
    least_score: float

    def scores(self, X: Any) -> np.ndarray:
        """Ask the classifier for scores of every label."""
        scores = scores_of(self.estimator, X, len(self.is_absent))
        scores[:, self.is_absent] = self.least_score
        return scores

    def iter_scores(self, documents: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Score many documents at once, as the classifier may be slow to call."""
        size = max(LEAST_DOCUMENTS, MAX_SCORES // len(self.is_absent))
        if len(documents) <= size:
            yield np.arange(len(documents)), self.scores(documents.X)
            return
        for start in range(0, len(documents), size):
            rows = np.arange(start, min(start + size, len(documents)))
            yield rows, self.scores(documents.take(rows).X)


def scores_of(estimator: Any, X: Any, n_nodes: int) -> np.ndarray:
    """Ask a fitted multilabel classifier for scores.

    Parameters
    ----------
    estimator : classifier
        Fitted to an indicator of all nodes.
    X : array-like, sparse array or sequence of n_documents
        What it reads.
    n_nodes : int
        Number of labels.

    Returns
    -------
    scores : ndarray of shape (n_documents, n_nodes), float32
        Its decision function, or else the log-odds of its probabilities.
    """
    if hasattr(estimator, "decision_function"):
        scores = np.array(estimator.decision_function(X), dtype=np.float32)
        return scores.reshape(-1, n_nodes)
    probabilities = estimator.predict_proba(X)
    if isinstance(probabilities, list):
        # A forest has a pair of columns per label; one where all documents agree.
        columns = [
            pair[:, 1] if pair.shape[1] == 2 else np.full(len(pair), classes[0])
            for pair, classes in zip(probabilities, estimator.classes_, strict=True)
        ]
        probabilities = np.stack(columns, axis=1)
    # One label is two classes.
    probabilities = np.asarray(probabilities)[:, -n_nodes:]
    margin = 1e-3
    return logit(np.clip(probabilities, margin, 1 - margin)).astype(np.float32)
