"""Ridge regression of all labels at once."""

import numpy as np
import torch
from scipy import sparse
from sklearn.linear_model import Ridge

from sklearn_htc.wide.dual import solve_dual, type_for
from sklearn_htc.wide.products import DocumentProducts

__all__ = ["RIDGE_PENALTY", "fit_ridge"]

# On the squared norm of ridge regression's weights, where documents have length 1.
RIDGE_PENALTY = 0.3


def fit_ridge(
    documents: DocumentProducts,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
    *,
    C: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Regress all labels at once on the features.

    Parameters
    ----------
    documents : DocumentProducts
        With X of shape (n_documents, n_features), float32.
    target : csr_array of shape (n_documents, n_nodes)
        Labels, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,)
        Weight of each document.
    C : float
        What the penalty on weights, 0.3, is divided by.

    Returns
    -------
    coef : ndarray of shape (n_features, n_nodes), float32
        Weights.
    intercept : ndarray of shape (n_nodes,), float32
        Scores of a document without features.
    shares : ndarray of shape (n_documents, n_nodes) or None
        Of each document in the weights; None where features are fewer than documents.
    """
    X = documents.X
    Y = target.toarray().astype(np.float64)
    intercept = np.average(Y, axis=0, weights=sample_weight)
    residual, penalty = Y - intercept, RIDGE_PENALTY / C
    shares = None
    # Exact, and by documents or features, whichever are fewer.
    if X.shape[0] < X.shape[1]:
        dtype = type_for(penalty)
        if dtype != X.dtype:
            documents = DocumentProducts(X.astype(dtype))
        # The solver writes over them.
        products = documents.inner.copy()
        shares = solve_dual(products, residual, sample_weight, penalty)
        coef = documents.sums(torch.from_numpy(shares)).numpy()
    else:
        ridge = Ridge(penalty, fit_intercept=False, solver="cholesky")
        ridge.fit(X.astype(np.float64), residual, sample_weight)
        # The weights of a single label come without an axis for it.
        coef = ridge.coef_.reshape(Y.shape[1], -1).T
    coef = coef.astype(np.float32, order="C", copy=False)
    return coef, intercept.astype(np.float32), shares
