"""ONNX files of classifiers of the user's."""

import numpy as np
import pytest
from sklearn.linear_model import (
    LogisticRegression,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from sklearn_htc import HierarchicalDecodingClassifier
from tests.export.sessions import assert_module_says_the_same, assert_says_the_same

pytest.importorskip("onnxruntime")

LINEAR = {
    "support vectors": OneVsRestClassifier(LinearSVC()),
    "without intercept": OneVsRestClassifier(LinearSVC(fit_intercept=False)),
    "logistic": OneVsRestClassifier(LogisticRegression()),
    "gradient descent": OneVsRestClassifier(SGDClassifier(random_state=0)),
    "ridge": RidgeClassifier(),
}


def fitted(name, form, corpus, bag, hierarchy):
    """Return an estimator of one of the classifiers, and its documents."""
    # "fir" has no document, and all documents are of "plant" or "animal".
    kept = [i for i, leaf in enumerate(corpus[1]) if leaf != "fir"]
    X = {
        "texts": [corpus[0][i] for i in kept],
        "sparse": bag[kept],
        "dense": bag[kept].toarray(),
    }[form]
    y = [[corpus[1][i]] for i in kept]
    clf = HierarchicalDecodingClassifier(LINEAR[name], hierarchy, random_state=0)
    return clf.fit(X, y), X


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("form", ["texts", "sparse", "dense"])
def test_linear_classifiers_have_a_module(name, form, corpus, bag, hierarchy):
    assert_module_says_the_same(*fitted(name, form, corpus, bag, hierarchy))


@pytest.mark.parametrize(
    ("name", "form"), [("support vectors", "texts"), ("ridge", "dense")]
)
def test_linear_classifiers_have_a_form(name, form, corpus, bag, hierarchy, tmp_path):
    clf, X = fitted(name, form, corpus, bag, hierarchy)
    assert_says_the_same(clf, X, tmp_path / "model.onnx")


def test_a_label_of_all_documents_has_a_form(corpus, bag, hierarchy, tmp_path):
    y = [[name, "animal"] for name in corpus[1]]
    clf = HierarchicalDecodingClassifier(
        OneVsRestClassifier(LinearSVC()), hierarchy, random_state=0
    )
    assert_says_the_same(clf.fit(bag, y), bag, tmp_path / "model.onnx")


def test_one_class_per_document(corpus, bag, hierarchy, tmp_path):
    clf = HierarchicalDecodingClassifier(
        OneVsRestClassifier(LinearSVC()), hierarchy, random_state=0
    )
    clf.fit(bag, np.array(corpus[1]))
    assert_says_the_same(clf, bag, tmp_path / "model.onnx")
