"""Raw texts as X of every estimator."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklearn_htc import (
    HiAGMClassifier,
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    HTCInfoMaxClassifier,
    TokenSequenceVectorizer,
)
from sklearn_htc.persistence import load, save

SMALL = {"dimension": 8, "max_epochs": 2, "random_state": 0}
FLAT = OneVsRestClassifier(LogisticRegression())
ESTIMATORS = {
    "default": HTCInfoMaxClassifier(**SMALL),
    "both paths": HTCInfoMaxClassifier(deep_path=True, **SMALL),
    "network": HiAGMClassifier(wide_path=False, **SMALL),
    "linear": HierarchicalLinearClassifier(random_state=0),
    "decoding": HierarchicalDecodingClassifier(FLAT, random_state=0),
}


@pytest.fixture(params=list(ESTIMATORS))
def estimator(request, hierarchy):
    """Return an estimator of each kind."""
    return clone(ESTIMATORS[request.param]).set_params(hierarchy=hierarchy)


@pytest.mark.parametrize("form", [list, tuple, np.array, pd.Series])
def test_texts_in_every_container(form, corpus, indicator, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    expected = clone(clf).fit(corpus[0], indicator).predict_proba(corpus[0])
    X = form(corpus[0])
    np.testing.assert_array_equal(clf.fit(X, indicator).predict_proba(X), expected)


def test_a_frozen_vectorizer_is_as_it_was(estimator, corpus, indicator, tmp_path):
    texts = corpus[0]
    frozen = FrozenEstimator(TfidfVectorizer().fit(texts))
    clf = estimator.set_params(vectorizer=frozen).fit(texts, indicator)
    assert clf.vectorizer_ is frozen
    own = dict(vars(frozen))
    save(clf, tmp_path / "model")
    assert vars(frozen) == own
    expected = clf.predict_proba(texts)
    loaded = load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(texts), expected)


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_frozen_token_sequences_keep_their_vocabulary(in_pipeline, corpus, hierarchy):
    vectorizer = TokenSequenceVectorizer(min_df=1)
    if in_pipeline:
        vectorizer = make_pipeline(vectorizer)
    frozen = FrozenEstimator(vectorizer.fit([*corpus[0], "other words stand here"]))
    clf = HTCInfoMaxClassifier(
        hierarchy, vectorizer=frozen, text_encoder="bigru", wide_path=False, **SMALL
    ).fit(*corpus)
    assert np.isfinite(clf.predict_proba(["other words stand here"])).all()


def test_texts_are_learned_and_predicted(estimator, corpus, indicator):
    clf = estimator.fit(corpus[0], indicator)
    assert isinstance(clf.vectorizer_, TfidfVectorizer)
    p = clf.predict_proba(["", "a text of unknown words", *corpus[0][:3]])
    assert np.isfinite(p).all()
    assert clf.hierarchy_.is_coherent(p)
    # As any estimator of texts, it has no number of features.
    assert not hasattr(clf, "n_features_in_")
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(
        loaded.predict_proba(corpus[0]), clf.predict_proba(corpus[0])
    )


@pytest.mark.parametrize("name", ["default", "linear", "decoding"])
def test_a_pipeline_does_the_same_but_for_the_folds(name, corpus, indicator, hierarchy):
    # Hashed terms are the same in every fold.
    vectorizer = HashingVectorizer(n_features=256)
    clf = clone(ESTIMATORS[name]).set_params(hierarchy=hierarchy)
    pipeline = make_pipeline(vectorizer, clone(clf)).fit(corpus[0], indicator)
    clf.set_params(vectorizer=vectorizer).fit(corpus[0], indicator)
    np.testing.assert_allclose(
        clf.predict_proba(corpus[0]), pipeline.predict_proba(corpus[0]), atol=1e-6
    )


def test_the_vectorizer_can_be_searched(corpus, indicator, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    grid = {"vectorizer": ["auto", CountVectorizer()]}
    search = GridSearchCV(clf, grid, cv=2).fit(corpus[0], indicator)
    assert search.best_score_ > 0.9


def test_sequence_encoders_read_texts(corpus, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, text_encoder="bigru", **SMALL)
    clf.fit(corpus[0], indicator)
    assert isinstance(clf.vectorizer_, TokenSequenceVectorizer)
    assert np.isfinite(clf.predict_proba(["", "unknown"])).all()


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_a_vocabulary_is_known_whether_or_not_its_words_occur(
    corpus, indicator, hierarchy, in_pipeline
):
    words = sorted({word for text in corpus[0] for word in text.split()})
    vectorizer = TokenSequenceVectorizer(vocabulary=[*words, "later"], max_length=20)
    if in_pipeline:
        vectorizer = make_pipeline(vectorizer)
    clf = HTCInfoMaxClassifier(
        hierarchy,
        text_encoder="bigru",
        vectorizer=vectorizer,
        embedding_weights=np.zeros((len(words) + 3, 8)),
        **SMALL,
    ).fit(corpus[0], indicator)
    assert np.isfinite(clf.predict_proba(["later"])).all()
    clf.partial_fit([*corpus[0], "later"], indicator[[*range(len(corpus[0])), 0]])


def test_texts_in_pieces(corpus, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, **SMALL)
    with pytest.raises(ValueError, match="would know only the terms of the first"):
        clf.partial_fit(corpus[0], indicator)
    assert not hasattr(clf, "classes_")
    clf.set_params(vectorizer=HashingVectorizer(n_features=256, alternate_sign=False))
    for rows in (slice(50), slice(50, 100)):
        clf.partial_fit(corpus[0][rows], indicator[rows])
    assert clf.n_iter_ == 2


def test_a_pipeline_inside_reads_its_texts_by_itself(corpus, indicator, hierarchy):
    inner = make_pipeline(TfidfVectorizer(), FLAT)
    clf = HierarchicalDecodingClassifier(inner, hierarchy, random_state=0)
    clf.fit(corpus[0], indicator)
    assert not hasattr(clf, "vectorizer_")
    assert clf.score(corpus[0], indicator) > 0.9


@pytest.mark.parametrize("X", [[], [None], ["a", None], "a text", [3]])
def test_what_is_no_text_is_refused_at_prediction(X, corpus, indicator, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    clf.fit(corpus[0], indicator)
    with pytest.raises(ValueError, match=r"at least one string|Document"):
        clf.predict(X)


@pytest.mark.parametrize("make", [iter, set])
def test_texts_in_no_order_are_refused(make, corpus, indicator, hierarchy):
    with pytest.raises(ValueError, match="Pass a list"):
        HierarchicalLinearClassifier(hierarchy).fit(make(corpus[0]), indicator)


def test_what_fits_no_form_is_named(estimator, corpus, bag, indicator):
    texts = corpus[0]
    with pytest.raises(ValueError, match="Document 99 is missing"):
        clone(estimator).fit([*texts[:-1], None], indicator)
    clf = clone(estimator).fit(texts, indicator)
    with pytest.raises(ValueError, match="X must be a sequence of at least one string"):
        clf.predict(bag)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(estimator).fit(texts[:-1], indicator)


@pytest.mark.parametrize("name", ["default", "network", "linear"])
def test_texts_where_none_are_wanted(name, corpus, bag, indicator, hierarchy):
    clf = clone(ESTIMATORS[name]).set_params(hierarchy=hierarchy)
    with pytest.raises(ValueError, match="vectorizer is None"):
        clone(clf).set_params(vectorizer=None).fit(corpus[0], indicator)
    with pytest.raises(ValueError, match="X holds raw texts, but numbers are needed"):
        clone(clf).fit(bag, indicator).predict(corpus[0])
    with pytest.raises(ValueError, match="X is one string"):
        clone(clf).fit("a text", indicator)
    with pytest.raises(ValueError, match=r"text in 1 columns.*one column of a table"):
        clone(clf).fit(pd.DataFrame({"text": corpus[0]}), indicator)
