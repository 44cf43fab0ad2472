"""How much each term says about the labels: the norms of its ridge regression weights.

Term weights such as TF-IDF know nothing of the labels. A ridge regression of the labels
on the terms does; scaling each term by a power of the norm of its weights, and fitting
anew, is a step of the reweighted least squares that approach a penalty on the number of
terms in use. Few of the terms of a long text matter, and most of those of a short one,
so the power is chosen on held-out documents.
"""

import numpy as np
from scipy import sparse
from sklearn.linear_model import Ridge

from sklearn_htc.wide.ridge import RIDGE_PENALTY

__all__ = ["term_relevance"]

# Random sums of the labels that are regressed on: norms come out within an eighth.
N_PROJECTIONS = 32
RIDGE_ITERATIONS = 15
# So that no term is lost altogether.
LEAST_RELEVANCE = 1e-3


def term_relevance(
    X: sparse.csr_array,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Estimate the norm, over all labels, of each term's ridge regression weights.

    For random signs r, the squared weight of a term in the regression of Y r has the
    squared norm of its weights in that of Y as its mean; so a few random sums of the
    labels take the place of all labels.

    Parameters
    ----------
    X : csr_array of shape (n_documents, n_terms)
        Term weights.
    target : csr_array of shape (n_documents, n_nodes)
        Labels, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,)
        Weight of each document.
    rng : RandomState
        Draws the signs.

    Returns
    -------
    relevance : ndarray of shape (n_terms,), float32
        With mean 1 over the terms that occur, and near 0 for those that don't.
    """
    signs = rng.choice([-1.0, 1.0], size=(target.shape[1], N_PROJECTIONS))
    n_terms = X.shape[1]
    # Hashed terms leave most columns empty.
    occurs = np.flatnonzero(np.bincount(X.indices, minlength=n_terms))
    if not len(occurs):
        return np.ones(n_terms, dtype=np.float32)
    ridge = Ridge(
        RIDGE_PENALTY, solver="sparse_cg", max_iter=RIDGE_ITERATIONS, tol=1e-2
    ).fit(X[:, occurs].astype(np.float64), target @ signs, sample_weight)
    norms = np.sqrt(np.square(ridge.coef_).mean(axis=0))
    mean = norms.mean()
    if not mean > 0:
        return np.ones(n_terms, dtype=np.float32)
    relevance = np.full(n_terms, LEAST_RELEVANCE, dtype=np.float32)
    relevance[occurs] += (norms / mean).astype(np.float32)
    return relevance
