"""Other linear models and fastText, decoded as this package's, and hiclass's."""

from time import perf_counter
from typing import Any

import numpy as np
from joblib import parallel_config
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import ComplementNB
from sklearn.svm import LinearSVC

from benchmarks.data_sets import paths_of
from benchmarks.fasttext_classifier import FastTextClassifier
from sklearn_htc import HierarchicalDecodingClassifier


def baselines(
    split: Any, seed: int, threads: int
) -> dict[str, tuple[sparse.csr_array, float]]:
    """Return what each system predicts for the test rows, and the seconds it took."""
    flat = {
        "LinearSVC": LinearSVC(random_state=seed),
        "LogisticRegression": LogisticRegression(C=10, solver="liblinear"),
    }
    if sparse.issparse(split.X) and split.X.min() >= 0:
        flat["ComplementNB"] = ComplementNB()
    systems = {}
    with parallel_config(backend="threading"):
        for name, estimator in flat.items():
            by_label = OneVsRestClassifier(estimator, n_jobs=threads)
            systems[f"{name}, decoded"] = decoded(by_label, split, seed)
    texts = split._replace(X=split.texts, X_test=split.texts_test)
    systems["fastText, decoded"] = decoded(FastTextClassifier(seed=seed), texts, seed)
    paths = paths_of(split.hierarchy, split.Y)
    if paths is not None:
        systems |= local_classifiers(split, paths)
    return systems


def decoded(estimator: Any, split: Any, seed: int) -> tuple[sparse.csr_array, float]:
    """Fit a flat classifier, decoded along the hierarchy."""
    model = HierarchicalDecodingClassifier(
        estimator, split.hierarchy, random_state=seed
    )
    return timed_predictions(model, split, split.Y)


def timed_predictions(model: Any, split: Any, Y: Any) -> tuple[Any, float]:
    """Fit a model to labels of any form; predict the test rows, and say how long."""
    start = perf_counter()
    predicted = model.fit(split.X, Y).predict(split.X_test)
    return predicted, perf_counter() - start


def local_classifiers(
    split: Any, paths: np.ndarray
) -> dict[str, tuple[sparse.csr_array, float]]:
    """Fit hiclass's local classifiers a node, and a parent node."""
    from hiclass import LocalClassifierPerNode, LocalClassifierPerParentNode

    systems: dict[str, tuple[sparse.csr_array, float]] = {}
    for name, kind in (
        ("hiclass LCPN, LogisticRegression", LocalClassifierPerNode),
        ("hiclass LCPPN, LogisticRegression", LocalClassifierPerParentNode),
    ):
        model = kind(local_classifier=LogisticRegression(C=10, max_iter=1000))
        predicted, seconds = timed_predictions(model, split, paths)
        # Of a hierarchy of one level, labels come without a column.
        rows = np.reshape(predicted, (split.X_test.shape[0], -1))
        labels = [[label for label in path if label != ""] for path in rows]
        systems[name] = split.hierarchy.to_indicator(labels), seconds
    return systems
