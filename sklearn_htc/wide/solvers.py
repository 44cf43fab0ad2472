"""Weights of linear models of all labels: linear machines, and ridge regression."""

import warnings
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC

__all__ = ["RIDGE_PENALTY", "fit_machines", "fit_ridge"]

# Of the machines' optimum. LIBLINEAR has one random generator for all threads, so that
# fits differ by this much; it costs a tenth more time than scikit-learn's 1e-4.
TOLERANCE = 1e-8
# On the squared norm of ridge regression's weights, where documents have length 1.
RIDGE_PENALTY = 0.3


def fit_machines(
    X: Any,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
    *,
    C: float,
    seed: int,
    n_threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Train one linear support vector machine per label.

    Parameters
    ----------
    X : {csr_array, ndarray} of shape (n_documents, n_features)
        Documents.
    target : csr_array of shape (n_documents, n_nodes)
        Labels, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,)
        Weight of each document.
    C : float
        Inverse of the penalty on weights.
    seed : int
        Of the order in which documents are visited.
    n_threads : int
        How many machines are trained at a time.

    Returns
    -------
    coef : ndarray of shape (n_features, n_nodes), float32
        Weights; 0 where all documents have the label, or none.
    intercept : ndarray of shape (n_nodes,), float32
        Scores of a document without features.
    """
    X = _as_liblinear_reads_it(X)
    by_label = sparse.csc_array(target)
    n_documents, n_nodes = target.shape
    coef = np.zeros((X.shape[1], n_nodes), dtype=np.float32)
    intercept = np.zeros(n_nodes, dtype=np.float32)
    # Coordinates of the dual cost what a row's entries do: the faster way (3 times on
    # short texts) unless rows are full.
    dual = True if sparse.issparse(X) else "auto"

    def learn(node: int) -> None:
        rows = by_label.indices[by_label.indptr[node] : by_label.indptr[node + 1]]
        y = np.full(n_documents, -1)
        y[rows] = 1
        if len(rows) in (0, n_documents):
            intercept[node] = y[0]
            return
        model = LinearSVC(C=C, tol=TOLERANCE, dual=dual, random_state=seed)
        model.fit(X, y, sample_weight)
        coef[:, node] = model.coef_[0]
        intercept[node] = model.intercept_[0]

    with warnings.catch_warnings():
        # A label whose machine stopped early still has a good one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        Parallel(n_jobs=n_threads, prefer="threads")(
            delayed(learn)(node) for node in range(n_nodes)
        )
    return coef, intercept


def fit_ridge(
    X: Any, target: sparse.csr_array, sample_weight: np.ndarray, *, C: float
) -> tuple[np.ndarray, np.ndarray]:
    """Regress all labels at once on the features.

    Parameters
    ----------
    X, target, sample_weight
        As for `fit_machines`.
    C : float
        What the penalty on weights, 0.3, is divided by.

    Returns
    -------
    coef, intercept : ndarray
        As `fit_machines` returns them.
    """
    X = X.astype(np.float64)
    Y = target.toarray().astype(np.float64)
    intercept = np.average(Y, axis=0, weights=sample_weight)
    # Exact, and by documents or features, whichever are fewer.
    ridge = Ridge(RIDGE_PENALTY / C, fit_intercept=False, solver="cholesky")
    ridge.fit(X, Y - intercept, sample_weight)
    # The weights of a single label come without an axis for it.
    coef = ridge.coef_.reshape(Y.shape[1], -1).T
    return coef.astype(np.float32, order="C"), intercept.astype(np.float32)


def _as_liblinear_reads_it(X: Any) -> Any:
    """Give numbers and indices LIBLINEAR's types, once and not for every label."""
    X = X.astype(np.float64)
    if sparse.issparse(X):
        X.indices, X.indptr = sparse.safely_cast_index_arrays(X, np.int32)
    return X
