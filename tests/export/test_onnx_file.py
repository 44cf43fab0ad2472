"""ONNX files: they say what the estimator says."""

import json
from datetime import date

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_htc import (
    HiAGMClassifier,
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    HTCInfoMaxClassifier,
    TokenSequenceVectorizer,
)
from sklearn_htc.export import onnx_file, to_onnx
from sklearn_htc.label_tree import fitting
from tests.export.sessions import assert_module_says_the_same, assert_says_the_same, run

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

SMALL = {"dimension": 8, "max_epochs": 2, "random_state": 0}
LINEAR = HierarchicalLinearClassifier(random_state=0)
ESTIMATORS = {
    "linear": LINEAR,
    "network": HTCInfoMaxClassifier(wide_path=False, **SMALL),
    "both paths": HTCInfoMaxClassifier(deep_path=True, **SMALL),
    "wide path": HTCInfoMaxClassifier(deep_path=False, **SMALL),
    "treelstm, joint head": HTCInfoMaxClassifier(
        wide_path=False, structure_encoder="treelstm", head="joint", **SMALL
    ),
    "label attention": HiAGMClassifier(variant="la", wide_path=False, **SMALL),
    "mean pooling": HiAGMClassifier(
        structure_encoder=None, head="mean_pooling", wide_path=False, **SMALL
    ),
    "text propagation": HiAGMClassifier(variant="tp", wide_path=False, **SMALL),
}


def documents(form, bag):
    """Return terms, coordinates, or both."""
    if form == "terms":
        return bag
    coordinates = np.random.default_rng(0).normal(size=(bag.shape[0], 16))
    coordinates[:, : bag.shape[1]] += bag.toarray()[:, :16]
    if form == "embeddings":
        return coordinates.astype(np.float32)
    return sparse.csr_array(sparse.hstack([bag, coordinates])).astype(np.float32)


def targets(kind, corpus, hierarchy):
    """Return one path per document, or several, in the forms that are read apart."""
    names = corpus[1]
    return {
        "labels": names,
        "one path": [[name] for name in names],
        "several": [[name, "cat"] if i % 3 else [] for i, name in enumerate(names)],
    }[kind]


# Each way to score with each way to decode, and each form of X.
@pytest.mark.parametrize(
    ("name", "form", "kind"),
    [
        ("linear", "terms", "labels"),
        ("linear", "terms", "one path"),
        ("linear", "terms", "several"),
        ("linear", "embeddings", "several"),
        ("wide path", "embeddings", "one path"),
        ("wide path", "both", "several"),
        ("network", "terms", "labels"),
        ("network", "embeddings", "several"),
        ("network", "both", "one path"),
        ("both paths", "terms", "several"),
        ("both paths", "embeddings", "labels"),
        ("both paths", "both", "one path"),
        ("both paths", "both", "several"),
    ],
)
def test_a_file_says_what_the_estimator_says(
    name, form, kind, corpus, bag, hierarchy, tmp_path
):
    X, y = documents(form, bag), targets(kind, corpus, hierarchy)
    clf = ESTIMATORS[name].set_params(hierarchy=hierarchy).fit(X, y)
    if name == "both paths":
        object.__setattr__(clf._learned.predictor, "deep_weight", 0.7)
    assert_says_the_same(clf, X, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "name",
    ["treelstm, joint head", "label attention", "mean pooling", "text propagation"],
)
def test_every_model_of_a_bag_has_a_form(
    name, corpus, bag, indicator, hierarchy, tmp_path
):
    y = [[name] for name in corpus[1]]
    clf = ESTIMATORS[name].set_params(hierarchy=hierarchy).fit(bag, y)
    assert_says_the_same(clf, bag, tmp_path / "model.onnx")


def with_label_texts(name, form, kind, corpus, bag, hierarchy):
    """Return an estimator that label texts tell of a label, and its documents."""
    # "fir" has no document, and "herb" no text.
    kept = [i for i, leaf in enumerate(corpus[1]) if leaf != "fir"]
    y = [targets(kind, corpus, hierarchy)[i] for i in kept]
    names = {n: f"the {n} of a {n}" for n in hierarchy.nodes if n != "herb"}
    clf = clone(ESTIMATORS[name]).set_params(hierarchy=hierarchy)
    if form == "texts":
        X = [corpus[0][i] for i in kept]
        clf.set_params(label_texts=names)
    else:
        everything = documents(form, bag)
        X = everything[kept]
        # As if a document of each label were its text.
        first = [corpus[1].index(n) if n in corpus[1] else 0 for n in hierarchy.nodes]
        clf.set_params(label_features=everything[first])
    clf.fit(X, y)
    predictor = clf._learned.predictor
    assert len(predictor.label_texts.new_labels)
    if name == "both paths":
        object.__setattr__(predictor, "deep_weight", 0.7)
    return clf, X


