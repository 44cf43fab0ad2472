"""Imports: what needs no torch doesn't load it."""

import pickle
import subprocess
import sys

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

import sklearn_htc
from sklearn_htc import HierarchicalDecodingClassifier, HierarchicalLinearClassifier
from sklearn_htc.label_tree import fitting

WITHOUT_TORCH = """
import pickle
import sys

import numpy as np

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "skorch"):
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Refuse())
with open(sys.argv[1], "rb") as file:
    clf, texts, expected = pickle.load(file)
np.testing.assert_allclose(clf.predict_proba(texts), expected, rtol=1e-5)
clf.predict(texts)
clf.predict_top_k(texts, 2)
"""


def assert_needs_no_torch(clf, texts, folder):
    """Predict in a process in which torch can't be imported."""
    path = folder / "model.pickle"
    path.write_bytes(pickle.dumps((clf, texts, clf.predict_proba(texts))))
    command = [sys.executable, "-c", WITHOUT_TORCH, str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "clf",
    [
        HierarchicalLinearClassifier(random_state=0),
        HierarchicalDecodingClassifier(
            OneVsRestClassifier(LogisticRegression()), random_state=0
        ),
    ],
    ids=lambda clf: type(clf).__name__,
)
def test_linear_models_predict_without_torch(clf, corpus, hierarchy, tmp_path):
    texts, names = corpus
    clf.set_params(hierarchy=hierarchy).fit(texts, names)
    assert_needs_no_torch(clf, texts, tmp_path)


def test_label_trees_predict_without_torch(corpus, hierarchy, monkeypatch, tmp_path):
    texts, names = corpus
    monkeypatch.setattr(fitting, "is_affordable", lambda *_: False)
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(texts, names)
    assert type(clf.wide_).__name__ == "LabelTree"
    assert_needs_no_torch(clf, texts, tmp_path)


def test_label_texts_and_updates_need_no_torch(corpus, hierarchy, tmp_path):
    texts, names = corpus
    clf = HierarchicalLinearClassifier(
        hierarchy, label_texts=[f"all about {node}" for node in hierarchy.nodes]
    )
    clf.fit(texts, [[name] for name in names])
    assert_needs_no_torch(clf, texts, tmp_path)
    grown = sklearn_htc.Hierarchy.from_dict(
        {"animal": ["cat", "dog", "cow"], "plant": ["tree", "herb"]}
        | {"tree": ["oak", "fir"]}
    )
    clf.update_hierarchy(grown, label_texts={"cow": "the cow moos"})
    assert_needs_no_torch(clf, texts, tmp_path)


@pytest.mark.parametrize("name", sklearn_htc.__all__)
def test_public_names_are_listed_and_found(name):
    assert name in dir(sklearn_htc)
    assert getattr(sklearn_htc, name).__name__ == name


def test_public_modules_need_no_import_of_their_own():
    script = "import sklearn_htc; sklearn_htc.metrics.coherence_score"
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="no attribute 'Hierarchies'"):
        sklearn_htc.Hierarchies  # noqa: B018
