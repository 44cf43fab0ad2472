"""How a fit of HierarchicalLinearClassifier grows with labels and with documents.

TF-IDF of generated documents (60 terms of a vocabulary of 200,000, both labels and
terms with Zipf's frequencies) in trees of 4 levels; default parameters. One row of the
table is one fit in its own process. Also writes a plot.

    .venv/bin/python -m benchmarks.growth
"""

import argparse
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.generated import make_taxonomy
from benchmarks.isolation import in_own_process
from benchmarks.log_plot import log_plot
from benchmarks.reporting import (
    RESULTS,
    markdown_table,
    peak_memory,
    pinned_threads,
    publish,
)
from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.label_tree.tree import LabelTree

# Labels of 20,000 documents, and documents with 1,000 labels.
LABELS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
DOCUMENTS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
SIZES = {
    "labels": [(n_labels, 20_000) for n_labels in LABELS],
    "documents": [(1_000, n_documents) for n_documents in DOCUMENTS],
}
N_TESTED = 5_000


def main() -> None:
    """Measure all sizes; write table and plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for growing, sizes in SIZES.items():
        for size in sizes:
            run = in_own_process(measure, *size, arguments.threads)
            runs.append({"growing": growing, **run})
            print(runs[-1], flush=True)
    table = markdown_table(
        {
            "labels": "{n_labels:,}",
            "documents": "{n_documents:,}",
            "model": "{model}",
            "fit, s": "{seconds:.1f}",
            "peak memory of fit, GB": "{memory:.1f}",
            "predicted documents per second": "{predicted_per_second:,.0f}",
        },
        runs,
    )
    publish("growth", runs, table, threads=arguments.threads)
    lines = {
        f"{growing}, slope {slope(some):.2f}": some
        for growing in SIZES
        if (some := points(runs, growing))
    }
    picture = log_plot(lines, "labels or documents", "seconds of fit")
    (RESULTS / "growth.svg").write_text(picture, encoding="utf8")


def measure(n_labels: int, n_documents: int, threads: int) -> dict[str, Any]:
    """Fit once, and predict."""
    hierarchy, X, Y = make_taxonomy(n_labels, n_documents + N_TESTED)
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    with pinned_threads(threads):
        start = perf_counter()
        clf.fit(X[:n_documents], Y[:n_documents])
        fitted = perf_counter()
        memory = peak_memory()
        clf.predict(X[n_documents:])
        predicted = perf_counter()
    is_tree = isinstance(clf.wide_, LabelTree)
    return {
        "n_labels": n_labels,
        "n_documents": n_documents,
        "model": "label tree" if is_tree else "one machine per label",
        "seconds": fitted - start,
        "memory": memory,
        "predicted_per_second": N_TESTED / (predicted - fitted),
    }


def points(runs: list[dict[str, Any]], growing: str) -> list[tuple[float, float]]:
    """List sizes and seconds."""
    return [
        (run[f"n_{growing}"], run["seconds"])
        for run in runs
        if run["growing"] == growing
    ]


def slope(some: list[tuple[float, float]]) -> float:
    """Fit a line through logarithms."""
    return float(np.polyfit(*np.log(some).T, deg=1)[0])


if __name__ == "__main__":
    main()