@pytest.mark.parametrize("kind", ["labels", "one path", "several"])
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("linear", "texts"),
        ("linear", "embeddings"),
        ("linear", "both"),
        ("wide path", "both"),
        ("both paths", "terms"),
    ],
)
def test_label_texts_have_a_module(name, form, kind, corpus, bag, hierarchy):
    clf, X = with_label_texts(name, form, kind, corpus, bag, hierarchy)
    assert_module_says_the_same(clf, X)


@pytest.mark.parametrize(
    ("name", "form", "kind"),
    [
        ("linear", "texts", "several"),
        ("linear", "both", "labels"),
        ("both paths", "terms", "one path"),
    ],
)
def test_label_texts_have_a_form(name, form, kind, corpus, bag, hierarchy, tmp_path):
    clf, X = with_label_texts(name, form, kind, corpus, bag, hierarchy)
    assert_says_the_same(clf, X, tmp_path / "model.onnx")


def test_label_texts_of_a_graph_have_a_form(dag, tmp_path):
    rng = np.random.default_rng(0)
    # "f" is below one that documents have, and "e" below "d", which none has.
    words = np.array([node for node in dag.nodes if node not in "def"])
    y = [list(words[rng.random(len(words)) < 0.3]) for _ in range(200)]
    texts = [" ".join([*row, *rng.choice(list("uvwxyz"), 3)]) for row in y]
    vectorizer = TfidfVectorizer(token_pattern=r"\S+")
    clf = HierarchicalLinearClassifier(
        dag, vectorizer=vectorizer, label_texts=list(dag.nodes), random_state=0
    ).fit(texts, y)
    predictor = clf._learned.predictor
    new = [dag.nodes[i] for i in predictor.label_texts.new_labels]
    assert sorted(new) == ["d", "e", "f"]
    texts += [f"{text} d e f" for text in texts[:20]]
    before = clf.predict_proba(texts)
    # New labels are improbable here, so that little has to be left to the others.
    object.__setattr__(predictor.label_texts, "exclusion", 20.0)
    assert np.abs(clf.predict_proba(texts) - before).max() > 0.01
    assert_says_the_same(clf, texts, tmp_path / "model.onnx")


def test_label_texts_of_a_network_alone_have_a_form(corpus, hierarchy, tmp_path):
    names = {n: f"the {n} of a {n}" for n in hierarchy.nodes}
    y = [[leaf] if leaf != "fir" else [] for leaf in corpus[1]]
    clf = HTCInfoMaxClassifier(
        hierarchy, label_texts=names, wide_path=False, **SMALL
    ).fit(corpus[0], y)
    assert len(clf._learned.predictor.label_texts.new_labels)
    assert_says_the_same(clf, corpus[0], tmp_path / "model.onnx")


@pytest.mark.parametrize("weights", ["float16", "pruned"])
def test_smaller_models_have_smaller_files(weights, corpus, hierarchy, tmp_path):
    texts, names = corpus
    clf = LINEAR.set_params(hierarchy=hierarchy).fit(texts, [[name] for name in names])
    small = clf.compact(weights=weights)
    assert_says_the_same(small, texts, tmp_path / "small.onnx")
    to_onnx(clf, tmp_path / "large.onnx")
    sizes = [(tmp_path / f"{name}.onnx").stat().st_size for name in ("small", "large")]
    assert sizes[0] < sizes[1] or weights == "pruned"


def test_graphs_with_several_parents_have_a_form(dag, tmp_path):
    rng = np.random.default_rng(0)
    X = sparse.csr_array(rng.random((200, 12)) * (rng.random((200, 12)) < 0.5))
    words = np.array(list(dag.nodes))
    y = [list(words[rng.random(len(words)) < 0.3]) for _ in range(200)]
    clf = HierarchicalLinearClassifier(dag, random_state=0).fit(X, y)
    assert_says_the_same(clf, X, tmp_path / "model.onnx")


def test_a_pipeline_has_its_last_step_in_the_file(corpus, hierarchy, tmp_path):
    clf = make_pipeline(TfidfVectorizer(), LINEAR.set_params(hierarchy=hierarchy))
    clf.fit(*corpus)
    assert_says_the_same(clf, corpus[0], tmp_path / "model.onnx")


