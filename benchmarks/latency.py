"""Predictions of whole pipelines, text in and labels out: one document, and many.

HTCInfoMaxClassifier with its defaults beside one-vs-rest LinearSVC, each behind
TfidfVectorizer(), on test rows of `load_api_docs` and of any data sets in a folder of
NAME.jsonl.xz and NAME.hierarchy.tsv files. With many documents the systems take turns,
as a machine's speed varies by more than they differ. What is not run keeps the result
that it has.

    .venv/bin/python -m benchmarks.latency --data DIR
"""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from benchmarks.data_sets import set_names
from benchmarks.fit import load, make_system
from benchmarks.reporting import markdown_table, pinned_threads, publish, published

SYSTEMS = ("one-vs-rest LinearSVC", "HTCInfoMaxClassifier")


def main() -> None:
    """Time both on all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", help="names; all in the folder by default")
    parser.add_argument("--documents", type=int, default=200, help="one at a time")
    parser.add_argument("--repeats", type=int, default=9, help="of all at once")
    arguments = parser.parse_args()
    sets = arguments.sets or set_names(arguments.data)
    runs = [run for run in published("latency") if run["data"] not in sets]
    for name in sets:
        with pinned_threads(arguments.threads):
            runs += measure(
                name, arguments.data, arguments.documents, arguments.repeats
            )
        report(runs, arguments.threads)


def measure(
    name: str, folder: Path | None, n_documents: int, n_repeats: int
) -> list[dict[str, Any]]:
    """Fit both pipelines to a data set, then let them predict."""
    hierarchy, texts, Y, test_texts, _ = load(name, folder)
    methods = {}
    for system in SYSTEMS:
        pipeline = make_pipeline(TfidfVectorizer(), make_system(system, hierarchy))
        pipeline.fit(texts, Y)
        for method in ("predict", "predict_proba"):
            if hasattr(pipeline, method):
                methods[system, method] = getattr(pipeline, method)
    one = {key: np.empty(n_documents) for key in methods}
    for key, method in methods.items():
        for i in range(n_documents):
            one[key][i] = _seconds(method, test_texts[i : i + 1])
    many = {key: np.empty(n_repeats) for key in methods}
    for i in range(n_repeats):
        for key, method in methods.items():
            many[key][i] = _seconds(method, test_texts)
    runs = []
    for system, method in methods:
        run = {
            "data": name,
            "system": system,
            "method": method,
            "median": 1000 * np.median(one[system, method]),
            "percentile_95": 1000 * np.percentile(one[system, method], 95),
            "per_second": len(test_texts) / np.median(many[system, method]),
        }
        print(run, flush=True)
        runs.append(run)
    return runs


def _seconds(method: Any, texts: Any) -> float:
    start = perf_counter()
    method(texts)
    return perf_counter() - start


def report(runs: list[dict[str, Any]], threads: int) -> None:
    """Write what there is so far."""
    table = markdown_table(
        {
            "data": "{data}",
            "pipeline of TfidfVectorizer and": "{system}",
            "method": "`{method}`",
            "one document, ms (median)": "{median:.2f}",
            "95th percentile, ms": "{percentile_95:.2f}",
            "all at once, documents per second (median)": "{per_second:,.0f}",
        },
        runs,
    )
    publish("latency", runs, table, threads=threads)


if __name__ == "__main__":
    main()
