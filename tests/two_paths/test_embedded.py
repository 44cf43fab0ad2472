"""A pretrained encoder beside the terms of raw texts: as it is, and trained along."""

import pickle

import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback
from transformers import AutoModel

from sklearn_htc import (
    HiAGMClassifier,
    HierarchicalLinearClassifier,
    HTCInfoMaxClassifier,
)
from sklearn_htc.persistence import TRUSTED_TYPES
from sklearn_htc.pretrained import SubwordTokenizer
from sklearn_htc.training.callbacks import schedule
from sklearn_htc.two_paths import embedded, fitting, weighing
from sklearn_htc.two_paths.weighing import Weighed
from sklearn_htc.wide.joined import JoinedPath
from sklearn_htc.wide.linear import LinearPath

SMALL = {
    "text_encoder": "transformer",
    "max_length": 10,
    "max_epochs": 1,
    "random_state": 0,
}


@pytest.fixture
def clf(folder, hierarchy):
    """Return an estimator that is not fitted."""
    return HTCInfoMaxClassifier(hierarchy, pretrained=folder, **SMALL)


@pytest.fixture
def choose(monkeypatch):
    """Let a test say which wide path is the best, by its position."""

    def say(position):
        monkeypatch.setattr(embedded, "best_choice", lambda choices: choices[position])

    return say


@pytest.fixture
def give_weight(monkeypatch):
    """Let a test say beside which wide path the network has weight 0.5."""

    def say(wide):
        def weigh(scores, choices, *args, **kwargs):
            return Weighed(wide, 0.5, choices[wide].read_out)

        monkeypatch.setattr(fitting, "weigh", weigh)
        monkeypatch.setattr(weighing, "ENOUGH_TO_WEIGH", 1)

    return say


def embeddings_of(folder, texts):
    """Return mean token vectors of length 1, one text at a time."""
    encoder = AutoModel.from_pretrained(folder).eval()
    X = SubwordTokenizer(folder, max_length=10).fit([]).transform(texts)
    rows = []
    for start, end in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        ids = torch.from_numpy(X.data[start:end] - 1)[None]
        with torch.no_grad():
            mean = encoder(input_ids=ids).last_hidden_state[0].mean(dim=0).numpy()
        rows.append(mean / np.linalg.norm(mean))
    return np.array(rows)


