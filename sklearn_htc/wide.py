"""The wide path: a linear support vector machine a label, on terms scaled by relevance.

On TF-IDF of a few thousand documents no network comes near a linear model. A linear
model that leaves out what no label needs goes further still.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import torch
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from sklearn_htc.documents import BagOfTerms
from sklearn_htc.read_out import ReadOut
from sklearn_htc.term_weighting import term_relevance

__all__ = ["WidePath", "choose_feature_scale", "suits_wide_path"]

# Powers of the terms' relevance to choose from: 0 leaves the terms as they are.
POWERS = (0.0, 0.5, 1.0)
# Documents scored at a time.
BATCH_SIZE = 1024
# With fewer documents there is too little to hold out.
MIN_DOCUMENTS = 200
# Weights (400 MB), and entries of X times labels (a minute or so on two cores).
MAX_WEIGHTS = 10**8
MAX_WORK = 3 * 10**9


class WidePath:
    """One-vs-rest linear support vector machines with squared hinge loss.

    Parameters
    ----------
    feature_scale : ndarray of shape (n_features,)
        What each feature was multiplied by before `fit`.
    C : float, default=1.0
        Inverse of the penalty on the weights, as in `sklearn.svm.LinearSVC`.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features, n_nodes), float32
        Weights; of 0 where all training documents have the label, or none.
    intercept_ : ndarray of shape (n_nodes,), float32
        Scores of a document without features.
    """

    def __init__(self, feature_scale: np.ndarray, *, C: float = 1.0) -> None:
        self.feature_scale = feature_scale
        self.C = C

    def fit(
        self, X: Any, target: sparse.csr_array, sample_weight: np.ndarray, seed: int
    ) -> Self:
        """Learn every label by itself, as many at a time as torch has threads.

        Parameters
        ----------
        X : csr_array or ndarray of shape (n_documents, n_features)
            Documents.
        target : csr_array of shape (n_documents, n_nodes)
            Labels, closed under ancestors.
        sample_weight : ndarray of shape (n_documents,)
            Weight of each document.
        seed : int
            Of the order in which documents are visited.

        Returns
        -------
        self : WidePath
            Fitted.
        """
        # Once, and not for every label.
        X = X.astype(np.float64)
        by_label = sparse.csc_array(target)
        # Coordinates of the dual cost what a row's entries do: the faster way (3 times
        # on short texts) unless rows are full.
        dual = True if sparse.issparse(X) else "auto"
        n_nodes = by_label.shape[1]
        self.coef_ = np.zeros((X.shape[1], n_nodes), dtype=np.float32)
        self.intercept_ = np.zeros(n_nodes, dtype=np.float32)

        def learn(node: int) -> None:
            rows = by_label.indices[by_label.indptr[node] : by_label.indptr[node + 1]]
            y = np.full(X.shape[0], -1)
            y[rows] = 1
            if len(rows) in (0, len(y)):
                self.intercept_[node] = y[0]
                return
            model = LinearSVC(C=self.C, dual=dual, random_state=seed)
            model.fit(X, y, sample_weight)
            self.coef_[:, node] = model.coef_[0]
            self.intercept_[node] = model.intercept_[0]

        with warnings.catch_warnings():
            # A label whose machine stopped early still has a good one.
            warnings.simplefilter("ignore", ConvergenceWarning)
            Parallel(n_jobs=torch.get_num_threads(), prefer="threads")(
                delayed(learn)(node) for node in range(n_nodes)
            )
        return self

    def scores(self, X: Any) -> np.ndarray:
        """Score every label.

        Parameters
        ----------
        X : csr_array or ndarray of shape (n_documents, n_features)
            Documents.

        Returns
        -------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Positive where a machine says yes.
        """
        return np.asarray(X @ self.coef_, dtype=np.float32) + self.intercept_

    def iter_scores(self, documents: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Score documents batch by batch, in their order.

        Parameters
        ----------
        documents : BagOfTerms or DenseDocuments
            Scaled by `feature_scale`.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents.
        scores : ndarray of shape (B, n_nodes), float32
            As `scores` gives them.
        """
        n_documents = len(documents.lengths)
        for start in range(0, n_documents, BATCH_SIZE):
            rows = np.arange(start, min(start + BATCH_SIZE, n_documents))
            yield rows, self.scores(documents.X[rows])


def suits_wide_path(documents: Any, n_nodes: int) -> bool:
    """Say whether a linear model can be learned from documents in reasonable time.

    Parameters
    ----------
    documents : Documents
        Those to learn from.
    n_nodes : int
        Number of labels.

    Returns
    -------
    suits : bool
        False for sequences, for few documents, and where weights or work are too many.
    """
    if not hasattr(documents, "scaled") or len(documents.lengths) < MIN_DOCUMENTS:
        return False
    n_weights = documents.n_features * n_nodes
    n_entries = getattr(documents.X, "nnz", documents.X.size)
    return n_weights <= MAX_WEIGHTS and n_entries * n_nodes <= MAX_WORK


def choose_feature_scale(
    documents: Any,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
    *,
    train: np.ndarray,
    valid: np.ndarray,
    read_out: Callable[[np.ndarray], ReadOut],
    C: float,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray, ReadOut]:
    """Choose how much the relevance of terms counts, on held-out documents.

    Parameters
    ----------
    documents : BagOfTerms or DenseDocuments
        All documents. Embeddings have no terms: they are brought to length 1 on
        average, as the terms are.
    target : csr_array of shape (n_documents, n_nodes)
        Labels, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,)
        Weight of each document.
    train, valid : int ndarray
        Rows to learn from, and rows to judge by.
    read_out : callable
        Takes scores (n_valid, n_nodes) and returns the `ReadOut` fitted to them.
    C : float
        As for `WidePath`.
    rng : RandomState
        Draws what is random.

    Returns
    -------
    feature_scale : ndarray of shape (n_features,), float32
        The best.
    scores : ndarray of shape (n_valid, n_nodes), float32
        What the machines on `train` give the held-out documents with it.
    read_out : ReadOut
        Fitted to these scores.
    """
    relevances = [np.ones(documents.n_features, dtype=np.float32)]
    if isinstance(documents, BagOfTerms):
        relevance = term_relevance(
            documents.X[train], target[train], sample_weight[train], rng
        )
        relevances = [relevance**power for power in POWERS]
    seed = int(rng.randint(np.iinfo(np.int32).max))
    candidates = []
    for relevance in relevances:
        scale = relevance / _mean_length(documents.scaled(relevance).X[train])
        scaled = documents.scaled(scale).X
        wide = WidePath(scale, C=C).fit(
            scaled[train], target[train], sample_weight[train], seed
        )
        scores = wide.scores(scaled[valid])
        candidates.append((scale, scores, read_out(scores)))
    return max(candidates, key=lambda candidate: candidate[2].quality)


def _mean_length(X: Any) -> np.float32:
    """Compute the root mean square of the rows' lengths, 1 where all are empty."""
    total = np.square(X.data if sparse.issparse(X) else X, dtype=np.float64).sum()
    return np.float32(np.sqrt(total / X.shape[0]) or 1)
