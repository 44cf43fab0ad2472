"""Micro- and macro-F1 of the defaults beside well-decoded LinearSVC, over seeds.

On TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2),
max_features=100_000): one-vs-rest LinearSVC with its scores cut at 0, at one threshold
(chosen on a fifth of the training rows, then trained on all), and, where every document
has one path, decoded to the path with the largest sum of scores; and the estimators of
this package with nothing but the hierarchy. On `load_api_docs` (another split a seed)
and on any data sets in a folder of NAME.jsonl.xz and NAME.hierarchy.tsv files, of which
all but the test rows are trained on (nvd_cwe: 25,000 of them, drawn with seed 0).
Macro-F1 is over the labels of the test rows. Data sets that are not run keep their
results.

    .venv/bin/python -m benchmarks.quality --data DIR
"""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from joblib import parallel_config
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from benchmarks.isolation import in_own_process
from benchmarks.reporting import markdown_table, pinned_threads, publish, published
from sklearn_htc import HierarchicalLinearClassifier, Hierarchy, HTCInfoMaxClassifier
from sklearn_htc.datasets import load_api_docs, read_jsonl

THRESHOLDS = np.linspace(-1, 0.2, 49)
MAX_TRAINING_ROWS = {"nvd_cwe": 25_000}
ESTIMATORS = {
    "HierarchicalLinearClassifier": HierarchicalLinearClassifier,
    "HTCInfoMaxClassifier": HTCInfoMaxClassifier,
}


class Split(NamedTuple):
    """TF-IDF and labels of training and test rows."""

    hierarchy: Hierarchy
    X: Any
    Y: sparse.csr_array
    X_test: Any
    Y_test: sparse.csr_array


