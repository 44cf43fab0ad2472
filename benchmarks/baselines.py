"""Other linear models and fastText, decoded as this package's, and hiclass's."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import ComplementNB
from sklearn.svm import LinearSVC

from benchmarks.data_sets import paths_of
from benchmarks.fasttext_classifier import FastTextClassifier
from sklearn_htc import HierarchicalDecodingClassifier


def baselines(split: Any, seed: int, threads: int) -> dict[str, sparse.csr_array]:
    """Return what each system predicts for the test rows."""

    def decoded(estimator: Any, X: Any, X_test: Any) -> sparse.csr_array:
        model = HierarchicalDecodingClassifier(
            estimator, split.hierarchy, random_state=seed
        )
        return model.fit(X, split.Y).predict(X_test)

    flat = {
        "LinearSVC, decoded": LinearSVC(random_state=seed),
        "LogisticRegression, decoded": LogisticRegression(C=10, solver="liblinear"),
    }
    if sparse.issparse(split.X) and split.X.min() >= 0:
        flat["ComplementNB, decoded"] = ComplementNB()
    systems = {
        name: decoded(OneVsRestClassifier(estimator), split.X, split.X_test)
        for name, estimator in flat.items()
    }
    systems["fastText, decoded"] = decoded(
        FastTextClassifier(thread=threads, seed=seed), split.texts, split.texts_test
    )
    paths = paths_of(split.hierarchy, split.Y)
    if paths is not None:
        systems |= local_classifiers(split, paths)
    return systems


def local_classifiers(split: Any, paths: np.ndarray) -> dict[str, sparse.csr_array]:
    """Fit hiclass's local classifiers a node, and a parent node."""
    from hiclass import LocalClassifierPerNode, LocalClassifierPerParentNode

    systems: dict[str, sparse.csr_array] = {}
    for name, kind in (
        ("hiclass LCPN, LogisticRegression", LocalClassifierPerNode),
        ("hiclass LCPPN, LogisticRegression", LocalClassifierPerParentNode),
    ):
        model = kind(local_classifier=LogisticRegression(C=10, max_iter=1000))
        predicted = model.fit(split.X, paths).predict(split.X_test)
        labels = [[label for label in path if label != ""] for path in predicted]
        systems[name] = split.hierarchy.to_indicator(labels)
    return systems
