"""Meta-estimators that replace 1-D labels by codes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier

from sklearn_htc import (
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
)

# Codes 0, 1, 2 are nodes as well, but of other labels.
INTEGERS = {0: [1, 2], 1: [3]}


def classifiers(hierarchy):
    flat = OneVsRestClassifier(LogisticRegression())
    return [
        HTCInfoMaxClassifier(hierarchy, deep_path=False, random_state=0),
        HierarchicalLinearClassifier(hierarchy, random_state=0),
        HierarchicalDecodingClassifier(flat, hierarchy, random_state=0),
    ]


def ways(clf):
    """Return what fits a classifier to codes of the labels."""
    return [
        lambda X, y: BaggingClassifier(clf, n_estimators=2).fit(X, y).predict(X),
        lambda X, y: VotingClassifier([("a", clf)]).fit(X, y).predict(X),
        lambda X, y: StackingClassifier([("a", clf)]).fit(X, y).predict(X),
        lambda X, y: np.unique(y)[
            cross_val_predict(clf, X, y, cv=2, method="predict_proba").argmax(axis=1)
        ],
    ]


@pytest.fixture
def integers(corpus):
    codes = {"cat": 1, "dog": 2, "herb": 3, "oak": 3, "fir": 3}
    return np.array([codes[name] for name in corpus[1]])


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("way", range(4))
def test_codes_of_labels_are_never_learned_as_labels(bag, integers, which, way):
    clf = classifiers(Hierarchy.from_dict(INTEGERS))[which]
    with pytest.raises(ValueError, match=r"hierarchy\.encoded\(y\)"):
        ways(clf)[way](bag, integers)


@pytest.mark.parametrize("way", range(4))
def test_codes_of_names_are_refused_with_the_remedy(bag, corpus, hierarchy, way):
    clf = classifiers(hierarchy)[1]
    with pytest.raises(ValueError, match=r"hierarchy\.encoded\(y\)"):
        ways(clf)[way](bag, corpus[1])


def test_an_encoded_hierarchy_is_not_for_labels_themselves(bag, corpus, hierarchy):
    y = np.array(corpus[1])
    clf = HierarchicalLinearClassifier(hierarchy.encoded(y), random_state=0)
    with pytest.raises(ValueError, match="is encoded: its nodes are 0, 1"):
        GridSearchCV(clf, {}, cv=2, error_score="raise").fit(bag, y)


@pytest.mark.parametrize("way", range(4))
@pytest.mark.parametrize("kind", ["names", "integers"])
def test_a_classifier_of_the_encoded_hierarchy_serves(
    bag, corpus, integers, hierarchy, way, kind
):
    y = np.array(corpus[1])
    if kind == "integers":
        hierarchy, y = Hierarchy.from_dict(INTEGERS), integers
    clf = classifiers(hierarchy.encoded(y))[1]
    predicted = ways(clf)[way](bag, y)
    assert np.mean(predicted == y) > 0.9


def test_calibration_is_told_what_it_can_do(bag, corpus, hierarchy):
    plain = classifiers(hierarchy)[1]
    encoded = classifiers(hierarchy.encoded(corpus[1]))[1]
    for clf in (plain, encoded):
        with pytest.raises(ValueError, match="Use ensemble=True"):
            CalibratedClassifierCV(clf, cv=2, ensemble=False).fit(bag, corpus[1])
    p = CalibratedClassifierCV(plain, cv=2).fit(bag, corpus[1]).predict_proba(bag)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    for ensemble in (True, False):
        settings = {"cv": 2, "method": "temperature", "ensemble": ensemble}
        with pytest.raises(ValueError, match=r"hierarchy\.encoded\(y\)"):
            CalibratedClassifierCV(plain, **settings).fit(bag, corpus[1])
        clf = CalibratedClassifierCV(encoded, **settings).fit(bag, corpus[1])
        assert np.mean(clf.predict(bag) == np.array(corpus[1])) > 0.9


def test_searches_keep_the_labels(bag, integers):
    clf = classifiers(Hierarchy.from_dict(INTEGERS))[1]
    assert cross_val_score(clone(clf), bag, integers, cv=2).mean() > 0.9
    search = GridSearchCV(clf, {"C": [1.0]}, cv=2).fit(bag, integers)
    assert set(search.classes_) == {1, 2, 3}


def test_cells_and_collections_that_were_replaced_are_told_what_to_do(
    bag, corpus, hierarchy
):
    names = corpus[1]
    for clf, y in (
        (HierarchicalLinearClassifier("infer"), [["top", name] for name in names]),
        (HierarchicalLinearClassifier(hierarchy), [[name] for name in names]),
    ):
        with pytest.raises(ValueError, match="to_indicator"):
            cross_val_predict(clf, bag, y, cv=KFold(2), method="predict_proba")
    clf, Y = classifiers(hierarchy)[1], hierarchy.to_indicator([[n] for n in names])
    p = cross_val_predict(clf, bag, Y.toarray(), cv=KFold(2), method="predict_proba")
    assert p.shape == Y.shape