def test_documents_without_known_terms_have_a_form(corpus, hierarchy, tmp_path):
    clf = LINEAR.set_params(hierarchy=hierarchy).fit(*corpus)
    _, (probabilities, _) = run(clf, ["", "zebra"], tmp_path / "model.onnx")
    expected = clf.predict_proba(["", "zebra"])
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)


def test_metadata_name_the_columns(corpus, hierarchy, tmp_path):
    clf = LINEAR.set_params(hierarchy=hierarchy).fit(*corpus)
    session, _ = run(clf, corpus[0][:1], tmp_path / "model.onnx")
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["nodes"]) == list(hierarchy.nodes)
    assert json.loads(metadata["classes"]) == list(clf.classes_)
    assert list(tmp_path.iterdir()) == [tmp_path / "model.onnx"]


def test_metadata_tell_numbers_from_text(tmp_path):
    rows = [[1, "1"], [1, "x"], [2.5, "x"], [date(2020, 1, 1), ""]] * 5
    clf = HierarchicalLinearClassifier("infer").fit(np.tile(np.eye(4), (5, 1)), rows)
    to_onnx(clf, tmp_path / "model.onnx")
    properties = onnx.load(tmp_path / "model.onnx").metadata_props
    nodes = json.loads({each.key: each.value for each in properties}["nodes"])
    first = [[1], [2.5], ["2020-01-01"]]
    assert sorted(nodes, key=str) == sorted(
        [*first, [1, "1"], [1, "x"], [2.5, "x"]], key=str
    )


@pytest.mark.parametrize("case", ["tree", "own", "sequences", "bfloat16"])
def test_what_has_no_form_is_refused(case, corpus, hierarchy, monkeypatch, tmp_path):
    texts, names = corpus
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    message = "has no form in ONNX"
    if case == "tree":
        monkeypatch.setattr(fitting, "is_affordable", lambda *_: False)
    elif case == "own":
        clf = HierarchicalDecodingClassifier(KNeighborsClassifier(), hierarchy)
    elif case == "sequences":
        network = HTCInfoMaxClassifier(hierarchy, text_encoder="bigru", **SMALL)
        clf = make_pipeline(TokenSequenceVectorizer(max_length=8), network)
        message = "reads sequences"
    elif case == "bfloat16":
        clf = HTCInfoMaxClassifier(
            hierarchy, wide_path=False, mixed_precision=True, **SMALL
        )
        message = "predicts in bfloat16"
    clf.fit(texts, names)
    with pytest.raises(NotImplementedError, match=message):
        to_onnx(clf, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_other_estimators_are_refused(corpus, hierarchy, tmp_path):
    search = GridSearchCV(LINEAR.set_params(hierarchy=hierarchy), {"C": [1.0]}, cv=2)
    search.fit(*corpus)
    with pytest.raises(TypeError, match="best_estimator_"):
        to_onnx(search, tmp_path / "model.onnx")
    assert_says_the_same(search.best_estimator_, corpus[0], tmp_path / "model.onnx")


def test_too_large_files_are_refused(corpus, hierarchy, monkeypatch, tmp_path):
    clf = LINEAR.set_params(hierarchy=hierarchy).fit(*corpus)
    monkeypatch.setattr(onnx_file, "MAX_SIZE", 1000)
    with pytest.raises(ValueError, match="compact"):
        to_onnx(clf, tmp_path / "model.onnx")
    with pytest.raises(NotFittedError):
        to_onnx(HierarchicalLinearClassifier(hierarchy), tmp_path / "model.onnx")
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"sklearn-htc\[onnx\]"):
        to_onnx(clf, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "clf",
    [
        HierarchicalLinearClassifier(random_state=0),
        HTCInfoMaxClassifier(wide_path=False, **SMALL),
        HTCInfoMaxClassifier(deep_path=False, **SMALL),
    ],
    ids=["linear", "network alone", "kernel"],
)
def test_a_vectorizer_may_make_embeddings_of_texts(clf, corpus, hierarchy, tmp_path):
    vectorizer = make_pipeline(TfidfVectorizer(), TruncatedSVD(8, random_state=0))
    clf = clone(clf).set_params(hierarchy=hierarchy, vectorizer=vectorizer)
    assert_says_the_same(clf.fit(*corpus), corpus[0], tmp_path / "model.onnx")
