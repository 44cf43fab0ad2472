"""Ridge regression by inner products of documents, of which there are few."""

import numpy as np
from scipy.linalg import solve

__all__ = ["least_penalty", "solve_dual", "type_for"]

# With less, float32 may find negative eigenvalues where documents are alike.
LEAST_FLOAT32_PENALTY = 0.01


def type_for(penalty: float) -> type[np.floating]:
    """Choose the type of inner products.

    Parameters
    ----------
    penalty : float
        On the squared norm of the function.

    Returns
    -------
    dtype : type
        float32 where that is precise enough, and float64 for smaller penalties.
    """
    return np.float64 if penalty < LEAST_FLOAT32_PENALTY else np.float32


def least_penalty(products: np.ndarray) -> float:
    """Say which penalty makes inner products of alike documents positive definite.

    Parameters
    ----------
    products : ndarray of shape (n, n)
        Positive semidefinite but for the rounding of float64.

    Returns
    -------
    penalty : float
        What rounding can take from the least eigenvalue.
    """
    return 10 * float(np.finfo(np.float64).eps) * float(np.trace(products))


def solve_dual(
    products: np.ndarray,
    residual: np.ndarray,
    sample_weight: np.ndarray,
    penalty: float,
) -> np.ndarray:
    """Minimise sum_i s_i (r_i - f(x_i))^2 + penalty ||f||^2.

    Parameters
    ----------
    products : ndarray of shape (n_documents, n_documents)
        Inner products of documents, or their kernel. It is written over.
    residual : ndarray of shape (n_documents, n_nodes)
        What f is to come near to.
    sample_weight : ndarray of shape (n_documents,)
        Weight s of each document.
    penalty : float
        Above 0. One that rounding could outweigh counts as `least_penalty`.

    Returns
    -------
    coef : ndarray of shape (n_documents, n_nodes)
        Of each document's products in f: S b, where (S K S + penalty I) b = S r and
        S^2 are the weights.
    """
    root = np.sqrt(sample_weight).astype(products.dtype)[:, None]
    products *= root
    products *= root.T
    products[np.diag_indices_from(products)] += max(penalty, least_penalty(products))
    coef: np.ndarray = root * solve(
        # It is symmetric, and in Fortran's order there is no need for a copy.
        products.T,
        (root * residual).astype(products.dtype, copy=False),
        assume_a="pos",
        overwrite_a=True,
        overwrite_b=True,
    )
    return coef
