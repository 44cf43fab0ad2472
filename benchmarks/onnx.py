"""An ONNX file beside the estimator that it was made of: one document, and a few.

Estimators are fitted to TF-IDF weights, to MiniLM's embeddings (a kernel reads them),
or to both side by side. Beside the milliseconds stands the largest difference of
probabilities over all test rows. "updated" has learned a twentieth of the leaves by
`update_hierarchy`.

    pip install -e '.[embeddings,onnx]' onnxruntime
    .venv/bin/python -m benchmarks.onnx --data DIR
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from benchmarks.data_sets import Texts, load_texts
from benchmarks.embeddings import embed
from benchmarks.reporting import markdown_table, pinned_threads, publish
from sklearn_htc import (
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    HTCInfoMaxClassifier,
)
from sklearn_htc.export import onnx_inputs, to_onnx

WIDE = HTCInfoMaxClassifier(deep_path=False, random_state=0)
# What reads which features.
SYSTEMS = {
    "HierarchicalLinearClassifier": (
        "terms",
        HierarchicalLinearClassifier(random_state=0),
    ),
    "HierarchicalLinearClassifier, updated": (
        "terms",
        HierarchicalLinearClassifier(random_state=0),
    ),
    "HierarchicalDecodingClassifier, LinearSVC": (
        "terms",
        HierarchicalDecodingClassifier(OneVsRestClassifier(LinearSVC())),
    ),
    "HTCInfoMaxClassifier, network alone": (
        "terms",
        HTCInfoMaxClassifier(wide_path=False, random_state=0),
    ),
    "HTCInfoMaxClassifier, kernel": ("embeddings", WIDE),
    "HTCInfoMaxClassifier, terms and kernel": ("both", WIDE),
}
BATCHES = (1, 64)
ADDED_SHARE = 20


def main() -> None:
    """Fit the estimators to each data set, export them, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", default=["load_api_docs"], help="names")
    parser.add_argument("--repeats", type=int, default=100)
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for name in arguments.sets:
        with pinned_threads(arguments.threads):
            runs += measure(name, arguments.data, arguments.threads, arguments.repeats)
    columns = {
        "data": "{data}",
        "estimator": "{system}",
        "documents": "{documents}",
        "predict_proba, ms (median)": "{estimator:.2f}",
        "ONNX, ms (median)": "{onnx:.2f}",
        "largest difference": "{difference:.1e}",
    }
    table = markdown_table(columns, runs)
    publish("onnx", runs, table, threads=arguments.threads)


def measure(
    name: str, folder: Path | None, threads: int, repeats: int
) -> list[dict[str, Any]]:
    """Let both predict the same batches, in turns."""
    texts = load_texts(name, 0, folder)
    features = make_features(texts)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    runs = []
    for system, (form, clf) in SYSTEMS.items():
        X_train, X = features[form]
        clf = fitted(clone(clf), texts, X_train, is_updated="updated" in system)
        with TemporaryDirectory() as temporary:
            path = Path(temporary, "model.onnx")
            to_onnx(clf, path)
            session = onnxruntime.InferenceSession(path, options)
        difference = largest_difference(clf, session, X)
        for size in BATCHES:
            starts = np.arange(repeats) * size % (X.shape[0] - size)
            seconds = np.array(
                [_seconds(clf, session, X[start : start + size]) for start in starts]
            )
            own, exported = 1000 * np.median(seconds, axis=0)
            run = {
                "data": name,
                "system": system,
                "documents": size,
                "estimator": own,
                "onnx": exported,
                "difference": difference,
            }
            print(run, flush=True)
            runs.append(run)
    return runs


def make_features(texts: Texts) -> dict[str, tuple[Any, Any]]:
    """Return the features of training and test texts, in each form."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2))
    terms = vectorizer.fit_transform(texts.train), vectorizer.transform(texts.test)
    embeddings = embed(texts.train, texts.test)
    both = [
        sparse.csr_array(sparse.hstack(pair))
        for pair in zip(terms, embeddings, strict=True)
    ]
    return {"terms": terms, "embeddings": embeddings, "both": (both[0], both[1])}


def fitted(clf: Any, texts: Texts, X: Any, *, is_updated: bool) -> Any:
    """Fit to all labels, or add some of the leaves afterwards."""
    hierarchy, Y = texts.hierarchy, texts.Y
    clf.set_params(hierarchy=hierarchy)
    if not is_updated:
        return clf.fit(X, Y)
    rng = np.random.default_rng(0)
    leaves = hierarchy.leaves[Y.sum(axis=0)[hierarchy.leaves] > 0]
    added = rng.choice(leaves, len(leaves) // ADDED_SHARE, replace=False)
    rows = np.flatnonzero(Y[:, added].sum(axis=1) == 0)
    kept = np.setdiff1d(np.arange(len(hierarchy)), added)
    before = hierarchy.subgraph(hierarchy.nodes[node] for node in kept)
    clf.set_params(hierarchy=before).fit(X[rows], Y[rows][:, kept])
    return clf.update_hierarchy(hierarchy, X=X, y=Y)


def largest_difference(clf: Any, session: Any, X: Any) -> float:
    """Compare the probabilities of all documents."""
    largest = 0.0
    for start in range(0, X.shape[0], 64):
        some = X[start : start + 64]
        found = session.run(["probabilities"], onnx_inputs(clf, some))[0]
        largest = max(largest, float(np.abs(found - clf.predict_proba(some)).max()))
    return largest


def _seconds(clf: Any, session: Any, X: Any) -> tuple[float, float]:
    """Time the estimator, and the file with what makes its inputs."""
    start = perf_counter()
    clf.predict_proba(X)
    middle = perf_counter()
    session.run(None, onnx_inputs(clf, X))
    return middle - start, perf_counter() - middle


if __name__ == "__main__":
    main()
