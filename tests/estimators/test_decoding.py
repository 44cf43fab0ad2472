"""HierarchicalDecodingClassifier around classifiers of several kinds."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import get_tags

from sklearn_htc import HierarchicalDecodingClassifier, Hierarchy
from sklearn_htc.wide import wrapped

FLAT = {
    "decision_function": OneVsRestClassifier(LinearSVC()),
    "predict_proba": OneVsRestClassifier(KNeighborsClassifier()),
    "predict_proba as a list": RandomForestClassifier(n_estimators=20, random_state=0),
}


@pytest.mark.parametrize("flat", list(FLAT))
def test_any_classifier_gives_one_path_a_document(flat, bag, indicator, hierarchy):
    clf = HierarchicalDecodingClassifier(FLAT[flat], hierarchy, random_state=0)
    clf.fit(bag, indicator)
    predicted = clf.predict(bag)
    assert hierarchy.is_coherent(predicted)
    np.testing.assert_array_equal(np.diff(hierarchy.most_specific(predicted).indptr), 1)
    assert f1_score(indicator, predicted, average="micro") > 0.9
    assert hierarchy.is_coherent(clf.predict_proba(bag))
    assert clf.n_features_in_ == bag.shape[1]


def test_a_timid_classifier_gains_by_its_thresholds(corpus, hierarchy):
    texts, names = corpus
    labels = [[name] for name in names]
    labels[0] = ["cat", "oak"]
    Y = hierarchy.to_indicator(labels)
    flat = make_pipeline(
        TfidfVectorizer(), OneVsRestClassifier(LogisticRegression(C=0.05))
    )
    plain = f1_score(Y, flat.fit(texts, Y).predict(texts), average="macro")
    clf = HierarchicalDecodingClassifier(flat, hierarchy, random_state=0)
    decoded = f1_score(Y, clf.fit(texts, Y).predict(texts), average="macro")
    assert decoded > plain + 0.3


def test_one_label_a_document_comes_back_as_labels(corpus, bag, hierarchy):
    clf = HierarchicalDecodingClassifier(FLAT["decision_function"], hierarchy)
    clf.fit(bag, corpus[1])
    assert np.mean(clf.predict(bag) == np.array(corpus[1])) > 0.95
    assert clf.predict_proba(bag).shape == (100, 5)


def test_a_classifier_of_one_label_a_document_is_told_what_to_do(
    bag, indicator, hierarchy
):
    clf = HierarchicalDecodingClassifier(LinearSVC(), hierarchy)
    with pytest.raises(ValueError, match="y should be a 1d array") as raised:
        clf.fit(bag, indicator)
    assert "Put OneVsRestClassifier around" in raised.value.__notes__[0]
    inner = make_pipeline(OneVsRestClassifier(MultinomialNB()))
    clf = HierarchicalDecodingClassifier(inner, hierarchy, random_state=0)
    with pytest.raises(ValueError, match="Negative values") as raised:
        clf.fit(-bag, indicator)
    assert not hasattr(raised.value, "__notes__")


@pytest.mark.parametrize("flat", list(FLAT))
@pytest.mark.parametrize("second", [[], ["oak"]])
def test_labels_without_training_documents_are_improbable(bag, hierarchy, flat, second):
    labels = [["cat", *second], ["dog"], ["oak"], ["fir"]] * 25
    clf = HierarchicalDecodingClassifier(FLAT[flat], hierarchy, random_state=0)
    clf.fit(bag, hierarchy.to_indicator(labels))
    herb = hierarchy.index(["herb"])
    assert clf.predict_proba(bag)[:, herb].max() < 0.2
    assert clf.predict(bag)[:, herb].sum() == 0


@pytest.mark.parametrize("form", ["sparse", "dense", "frame"])
def test_documents_are_scored_some_at_a_time(
    bag, indicator, hierarchy, monkeypatch, form
):
    if form != "sparse":
        bag = bag.toarray() if form == "dense" else pd.DataFrame(bag.toarray())
    clf = HierarchicalDecodingClassifier(
        OneVsRestClassifier(LogisticRegression()), hierarchy, random_state=0
    ).fit(bag, indicator)
    expected = clf.predict_proba(bag)
    monkeypatch.setattr(wrapped, "MAX_SCORES", 0)
    monkeypatch.setattr(wrapped, "LEAST_DOCUMENTS", 7)
    asked, scores_of = [], wrapped.scores_of

    def ask(estimator, X, n_nodes):
        asked.append(X.shape[0])
        return scores_of(estimator, X, n_nodes)

    monkeypatch.setattr(wrapped, "scores_of", ask)
    np.testing.assert_array_equal(clf.predict_proba(bag), expected)
    assert max(asked) == 7
    assert sum(asked) == bag.shape[0]


def test_parameters_of_the_classifier_can_be_searched(bag, indicator, hierarchy):
    clf = HierarchicalDecodingClassifier(FLAT["decision_function"], hierarchy)
    grid = {"estimator__estimator": [DummyClassifier(), LinearSVC(C=2.0)]}
    search = GridSearchCV(clf, grid, scoring="f1_macro", cv=2).fit(bag, indicator)
    assert search.best_estimator_.estimator.estimator.C == 2


def test_bad_input_is_refused_before_training(bag, indicator, hierarchy):
    with pytest.raises(ValueError, match="'estimator' parameter"):
        HierarchicalDecodingClassifier(object(), hierarchy).fit(bag, indicator)
    clf = HierarchicalDecodingClassifier(FLAT["decision_function"], hierarchy)
    with pytest.raises(NotFittedError):
        clf.predict(bag)
    with pytest.raises(ValueError, match="Unknown label 'x'"):
        clf.fit(bag, [["x"]] * 100)


def test_labels_without_documents_have_the_least_score_of_all():
    hierarchy = Hierarchy.from_dict({"a": ["b", "c"], "d": ["e"]})
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    noisy = X + 0.8 * rng.normal(size=X.shape)
    labels = [["b"] * int(x > 0) + ["c"] * int(y > 1) for x, y in noisy]
    # OneVsRestClassifier scores labels without documents 0, above most others.
    clf = HierarchicalDecodingClassifier(
        FLAT["decision_function"], hierarchy, random_state=0
    ).fit(X, hierarchy.to_indicator(labels))
    probabilities = clf.predict_proba(X)
    never = hierarchy.index(["d", "e"])
    other = probabilities[:, hierarchy.index(["c"])]
    assert probabilities[:, never].max() <= other.min()
    assert probabilities[:, never].max() < np.median(other)


def test_weights_reach_the_classifier_and_the_read_out(corpus, bag, hierarchy):
    Y = hierarchy.to_indicator([name] for name in corpus[1])
    weight = np.where(np.array(corpus[1]) == "oak", 1.0, 1e-6)
    flat = LogisticRegression()
    for estimator in (OneVsRestClassifier(flat), MultiOutputClassifier(flat)):
        clf = HierarchicalDecodingClassifier(estimator, hierarchy, random_state=0)
        plain = clone(clf).fit(bag, Y).predict_proba(bag)
        clf.fit(bag, Y, sample_weight=weight)
        share = clf.predict_proba(bag).mean(axis=0)
        oak = hierarchy.index(["oak"])[0]
        assert share[oak] > 0.9 > plain.mean(axis=0)[oak]


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (OneVsRestClassifier(KNeighborsClassifier()), "KNeighborsClassifier"),
        (make_pipeline(KNeighborsClassifier()), "KNeighborsClassifier"),
        (ClassifierChain(LogisticRegression()), "ClassifierChain"),
    ],
)
def test_a_classifier_that_takes_no_weights_is_named(
    estimator, name, bag, indicator, hierarchy
):
    clf = HierarchicalDecodingClassifier(estimator, hierarchy)
    with pytest.raises(TypeError, match=f"{name} does not accept sample_weight"):
        clf.fit(bag, indicator, sample_weight=np.ones(100))


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(
            StandardScaler(with_mean=False),
            MaxAbsScaler(),
            OneVsRestClassifier(LogisticRegression()),
        ),
        OneVsRestClassifier(make_pipeline(MaxAbsScaler(), LogisticRegression())),
    ],
)
def test_weights_reach_the_last_step_of_pipelines(estimator, bag, indicator):
    weight = np.linspace(0.1, 2, 100)
    clf = HierarchicalDecodingClassifier(estimator, random_state=0)
    by_itself = clone(clf).fit(bag, indicator, sample_weight=weight)
    plain = clone(clf).fit(bag, indicator)
    with config_context(enable_metadata_routing=True):
        # What scikit-learn's users would have to write.
        clf = clone(clf)
        pipeline = clf.estimator
        if isinstance(pipeline, OneVsRestClassifier):
            pipeline.estimator[-1].set_fit_request(sample_weight=True)
        else:
            pipeline[0].set_fit_request(sample_weight=False)
            pipeline[-1].estimator.set_fit_request(sample_weight=True)
        expected = clf.fit(bag, indicator, sample_weight=weight).predict_proba(bag)
    np.testing.assert_array_equal(by_itself.predict_proba(bag), expected)
    assert np.abs(plain.predict_proba(bag) - expected).max() > 1e-3


def test_steps_before_the_last_may_be_of_any_kind(bag, indicator, tmp_path):
    weight = np.linspace(0.1, 2, 100)
    one_vs_rest = OneVsRestClassifier(LogisticRegression())
    scaler = StandardScaler(with_mean=False)
    X = bag.toarray()
    plain = HierarchicalDecodingClassifier(one_vs_rest, random_state=0)
    scaled = plain.fit(scaler.fit_transform(X), indicator, sample_weight=weight)
    for memory in (None, str(tmp_path)):
        steps = [ColumnTransformer([("all", scaler, slice(0, None))]), one_vs_rest]
        nested = make_pipeline(make_pipeline(*steps, memory=memory))
        clf = HierarchicalDecodingClassifier(nested, random_state=0)
        clf.fit(X, indicator, sample_weight=weight)
        # The scaler learns from a fold of its own.
        np.testing.assert_allclose(
            clf.predict_proba(X),
            scaled.predict_proba(scaler.transform(X)),
            atol=0.05,
        )


class Doubler(TransformerMixin, BaseEstimator):
    """Multiplies X by a factor that `fit` is given."""

    def fit(self, X, y=None, factor=1.0):
        self.factor_ = factor
        return self

    def transform(self, X):
        return X * self.factor_


def test_parameters_of_steps_are_passed_on_beside_weights(bag, indicator):
    pipeline = make_pipeline(Doubler(), OneVsRestClassifier(LogisticRegression()))
    clf = HierarchicalDecodingClassifier(pipeline, random_state=0)
    clf.fit(bag, indicator, sample_weight=np.ones(100), doubler__factor=2.0)
    assert clf.estimator_[0].factor_ == 2
    with pytest.raises(TypeError, match="unexpected"):
        clf.fit(
            bag,
            indicator,
            sample_weight=np.ones(100),
            onevsrestclassifier__other=1,
        )


def test_texts_are_read_whatever_the_classifier_reads():
    flat = OneVsRestClassifier(LogisticRegression())
    assert get_tags(HierarchicalDecodingClassifier(flat)).input_tags.string
    alone = HierarchicalDecodingClassifier(flat, vectorizer=None)
    assert not get_tags(alone).input_tags.string


@pytest.mark.parametrize("inner", [LinearSVC(), None])
@pytest.mark.parametrize("is_weighted", [True, False])
def test_classifiers_inside_classifiers(inner, is_weighted, bag, indicator, hierarchy):
    flat = OneVsRestClassifier(CalibratedClassifierCV(inner, cv=2))
    clf = HierarchicalDecodingClassifier(flat, hierarchy, random_state=0)
    weight = np.linspace(0.5, 1, 100) if is_weighted else None
    clf.fit(bag, indicator, sample_weight=weight)
    assert clf.score(bag, indicator) > 0.8
