"""What a training that goes on must have in common with the one before."""

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state

from sklearn_htc.data.targets import TargetEncoder
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.hierarchy import as_hierarchy
from sklearn_htc.predictor import Predictor, TwoPathPredictor
from sklearn_htc.training.fit_identity import described

__all__ = [
    "generator_for",
    "refuse_changes",
    "refuse_new_labels",
    "refuse_new_paths",
    "remembered",
]

# They say how training goes on, and not what is trained.
MAY_CHANGE = {
    "batch_size",
    "callbacks",
    "checkpoint",
    "early_stopping",
    "gradient_clip",
    "lr",
    "max_epochs",
    "n_jobs",
    "patience",
    "random_state",
    "scoring",
    "time_budget",
    "validation_fraction",
    "verbose",
    "warm_start",
}


def remembered(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Keep parameters as they are now, whatever is done to them later.

    Parameters
    ----------
    parameters : mapping of str to value
        The estimator's.

    Returns
    -------
    remembered : dict
        With copies of estimators, such as vectorizers, of dicts and of lists. Arrays
        are not copied.
    """
    kept = {}
    for name, value in parameters.items():
        if isinstance(value, BaseEstimator):
            kept[name] = clone(value)
        elif isinstance(value, (dict, list)):
            kept[name] = copy(value)
        else:
            kept[name] = value
    return kept


def generator_for(
    random_state: Any, former: Mapping[str, Any], rng: np.random.RandomState
) -> np.random.RandomState:
    """Choose what a training that goes on draws from.

    Parameters
    ----------
    random_state : int, RandomState or None
        The estimator's parameter now.
    former : mapping of str to value
        Its parameters at the last fit.
    rng : RandomState
        That fit's, where it ended.

    Returns
    -------
    rng : RandomState
        The same one, unless `random_state` has changed.
    """
    if _equal(random_state, former["random_state"]):
        return rng
    return check_random_state(random_state)


def refuse_changes(
    parameters: Mapping[str, Any],
    former: Mapping[str, Any],
    targets: TargetEncoder,
    *,
    of_piece: bool = False,
) -> None:
    """Refuse to go on with parameters that would not be heeded.

    Parameters
    ----------
    parameters, former : mapping of str to value
        The estimator's parameters now, and at the first fit.
    targets : TargetEncoder
        With the hierarchy of the first fit.
    of_piece : bool, default=False
        Whether `partial_fit` goes on, and not a warm start.

    Raises
    ------
    ValueError
        If another network, wide path or hierarchy is wanted.
    """
    changed = [
        name
        for name, value in parameters.items()
        if name not in MAY_CHANGE | {"hierarchy"} and not _equal(value, former[name])
    ]
    hierarchy = parameters["hierarchy"]
    # "infer" and None have no graph of their own to compare.
    if isinstance(hierarchy, str):
        is_same = isinstance(former["hierarchy"], str)
    elif hierarchy is None:
        is_same = former["hierarchy"] is None
    else:
        is_same = as_hierarchy(hierarchy) == targets.hierarchy
    if not is_same:
        changed.append("hierarchy")
    if changed:
        names = ", ".join(changed)
        what, anew = ("warm_start=True", "fit anew with warm_start=False")
        if of_piece:
            what, anew = "partial_fit", "call fit"
        raise ValueError(
            f"{what} goes on from the last fit, which had another {names}. "
            f"Set it back, or {anew}."
        )


def _equal(value: Any, other: Any) -> bool:
    if value is other:
        return True
    if value is None or other is None:
        return False
    if isinstance(value, BaseEstimator):
        try:
            return bool(described(value) == described(other))
        except ValueError:
            # Of what can't be pickled nothing more is known.
            return type(value) is type(other)
    if isinstance(value, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(value, other, equal_nan=True)
    if sparse.issparse(value) and sparse.issparse(other):
        return value.shape == other.shape and not (value != other).nnz
    if hasattr(value, "equals") or hasattr(other, "equals"):
        # Series of pandas compare element by element.
        return type(value) is type(other) and bool(value.equals(other))
    return bool(value == other)


def refuse_new_paths(data: TrainingData) -> None:
    """Refuse documents that a loss over fixed paths can't describe.

    Parameters
    ----------
    data : TrainingData
        Documents to go on with, and the paths of the first fit.

    Raises
    ------
    ValueError
        If a document has no path or several, or one that the loss does not know.
    """
    specific = data.hierarchy.most_specific(data.target)
    wrong = np.flatnonzero(np.diff(specific.indptr) != 1)
    if wrong.size:
        raise ValueError(
            f"Document {wrong[0]} has no path or several, but the estimator was "
            "fitted with loss='path'. Fit anew, or with loss='zlpr'."
        )
    unseen = np.setdiff1d(specific.indices, data.path_nodes)
    if unseen.size:
        raise ValueError(
            f"{data.hierarchy.nodes[unseen[0]]!r} was no document's most specific "
            "label when the estimator was fitted with loss='path'. Fit anew."
        )


def refuse_new_labels(data: TrainingData, predictor: Predictor) -> None:
    """Refuse documents of labels that their texts alone spoke for until now.

    Parameters
    ----------
    data : TrainingData
        Documents to go on with.
    predictor : Predictor
        Of the first fit.

    Raises
    ------
    ValueError
        If a document has a label that had no document when label texts were learned.
    """
    if not isinstance(predictor, TwoPathPredictor) or predictor.label_texts is None:
        return
    new = predictor.label_texts.new_labels
    first = new[data.counts[new] > 0]
    if len(first):
        raise ValueError(
            f"{data.hierarchy.nodes[first[0]]!r} had no document at the first fit, and "
            "its text spoke for it. Fit anew on all documents, or use update_hierarchy."
        )
