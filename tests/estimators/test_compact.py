"""Smaller estimators: what they keep, and what they refuse."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from sklearn_htc import (
    HiAGMClassifier,
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    HTCInfoMaxClassifier,
)
from sklearn_htc.label_tree import fitting
from sklearn_htc.persistence import load, save

SMALL = {"dimension": 8, "max_epochs": 2, "random_state": 0}
FORMS = ["float32", "float16", "pruned"]


def size(clf):
    return len(pickle.dumps(clf))


def assert_predicts_alike(clf, small, X, atol):
    np.testing.assert_allclose(
        small.predict_proba(X), clf.predict_proba(X), rtol=0, atol=atol
    )
    np.testing.assert_allclose(
        [sum(part.score for part in each) for each in _explained(small, X)],
        [sum(part.score for part in each) for each in _explained(clf, X)],
        rtol=0.1,
        atol=0.1,
    )


def _explained(clf, X):
    return [each.labels for each in clf.explain(X[:3], labels=clf.hierarchy_.nodes)]


@pytest.mark.parametrize("weights", FORMS)
def test_linear_models_get_smaller(weights, corpus, hierarchy, tmp_path):
    texts, names = corpus
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    clf.fit(texts, [[name] for name in names])
    before = clf.predict_proba(texts)
    small = clf.compact(weights=weights)
    atol = {"float32": 0, "float16": 0.01, "pruned": 0.05}[weights]
    assert_predicts_alike(clf, small, texts, atol)
    np.testing.assert_array_equal(clf.predict_proba(texts), before)
    if weights == "float16":
        n_bytes = clf.wide_.coef_.nbytes
        assert size(small) < size(clf) - 0.49 * n_bytes
    save(small, tmp_path / "small.skops")
    for loaded in (load(tmp_path / "small.skops"), pickle.loads(pickle.dumps(small))):
        expected = small.predict_proba(texts)
        np.testing.assert_array_equal(loaded.predict_proba(texts), expected)


def test_pruned_weights_are_those_that_are_large_enough(bag, indicator, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(bag, indicator)
    wide, pruned = clf.wide_, clf.compact(min_weight=0.1).wide_
    of_unit_length = wide.coef_ / wide.feature_scale_[wide.features_, None]
    expected = np.where(np.abs(of_unit_length) >= 0.1, wide.coef_, 0)
    assert sparse.issparse(pruned.coef_)
    np.testing.assert_array_equal(pruned.coef_.toarray(), expected)
    assert 0 < pruned.coef_.nnz < wide.coef_.size
    everything = clf.compact(min_weight=0).predict_proba(bag)
    np.testing.assert_allclose(everything, clf.predict_proba(bag), atol=1e-6)


@pytest.mark.parametrize("weights", FORMS)
@pytest.mark.parametrize("form", ["embeddings", "both"])
def test_every_wide_path_gets_smaller(form, weights, bag, indicator, hierarchy):
    X = bag.toarray()
    if form == "both":
        rng = np.random.default_rng(0)
        X = sparse.csr_array(
            sparse.hstack([bag, rng.normal(size=(bag.shape[0], 16))])
        ).astype(np.float32)
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=False, **SMALL).fit(X, indicator)
    small = clf.compact(weights=weights)
    assert_predicts_alike(clf, small, X, {"float32": 0}.get(weights, 0.05))
    assert small.transform(X).shape == clf.transform(X).shape
    if weights == "float16":
        assert size(small) < size(clf)


@pytest.mark.parametrize("weights", FORMS)
def test_networks_lose_what_training_goes_on_from(weights, bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, **SMALL).fit(bag, indicator)
    small = clf.compact(weights=weights)
    atol = 0.01 if weights == "float16" else 0
    found, expected = small.predict_proba(bag), clf.predict_proba(bag)
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    n_bytes = sum(part.nbytes for part in clf.net_.module_.parameters())
    # Adam notes two numbers per weight.
    assert size(small) < size(clf) - (2.4 if weights == "float16" else 1.9) * n_bytes
    loaded = pickle.loads(pickle.dumps(small))
    np.testing.assert_array_equal(loaded.predict_proba(bag), found)
    assert small.history_ == clf.history_
    with pytest.raises(ValueError, match="compact has left out"):
        small.partial_fit(bag, indicator)
    with pytest.raises(ValueError, match="compact has left out"):
        small.set_params(warm_start=True).fit(bag, indicator)
    np.testing.assert_array_equal(small.predict_proba(bag), found)
    clf.partial_fit(bag, indicator)
    small.set_params(warm_start=False).fit(bag, indicator).partial_fit(bag, indicator)


def test_a_network_without_weight_is_left_out(bag, indicator, hierarchy, monkeypatch):
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=True, **SMALL).fit(bag, indicator)
    predictor = clf._learned.predictor
    object.__setattr__(predictor, "deep_weight", 0.0)
    small = clf.compact(weights="float32")
    assert small._learned.predictor.deep is None
    np.testing.assert_array_equal(small.predict_proba(bag), clf.predict_proba(bag))


def test_text_propagation_gets_smaller(bag, indicator, hierarchy):
    clf = HiAGMClassifier(hierarchy, variant="tp", **SMALL).fit(bag, indicator)
    small = clf.compact()
    assert_predicts_alike(clf, small, bag, 0.05)


def test_others_stay_as_they_are(corpus, hierarchy, monkeypatch):
    texts, names = corpus
    inner = OneVsRestClassifier(LogisticRegression())
    clf = HierarchicalDecodingClassifier(inner, hierarchy, random_state=0)
    clf.fit(texts, names)
    expected = clf.predict_proba(texts)
    np.testing.assert_array_equal(clf.compact().predict_proba(texts), expected)
    monkeypatch.setattr(fitting, "is_affordable", lambda *_: False)
    tree = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(texts, names)
    expected = tree.predict_proba(texts)
    np.testing.assert_array_equal(tree.compact().predict_proba(texts), expected)


def test_an_updated_model_gets_smaller(corpus, hierarchy):
    texts, names = corpus
    y = [[name] for name in names]
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(texts, y)
    grown = {"animal": ["cat", "dog", "cow"], "plant": ["tree", "herb"]}
    more = ["the cow moos in the field", "the cow gives milk"] * 5
    clf.update_hierarchy(
        grown | {"tree": ["oak", "fir"]}, X=[*texts, *more], y=[*y, *[["cow"]] * 10]
    )
    small = clf.compact(weights="float16")
    np.testing.assert_allclose(
        small.predict_proba(texts), clf.predict_proba(texts), atol=0.01
    )
    assert size(small) < size(clf)


@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize("second", FORMS)
def test_a_small_model_can_be_made_smaller(first, second, corpus, hierarchy):
    texts, names = corpus
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    clf.fit(texts, [[name] for name in names])
    small = clf.compact(weights=first).compact(weights=second)
    assert_predicts_alike(clf, small, texts, 0.05)
    if "pruned" in (first, second):
        assert sparse.issparse(small.wide_.coef_)


@pytest.mark.parametrize("unit", [1e-9, 1e-6, 1, 1e6, 1e9])
@pytest.mark.parametrize("form", ["terms", "embeddings"])
def test_float16_holds_whatever_unit_x_has(form, unit, bag, indicator, hierarchy):
    X = (unit * bag if form == "terms" else unit * bag.toarray()).astype(np.float32)
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=False, **SMALL).fit(X, indicator)
    small = clf.compact(weights="float16")
    np.testing.assert_allclose(
        small.predict_proba(X), clf.predict_proba(X), rtol=0, atol=0.02
    )


def test_bad_parameters_are_refused(bag, indicator, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    with pytest.raises(NotFittedError):
        clf.compact()
    clf.fit(bag, indicator)
    with pytest.raises(ValueError, match="weights must be 'pruned', 'float16'"):
        clf.compact(weights="int8")
    with pytest.raises(ValueError, match="min_weight == -1"):
        clf.compact(min_weight=-1)


def test_a_large_penalty_leaves_small_weights(bag, indicator, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy, C=1e-3, random_state=0)
    clf.fit(bag, indicator)
    small = clf.compact()
    assert small.wide_.coef_.nnz > 0.3 * np.count_nonzero(clf.wide_.weights())
    np.testing.assert_allclose(
        small.predict_proba(bag), clf.predict_proba(bag), rtol=0, atol=0.05
    )


def test_float16_holds_where_embeddings_are_far_from_zero(bag, indicator, hierarchy):
    X = (bag.toarray() + 5000).astype(np.float32)
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=False, **SMALL).fit(X, indicator)
    small = clf.compact(weights="float16")
    np.testing.assert_allclose(
        small.predict_proba(X), clf.predict_proba(X), rtol=0, atol=0.02
    )


@pytest.mark.parametrize("C", [1e10, 1e-8])
def test_weights_that_float16_lacks_stay_as_they_are(C):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=120)
    X = sparse.csr_array([1e-5 * (y + rng.normal(size=120)), rng.random(120)]).T.tocsr()
    clf = HierarchicalLinearClassifier({"top": [0, 1]}, C=C, random_state=0)
    clf.fit(X, y)
    small = clf.compact(weights="float16")
    np.testing.assert_allclose(small.predict_proba(X), clf.predict_proba(X), atol=0.01)
