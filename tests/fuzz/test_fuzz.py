"""Whatever an estimator is given, it refuses it in time or predicts soundly.

`make fuzz` draws new cases, thousands of them; the test run draws the same few hundred.
"""

import copy
import os
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from scipy import sparse
from sklearn.base import clone

from tests.fuzz.cases import NETWORKS, Case, build, cases
from tests.fuzz.faults import FAULTS, spoil

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
SETTINGS = settings(
    max_examples=EXAMPLES or 150,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    print_blob=False,
)
# Where a traceback goes through one of these, training has begun.
TRAINING = ("/sklearn_htc/wide/", "/sklearn_htc/training/", "/skorch/", "/svm/")

# Cases that once failed.
FOUND = [
    # A few rows of counts looked like token ids, though the others did not.
    Case(n_documents=45, n_nodes=1, content="counts", several=True, seed=1),
    # One label that all documents have: OneVsRestClassifier takes any width.
    Case(estimator="decoding", n_nodes=1, X="dense", content="tiny"),
    Case(estimator="bigru", fault="too large a number in X"),
    Case(y="frame", labels="paths"),
    # Predicted lists of the labels 0 and 1 looked like an indicator.
    Case(estimator="linear", n_nodes=2, labels="codes", n_documents=6, y="lists"),
    # Machines that have nothing to gain stepped to infinity on what rounding left.
    Case(n_nodes=2, n_documents=50, several=True, y="csr", content="constant", seed=1),
    # Scores that say nothing sent the calibration to infinity.
    Case(
        estimator="decoding",
        n_nodes=6,
        hierarchy="none",
        n_documents=45,
        content="constant",
    ),
]


@SETTINGS
@given(cases())
def test_sound_input_is_predicted_soundly(case):
    check_sound(case)


@SETTINGS
@given(cases(faults=FAULTS))
def test_a_fault_is_refused_before_training(case):
    spoiled = spoil(case, *build(case))
    assume(spoiled is not None)
    check_refused(*spoiled)


@pytest.mark.parametrize("case", FOUND, ids=str)
def test_what_once_failed(case):
    if case.fault is None:
        check_sound(case)
    else:
        check_refused(*spoil(case, *build(case)))


def check_refused(clf, X, y, weight):
    """Check that the estimator raises a clear error before it trains anything."""
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises((ValueError, TypeError)) as refusal,
    ):
        clf.fit(X, y, sample_weight=weight)
    files = [str(entry.path).replace(os.sep, "/") for entry in refusal.traceback]
    begun = [file for file in files if any(part in file for part in TRAINING)]
    assert not begun, f"{refusal.value!r} during training"
    assert len(str(refusal.value)) > 20, "the message says too little"
    assert not hasattr(clf, "classes_")


def check_sound(case):
    """Check all that holds for every fitted estimator."""
    clf, X, y, weight = build(case)
    X_before, y_before = copy.deepcopy(X), copy.deepcopy(y)
    with warnings.catch_warnings(action="ignore"):
        twin = clone(clf).fit(X, y, sample_weight=weight)
        clf.fit(X, y, sample_weight=weight)
        p = clf.predict_proba(X)
        n_documents = case.n_documents
        assert p.shape == (n_documents, len(clf.classes_))
        assert np.isfinite(p).all()
        assert (p > 0).all()
        assert (p < 1).all() or not is_multilabel(clf, X)
        predicted = clf.predict(X)
        if is_multilabel(clf, X):
            check_coherent(clf, p, predicted, y)
        else:
            np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-4)
            assert set(predicted.tolist()) <= set(clf.classes_.tolist())
        np.testing.assert_array_equal(twin.predict_proba(X), p)
        loaded = pickle.loads(pickle.dumps(clf))
        np.testing.assert_array_equal(loaded.predict_proba(X), p)
        rows = np.random.default_rng(case.seed).permutation(n_documents)[:4]
        np.testing.assert_allclose(clf.predict_proba(take(X, rows)), p[rows], atol=1e-4)
        assert 0 <= clf.score(X, y) <= 1
        _, top = clf.predict_top_k(X, 1)
        np.testing.assert_allclose(top[:, 0], p.max(axis=1), atol=1e-5)
        if case.estimator in NETWORKS:
            assert np.isfinite(clf.transform(X)).all()
        if case.form_of_x not in ("bigru", "rcnn", "texts"):
            with pytest.raises(ValueError, match="feature"):
                clf.predict(wider(X))
    assert_same(X, X_before)
    assert_same(y, y_before)


def is_multilabel(clf, X):
    """Say whether predictions may have any number of labels."""
    return not (isinstance(clf.predict(X), np.ndarray) and clf.predict(X).ndim == 1)


def check_coherent(clf, p, predicted, y):
    """Check that predictions have the form of y, and that ancestors are never less."""
    hierarchy = clf.hierarchy_
    assert hierarchy.is_coherent(p)
    if isinstance(y, pd.DataFrame):
        assert list(predicted.columns) == list(y.columns)
    if isinstance(predicted, list):
        indicator = hierarchy.to_indicator(predicted)
        assert hierarchy.to_labels(indicator) == predicted
    else:
        assert hierarchy.is_coherent(predicted)
    assert sparse.issparse(predicted) == sparse.issparse(y)


def take(X, rows):
    """Return some documents."""
    if isinstance(X, list):
        return [X[i] for i in rows]
    if isinstance(X, pd.DataFrame):
        return X.iloc[rows]
    return X.tocsr()[rows] if sparse.issparse(X) else X[rows]


def wider(X):
    """Return documents with a feature more."""
    if sparse.issparse(X):
        return sparse.csr_array(sparse.hstack([X, X[:, :1]]))
    if np.ndim(X) == 3:
        return np.concatenate([X, X[:, :, :1]], axis=2)
    if isinstance(X, pd.DataFrame):
        return pd.concat([X, X.iloc[:, :1].add_prefix("other ")], axis=1)
    X = np.asarray(X)
    return np.hstack([X, X[:, :1]])


def assert_same(value, before):
    """Check that nothing was changed in place."""
    if sparse.issparse(value):
        assert (value != before).nnz == 0
        assert value.nnz == before.nnz
    elif isinstance(value, pd.DataFrame | pd.Series):
        assert value.equals(before)
    elif isinstance(value, np.ndarray):
        np.testing.assert_array_equal(value, before)
    else:
        for row, row_before in zip(value, before, strict=True):
            assert np.all(row == row_before)
