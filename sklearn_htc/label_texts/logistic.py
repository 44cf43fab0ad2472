"""Logistic regression of few features that stays near coefficients known beforehand."""

import numpy as np
from scipy.special import expit

__all__ = ["fit_near"]

MAX_ITERATIONS = 50
# Of Newton's step, at which it ends.
TOLERANCE = 1e-6


def fit_near(
    features: np.ndarray,
    is_true: np.ndarray,
    weight: np.ndarray,
    start: np.ndarray,
    penalty: float,
) -> np.ndarray:
    """Minimise the log loss plus penalty / 2 times the squared distance from a start.

    Parameters
    ----------
    features : ndarray of shape (n, n_features)
        Of pairs of document and label.
    is_true : bool ndarray of shape (n,)
        Whether the document has the label.
    weight : ndarray of shape (n,)
        Of each pair.
    start : ndarray of shape (n_features,)
        What the coefficients are without any pairs.
    penalty : float
        More than 0.

    Returns
    -------
    coef : ndarray of shape (n_features,)
        Of log-odds `features @ coef`.
    """
    features = features.astype(np.float64)
    coef = start.astype(np.float64)
    identity = penalty * np.eye(len(coef))

    def loss(at: np.ndarray) -> float:
        logits = features @ at
        error = np.logaddexp(0, logits) - is_true * logits
        return float(weight @ error + penalty / 2 * np.square(at - start).sum())

    now = loss(coef)
    for _ in range(MAX_ITERATIONS):
        p = expit(features @ coef)
        gradient = features.T @ (weight * (p - is_true)) + penalty * (coef - start)
        hessian = (features * (weight * p * (1 - p))[:, None]).T @ features + identity
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        # Newton's step may go too far from a bad start.
        while loss(coef - size * step) > now and size > TOLERANCE:
            size /= 2
        coef = coef - size * step
        now = loss(coef)
        if np.abs(size * step).max() < TOLERANCE:
            break
    return coef
