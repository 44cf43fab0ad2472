"""ONNX files of estimators whose hierarchy has changed."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc import HierarchicalLinearClassifier, Hierarchy, HTCInfoMaxClassifier
from tests.estimators.test_label_texts import HIERARCHY, TEXTS, TOPICS, corpus
from tests.export.sessions import assert_module_says_the_same, assert_says_the_same

pytest.importorskip("onnxruntime")

NEW = "ferret"
FEWER = {t: [leaf for leaf in leaves if leaf != NEW] for t, leaves in TOPICS.items()}
BEFORE = Hierarchy.from_dict(FEWER)
KNOWN = {node: TEXTS[node] for node in BEFORE.nodes}
TRAIN, ALL, TEST = corpus(without=[NEW]), corpus(), corpus(seed=1, n=200)
SPLIT = FEWER | {"plant": ["oak", "red rose", "white rose", "fern", "cactus"]}
MERGED = FEWER | {"plant": ["tree", "fern"]}
TO_PARTS = {"rose": ["red rose", "white rose"]}
TO_TREE = {"oak": "tree", "rose": "tree", "cactus": None}
TEXTS_OF_PARTS = {"red rose": "red", "white rose": "white"}
CHANGES = {
    "added with documents": [{"X": ALL[0]}],
    "added with a text": [{"label_texts": {NEW: "the ferret"}}],
    "added with nothing": [{}],
    "merged": [{"hierarchy": MERGED, "mapping": TO_TREE}],
    "split": [{"hierarchy": SPLIT, "mapping": TO_PARTS}],
    "split with texts": [
        {"hierarchy": SPLIT, "mapping": TO_PARTS, "label_texts": TEXTS_OF_PARTS}
    ],
    "split, and texts later": [
        {"hierarchy": SPLIT, "mapping": TO_PARTS},
        {"hierarchy": SPLIT, "label_texts": TEXTS_OF_PARTS},
    ],
    "changed twice": [
        {"hierarchy": MERGED, "mapping": TO_TREE},
        {
            "hierarchy": MERGED | {"animal": TOPICS["animal"]},
            "label_texts": {NEW: "the ferret"},
        },
    ],
}


def targets(kind, names):
    """Return one path per document, or several, in the forms that are read apart."""
    if kind == "labels":
        return names
    if kind == "one path":
        return [[name] for name in names]
    return [[name, "cat"] if i % 3 else [] for i, name in enumerate(names)]


def updated(change, kind):
    """Return an estimator whose hierarchy has changed, and how exact its file is."""
    clf = HierarchicalLinearClassifier(BEFORE, label_texts=KNOWN, random_state=0)
    clf.fit(TRAIN[0], targets(kind, TRAIN[1]))
    for given in CHANGES[change]:
        settings = {"hierarchy": HIERARCHY} | given
        if "X" in given:
            settings["y"] = targets(kind, ALL[1])
        clf.update_hierarchy(**settings)
    # Shares of paths are near 1, where float32 has few digits.
    return clf, 1e-5 if kind == "several" else 1e-4


@pytest.mark.parametrize("kind", ["labels", "one path", "several"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_hierarchy_module_says_the_same(change, kind):
    clf, atol = updated(change, kind)
    assert_module_says_the_same(clf, TEST[0], atol)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("added with documents", "one path"),
        ("added with a text", "several"),
        ("split with texts", "several"),
        ("changed twice", "labels"),
    ],
)
def test_a_changed_hierarchy_has_a_form(change, kind, tmp_path):
    clf, atol = updated(change, kind)
    assert_says_the_same(clf, TEST[0], tmp_path / "model.onnx", atol)


@pytest.mark.parametrize("form", ["embeddings", "both"])
def test_nodes_are_learned_anew_from_any_form_of_documents(form, tmp_path):
    rng = np.random.default_rng(0)
    center = rng.normal(size=(len(HIERARCHY), 16)).astype(np.float32)

    def read(names):
        X = center[HIERARCHY.index(names)] + rng.normal(size=(len(names), 16))
        if form == "embeddings":
            return X.astype(np.float32)
        terms = np.eye(len(HIERARCHY))[HIERARCHY.index(names)]
        terms *= rng.random(terms.shape) < 0.5
        return sparse.csr_array(sparse.hstack([sparse.csr_array(terms), X]))

    clf = HTCInfoMaxClassifier(
        BEFORE, dimension=8, max_epochs=2, deep_path=False, random_state=0
    )
    clf.fit(read(TRAIN[1]), targets("several", TRAIN[1]))
    clf.update_hierarchy(HIERARCHY, X=read(ALL[1]), y=targets("several", ALL[1]))
    assert_says_the_same(clf, read(TEST[1]), tmp_path / "model.onnx")


def test_a_graph_that_has_changed_has_a_form(dag, tmp_path):
    rng = np.random.default_rng(0)
    X = sparse.csr_array(rng.random((200, 12)) * (rng.random((200, 12)) < 0.5))
    words = np.array(list(dag.nodes))
    y = [list(words[rng.random(len(words)) < 0.3]) for _ in range(200)]
    clf = HierarchicalLinearClassifier(dag, random_state=0).fit(X, y)
    edges = [("a", "bd"), ("bd", "e"), ("c", "e"), ("c", "f")]
    clf.update_hierarchy(edges, {"b": "bd", "d": "bd"})
    assert_says_the_same(clf, X, tmp_path / "model.onnx")
