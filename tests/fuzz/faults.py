"""What can be wrong with what an estimator is given."""

import numpy as np
import pandas as pd
from scipy import sparse

from tests.fuzz.cases import COLLECTIONS, COLUMNS, OPAQUE


def spoil(case, clf, X, y, weight):
    """Put the fault of a case into what was built of it; None where it has no place."""
    spoiled = _SPOILERS[case.fault](case, clf, X, y, weight)
    return None if spoiled is None else (clf, *spoiled)


def _in_x(value):
    """Put a number into X."""

    def spoiled(case, clf, X, y, weight):
        is_text = isinstance(value, str)
        if case.estimator in OPAQUE:
            # What their classifier reads is its own business.
            return None
        if case.form_of_x == "texts":
            return ([None, *X[1:]], y, weight) if value is np.nan else None
        dense = np.array(_dense(X), dtype=object if is_text else float)
        # The first document has a weight in every case.
        dense[0, 1] = value
        if sparse.issparse(X) and not is_text:
            return type(X)(dense), y, weight
        return dense, y, weight

    return spoiled


def _dense(X):
    if sparse.issparse(X):
        return X.toarray()
    return X.to_numpy() if isinstance(X, pd.DataFrame) else np.array(X)


def _replaced(make):
    """Put something else into the place of y."""
    return lambda case, clf, X, y, weight: (X, make(y), weight)


def _in_labels(label):
    """Put a label into y where it holds labels."""

    def spoiled(case, clf, X, y, weight):
        rows = list(y) if case.y in COLUMNS or case.y in COLLECTIONS else None
        # Without a hierarchy every label is known.
        if rows is None or (case.hierarchy == "none" and label == "no label"):
            return None
        rows[-1] = label if case.y in COLUMNS else [label]
        return X, rows, weight

    return spoiled


def _mixed(case, clf, X, y, weight):
    if case.y not in COLUMNS or case.y == "column":
        return None
    return X, [*list(y)[:-1], ["a", "b"]], weight


def _in_indicator(value):
    """Put something into y where it is an indicator."""

    def spoiled(case, clf, X, y, weight):
        if case.y in COLUMNS or case.y in COLLECTIONS or case.n_nodes == 1:
            return None
        Y = np.array(_dense(y), dtype=object if isinstance(value, str) else float)
        Y[-1, 0] = value
        return X, Y, weight

    return spoiled


def _narrower(case, clf, X, y, weight):
    if case.y in COLUMNS or case.y in COLLECTIONS or case.hierarchy == "none":
        return None
    Y = _dense(y)
    return (X, Y[:, 1:], weight) if case.n_nodes > 2 else None


def _weighted(change):
    """Spoil the weights."""

    def spoiled(case, clf, X, y, weight):
        return X, y, change(np.ones(case.n_documents))

    return spoiled


def _put(array, value):
    array[0] = value
    return array


def _cycle(case, clf, X, y, weight):
    clf.set_params(hierarchy=[("a", "b"), ("b", "a")])
    return X, y, weight


def _parameter(case, clf, X, y, weight):
    clf.set_params(validation_fraction=2.0)
    return X, y, weight


def _without_documents(case, clf, X, y, weight):
    return sparse.csr_array((0, 5)), y[:0] if hasattr(y, "shape") else [], None


def _shorter(y):
    if isinstance(y, pd.DataFrame | pd.Series):
        return y.iloc[:-1]
    return y.tocsr()[:-1] if sparse.issparse(y) else y[:-1]


_SPOILERS = {
    "NaN in X": _in_x(np.nan),
    "infinity in X": _in_x(np.inf),
    "too large a number in X": _in_x(1e300),
    "text in X": _in_x("word"),
    "no documents": _without_documents,
    "y is None": _replaced(lambda y: None),
    "y is a string": _replaced(lambda y: "label"),
    "y is a number": _replaced(lambda y: 3),
    "y is a generator": _replaced(lambda y: (label for label in ["a"])),
    "y is too short": _replaced(_shorter),
    "y has three axes": _replaced(lambda y: np.ones((3, 2, 2))),
    "an unknown label": _in_labels("no label"),
    "a missing label": _in_labels(None),
    "a collection among labels": _mixed,
    "half a label": _in_indicator(0.5),
    "a column too few": _narrower,
    "text in the indicator": _in_indicator("yes"),
    "a negative weight": _weighted(lambda w: _put(w, -1)),
    "NaN as weight": _weighted(lambda w: _put(w, np.nan)),
    "no weight at all": _weighted(lambda w: 0 * w),
    "weights are too short": _weighted(lambda w: w[1:]),
    "a cycle": _cycle,
    "a wrong parameter": _parameter,
}
FAULTS = tuple(_SPOILERS)
