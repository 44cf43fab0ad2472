"""Linear classifiers of the user's, as weights."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.multiclass import OneVsRestClassifier

from sklearn_htc._sklearn_compat import ConstantPredictor, LinearClassifierMixin

__all__ = ["linear_form"]


def linear_form(classifier: Any) -> tuple[np.ndarray, np.ndarray]:
    """Read the weights of a linear classifier.

    Parameters
    ----------
    classifier : classifier
        Fitted to an indicator of N labels.

    Returns
    -------
    coef : ndarray of shape (n_features, N), float64
        Weights.
    intercept : ndarray of shape (N,), float64
        Scores of a document without features.

    Raises
    ------
    NotImplementedError
        If it is not linear.
    """
    if type(classifier) is not OneVsRestClassifier:
        return _weights(classifier)
    n_features = classifier.n_features_in_
    parts = [_of_label(each, n_features) for each in classifier.estimators_]
    coef, intercept = zip(*parts, strict=True)
    return np.hstack(coef), np.hstack(intercept)


def _of_label(machine: Any, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the weights (n_features, 1) of one of several machines."""
    if isinstance(machine, ConstantPredictor):
        # Of a label that all documents have, or none.
        return np.zeros((n_features, 1)), np.ravel(machine.y_).astype(np.float64)
    return _weights(machine)


def _weights(machine: Any) -> tuple[np.ndarray, np.ndarray]:
    """Read the weights of one of scikit-learn's linear models."""
    scores = getattr(type(machine), "decision_function", None)
    if scores is not LinearClassifierMixin.decision_function:
        raise NotImplementedError(
            f"{type(machine).__name__} has no form in ONNX. Of classifiers of yours, "
            "scikit-learn's linear models have, alone or in OneVsRestClassifier."
        )
    coef = machine.coef_
    coef = coef.toarray() if sparse.issparse(coef) else np.atleast_2d(coef)
    intercept = np.broadcast_to(np.ravel(machine.intercept_), len(coef))
    return coef.T.astype(np.float64), intercept.astype(np.float64)
