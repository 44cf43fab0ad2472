"""What `compact` saves and costs: size, F1 and speed by how weights are stored.

HierarchicalLinearClassifier, fitted to raw texts, on the test rows of `load_api_docs`
and of any data sets in a folder of NAME.jsonl.xz and NAME.hierarchy.tsv files.

    .venv/bin/python -m benchmarks.compact --data DIR
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.data_sets import set_names
from benchmarks.fit import load
from benchmarks.reporting import markdown_table, pinned_threads, publish
from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.metrics import micro_macro_f1
from sklearn_htc.persistence import save

WAYS: dict[str, dict[str, Any] | None] = {
    "as fitted": None,
    "float16": {"weights": "float16"},
    "pruned, min_weight=0.01": {"min_weight": 0.01},
    "pruned, min_weight=0.02 (default)": {},
    "pruned, min_weight=0.05": {"min_weight": 0.05},
}


def main() -> None:
    """Fit to each data set, make it smaller in each way, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", help="names; all in the folder by default")
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for name in arguments.sets or set_names(arguments.data):
        with pinned_threads(arguments.threads):
            runs += measure(name, arguments.data)
    columns = {
        "data": "{data}",
        "weights": "{way}",
        "file, MB": "{size:.1f}",
        "micro-F1": "{micro:.2f}",
        "macro-F1": "{macro:.2f}",
        "one document, ms (median)": "{one:.2f}",
        "all at once, documents per second": "{per_second:,.0f}",
    }
    table = markdown_table(columns, runs)
    publish("compact", runs, table, threads=arguments.threads)


def measure(name: str, folder: Path | None) -> list[dict[str, Any]]:
    """Fit once, and measure every way of storing the weights."""
    hierarchy, texts, Y, test_texts, test_Y = load(name, folder)
    fitted = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(texts, Y)
    runs = []
    for way, parameters in WAYS.items():
        clf = fitted if parameters is None else fitted.compact(**parameters)
        with TemporaryDirectory() as temporary:
            path = Path(temporary, "model.skops")
            save(clf, path)
            size = path.stat().st_size / 1e6
        micro, macro = micro_macro_f1(test_Y, clf.predict(test_texts))[:2]
        one = [_seconds(clf, test_texts[i : i + 1]) for i in range(200)]
        many = [_seconds(clf, test_texts) for _ in range(5)]
        run = {
            "data": name,
            "way": way,
            "size": size,
            "micro": 100 * micro,
            "macro": 100 * macro,
            "one": 1000 * float(np.median(one)),
            "per_second": len(test_texts) / float(np.median(many)),
        }
        print(run, flush=True)
        runs.append(run)
    return runs


def _seconds(clf: HierarchicalLinearClassifier, texts: Any) -> float:
    start = perf_counter()
    clf.predict_proba(texts)
    return perf_counter() - start


if __name__ == "__main__":
    main()
