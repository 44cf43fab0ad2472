"""Everything private of scikit-learn that the package uses, in one place."""

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from sklearn.callback import CallbackContext
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.multiclass import _ConstantPredictor as ConstantPredictor
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _get_feature_names as get_feature_names
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "ConstantPredictor",
    "HasMethods",
    "Interval",
    "LinearClassifierMixin",
    "StrOptions",
    "calling_modules",
    "check_sample_weight",
    "encoding_caller",
    "fit_context",
    "get_feature_names",
    "num_samples",
    "safe_indexing",
]


def fit_context(estimator: Any) -> CallbackContext:
    """Return the context of the callbacks of the `fit` that is running.

    Parameters
    ----------
    estimator : estimator with CallbackSupportMixin
        Whose `fit` it is.

    Returns
    -------
    context : CallbackContext
        Its root.
    """
    return estimator._callback_fit_ctx


# They pass a call on and ask for one fit alone.
TRANSPARENT = ("sklearn.pipeline", "sklearn.base", "sklearn.utils", "sklearn.callback")


def calling_modules() -> set[str]:
    """Name the modules of scikit-learn and joblib that the present call comes from.

    Returns
    -------
    modules : set of str
        Without pipelines and decorators. A search, an ensemble, or a worker of either
        is among them; it fits more than once, and may have encoded y.
    """
    names = {name for name, _ in _callers() if name.startswith(("sklearn.", "joblib."))}
    return {name for name in names if not name.startswith(TRANSPARENT)}


def _callers() -> Iterator[tuple[str, FrameType]]:
    """Yield the module's name and the frame of each call that led here."""
    frame = sys._getframe(1).f_back
    while frame is not None:
        yield frame.f_globals.get("__name__") or "", frame
        frame = frame.f_back


# They call `fit` with positions of the sorted labels in place of 1-D labels.
ENCODING_MODULES = (
    "sklearn.ensemble._bagging",
    "sklearn.ensemble._base",
    "sklearn.ensemble._stacking",
    "sklearn.ensemble._voting",
    "sklearn.multiclass",
)
ENCODED_METHODS = ("decision_function", "predict_proba", "predict_log_proba")


def encoding_caller() -> tuple[str | None, bool]:
    """Name what calls `fit` with codes of the labels, if something does.

    Returns
    -------
    name : str or None
        A module or class of scikit-learn, or "cross_val_predict".
    fits_labels_too : bool
        Whether the same call fits to the labels themselves as well.
    """
    found = None
    for name, frame in _callers():
        if name in ENCODING_MODULES:
            return name, False
        if frame.f_code.co_name == "_fit_and_predict":
            method = frame.f_locals.get("method")
            if isinstance(method, str) and method in ENCODED_METHODS:
                found = "cross_val_predict"
        if name != "sklearn.calibration" or "self" not in frame.f_locals:
            continue
        calibrating = frame.f_locals["self"]
        # Temperature scaling encodes text before any fit.
        is_text = isinstance(calibrating.classes_[0], str)
        if calibrating.method == "temperature" and is_text:
            return "CalibratedClassifierCV(method='temperature')", False
        if found is not None:
            return "CalibratedClassifierCV(ensemble=False)", True
    return found, False
