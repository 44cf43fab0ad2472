"""An ONNX file beside the estimator that it was made of: one document, and a few.

HierarchicalLinearClassifier and HTCInfoMaxClassifier with a network, fitted to TF-IDF
weights, which both read. Beside the milliseconds stands the largest difference of
probabilities over all test rows.

    .venv/bin/python -m benchmarks.onnx --data DIR
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.fit import load
from benchmarks.reporting import markdown_table, pinned_threads, publish
from sklearn_htc import HierarchicalLinearClassifier, HTCInfoMaxClassifier
from sklearn_htc.export import onnx_inputs, to_onnx

SYSTEMS = {
    "HierarchicalLinearClassifier": HierarchicalLinearClassifier(random_state=0),
    "HTCInfoMaxClassifier, network alone": HTCInfoMaxClassifier(
        wide_path=False, random_state=0
    ),
}
BATCHES = (1, 64)


def main() -> None:
    """Fit both estimators to each data set, export them, and write the table."""
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
    hierarchy, texts, Y, test_texts, _ = load(name, folder)
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    runs = []
    for system, clf in SYSTEMS.items():
        clf.set_params(hierarchy=hierarchy).fit(vectorizer.fit_transform(texts), Y)
        with TemporaryDirectory() as temporary:
            path = Path(temporary, "model.onnx")
            to_onnx(clf, path)
            session = onnxruntime.InferenceSession(path, options)
        X = vectorizer.transform(test_texts)
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
