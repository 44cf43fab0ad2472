"""Integrated gradients: sums, what a term takes with it, names, and what is missing."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy.special import logit
from sklearn.feature_extraction.text import HashingVectorizer

from sklearn_htc import HiAGMClassifier, HTCInfoMaxClassifier, TokenSequenceVectorizer
from sklearn_htc.explain.network_terms import _only, coherent_log_odds
from sklearn_htc.read_out.decoders import PathDecoder, ThresholdDecoder
from tests.explain.test_explaining import embeddings_of

GRADIENTS = "integrated_gradients"


def network(hierarchy, kind=HTCInfoMaxClassifier, **settings):
    """Return a small network that stands alone."""
    usual = {"wide_path": False, "dimension": 16, "random_state": 0, "max_epochs": 2}
    return kind(hierarchy, **(usual | settings))


@pytest.fixture(params=["terms", "embeddings", "tokens", "bigru", "rcnn", "propagated"])
def fitted(request, hierarchy, corpus, bag, indicator):
    """Return a network, and documents of the form that it reads."""
    kind, settings = HTCInfoMaxClassifier, {}
    rows = embeddings_of(corpus).astype(np.float32)
    if request.param == "terms":
        X = bag
    elif request.param == "embeddings":
        X = rows
    elif request.param == "tokens":
        X = rows.reshape(100, 4, 4).copy()
        X[::2, 3] = 0
    elif request.param == "propagated":
        X, kind, settings = bag, HiAGMClassifier, {"variant": "tp"}
    else:
        X, settings = corpus[0], {"text_encoder": request.param}
    return network(hierarchy, kind, **settings).fit(X, indicator), X


def test_terms_add_up_to_what_the_network_says(fitted, hierarchy):
    clf, X = fitted
    ((rows, logits),) = clf._learned.predictor.iter_log_odds(
        clf._read_documents(X[:9])[1]
    )
    log_odds = np.empty_like(logits)
    log_odds[rows] = logits
    documents = clf.explain(X[:9], labels=hierarchy.nodes, network=GRADIENTS)
    read_out = clf._learned.predictor.read_out
    scores = np.array([[each.score for each in one.labels] for one in documents])
    np.testing.assert_allclose(
        read_out.log_odds(scores.astype(np.float32)), log_odds, atol=1e-4
    )
    frame = documents.to_frame()
    sums = frame.groupby(["document", "label"], sort=False)["contribution"].sum()
    np.testing.assert_allclose(sums.to_numpy().reshape(9, 8), scores, atol=1e-4)
    # What is left over is what is said of every document that has no terms.
    left = frame[frame["part"] == "network"].set_index(["document", "label"])
    left = left["contribution"].to_numpy().reshape(9, 8)
    shared = np.array(
        [[each.of_network_terms.sum() for each in one.labels] for one in documents]
    )
    np.testing.assert_allclose(left, scores - shared, atol=1e-4)
    assert np.abs(shared).max() > 0.01


def test_what_is_left_over_is_the_score_of_a_document_without_terms(
    hierarchy, corpus, indicator
):
    clf = network(hierarchy).fit(corpus[0], indicator)
    some = [corpus[0][0], corpus[0][7], ""]
    *documents, empty = clf.explain(some, labels=hierarchy.nodes, network=GRADIENTS)
    for document in documents:
        for each, none in zip(document.labels, empty.labels, strict=True):
            assert len(none.network_terms) == 0
            left = each.network - each.of_network_terms.sum()
            np.testing.assert_allclose(left, none.score, atol=1e-4)


def test_a_term_of_a_bag_adds_what_the_score_loses_without_it(
    hierarchy, corpus, bag, indicator
):
    # A bag is one position, so that logits are linear in its terms.
    clf = network(hierarchy).fit(bag, indicator)
    document = bag[:1].tocsr().copy()
    whole = clf.explain(document, labels=["animal"], network=GRADIENTS)[0].labels[0]
    for term, value in zip(whole.network_terms, whole.of_network_terms, strict=True):
        less = document.tolil()
        less[0, int(term)] = 0
        (other,) = clf.explain(less.tocsr(), labels=["animal"], network=GRADIENTS)
        np.testing.assert_allclose(
            whole.score - other.labels[0].score, value, atol=1e-4
        )


@pytest.mark.parametrize("decoding", ["path", "threshold"])
def test_beside_a_wide_path_its_share_is_divided(
    hierarchy, corpus, bag, indicator, decoding
):
    clf = HTCInfoMaxClassifier(
        hierarchy, deep_path=True, max_epochs=1, random_state=0, decoding=decoding
    ).fit(bag, indicator)
    # As if it had weight.
    object.__setattr__(clf._learned.predictor, "deep_weight", 0.5)
    X = bag[:6].tolil()
    X[5] = 0
    X = X.tocsr()
    *sums, empty = clf.explain(X, labels=hierarchy.nodes)
    *shared, _ = clf.explain(X, labels=hierarchy.nodes, network=GRADIENTS)
    for one, other in zip(sums, shared, strict=True):
        for total, each, left in zip(
            one.labels, other.labels, empty.labels, strict=True
        ):
            assert total.network == each.network
            found = each.network - each.of_network_terms.sum()
            np.testing.assert_allclose(found, left.network, atol=2e-3)
    assert "network, for: " in repr(shared[0])
    few = clf.explain(X[:1], n_terms=1, network=GRADIENTS)
    assert "other network terms" in repr(few)


@pytest.mark.parametrize("graph", ["hierarchy", "dag"])
def test_log_odds_as_tensors_are_those_of_the_decoders(request, graph):
    hierarchy = request.getfixturevalue(graph)
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=3, size=(20, len(hierarchy)))
    leaves = np.flatnonzero(np.diff(hierarchy.children.indptr) == 0)
    nodes = np.array([2, 0, len(hierarchy) - 1])
    for decoder in (ThresholdDecoder(hierarchy), PathDecoder(hierarchy, leaves)):
        found = coherent_log_odds(decoder, torch.from_numpy(logits), nodes)
        expected = logit(decoder.probabilities(logits))[:, nodes]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_words_of_a_pretrained_encoder_are_named(hierarchy, corpus, indicator, folder):
    hashed = HashingVectorizer(n_features=64, alternate_sign=False)
    for vectorizer in (None, hashed):
        clf = HTCInfoMaxClassifier(
            hierarchy,
            text_encoder="transformer",
            pretrained=folder,
            vectorizer=vectorizer,
            wide_path=False,
            max_epochs=20,
            max_length=16,
            random_state=0,
        ).fit(corpus[0], indicator)
        texts = [corpus[0][0].title(), corpus[0][1], ""]
        documents = clf.explain(texts, labels=["animal", "oak"], network=GRADIENTS)
        for text, document in zip(texts, documents, strict=True):
            for each in document.labels:
                assert set(each.network_terms) == set(text.lower().split())
                marked = document.words(each.label)
                sums = sum(value for _, _, value in marked)
                np.testing.assert_allclose(sums, each.of_network_terms.sum(), atol=1e-5)
        assert f">{texts[1].split()[0]}</span>" in documents[1]._repr_html_()


def test_the_word_that_says_most_to_a_network_is_the_label_itself(
    hierarchy, corpus, indicator
):
    clf = network(hierarchy, text_encoder="bigru", max_epochs=30, lr=1e-2)
    clf.fit(corpus[0], indicator)
    documents = clf.explain(corpus[0][:20], network=GRADIENTS)
    strongest = [
        document.labels[-1].network_terms[0] == name
        for document, name in zip(documents, corpus[1][:20], strict=True)
    ]
    assert np.mean(strongest) > 0.8


def test_token_ids_without_words_stand_for_themselves(hierarchy, corpus, indicator):
    vectorizer = TokenSequenceVectorizer(max_length=6).fit(corpus[0])
    X = vectorizer.transform(corpus[0])
    clf = network(hierarchy, text_encoder="bigru").fit(X, indicator)
    (document,) = clf.explain(X[[0]], labels=["cat"], network=GRADIENTS)
    each = document.labels[0]
    assert set(each.network_terms) == {str(i) for i in X[[0]].data}
    with pytest.raises(ValueError, match="X holds no texts"):
        document.words("cat")


def test_what_is_missing_or_wrong_is_named(hierarchy, bag, indicator, monkeypatch):
    clf = network(hierarchy).fit(bag, indicator)
    with pytest.raises(ValueError, match="network='gradient' must be"):
        clf.explain(bag, network="gradient")
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r"sklearn-htc\[gradients\]"):
        clf.explain(bag, network=GRADIENTS)


def test_other_threads_predict_as_before_meanwhile(hierarchy, corpus, indicator):
    clf = network(hierarchy, text_encoder="bigru").fit(corpus[0], indicator)
    expected = clf.predict_proba(corpus[0])
    text_encoder = clf._learned.predictor.deep.net.module_.text_encoder
    with ThreadPoolExecutor(1) as other, _only(text_encoder, {}, torch.zeros(3, 4)):
        found = other.submit(clf.predict_proba, corpus[0]).result()
    np.testing.assert_array_equal(found, expected)
