"""Whole `fit` and `predict` of TF-IDF pipelines: seconds, memory, F1.

HTCInfoMaxClassifier and HierarchicalLinearClassifier with their defaults, the network
of the first alone (`wide_path=False`), one-vs-rest LinearSVC and LogisticRegression at
their default threshold, and hiclass's local classifiers per parent node (LCPPN, where
every document has one path), each behind TfidfVectorizer(), on `load_api_docs` and on
any data sets in a folder of NAME.jsonl.xz and NAME.hierarchy.tsv files. One run each,
in its own process. What is not run keeps the result that it has.

    .venv/bin/python -m pip install hiclass
    .venv/bin/python -m benchmarks.fit --data DIR
"""

import argparse
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from benchmarks.data_sets import paths_of, set_names
from benchmarks.isolation import in_own_process
from benchmarks.reporting import (
    markdown_table,
    peak_memory,
    pinned_threads,
    publish,
    published,
    side_by_side,
)
from sklearn_htc import HierarchicalLinearClassifier, Hierarchy, HTCInfoMaxClassifier
from sklearn_htc.datasets import load_api_docs, read_jsonl

SYSTEMS = (
    "HTCInfoMaxClassifier",
    "HierarchicalLinearClassifier",
    "network alone",
    "one-vs-rest LinearSVC",
    "one-vs-rest LogisticRegression",
    "hiclass LCPPN",
)


def main() -> None:
    """Run all systems on all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", help="names; all in the folder by default")
    parser.add_argument("--systems", nargs="*", default=SYSTEMS, choices=SYSTEMS)
    arguments = parser.parse_args()
    sets = arguments.sets or set_names(arguments.data)
    again = list(product(sets, arguments.systems))
    runs = [
        run for run in published("fit") if (run["data"], run["system"]) not in again
    ]
    for name, system in again:
        run = in_own_process(measure, name, system, arguments.data, arguments.threads)
        print(run, flush=True)
        if run is not None:
            runs.append(run)
            report(runs, arguments.threads)


def report(runs: list[dict[str, Any]], threads: int) -> None:
    """Write the seconds of fits side by side, and all that was measured."""
    sets = list(dict.fromkeys(run["data"] for run in runs))
    runs = sorted(runs, key=lambda run: sets.index(run["data"]))
    table = markdown_table(
        {
            "data": "{data}",
            "system": "{system}",
            "fit, s": "{fit_seconds:.1f}",
            "fitted documents per second": "{fitted_per_second:,.0f}",
            "predict, s": "{predict_seconds:.2f}",
            "predicted documents per second": "{predicted_per_second:,.0f}",
            "peak memory, GB": "{memory:.2f}",
            "micro F1": "{micro_f1:.2f}",
            "macro F1": "{macro_f1:.2f}",
        },
        runs,
    )
    short = side_by_side(runs, SYSTEMS, "{fit_seconds:.1f} s")
    publish("fit", runs, f"{short}\n{table}", threads=threads)


def load(name: str, folder: Path | None) -> tuple[Hierarchy, Any, Any, Any, Any]:
    """Return the hierarchy, texts and indicators for training and for testing."""
    if name == "load_api_docs":
        docs = load_api_docs()
        texts, test_texts, Y, Y_test = train_test_split(
            docs.data, docs.target, test_size=0.25, random_state=0
        )
        return docs.hierarchy, texts, Y, test_texts, Y_test
    assert folder is not None
    docs = read_jsonl(folder / f"{name}.jsonl.xz", folder / f"{name}.hierarchy.tsv")
    train, test = docs.split == "train", docs.split == "test"
    texts = np.array(docs.data, dtype=object)
    target = docs.target
    return docs.hierarchy, texts[train], target[train], texts[test], target[test]


def make_system(name: str, hierarchy: Hierarchy) -> Any:
    """Make an estimator with its defaults."""
    if name == "one-vs-rest LinearSVC":
        return OneVsRestClassifier(LinearSVC(random_state=0))
    if name == "one-vs-rest LogisticRegression":
        model = LogisticRegression(solver="liblinear", random_state=0)
        return OneVsRestClassifier(model)
    if name == "hiclass LCPPN":
        from hiclass import LocalClassifierPerParentNode

        return LocalClassifierPerParentNode(LogisticRegression(max_iter=1000))
    if name == "HierarchicalLinearClassifier":
        return HierarchicalLinearClassifier(hierarchy, random_state=0)
    wide_path = False if name == "network alone" else "auto"
    return HTCInfoMaxClassifier(hierarchy, wide_path=wide_path, random_state=0)


def measure(
    name: str, system: str, folder: Path | None, threads: int
) -> dict[str, Any] | None:
    """Fit and predict one pipeline; None where the system can't learn such labels."""
    hierarchy, texts, Y, test_texts, Y_test = load(name, folder)
    model = make_system(system, hierarchy)
    y: Any = Y
    if system == "hiclass LCPPN":
        y = paths_of(hierarchy, Y)
        if y is None:
            return None
    # Once for what is loaded with the first fit of a process.
    HTCInfoMaxClassifier(max_epochs=1).fit(np.eye(4), [0, 1, 0, 1])
    pipeline = make_pipeline(TfidfVectorizer(), model)
    with pinned_threads(threads):
        start = perf_counter()
        pipeline.fit(texts, y)
        fitted = perf_counter()
        repeats = []
        for _ in range(3):
            begin = perf_counter()
            predicted = pipeline.predict(test_texts)
            repeats.append(perf_counter() - begin)
        seconds = median(repeats)
    if system == "hiclass LCPPN":
        paths = [[label for label in row if label != ""] for row in predicted]
        predicted = hierarchy.to_indicator(paths)
    micro, macro = (
        100 * f1_score(Y_test, predicted, average=average, zero_division=0)
        for average in ("micro", "macro")
    )
    return {
        "data": name,
        "system": system,
        "fit_seconds": fitted - start,
        "fitted_per_second": len(texts) / (fitted - start),
        "predict_seconds": seconds,
        "predicted_per_second": len(test_texts) / seconds,
        "memory": peak_memory(),
        "micro_f1": micro,
        "macro_f1": macro,
    }


if __name__ == "__main__":
    main()
