"""One-vs-rest LinearSVC with a score for every label, whether it occurs or not."""

from typing import Any, Self

import numpy as np
from joblib import parallel_config
from scipy import sparse
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

__all__ = ["FlatLinearSVC"]


class FlatLinearSVC:
    """scikit-learn's OneVsRestClassifier(LinearSVC()), trained in threads.

    OneVsRestClassifier scores a label of no training document with 0, above most labels
    that occur. Here such a label comes last, and one of all documents first.

    Parameters
    ----------
    seed : int
        Of LIBLINEAR.
    threads : int
        How many labels are trained at the same time.
    """

    def __init__(self, *, seed: int = 0, threads: int = 2) -> None:
        self.seed = seed
        self.threads = threads

    def fit(self, X: Any, Y: sparse.csr_array) -> Self:
        """Train a machine per label that some documents have and others don't."""
        counts = Y.sum(axis=0)
        self.learned = np.flatnonzero((counts > 0) & (counts < Y.shape[0]))
        # Of all documents: finite, as the scores along a path are added up.
        self.constant = np.where(counts > 0, 1e3, -np.inf)
        machine = LinearSVC(random_state=self.seed)
        self.model = OneVsRestClassifier(machine, n_jobs=self.threads)
        with parallel_config(backend="threading"):
            self.model.fit(X, Y[:, self.learned])
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the scores (n, n_labels)."""
        scores = np.tile(self.constant, (X.shape[0], 1))
        scores[:, self.learned] = self.model.decision_function(X)
        return scores
