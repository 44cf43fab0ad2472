"""Within scikit-learn: pipelines, search, cross-validation, persistence."""

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.random_projection import GaussianRandomProjection

from sklearn_htc import HTCInfoMaxClassifier, TokenSequenceVectorizer

EMBEDDINGS = make_pipeline(
    TfidfVectorizer(), GaussianRandomProjection(24, random_state=0)
)
FAST = {"dimension": 16, "max_epochs": 3, "random_state": 0}


@pytest.mark.parametrize(
    ("vectorizer", "text_encoder"),
    [
        (TfidfVectorizer(), "auto"),
        (HashingVectorizer(n_features=256), "auto"),
        (make_pipeline(TfidfVectorizer(), TruncatedSVD(8, random_state=0)), "auto"),
        (make_union(TfidfVectorizer(), EMBEDDINGS), "auto"),
        (TokenSequenceVectorizer(max_length=16), "bigru"),
        (TokenSequenceVectorizer(max_length=16), "rcnn"),
    ],
)
def test_texts_to_coherent_labels(corpus, hierarchy, vectorizer, text_encoder):
    texts, names = corpus
    Y = hierarchy.to_indicator([name] for name in names)
    clf = HTCInfoMaxClassifier(
        hierarchy, text_encoder=text_encoder, dimension=32, lr=1e-2, random_state=0
    )
    pipeline = make_pipeline(vectorizer, clf).fit(texts, Y)
    Y_pred = pipeline.predict(texts)
    assert hierarchy.is_coherent(Y_pred)
    assert hierarchy.is_coherent(pipeline.predict_proba(texts))
    assert pipeline.score(texts, Y) > 0.9
    again = pipeline.predict([text.upper() for text in texts])
    assert (again != Y_pred).nnz == 0


def test_grid_search_in_two_processes(corpus, hierarchy, indicator):
    texts, _ = corpus
    network = HTCInfoMaxClassifier(hierarchy, wide_path=False, **FAST)
    search = GridSearchCV(
        make_pipeline(TfidfVectorizer(), network),
        {"htcinfomaxclassifier__lr": [1e-5, 1e-2]},
        scoring="f1_micro",
        cv=2,
        n_jobs=2,
        error_score="raise",
    ).fit(texts, indicator)
    assert search.best_params_ == {"htcinfomaxclassifier__lr": 1e-2}
    assert isinstance(search.predict(texts[:2]), sparse.csr_array)


def test_cross_validation_of_dense_indicators_and_of_labels(bag, indicator, corpus):
    edges = [("living", name) for name in set(corpus[1])]
    clf = HTCInfoMaxClassifier(edges, **FAST)
    labels = cross_val_score(clf, bag, corpus[1], scoring="f1_macro", cv=2)
    assert np.isfinite(labels).all()
    flat = HTCInfoMaxClassifier(**FAST)
    scorer = make_scorer(
        roc_auc_score, response_method="predict_proba", average="micro"
    )
    dense = cross_val_score(flat, bag, indicator.toarray(), scoring=scorer, cv=2)
    assert (dense > 0.5).all()
    loss = cross_val_score(flat, bag, corpus[1], scoring="neg_log_loss", cv=2)
    assert np.isfinite(loss).all()


def test_text_representations_feed_another_model(corpus, bag, indicator, hierarchy):
    stacked = make_pipeline(
        HTCInfoMaxClassifier(hierarchy, random_state=0), LogisticRegression()
    )
    stacked[0].fit(bag, indicator)
    features = stacked[0].transform(bag)
    assert stacked[1].fit(features, corpus[1]).score(features, corpus[1]) > 0.95


def test_joblib_dump_keeps_a_whole_pipeline(tmp_path, corpus, hierarchy, indicator):
    texts, _ = corpus
    pipeline = make_pipeline(TfidfVectorizer(), HTCInfoMaxClassifier(hierarchy, **FAST))
    pipeline.fit(texts, indicator)
    joblib.dump(pipeline, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(
        loaded.predict_proba(texts), pipeline.predict_proba(texts)
    )
