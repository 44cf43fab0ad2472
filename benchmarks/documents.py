"""How time and memory grow with the number of documents.

Generated bags of about 55 terms with 1,000 labels on 4 levels, default parameters, one
pass over the documents. Up to 100,000 documents by `fit`; the sizes from 10,000 on also
by `partial_fit` from a CSR whose arrays are memory-mapped files, 10,000 rows at a time.
Each run has its own process.

    .venv/bin/python -m benchmarks.documents
"""

import argparse
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from scipy import sparse

from benchmarks.generated import make_bags, make_hierarchy, make_labels
from benchmarks.isolation import in_own_process
from benchmarks.reporting import markdown_table, peak_memory, pinned_threads, publish
from sklearn_htc import Hierarchy, HTCInfoMaxClassifier

FIT_SIZES = (1_000, 10_000, 100_000)
STREAM_SIZES = (10_000, 100_000, 1_000_000)
PIECE = 10_000
N_LABELS = 1_000


def main() -> None:
    """Measure all sizes and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fit-sizes", type=int, nargs="*", default=FIT_SIZES)
    parser.add_argument("--stream-sizes", type=int, nargs="*", default=STREAM_SIZES)
    arguments = parser.parse_args()
    runs = []
    for n_documents in arguments.fit_sizes:
        runs.append(in_own_process(measure_fit, n_documents, arguments.threads))
        print(runs[-1], flush=True)
    for n_documents in arguments.stream_sizes:
        with tempfile.TemporaryDirectory() as folder:
            in_own_process(write_bags, folder, n_documents)
            runs.append(
                in_own_process(measure_stream, folder, n_documents, arguments.threads)
            )
        print(runs[-1], flush=True)
    table = markdown_table(
        {
            "documents": "{n_documents:,}",
            "how": "{how}",
            "seconds": "{seconds:.1f}",
            "microseconds per document": "{per_document:.0f}",
            "peak memory, GB": "{memory:.2f}",
        },
        runs,
    )
    publish("documents", runs, table, threads=arguments.threads)


def make_classifier() -> tuple[Hierarchy, HTCInfoMaxClassifier]:
    """Make the hierarchy and an estimator for one pass."""
    hierarchy = make_hierarchy(N_LABELS)
    return hierarchy, HTCInfoMaxClassifier(
        hierarchy,
        wide_path=False,
        batch_size=128,
        max_epochs=1,
        loss="path",
        device="cpu",
        random_state=0,
    )


def measure_fit(n_documents: int, threads: int) -> dict[str, Any]:
    """Train on bags in memory."""
    rng = np.random.default_rng(0)
    hierarchy, clf = make_classifier()
    labels = make_labels(hierarchy, n_documents, rng)
    X = make_bags(labels, rng)
    Y = hierarchy.to_indicator([label] for label in labels.tolist())
    with pinned_threads(threads):
        # Once for what is loaded with the first fit of a process.
        clf.fit(X[:200], Y[:200])
        start = perf_counter()
        clf.fit(X, Y)
        seconds = perf_counter() - start
    return report("fit", n_documents, seconds)


def write_bags(folder: str, n_documents: int) -> None:
    """Write bags and labels to files, a piece at a time."""
    rng = np.random.default_rng(0)
    hierarchy, _ = make_classifier()
    files: dict[str, np.ndarray] = {}
    for start in range(0, n_documents, PIECE):
        labels = make_labels(hierarchy, PIECE, np.random.default_rng(1 + start))
        bags = make_bags(labels, rng)
        pieces = {
            "labels": labels,
            "indptr": bags.indptr.astype(np.int64),
            "indices": bags.indices,
            "data": bags.data,
        }
        for name, values in pieces.items():
            part = Path(folder) / f"{name}.{start}.npy"
            files[str(part)] = open_memmap(
                part, mode="w+", dtype=values.dtype, shape=values.shape
            )
            files[str(part)][:] = values
            files.pop(str(part)).flush()


def measure_stream(folder: str, n_documents: int, threads: int) -> dict[str, Any]:
    """Train on one piece after the other, each a CSR over memory-mapped files."""
    hierarchy, clf = make_classifier()

    def read(name: str, start: int) -> np.ndarray:
        return np.load(Path(folder) / f"{name}.{start}.npy", mmap_mode="r")

    with pinned_threads(threads):
        seconds = 0.0
        for start in range(0, n_documents, PIECE):
            X = sparse.csr_array(
                (read("data", start), read("indices", start), read("indptr", start)),
                shape=(PIECE, 50_000),
            )
            labels = read("labels", start).tolist()
            if start == 0:
                # Once for what is loaded with the first fit of a process.
                HTCInfoMaxClassifier(max_epochs=1).fit(X[:200], labels[:200])
            begin = perf_counter()
            clf.partial_fit(X, hierarchy.to_indicator([label] for label in labels))
            seconds += perf_counter() - begin
    return report("partial_fit, memory-mapped", n_documents, seconds)


def report(how: str, n_documents: int, seconds: float) -> dict[str, Any]:
    """Collect one run's figures."""
    return {
        "how": how,
        "n_documents": n_documents,
        "seconds": seconds,
        "per_document": 1e6 * seconds / n_documents,
        "memory": peak_memory(),
    }


if __name__ == "__main__":
    main()
