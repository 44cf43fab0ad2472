"""What every estimator does with each form of X and y, and with any weights."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.multiclass import OneVsRestClassifier

from sklearn_htc import (
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
)

SMALL = {"dimension": 8, "max_epochs": 2, "random_state": 0}
KINDS = ["both paths", "network", "linear", "decoding"]


def make(kind, hierarchy):
    """Return an estimator that is quick to train."""
    return {
        "both paths": HTCInfoMaxClassifier(hierarchy, deep_path=True, **SMALL),
        "network": HTCInfoMaxClassifier(hierarchy, wide_path=False, **SMALL),
        "linear": HierarchicalLinearClassifier(hierarchy, random_state=0),
        "decoding": HierarchicalDecodingClassifier(
            OneVsRestClassifier(LogisticRegression()), hierarchy, random_state=0
        ),
    }[kind]


@pytest.fixture(params=KINDS)
def estimator(request, hierarchy):
    """Return an estimator of each kind."""
    return make(request.param, hierarchy)


def test_tuples_are_scored(bag, corpus):
    paths = {"cat": ("animal", "cat"), "dog": ("animal", "dog")}
    y = [paths.get(name, ("plant",)) for name in corpus[1]]
    hierarchy = Hierarchy.from_paths(set(y))
    for kind in ("linear", "network"):
        clf = make(kind, hierarchy).fit(bag, y)
        predicted = clf.predict(bag).tolist()
        share = np.mean([a == b for a, b in zip(y, predicted, strict=True)])
        assert clf.score(bag, y) == pytest.approx(share)
    weight = np.arange(len(y)) < 10
    assert clf.score(bag, y, weight) == pytest.approx(clf.score(bag[:10], y[:10]))


def test_lists_of_0_and_1_are_scored(estimator, bag, indicator):
    Y = indicator.toarray().tolist()
    clf = estimator.fit(bag, Y)
    expected = (clf.predict(bag) == np.array(Y)).all(axis=1).mean()
    assert clf.score(bag, Y) == pytest.approx(expected)


def test_a_sparse_frame_is_read_as_the_csr_in_it(estimator, bag, indicator):
    names = [f"term {i}" for i in range(bag.shape[1])]
    frame = pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(bag), columns=names)
    expected = clone(estimator).fit(bag, indicator).predict_proba(bag)
    clf = estimator.fit(frame, indicator)
    assert clf.feature_names_in_.tolist() == names
    np.testing.assert_allclose(clf.predict_proba(frame), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make_wrong", "message"),
    [
        (lambda X, Y: ([], []), "X has 0 samples"),
        (lambda X, Y: (X[:0], Y[:0]), "X has 0 samples"),
        (lambda X, Y: (X, pd.DataFrame(Y.toarray()).to_records()), "DataFrame"),
    ],
)
def test_what_is_wrong_is_named(estimator, bag, indicator, make_wrong, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(*make_wrong(bag, indicator))


def test_labels_may_be_an_array_of_arrow_but_no_table(bag, corpus):
    # Where the oldest versions are tested it is not installed.
    pyarrow = pytest.importorskip("pyarrow")
    clf = HierarchicalLinearClassifier(random_state=0)
    for y in (pyarrow.array(corpus[1]), pyarrow.chunked_array([corpus[1]])):
        assert clf.fit(bag, y).classes_.tolist() == sorted(set(corpus[1]))
    with pytest.raises(ValueError, match="to_pandas"):
        clf.fit(bag, pyarrow.table({"a": np.ones(100)}))


def test_a_sparse_array_of_another_width_is_not_made_dense(estimator, bag, indicator):
    clf = estimator.fit(bag.toarray(), indicator)
    with pytest.raises(ValueError, match="features"):
        clf.predict(sparse.csr_array((3, 10**12)))


def test_an_iterator_is_no_hierarchy(estimator, bag, indicator, hierarchy):
    edges = hierarchy.to_networkx().edges
    with pytest.raises(TypeError, match=r"list\(edges\)"):
        estimator.set_params(hierarchy=iter(edges)).fit(bag, indicator)


def test_attributes_that_are_missing_are_called_by_their_names(estimator):
    for name in ("classes_", "n_features_in_", "hierarchy_"):
        with pytest.raises(AttributeError, match=f"has no {name}: it is not fitted"):
            getattr(estimator, name)


def test_a_network_that_was_not_kept_is_missing(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=False, random_state=0)
    with pytest.raises(AttributeError, match=r"has no net_: .* fitted without"):
        _ = clf.fit(bag, indicator).net_


def test_the_same_numbers_are_read_alike_whatever_holds_them(estimator, bag, indicator):
    forms = [bag, bag.toarray(), pd.DataFrame(bag.toarray())]
    for X in forms:
        clf = clone(estimator).fit(X, indicator)
        expected = clf.predict_proba(X)
        for other in forms:
            np.testing.assert_allclose(clf.predict_proba(other), expected, atol=1e-6)


def test_a_frame_of_labels_is_answered_by_a_frame(estimator, bag, indicator, hierarchy):
    Y = pd.DataFrame(indicator.toarray(), columns=list(hierarchy.nodes))
    predicted = estimator.fit(bag, Y).predict(bag)
    assert list(predicted.columns) == list(hierarchy.nodes)
    share = (predicted == Y).all(axis=1).mean()
    assert estimator.score(bag, Y) == pytest.approx(share)


def test_probabilities_of_an_indicator_are_cross_validated(estimator, bag, indicator):
    # scikit-learn refuses a CSR here before any estimator sees it.
    probabilities = cross_val_predict(
        estimator, bag, indicator.toarray(), cv=2, method="predict_proba"
    )
    assert probabilities.shape == indicator.shape
    assert np.isfinite(probabilities).all()


@pytest.mark.parametrize("form", ["terms", "texts"])
def test_documents_of_weight_0_are_as_if_not_there(
    estimator, form, bag, corpus, indicator
):
    # Those of weight 0 have a term of their own.
    texts = [f"{text} {'late' if i >= 60 else ''}" for i, text in enumerate(corpus[0])]
    X = bag if form == "terms" else texts
    weight = np.ones(100)
    weight[60:] = 0
    part = clone(estimator).fit(X[:60], indicator[:60], np.ones(60))
    clf = clone(estimator).fit(X, indicator, weight)
    np.testing.assert_allclose(clf.predict_proba(X), part.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize("y", ["labels", "indicator"])
def test_two_documents_with_a_weight_are_enough(
    kind, y, bag, corpus, indicator, hierarchy
):
    weight = np.zeros(100)
    weight[:2] = 1
    clf = make(kind, hierarchy)
    clf.fit(bag, corpus[1] if y == "labels" else indicator, sample_weight=weight)
    assert np.isfinite(clf.predict_proba(bag)).all()


@pytest.mark.parametrize("kind", [*KINDS[:2], "decoding"])
def test_one_document_with_a_weight_is_refused(kind, bag, indicator, hierarchy):
    weight = np.zeros(100)
    weight[0] = 1
    with pytest.raises(ValueError, match="n_samples=1"):
        make(kind, hierarchy).fit(bag, indicator, sample_weight=weight)


def test_numbers_too_large_to_compute_with_are_named(hierarchy, bag, indicator):
    X = bag.copy()
    X.data[3] = -1e20
    for kind in KINDS[:3]:
        with pytest.raises(ValueError, match=r"number of size 1e\+20.*Scale X"):
            make(kind, hierarchy).fit(X, indicator)


def test_fit_works_inside_inference_mode(estimator, bag, indicator):
    expected = clone(estimator).fit(bag, indicator).predict_proba(bag)
    with torch.inference_mode():
        clf = clone(estimator).fit(bag, indicator)
        inside = clf.predict_proba(bag)
    np.testing.assert_array_equal(inside, expected)
    np.testing.assert_array_equal(clf.predict_proba(bag), expected)


def test_the_default_dtype_of_torch_changes_nothing(estimator, bag, indicator):
    expected = clone(estimator).fit(bag, indicator).predict_proba(bag)
    torch.set_default_dtype(torch.float64)
    try:
        probabilities = clone(estimator).fit(bag, indicator).predict_proba(bag)
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(probabilities, expected)


@pytest.mark.parametrize("kind", KINDS[:2])
def test_predictions_leave_the_callers_mode_alone(kind, bag, indicator, hierarchy):
    clf = make(kind, hierarchy).fit(bag, indicator)
    documents = clf._read_documents(bag)[1]
    for _ in clf._learned.predictor.iter_probabilities(documents, of_paths=False):
        assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("kind", ["both paths", "linear"])
def test_the_wide_path_scores_numbers_of_any_precision(kind, bag, indicator, hierarchy):
    path = make(kind, hierarchy).fit(bag, indicator).wide_
    X = sparse.csr_array(bag)
    single, double = (path.scores(X.astype(dtype)) for dtype in ("f4", "f8"))
    np.testing.assert_allclose(double, single, atol=1e-6)
