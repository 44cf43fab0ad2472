"""How much each term says about the labels: the norms of its ridge regression weights.

Term weights such as TF-IDF know nothing of the labels. A ridge regression of the labels
on the terms does; scaling each term by a power of the norm of its weights, and fitting
anew, is a step of the reweighted least squares that approach a penalty on the number of
terms in use. Few of the terms of a long text matter, and most of those of a short one,
so the power is chosen on held-out documents.
"""

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from sklearn_htc.sparse_rows import SparseRows
from sklearn_htc.wide.base import mean_length
from sklearn_htc.wide.ridge import RIDGE_PENALTY

__all__ = ["term_relevance"]

# Of more labels so many random sums are regressed on: norms come out within an eighth.
N_PROJECTIONS = 32
# With fewer steps the norms of many terms are far from those that they come to.
N_ITERATIONS = 60
# Of the length of the residual, beside that of the right-hand side.
TOLERANCE = 1e-3
# So that nothing is divided by 0.
TINY = 1e-30
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
    labels take the place of more than 32 labels.

    Parameters
    ----------
    X : csr_array of shape (n_documents, n_terms)
        Term weights, in any unit.
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
    n_nodes, n_terms = target.shape[1], X.shape[1]
    if n_nodes <= N_PROJECTIONS:
        sums = target.toarray().astype(np.float64)
    else:
        sums = target @ rng.choice([-1.0, 1.0], size=(n_nodes, N_PROJECTIONS))
    # Hashed terms leave most columns empty.
    occurs = np.flatnonzero(np.bincount(X.indices, minlength=n_terms))
    if not len(occurs):
        return np.ones(n_terms, dtype=np.float32)
    coef = _regress(X[:, occurs], sums, sample_weight)
    norms = np.sqrt(np.square(coef).mean(axis=1, dtype=np.float64))
    mean = norms.mean()
    if not mean > 0:
        return np.ones(n_terms, dtype=np.float32)
    relevance = np.full(n_terms, LEAST_RELEVANCE, dtype=np.float32)
    relevance[occurs] += (norms / mean).astype(np.float32)
    return relevance


def _regress(
    X: sparse.csr_array, Y: np.ndarray, sample_weight: np.ndarray
) -> np.ndarray:
    """Return ridge regression weights, (n_terms, n_targets), by conjugate gradients.

    Of the normal equations, whose matrix is X^T S X with X less its weighted mean. All
    targets read the documents at the same time; scikit-learn's solver does one by one.
    """
    # The penalty is that of documents of length 1.
    X = (X / mean_length(X)).astype(np.float32)
    rows, columns = SparseRows(X), SparseRows(sparse.csr_array(X.T))
    total = max(float(sample_weight.sum()), TINY)
    mean = torch.from_numpy((X.T @ sample_weight / total).astype(np.float32))
    weight = torch.from_numpy(sample_weight.astype(np.float32))[:, None]
    centred = Y - sample_weight @ Y / total

    def normal(coef: Tensor) -> Tensor:
        return columns @ (weight * (rows @ coef - mean @ coef)) + RIDGE_PENALTY * coef

    with torch.inference_mode():
        residual = columns @ (weight * torch.from_numpy(centred.astype(np.float32)))
        coef, direction = torch.zeros_like(residual), residual.clone()
        length = residual.square().sum(dim=0)
        enough = TOLERANCE**2 * length
        for _ in range(N_ITERATIONS):
            if not (length > enough).any():
                break
            image = normal(direction)
            step = length / (direction * image).sum(dim=0).clamp(min=TINY)
            step *= length > enough
            coef.addcmul_(direction, step)
            residual.addcmul_(image, step, value=-1)
            former, length = length, residual.square().sum(dim=0)
            direction.mul_(length / former.clamp(min=TINY)).add_(residual)
    return coef.numpy()