def test_terms_alone_are_the_linear_classifier(clf, choose, corpus, indicator):
    choose(0)
    texts = corpus[0]
    clf.set_params(deep_path=False).fit(texts, indicator)
    linear = HierarchicalLinearClassifier(clf.hierarchy, random_state=0)
    linear.fit(texts, indicator)
    assert isinstance(clf.wide_, LinearPath)
    np.testing.assert_allclose(
        clf.predict_proba(texts), linear.predict_proba(texts), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("position", [1, 2])
def test_embeddings_are_those_of_the_encoder_as_it_is(
    clf, choose, corpus, indicator, folder, position
):
    choose(position)
    texts = corpus[0]
    clf.set_params(deep_path=False).fit(texts, indicator)
    assert isinstance(clf.wide_, JoinedPath)
    terms = clf.vectorizer_.transform(texts[:7]).toarray()
    X = np.hstack([terms, embeddings_of(folder, texts[:7])]).astype(np.float32)
    found = clf._read_documents(texts[:7])[1].vectors
    np.testing.assert_allclose(found.X.toarray(), X, atol=1e-5)
    # A document's embedding depends on no other.
    np.testing.assert_allclose(
        clf.predict_proba(texts[:7]), clf.predict_proba(texts)[:7], atol=1e-4
    )


@pytest.mark.parametrize(("position", "wide"), [(2, 0), (2, 1), (1, 1), (0, 0)])
def test_the_network_stands_beside_the_path_that_was_chosen(
    clf, choose, give_weight, corpus, indicator, position, wide
):
    choose(position)
    give_weight(wide)
    texts = corpus[0]
    clf.fit(texts, indicator)
    has_embeddings = position > 0 and wide == 0
    assert isinstance(clf.wide_, JoinedPath if has_embeddings else LinearPath)
    documents = clf._read_documents(texts)[1]
    logits = np.empty((len(texts), 8), dtype=np.float32)
    for rows, scores in clf._learned.predictor.deep.iter_scores(
        documents.encoder_input
    ):
        logits[rows] = scores
    expected = clf.decoder_.probabilities(
        clf._learned.predictor.read_out.log_odds(
            clf.wide_.scores(documents.vectors.X) + np.float32(0.5) * logits
        )
    )
    np.testing.assert_allclose(clf.predict_proba(texts), expected, atol=1e-5)
    assert clf.transform(texts).shape == (100, 12)


@pytest.mark.parametrize("position", [0, 2])
def test_what_was_learned_needs_no_folder(
    clf, choose, give_weight, corpus, indicator, position
):
    choose(position)
    give_weight(0)
    clf.fit(corpus[0], indicator).set_params(pretrained="no longer there")
    expected = clf.predict_proba(corpus[0])
    loads = (
        pickle.loads(pickle.dumps(clf)),
        skops.io.loads(skops.io.dumps(clf), trusted=TRUSTED_TYPES),
    )
    for loaded in loads:
        np.testing.assert_array_equal(loaded.predict_proba(corpus[0]), expected)


def test_the_same_seed_is_the_same_model_whatever_torch_draws(
    clf, give_weight, corpus, indicator
):
    give_weight(0)
    p = clf.fit(corpus[0], indicator).predict_proba(corpus[0])
    torch.rand(7)
    again = clone(clf).fit(corpus[0], indicator).predict_proba(corpus[0])
    np.testing.assert_array_equal(again, p)


def test_without_time_for_embeddings_terms_are_left(clf, corpus, indicator):
    clf.set_params(time_budget=1e-9, deep_path=False).fit(corpus[0], indicator)
    assert isinstance(clf.wide_, LinearPath)


def test_without_a_vectorizer_the_network_is_alone(clf, corpus, indicator):
    clf.set_params(vectorizer=None).fit(corpus[0], indicator)
    assert clf.wide_ is None
    assert clf.net_.module_.text_encoder.dimension == 12


def test_a_vectorizer_of_the_users_makes_the_terms(clf, corpus, indicator):
    clf.set_params(vectorizer=TfidfVectorizer(min_df=3), deep_path=False)
    clf.fit(corpus[0], indicator)
    expected = TfidfVectorizer(min_df=3).fit(corpus[0]).get_feature_names_out()
    assert clf.vectorizer_.get_feature_names_out().tolist() == expected.tolist()
    assert isinstance(clf.tokenizer_, SubwordTokenizer)


def test_an_encoder_with_weight_learns_from_the_held_out_documents_too(
    clf, give_weight, corpus, indicator
):
    give_weight(0)
    clf.fit(corpus[0], indicator)
    assert clf.n_iter_ == clf.max_epochs + 1
    first, last = (
        sum(
            epoch["batches"][i]["train_batch_size"]
            for i in range(epoch["train_batch_count"])
        )
        for epoch in clf.history_
    )
    assert (first, last) == (80, 100)
    rates = [
        group["largest_lr"]
        for group in clf.net_.optimizer_.param_groups
        if "largest_lr" in group
    ]
    assert rates == [clf.encoder_lr]


def test_an_encoder_without_weight_is_not_trained_further(
    clf, choose, corpus, indicator, monkeypatch
):
    choose(0)
    monkeypatch.setattr(weighing, "ENOUGH_TO_WEIGH", 1)
    monkeypatch.setattr(
        fitting, "weigh", lambda _, choices, *__, **___: Weighed(0, 0.0, None)
    )
    clf.set_params(max_epochs=1).fit(corpus[0], indicator)
    assert clf.n_iter_ == 1
    assert not hasattr(clf, "net_")


def test_early_stopping_keeps_its_held_out_documents(
    clf, give_weight, corpus, indicator
):
    give_weight(0)
    clf.set_params(early_stopping=True).fit(corpus[0], indicator)
    assert clf.n_iter_ == 1


def test_a_user_who_ends_training_gets_no_last_epoch(
    clf, give_weight, corpus, indicator
):
    give_weight(0)
    clf.set_params(max_epochs=3, callbacks=[EndAtOnce()]).fit(corpus[0], indicator)
    assert clf.n_iter_ == 1


class EndAtOnce(Callback):
    """Ends the training after the first epoch, as scikit-learn's callbacks may."""

    def on_epoch_end(self, net, **kwargs):
        dict(net.callbacks_)["progress"].end()


def test_a_time_budget_that_ends_within_the_training_leaves_a_model(
    clf, give_weight, corpus, indicator, monkeypatch
):
    give_weight(0)
    clock = Clock()
    monkeypatch.setattr(schedule, "perf_counter", lambda: clock.seconds)
    clf.set_params(time_budget=3.5, max_epochs=5, batch_size=10, callbacks=[clock])
    with pytest.warns(ConvergenceWarning, match="ended training after 4 steps"):
        clf.fit(corpus[0], indicator)
    assert clf.n_iter_ == 1
    proba = clf.predict_proba(corpus[0])
    assert np.isfinite(proba).all()
    assert clf.hierarchy_.is_coherent(clf.predict(corpus[0]))


class Clock(Callback):
    """As if each step took a second."""

    seconds = 0.0

    def on_batch_end(self, net, training=None, **kwargs):
        self.seconds += bool(training)


def test_a_path_with_embeddings_is_explained(clf, choose, corpus, indicator):
    choose(2)
    clf.set_params(deep_path=False).fit(corpus[0], indicator)
    assert isinstance(clf.wide_, JoinedPath)
    frame = clf.explain(corpus[0][:5]).to_frame()
    sums = frame.groupby(["document", "label"]).agg(
        {"score": "first", "contribution": "sum"}
    )
    np.testing.assert_allclose(sums["score"], sums["contribution"], atol=1e-4)
    assert {"term", "document"} <= set(frame["part"])


def test_texts_of_any_length_are_learned_from_and_predicted(
    clf, give_weight, corpus, indicator
):
    give_weight(0)
    texts = ["", "unheard of", "cat " * 25_000]
    X = texts + corpus[0][3:]
    with pytest.warns(UserWarning, match="1 of 100 texts are longer"):
        clf.fit(X, indicator)
    proba = clf.predict_proba(texts)
    assert np.isfinite(proba).all()
    assert clf.hierarchy_.is_coherent(clf.predict(texts))
    np.testing.assert_allclose(proba[:1], clf.predict_proba([""]), atol=1e-4)


@pytest.mark.parametrize("position", [0, 2])
def test_a_network_beside_embeddings_learns_further(
    clf, choose, give_weight, corpus, indicator, position
):
    choose(position)
    give_weight(0)
    texts = corpus[0]
    clf.set_params(warm_start=True, wide_path="auto").fit(texts, indicator)
    before, n_epochs = clf.predict_proba(texts), clf.n_iter_
    clf.partial_fit(texts[:50], indicator[:50])
    clf.fit(texts, indicator)
    assert clf.n_iter_ > n_epochs + 1
    assert not np.allclose(clf.predict_proba(texts), before, atol=1e-4)


def test_representations_need_no_embeddings(
    clf, choose, give_weight, corpus, indicator, monkeypatch
):
    choose(2)
    give_weight(0)
    clf.fit(corpus[0], indicator)
    embedder = clf._learned.form.documents.embedder
    monkeypatch.setattr(embedder, "embed", None)
    assert clf.transform(corpus[0]).shape == (100, 12)


@pytest.mark.parametrize(
    "vectorizer",
    [
        make_pipeline(TfidfVectorizer(), TruncatedSVD(5)),
        HashingVectorizer(n_features=64, alternate_sign=False),
    ],
)
def test_other_vectorizers_make_the_wide_path(
    clf, give_weight, corpus, indicator, vectorizer
):
    give_weight(0)
    clf.set_params(vectorizer=vectorizer).fit(corpus[0], indicator)
    assert clf.wide_ is not None
    assert f1_score(indicator, clf.predict(corpus[0]), average="micro") > 0.9


@pytest.mark.parametrize("settings", [{"variant": "tp"}, {"head": "joint"}])
def test_hiagm_reads_a_pretrained_encoder(
    folder, hierarchy, give_weight, corpus, indicator, settings
):
    give_weight(0)
    clf = HiAGMClassifier(hierarchy, pretrained=folder, **settings, **SMALL)
    assert clf.fit(corpus[0], indicator).predict_proba(corpus[0]).shape == (100, 8)


def test_a_tokenizer_is_no_vectorizer_of_terms(clf, folder, corpus, indicator):
    clf.set_params(vectorizer=SubwordTokenizer(folder, max_length=10))
    with pytest.raises(ValueError, match="encoder has its own tokenizer"):
        clf.fit(corpus[0], indicator)


@pytest.mark.parametrize("is_deep", [False, True])
def test_an_encoder_reads_label_texts(clf, give_weight, corpus, hierarchy, is_deep):
    texts, names = (np.array(each, dtype=object) for each in corpus)
    new = names[0]
    is_new = names == new
    clf.set_params(
        label_texts={node: node for node in hierarchy.nodes},
        deep_path=is_deep,
        decoding="threshold",
    )
    if is_deep:
        give_weight(0)
    clf.fit(texts[~is_new], [[name] for name in names[~is_new]])
    assert clf._learned.form.documents.embedder is not None
    assert (clf._learned.predictor.deep is not None) == is_deep
    (column,) = hierarchy.index([new])
    p = clf.predict_proba(texts)[:, column]
    assert p[is_new].mean() > 2 * p[~is_new].mean()
    back = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(back.predict_proba(texts)[:, column], p)