def main() -> None:
    """Run all systems on all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", help="names; all in the folder by default")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    sets = ["load_api_docs"]
    if arguments.data is not None:
        found = sorted(path.name for path in arguments.data.glob("*.jsonl.xz"))
        sets += [name.removesuffix(".jsonl.xz") for name in found]
    sets = arguments.sets or sets
    runs = [run for run in published("quality") if run["data"] not in sets]
    for name in sets:
        for seed in range(arguments.seeds):
            runs += in_own_process(
                measure, name, seed, arguments.data, arguments.threads
            )
            report(runs, arguments.threads)


def report(runs: list[dict[str, Any]], threads: int) -> None:
    """Write means and standard deviations of what there is so far."""
    rows = []
    for data, system in dict.fromkeys((run["data"], run["system"]) for run in runs):
        group = [r for r in runs if (r["data"], r["system"]) == (data, system)]
        row: dict[str, Any] = {"data": data, "system": system, "seeds": len(group)}
        for key in ("micro_f1", "macro_f1"):
            values = [run[key] for run in group]
            row[key] = np.mean(values)
            row[f"{key}_std"] = np.std(values, ddof=len(values) > 1)
        rows.append(row)
    table = markdown_table(
        {
            "data": "{data}",
            "system": "{system}",
            "seeds": "{seeds}",
            "micro F1": "{micro_f1:.2f} ± {micro_f1_std:.2f}",
            "macro F1": "{macro_f1:.2f} ± {macro_f1_std:.2f}",
        },
        rows,
    )
    publish("quality", runs, table, threads=threads)


def load(name: str, seed: int, folder: Path | None) -> Split:
    """Return TF-IDF and indicators for training and for testing."""
    if name == "load_api_docs":
        docs = load_api_docs()
        texts, test_texts, Y, Y_test = train_test_split(
            docs.data, docs.target, test_size=0.25, random_state=seed
        )
    else:
        assert folder is not None
        docs = read_jsonl(folder / f"{name}.jsonl.xz", folder / f"{name}.hierarchy.tsv")
        train, test = np.flatnonzero(docs.split != "test"), docs.split == "test"
        most = MAX_TRAINING_ROWS.get(name, len(train))
        train = np.random.default_rng(0).permutation(train)[:most]
        data = np.array(docs.data, dtype=object)
        texts, test_texts = data[train], data[test]
        Y, Y_test = docs.target[train], docs.target[test]
    vectorizer = TfidfVectorizer(
        sublinear_tf=True, min_df=2, ngram_range=(1, 2), max_features=100_000
    )
    X, X_test = vectorizer.fit_transform(texts), vectorizer.transform(test_texts)
    return Split(docs.hierarchy, X, Y, X_test, Y_test)


def measure(
    name: str, seed: int, folder: Path | None, threads: int
) -> list[dict[str, Any]]:
    """Fit and judge every system on one split."""
    split = load(name, seed, folder)
    runs = []
    with pinned_threads(threads):
        systems = decoded_linear_svc(split, seed)
        for system, estimator in ESTIMATORS.items():
            start = perf_counter()
            model = estimator(split.hierarchy, random_state=seed)
            model.fit(split.X, split.Y)
            seconds = perf_counter() - start
            systems[system] = (model.predict(split.X_test), seconds)
    occurs = np.flatnonzero(split.Y_test.sum(axis=0))
    for system, (predicted, seconds) in systems.items():
        micro = f1_score(split.Y_test, predicted, average="micro", zero_division=0)
        macro = f1_score(
            split.Y_test[:, occurs],
            predicted[:, occurs],
            average="macro",
            zero_division=0,
        )
        runs.append(
            {
                "data": name,
                "system": system,
                "seed": seed,
                "micro_f1": 100 * micro,
                "macro_f1": 100 * macro,
                "fit_seconds": seconds,
            }
        )
        print(runs[-1], flush=True)
    return runs


def decoded_linear_svc(split: Split, seed: int) -> dict[str, tuple[Any, float]]:
    """Decode LinearSVC in three ways; seconds are of all that the way needs."""
    X, Y = split.X, split.Y
    rest, fifth = train_test_split(
        np.arange(X.shape[0]), test_size=0.2, random_state=seed
    )
    held_out, tuning = linear_svc_scores(X[rest], Y[rest], X[fifth], seed)
    target = Y[fifth].toarray()
    f1 = [
        f1_score(target, held_out >= threshold, average="micro", zero_division=0)
        for threshold in THRESHOLDS
    ]
    best = THRESHOLDS[int(np.argmax(f1))]
    scores, seconds = linear_svc_scores(X, Y, split.X_test, seed)
    systems = {
        "LinearSVC at 0": (sparse.csr_array(scores >= 0), seconds),
        "LinearSVC, tuned": (sparse.csr_array(scores >= best), seconds + tuning),
    }
    specific = split.hierarchy.most_specific(Y)
    if np.all(np.diff(specific.indptr) == 1):
        paths = split.hierarchy.ancestors[np.unique(specific.indices)]
        chosen = (paths @ scores.T).argmax(axis=0)
        systems["LinearSVC, best path"] = (paths[chosen], seconds)
    return {name: (Y.astype(np.int64), s) for name, (Y, s) in systems.items()}


def linear_svc_scores(
    X: Any, Y: sparse.csr_array, X_test: Any, seed: int
) -> tuple[np.ndarray, float]:
    """Train a LinearSVC a label, in threads, and score the test rows."""
    start = perf_counter()
    # A label of no training row, or of all, has no machine.
    counts = Y.sum(axis=0)
    learned = np.flatnonzero((counts > 0) & (counts < Y.shape[0]))
    scores = np.where(counts > 0, 1.0, -1.0) * np.ones((X_test.shape[0], 1))
    flat = OneVsRestClassifier(LinearSVC(random_state=seed), n_jobs=2)
    with parallel_config(backend="threading"):
        scores[:, learned] = flat.fit(X, Y[:, learned]).decision_function(X_test)
    return scores, perf_counter() - start


if __name__ == "__main__":
    main()
