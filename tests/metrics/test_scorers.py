"""Scorers: weights, routing of metadata, and labels that training lacked."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_htc import HierarchicalLinearClassifier, metrics


@pytest.fixture(scope="module")
def fitted(bag, corpus):
    """Return a classifier of one label per document that makes mistakes."""
    clf = HierarchicalLinearClassifier(random_state=0)
    return clf.fit(bag[:, :10], np.array(corpus[1]))


@pytest.mark.parametrize("name", list(metrics.SCORERS))
def test_a_weight_counts_as_so_many_documents(name, fitted, bag, corpus):
    scorer = metrics.get_scorer(name)
    X, y = bag[:, :10], np.array(corpus[1])
    weight = np.arange(len(y)) % 4
    rows = np.repeat(np.arange(len(y)), weight)
    expected = scorer(fitted, X[rows], y[rows])
    assert expected != pytest.approx(scorer(fitted, X, y))
    assert scorer(fitted, X, y, sample_weight=weight) == pytest.approx(expected)
    assert scorer(fitted, X, y, weight / 10) == pytest.approx(expected)


def test_several_scorers_take_weights(fitted, bag, corpus):
    X, y = bag[:, :10].toarray(), np.array(corpus[1])
    weight = np.arange(len(y)) % 4
    several = {name: metrics.get_scorer(name) for name in ("lca_f1", "path_accuracy")}
    how = {"n_repeats": 2, "random_state": 0, "sample_weight": weight}
    found = permutation_importance(fitted, X, y, scoring=several, **how)
    for name, scorer in several.items():
        alone = permutation_importance(fitted, X, y, scoring=scorer, **how)
        np.testing.assert_array_equal(found[name].importances, alone.importances)
        assert (alone.importances > 0).any()
    search = GridSearchCV(
        HierarchicalLinearClassifier(random_state=0),
        {},
        scoring=several,
        refit="lca_f1",
        cv=2,
        error_score="raise",
    ).fit(X, y, sample_weight=weight)
    assert np.isfinite(search.best_score_)


def test_weights_are_handed_on_as_asked_for(bag, corpus):
    X, y = bag[:, :10], np.array(corpus[1])
    weight = np.arange(len(y)) % 4
    clf = HierarchicalLinearClassifier(random_state=0)
    with pytest.raises(RuntimeError, match="enable_metadata_routing"):
        metrics.get_scorer("path_accuracy").set_score_request(sample_weight=True)
    with config_context(enable_metadata_routing=True):
        clf.set_fit_request(sample_weight=True)

        def scores(scorer, **params):
            params["sample_weight"] = weight
            how = {"cv": KFold(2), "scoring": scorer, "params": params}
            return cross_validate(clf, X, y, **how)["test_score"]

        scorer = metrics.get_scorer("path_accuracy")
        with pytest.raises(UnsetMetadataPassedError):
            scores(scorer)
        ignored = scores(scorer.set_score_request(sample_weight=False))
        heeded = scores(scorer.set_score_request(sample_weight=True))
        for found, is_heeded in ((ignored, False), (heeded, True)):
            for score, (train, test) in zip(found, KFold(2).split(X), strict=True):
                clf.fit(X[train], y[train], sample_weight=weight[train])
                own = weight[test] if is_heeded else None
                assert score == scorer(clf, X[test], y[test], sample_weight=own)
        assert (heeded != ignored).any()
        renamed = scorer.set_score_request(sample_weight="importance")
        np.testing.assert_array_equal(scores(renamed, importance=weight), heeded)
        with pytest.raises(ValueError, match="sample_weight"):
            scorer.set_score_request(sample_weight=5)
        search = GridSearchCV(clf, {}, scoring=scorer, cv=2).fit(X, y)
        assert search.score(X, y, importance=weight) == scorer(
            search, X, y, sample_weight=weight
        )
    # Of its own.
    assert metrics.get_scorer("path_accuracy").weight_request is None


@pytest.mark.parametrize("form", ["labels", "collections"])
@pytest.mark.parametrize("name", list(metrics.SCORERS))
def test_labels_that_training_lacked_count_as_missed(name, form, bag, corpus):
    names = np.array(corpus[1], dtype=object)
    names[[5, 51]] = "rare", "rarer"
    y = names if form == "labels" else [[name] for name in names]
    scorer = metrics.get_scorer(name)
    clf = HierarchicalLinearClassifier(random_state=0).fit(bag[:, :10], y)
    known = np.flatnonzero(~np.isin(names, ["rare", "rarer"]))
    some = y[known] if form == "labels" else [y[row] for row in known]
    clf.fit(bag[known][:, :10], some)
    weight = np.isin(np.arange(len(names)), known)
    without = scorer(clf, bag[:, :10], y, sample_weight=weight)
    assert without == pytest.approx(scorer(clf, bag[known][:, :10], some))
    with_them = scorer(clf, bag[:, :10], y)
    assert 0 < with_them < without
    assert clf.score(bag[:, :10], y) * len(names) == pytest.approx(
        clf.score(bag[known][:, :10], some) * len(known)
    )


def test_labels_that_the_users_hierarchy_lacks_are_refused(bag, corpus, hierarchy):
    y = np.array(corpus[1], dtype=object)
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(bag, y)
    wrong = [name.upper() for name in y]
    with pytest.raises(ValueError, match="Unknown label"):
        metrics.get_scorer("lca_f1")(clf, bag, wrong)
    several = [[name] for name in y]
    clf.fit(bag, several)
    with pytest.raises(ValueError, match="Unknown label"):
        clf.score(bag, [[name] for name in wrong])
    with pytest.raises(ValueError, match="must be hashable"):
        HierarchicalLinearClassifier().fit(bag, several).score(bag, [[["x"]]] * 100)


@pytest.mark.parametrize("name", list(metrics.SCORERS))
def test_unknown_paths_of_tables_count_as_missed(name, bag, corpus):
    y = np.array([[word[0], word] for word in corpus[1]], dtype=object)
    clf = HierarchicalLinearClassifier("infer", random_state=0).fit(bag, y)
    scorer = metrics.get_scorer(name)
    other = y.copy()
    other[::2] = ["x", "y"]
    known = np.arange(1, len(y), 2)
    assert 0 < scorer(clf, bag, other) < 0.9 * scorer(clf, bag[known], y[known])


def test_a_search_scores_folds_with_labels_that_training_lacked(bag, corpus):
    y = np.array(corpus[1], dtype=object)
    y[[5, 51]] = "rare", "rarer"
    for form in (y, [[label] for label in y]):
        search = GridSearchCV(
            HierarchicalLinearClassifier(random_state=0),
            {"C": [1e-3, 1.0]},
            scoring=metrics.get_scorer("hierarchical_f1_micro"),
            cv=KFold(2),
            error_score="raise",
        ).fit(bag, form)
        assert (search.cv_results_["mean_test_score"] > 0.5).all()


def test_what_is_not_fitted_is_said_to_be_so(bag, corpus):
    scorer = metrics.get_scorer("lca_f1")
    clf = HierarchicalLinearClassifier()
    for model in (
        clf,
        make_pipeline(FunctionTransformer(), clf),
        GridSearchCV(clf, {}),
    ):
        with pytest.raises(NotFittedError):
            scorer(model, bag, corpus[1])
    bagged = BaggingClassifier(clf, n_estimators=2).fit(bag, np.array(corpus[1]))
    with pytest.raises(TypeError, match="no hierarchy_"):
        scorer(bagged, bag, corpus[1])


def test_scorers_are_equal_by_name():
    scorer = metrics.get_scorer("lca_f1")
    assert {scorer: 1}[metrics.SCORERS["lca_f1"]] == 1
    assert scorer != metrics.get_scorer("path_accuracy")
