"""A twentieth of the leaves added by `update_hierarchy`, beside a full refit.

The first fit has neither these leaves nor the documents that have them. Then all
training documents are given, to `update_hierarchy` of that fit and to a new fit. F1 is
that of the test rows, of all labels that there are then. "unchanged": the share of the
former labels whose probabilities of all test rows changed by 1e-6 at most.

    .venv/bin/python -m benchmarks.update --data DIR
"""

import argparse
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.data_sets import load_texts
from benchmarks.embeddings import embed
from benchmarks.isolation import in_own_process
from benchmarks.reporting import (
    markdown_table,
    mean_and_deviation,
    pinned_threads,
    publish,
    published,
)
from sklearn_htc import HierarchicalLinearClassifier, HTCInfoMaxClassifier
from sklearn_htc.metrics import micro_macro_f1

SETS = ("attack", "clinc150", "onet_dwa")
FEATURES = ("texts", "minilm")
SHARE = 20
TOLERANCE = 1e-6


def main() -> None:
    """Run all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--features", nargs="*", default=FEATURES[:1])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    runs = published("update")
    for name, features, seed in product(
        arguments.sets, arguments.features, range(arguments.seeds)
    ):
        new = in_own_process(
            measure, name, features, seed, arguments.data, arguments.threads
        )
        key = what_is_run(new)
        runs = [run for run in runs if what_is_run(run) != key] + [new]
        report(runs, arguments.threads)


def what_is_run(run: dict[str, Any]) -> tuple[Any, ...]:
    """Return what runs are replaced by: the newer ones of the same."""
    return run["data"], run["features"], run["seed"]


def report(runs: list[dict[str, Any]], threads: int) -> None:
    """Write one line per data set and features: means over seeds."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["data"], run["features"]), []).append(run)
    columns = {
        "data, features (seeds)": "{data}",
        "added leaves": "{n_added}",
        "refit: micro / macro F1": "{refit_micro} / {refit_macro}",
        "updated": "{updated_micro} / {updated_macro}",
        "refit, s": "{refit_seconds}",
        "update, s ": "{updated_seconds}",
        "unchanged, %": "{unchanged}",
    }
    digits = {"n_added": 0, "unchanged": 0, "refit_seconds": 1, "updated_seconds": 1}
    rows = []
    for (data, features), group in groups.items():
        row = {
            key: mean_and_deviation([run[key] for run in group], digits.get(key, 2))
            for key in group[0]
            if key not in ("data", "features", "seed")
        }
        rows.append(row | {"data": f"{data}, {features} ({len(group)})"})
    publish("update", runs, markdown_table(columns, rows), threads=threads)


def measure(
    name: str, features: str, seed: int, folder: Path | None, threads: int
) -> dict[str, Any]:
    """Fit, update and refit."""
    texts = load_texts(name, seed, folder)
    hierarchy, Y = texts.hierarchy, texts.Y
    leaves = hierarchy.leaves[Y.sum(axis=0)[hierarchy.leaves] > 0]
    rng = np.random.default_rng(seed)
    added = rng.choice(leaves, len(leaves) // SHARE, replace=False)
    former = np.setdiff1d(np.arange(len(hierarchy)), added)
    before = hierarchy.subgraph(hierarchy.nodes[i] for i in former)
    without = np.flatnonzero(Y[:, added].sum(axis=1) == 0)
    kind, parameters = HierarchicalLinearClassifier, {"random_state": seed}
    X, X_test = np.array(texts.train, dtype=object), texts.test
    if features == "minilm":
        X, X_test = embed(texts.train, texts.test)
        kind = HTCInfoMaxClassifier
        parameters["deep_path"] = False
    with pinned_threads(threads):
        model = kind(before, **parameters).fit(X[without], Y[without][:, former])
        p = model.predict_proba(X_test)
        start = perf_counter()
        model.update_hierarchy(hierarchy, X=X, y=Y)
        updated_seconds = perf_counter() - start
        start = perf_counter()
        refit = kind(hierarchy, **parameters).fit(X, Y)
        refit_seconds = perf_counter() - start
        change = np.abs(model.predict_proba(X_test)[:, former] - p).max(axis=0)
        scores = {}
        for system, fitted in (("updated", model), ("refit", refit)):
            micro, macro = micro_macro_f1(texts.Y_test, fitted.predict(X_test))
            scores |= {f"{system}_micro": 100 * micro, f"{system}_macro": 100 * macro}
    run = {
        "data": name,
        "features": features,
        "seed": seed,
        "n_added": len(added),
        **scores,
        "refit_seconds": refit_seconds,
        "updated_seconds": updated_seconds,
        "unchanged": float(100 * np.mean(change <= TOLERANCE)),
    }
    print(run, flush=True)
    return run


if __name__ == "__main__":
    main()
