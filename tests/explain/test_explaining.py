"""Explanations: sums that are exact, words that matter, and ends of paths."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from sklearn_htc import (
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
)
from sklearn_htc.data.documents import BagOfTerms
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.explain.contributions import contributions
from sklearn_htc.explain.path_end import path_ends
from sklearn_htc.read_out.decoders import PartialPathDecoder
from sklearn_htc.wide.joined import JoinedPath, Part, Side
from sklearn_htc.wide.kernel import KernelPath, KernelSettings
from sklearn_htc.wide.linear import LinearPath, LinearSettings


def embeddings_of(corpus):
    """Return 16 coordinates, those of the same label near to each other."""
    rng = np.random.default_rng(0)
    names = sorted(set(corpus[1]))
    centers = dict(zip(names, rng.normal(size=(len(names), 16)), strict=True))
    noise = rng.normal(scale=0.5, size=(len(corpus[1]), 16))
    return noise + [centers[name] for name in corpus[1]]


def forms(corpus, bag):
    """Return X for each kind of wide path."""
    embeddings = embeddings_of(corpus)
    return {
        "terms": (bag, LinearPath),
        "embeddings": (embeddings, KernelPath),
        "both": (sparse.hstack([bag, embeddings], format="csr"), JoinedPath),
    }


@pytest.mark.parametrize("form", ["terms", "embeddings", "both"])
@pytest.mark.parametrize("deep_path", [False, True])
def test_parts_add_up_to_the_score(hierarchy, corpus, bag, indicator, form, deep_path):
    X, kind = forms(corpus, bag)[form]
    clf = HTCInfoMaxClassifier(
        hierarchy, deep_path=deep_path, max_epochs=1, random_state=0
    ).fit(X, indicator)
    if form != "both":
        assert isinstance(clf.wide_, kind)
    predictor = clf._learned.predictor
    if deep_path:
        # As if it had weight.
        object.__setattr__(predictor, "deep_weight", 0.5)
    explanations = clf.explain(X, labels=hierarchy.nodes)
    scores = np.empty((100, 8))
    for rows, *parts in predictor._iter_parts(clf._read_documents(X)[1]):
        part = sum(each for each in parts if each is not None)
        scores[rows] = part
    found = np.array([[each.score for each in doc.labels] for doc in explanations])
    np.testing.assert_allclose(found, scores, atol=1e-4)
    frame = explanations.to_frame()
    sums = frame.groupby(["document", "label"], sort=False)["contribution"].sum()
    np.testing.assert_allclose(sums.to_numpy().reshape(100, 8), scores, atol=1e-4)
    assert ("network" in set(frame["part"])) == deep_path
    probabilities = np.array(
        [[each.probability for each in doc.labels] for doc in explanations]
    )
    np.testing.assert_allclose(probabilities, clf.predict_proba(X), atol=1e-6)


def test_both_kinds_of_parts_of_a_joined_path(hierarchy, corpus, bag, indicator):
    X = forms(corpus, bag)["both"][0]
    terms, embeddings = (
        Side(np.arange(bag.shape[1]), is_embedding=False),
        Side(np.arange(bag.shape[1], X.shape[1]), is_embedding=True),
    )
    data = TrainingData(
        BagOfTerms(X), indicator.astype(np.float32), np.ones(100), hierarchy, None
    )
    rng = np.random.RandomState(0)
    models = [
        (side, settings.fit(data.with_documents(side.documents(data.documents)), rng))
        for side, settings in (
            (terms, LinearSettings()),
            (embeddings, KernelSettings()),
        )
    ]
    path = JoinedPath(
        tuple(Part(side, model, 0.5 + i) for i, (side, model) in enumerate(models)),
        np.ones(X.shape[1], dtype=np.float32),
    )
    (found,) = contributions(path, X[:1], [np.arange(8)])
    for (side, model), weight, parts in (
        (models[0], 0.5, found.of_terms),
        (models[1], 1.5, found.of_rows),
    ):
        own = model.scores(side.read(X[:1]))[0] - model.intercept_
        np.testing.assert_allclose(parts.sum(axis=0), weight * own, atol=1e-5)
    np.testing.assert_allclose(found.intercept, path.intercept_, atol=1e-6)
    assert set(found.columns) <= set(terms.columns)
    assert len(found.rows) == 100


def test_a_term_adds_what_the_score_loses_without_it(hierarchy, corpus, bag, indicator):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(bag, indicator)
    names = np.array([f"f{i}" for i in range(bag.shape[1])])
    document = sparse.csr_array(bag[:1])
    each = clf.explain(document, labels=["animal"], feature_names=names)[0].labels[0]
    for term, value in zip(each.terms, each.of_terms, strict=True):
        less = document.copy()
        less[0, names.tolist().index(term)] = 0
        without = clf.explain(less, labels=["animal"])[0].labels[0]
        np.testing.assert_allclose(each.score - without.score, value, atol=1e-5)


def test_the_word_that_says_most_is_the_label_itself(hierarchy, corpus, indicator):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    clf.fit(corpus[0], indicator)
    for text, name, document in zip(*corpus, clf.explain(corpus[0]), strict=True):
        own = document.labels[-1]
        assert own.label == name
        assert own.is_predicted
        assert name in own.terms[0].split()
        words = document.words(name)
        totals = Counter()
        for start, end, value in words:
            totals[text[start:end]] += value
        assert totals.most_common(1)[0][0] == name
        np.testing.assert_allclose(
            sum(word[2] for word in words), own.of_terms.sum(), atol=1e-5
        )


def test_training_documents_like_this_one_are_named(hierarchy, corpus, indicator):
    X = embeddings_of(corpus)
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=False, random_state=0)
    weight = np.ones(100)
    weight[:10] = 0
    clf.fit(X, indicator, sample_weight=weight)
    for row in (20, 50):
        each = clf.explain(X[row : row + 1])[0].labels[-1]
        assert len(each.documents) == 90
        assert np.all(np.diff(np.abs(each.of_documents)) <= 0)
        same = {i - 10 for i in range(10, 100) if corpus[1][i] == corpus[1][row]}
        assert set(each.documents[:3].tolist()) <= same
        # A document is as similar to itself as can be.
        node = hierarchy.index([each.label])[0]
        own = each.of_documents[each.documents.tolist().index(row - 10)]
        np.testing.assert_allclose(own, clf.wide_.coef_[row - 10, node], rtol=1e-4)


@pytest.mark.parametrize("decoding", ["path", "auto", "threshold"])
def test_ends_of_paths_say_what_was_missing(hierarchy, corpus, decoding):
    general = [f"animal of some kind {word}" for word in corpus[0]]
    texts = [*corpus[0], *general]
    Y = hierarchy.to_indicator([[name] for name in corpus[1] + 100 * ["animal"]])
    clf = HierarchicalLinearClassifier(hierarchy, decoding=decoding, random_state=0)
    clf.fit(texts, Y)
    Y = clf.predict(texts).toarray()
    n_ended = 0
    for document, predicted in zip(clf.explain(texts), Y, strict=True):
        labels = {hierarchy.nodes[i] for i in np.flatnonzero(predicted)}
        assert {each.label for each in document.labels} == labels
        specific = hierarchy.to_labels(predicted[None], most_specific=True)[0]
        assert [end.label for end in document.ends] == specific
        for end in document.ends:
            column = hierarchy.index([end.label])[0]
            children = hierarchy.children[[column]].indices
            names = {hierarchy.nodes[i] for i in children}
            if not names:
                assert end.next_label is None
                assert "nothing" in str(end)
                continue
            n_ended += 1
            assert end.next_label in names
            assert end.probability < end.needed
            assert f"{end.needed:.2f}" in str(end)
    assert n_ended


def test_a_document_without_a_label_says_what_was_missing(hierarchy, corpus):
    text = "<i>words</i> that say nothing"
    labels = [[name] for name in corpus[1]] + [[]] * 50
    clf = HierarchicalLinearClassifier(hierarchy, threshold=0.9, random_state=0)
    clf.fit([*corpus[0], *[text] * 50], hierarchy.to_indicator(labels))
    assert clf.predict([text]).sum() == 0
    explanations = clf.explain([text])
    (document,) = explanations
    assert not document.labels
    (end,) = document.ends
    assert end.label is None
    roots = {hierarchy.nodes[root] for root in hierarchy.roots}
    p = clf.predict_proba([text])[0]
    best = max(roots, key=lambda root: p[hierarchy.index([root])[0]])
    assert end.next_label == best
    assert end.probability < end.needed == pytest.approx(0.9)
    assert f"No label is predicted; {best!r} has probability" in repr(explanations)
    html = explanations._repr_html_()
    assert "&lt;i&gt;words" in html
    assert "No label is predicted" in html
    assert explanations.to_frame().empty


def test_text_html_and_table(hierarchy, corpus, indicator):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    clf.fit(corpus[0], indicator)
    text = f"{corpus[0][0]} <b>& more</b>"
    explanations = clf.explain([text, corpus[0][1]], n_terms=2)
    assert len(explanations) == len(explanations[:2]) == 2
    label = explanations[0].labels[-1]
    for_it, against_it = label.strongest()
    assert len(for_it) <= 2
    assert len(against_it) <= 2
    assert f"{label.label!r}: probability {label.probability:.2f}" in repr(explanations)
    assert "Explanations" not in repr(explanations)
    html = explanations[0]._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>&" not in html
    assert f">{corpus[1][0]}</span>" in html
    assert html.count("<details") == len(explanations[0].labels)
    frame = explanations.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert set(frame["part"]) <= {"term", "other terms", "intercept"}
    of_terms = frame[frame["part"] == "term"].groupby(["document", "label"]).size()
    assert of_terms.max() <= 4


def test_asked_labels_are_explained_in_every_document(hierarchy, corpus, indicator):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    clf.fit(corpus[0], indicator)
    for document in clf.explain(corpus[0][:5], labels=["oak", "cat"]):
        assert [each.label for each in document.labels] == ["oak", "cat"]
        assert not all(each.is_predicted for each in document.labels)
        with pytest.raises(ValueError, match="'dog' is not explained"):
            document.words("dog")


def test_columns_are_named_by_what_is_known(hierarchy, corpus, bag, indicator):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(bag, indicator)
    document = clf.explain(bag[:1])[0]
    assert all(term.isdigit() for term in document.labels[0].terms)
    with pytest.raises(ValueError, match="X holds no texts"):
        document.words(document.labels[0].label)
    vectorizer = TfidfVectorizer().fit(corpus[0])
    names = vectorizer.get_feature_names_out()
    named = clf.explain(bag[:1], feature_names=names)[0].labels[0]
    assert set(named.terms) <= set(corpus[0][0].split())
    frame = pd.DataFrame(bag.toarray(), columns=names)
    clf.fit(frame, indicator)
    assert set(clf.explain(frame[:1])[0].labels[0].terms) == set(corpus[0][0].split())


def test_what_can_not_be_explained_is_named(hierarchy, corpus, bag, indicator):
    flat = OneVsRestClassifier(LogisticRegression())
    clf = HierarchicalDecodingClassifier(flat, hierarchy).fit(bag, indicator)
    with pytest.raises(TypeError, match="not OneVsRestClassifier"):
        clf.explain(bag)
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, max_epochs=1)
    with pytest.raises(ValueError, match="only a network"):
        clf.fit(bag, indicator).explain(bag)
    clf = HierarchicalLinearClassifier(hierarchy).fit(bag, indicator)
    with pytest.raises(ValueError, match="Unknown label 'fish'"):
        clf.explain(bag, labels=["fish"])
    with pytest.raises(ValueError, match="n_terms"):
        clf.explain(bag, n_terms=0)
    for names in (["a", "b", "c"], ["a"] * (bag.shape[1] + 1)):
        with pytest.raises(ValueError, match=f"feature_names has {len(names)} names"):
            clf.explain(bag, feature_names=names)


def test_numbers_of_columns_are_not_looked_for_in_the_text(
    hierarchy, corpus, indicator
):
    texts = [f"{text} 1 2 3" for text in corpus[0]]
    vectorizer = HashingVectorizer(n_features=8, alternate_sign=False)
    clf = HierarchicalLinearClassifier(hierarchy, vectorizer=vectorizer)
    document = clf.fit(texts, indicator).explain(texts[:1])[0]
    with pytest.raises(ValueError, match="have no names"):
        document.words(document.labels[0].label)
    assert "<span" not in document._repr_html_()


def test_whole_paths_compete_by_the_best_one_through_a_child(hierarchy):
    # Most documents end at "plant", and below it "tree" has two likely leaves.
    rng = np.random.default_rng(0)
    names = rng.choice(["plant", "oak", "fir", "herb"], 300, p=[0.4, 0.25, 0.25, 0.1])
    texts = [f"green leaf {rng.choice(list('pqrstu'))}x" for _ in names]
    clf = HierarchicalLinearClassifier(hierarchy, decoding="path", random_state=0)
    clf.fit(texts, hierarchy.to_indicator([[name] for name in names]))
    document = clf.explain(texts[:1])[0]
    (end,) = document.ends
    assert (end.label, end.next_label) == ("plant", "tree")
    assert end.probability < end.needed
    # Both leaves together are more probable than the path that is predicted.
    tree = clf.explain(texts[:1], labels=["tree"])[0].labels[0].probability
    assert tree > end.needed


def test_hostile_labels_texts_and_terms_are_escaped():
    label = "<script>alert(1)</script>"
    texts = [f"<script>{word}</script> words" for word in ("some", "other")] * 30
    hierarchy = Hierarchy([("top", label)])
    # Terms with what HTML marks tags by.
    vectorizer = TfidfVectorizer(token_pattern=r"\S+")
    clf = HierarchicalLinearClassifier(hierarchy, vectorizer=vectorizer)
    clf.fit(texts, [[label], ["top"]] * 30)
    explained = clf.explain(texts[:1], labels=[label])
    assert any("<script>" in term for term in explained[0].labels[0].terms)
    for shown in (explained, clf.hierarchy_):
        html = shown._repr_html_()
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


def test_a_node_of_several_parents_needs_all_of_them():
    hierarchy = Hierarchy([("a", "c"), ("b", "c")], nodes=["a", "b", "c"])
    decoder = PartialPathDecoder(
        hierarchy,
        hierarchy.index(["a", "c"]),
        threshold=np.array([0.3, 0.6, 0.48]),
        gain=np.ones(3),
    )
    p = np.array([0.95, 0.55, 0.5])
    (end,) = path_ends(decoder, hierarchy, np.array([0]), p, None)
    assert (end.label, end.next_label) == ("a", "c")
    # So much that both are worth it: p(c) - 0.48 + 0.55 - 0.6 > 0.
    assert end.needed == pytest.approx(0.53)
    # Of a tree it is the threshold.
    tree = Hierarchy([("a", "c")], nodes=["a", "b", "c"])
    decoder = PartialPathDecoder(
        tree, tree.leaves, threshold=decoder.threshold, gain=np.ones(3)
    )
    (end,) = path_ends(decoder, tree, np.array([0]), p - 0.1, None)
    assert end.needed == pytest.approx(0.48)


def test_weights_of_documents_that_cancel_add_up_to_the_score():
    rng = np.random.default_rng(0)
    landmarks = rng.normal(size=(4000, 4)).astype(np.float32)
    coef = np.repeat(rng.normal(size=(2000, 3)) * 1e4, 2, axis=0).astype(np.float32)
    coef[1::2] *= -1
    path = KernelPath(
        KernelSettings(),
        np.ones(4, dtype=np.float32),
        landmarks,
        0.1,
        coef,
        np.zeros(3, dtype=np.float32),
        np.arange(4000),
    )
    X = rng.normal(size=(3, 4))
    parts = list(contributions(path, X, [np.arange(3)] * 3))
    found = np.array([part.of_rows.sum(axis=0) for part in parts])
    np.testing.assert_allclose(found, path.scores(X), rtol=1e-6)
