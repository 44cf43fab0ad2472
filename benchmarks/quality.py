"""Micro- and macro-F1 of the defaults beside well-decoded LinearSVC, over seeds.

On TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2),
max_features=100_000), on sentence embeddings (`--features minilm`, which needs the
packages of the extra `embeddings`), or on both side by side (`joined`).

One-vs-rest LinearSVC has its scores cut at 0, at one threshold (chosen on a fifth of
the training rows, then trained on all), and, where every document has one path, decoded
to the path with the largest sum of scores. The estimators of this package have nothing
but the hierarchy. `--baselines` runs other linear models, fastText (on the texts) and
hiclass instead, which need the packages of the extra `baselines`.

The data are `load_api_docs` (another split a seed) and any data sets in a folder of
NAME.jsonl.xz and NAME.hierarchy.tsv files, of which all but the test rows are trained
on (nvd_cwe: 25,000 of them, drawn with seed 0). Macro-F1 is over the labels of the test
rows; seconds are those to train and to predict the test rows, from features that are
there (fastText: from texts). What is not run keeps its results.

    .venv/bin/python -m benchmarks.quality --data DIR
"""

import argparse
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

from benchmarks.baselines import baselines, timed_predictions
from benchmarks.data_sets import load_texts, set_names
from benchmarks.embeddings import embed
from benchmarks.flat import FlatLinearSVC
from benchmarks.isolation import in_own_process
from benchmarks.reporting import (
    markdown_table,
    mean_and_deviation,
    pinned_threads,
    publish,
    published,
)
from sklearn_htc import HierarchicalLinearClassifier, Hierarchy, HTCInfoMaxClassifier

FEATURES = ("tfidf", "minilm", "joined")
THRESHOLDS = np.linspace(-1, 0.2, 49)
GROUPS = ("main", "baselines")
FLAT = ("LinearSVC at 0", "LinearSVC, tuned", "LinearSVC, best path")
ESTIMATORS = {
    "HierarchicalLinearClassifier": HierarchicalLinearClassifier,
    "HTCInfoMaxClassifier": HTCInfoMaxClassifier,
}


class Split(NamedTuple):
    """Features, labels and texts of training and test rows."""

    hierarchy: Hierarchy
    X: Any
    Y: sparse.csr_array
    X_test: Any
    Y_test: sparse.csr_array
    texts: list[str]
    texts_test: list[str]


def main() -> None:
    """Run all systems on all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", help="names; all in the folder by default")
    parser.add_argument("--features", choices=FEATURES, default="tfidf")
    parser.add_argument("--baselines", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    arguments = parser.parse_args()
    group = "baselines" if arguments.baselines else "main"
    first = arguments.first_seed
    runs = published("quality")
    for name in arguments.sets or set_names(arguments.data):
        for seed in range(first, first + arguments.seeds):
            measured = in_own_process(
                measure,
                name,
                arguments.features,
                group,
                seed,
                arguments.data,
                arguments.threads,
            )
            new = what_is_run(measured[0])
            runs = [run for run in runs if what_is_run(run) != new] + measured
            report(runs, arguments.threads)


def what_is_run(run: dict[str, Any]) -> list[Any]:
    """Return what runs are replaced by: the newer ones of the same."""
    return [run[key] for key in ("data", "features", "group", "seed")]


def report(runs: list[dict[str, Any]], threads: int) -> None:
    """Write what the default gains, and two tables a kind of features.

    The latter have data sets by systems, of what there is. A cell is micro-F1 /
    macro-F1, and the seconds that it took; the deviation is missing where one seed was
    run.
    """
    tables = [gains(runs)]
    for features, group in product(FEATURES, GROUPS):
        cells: dict[str, dict[str, list[dict[str, Any]]]] = {}
        systems = []
        for run in runs:
            if (run["features"], run["group"]) == (features, group):
                row = cells.setdefault(run["data"], {})
                row.setdefault(run["system"], []).append(run)
                systems.append(run["system"])
        # In the order in which they were run, LinearSVC's first.
        systems = sorted(dict.fromkeys(systems), key=lambda name: name not in FLAT)
        rows = []
        for name, row in sorted(cells.items()):
            seeds = max(map(len, row.values()))
            rows.append({features: f"{name} ({seeds} seed{'s' * (seeds > 1)})"})
            rows[-1] |= {system: f1_and_seconds(row.get(system)) for system in systems}
        if rows:
            headings = {column: f"{{{column}}}" for column in rows[0]}
            tables.append(markdown_table(headings, rows))
    publish("quality", runs, "\n".join(tables), threads=threads)


def gains(runs: list[dict[str, Any]]) -> str:
    """Format the estimators beside LinearSVC at its best, by means over seeds.

    "At its best" is the highest mean of its decodings, of micro-F1 and of macro-F1.
    """
    rows = []
    of_groups: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = {}
    for run in runs:
        if run["group"] == "main":
            systems = of_groups.setdefault((run["features"], run["data"]), {})
            systems.setdefault(run["system"], []).append(run)
    for features, name in sorted(
        of_groups, key=lambda group: (FEATURES.index(group[0]), group[1])
    ):
        means = {
            system: np.array(
                [np.mean([run[key] for run in own]) for key in ("micro_f1", "macro_f1")]
            )
            for system, own in of_groups[features, name].items()
        }
        best = np.max([means[system] for system in FLAT if system in means], axis=0)
        row = {"features": features, "data": name}
        shown = {"LinearSVC at its best": best}
        shown |= {system: means[system] for system in ESTIMATORS}
        for heading, f1 in shown.items():
            row[heading] = "{:.1f} / {:.1f}".format(*f1)
        row["gain"] = "{:+.1f} / {:+.1f}".format(*means["HTCInfoMaxClassifier"] - best)
        rows.append(row)
    headings = rows[0] if rows else {}
    return markdown_table({heading: f"{{{heading}}}" for heading in headings}, rows)


def f1_and_seconds(runs: list[dict[str, Any]] | None) -> str:
    """Format means and standard deviations over seeds, of seconds the median."""
    if not runs:
        return ""
    texts = [
        mean_and_deviation([run[key] for run in runs], 2)
        for key in ("micro_f1", "macro_f1")
    ]
    return f"{' / '.join(texts)}, {np.median([run['seconds'] for run in runs]):.0f} s"


def load(name: str, seed: int, folder: Path | None, features: str = "tfidf") -> Split:
    """Return features and indicators for training and for testing."""
    texts = load_texts(name, seed, folder)
    pieces = []
    if features != "minilm":
        vectorizer = TfidfVectorizer(
            sublinear_tf=True, min_df=2, ngram_range=(1, 2), max_features=100_000
        )
        X = vectorizer.fit_transform(texts.train)
        pieces.append((X, vectorizer.transform(texts.test)))
    if features != "tfidf":
        pieces.append(embed(texts.train, texts.test))
    X, X_test = pieces[0]
    if len(pieces) > 1:
        X, X_test = (sparse.hstack(both, "csr") for both in zip(*pieces, strict=True))
    return Split(
        texts.hierarchy, X, texts.Y, X_test, texts.Y_test, texts.train, texts.test
    )


def measure(
    name: str, features: str, group: str, seed: int, folder: Path | None, threads: int
) -> list[dict[str, Any]]:
    """Fit and judge every system on one split."""
    split = load(name, seed, folder, features)
    runs = []
    with pinned_threads(threads):
        if group == "main":
            systems = decoded_linear_svc(split, seed)
            for system, estimator in ESTIMATORS.items():
                model = estimator(split.hierarchy, random_state=seed)
                systems[system] = timed_predictions(model, split, split.Y)
        else:
            systems = baselines(split, seed, threads)
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
                "features": features,
                "data": name,
                "group": group,
                "system": system,
                "seed": seed,
                "micro_f1": 100 * micro,
                "macro_f1": 100 * macro,
                "seconds": seconds,
            }
        )
        print(runs[-1], flush=True)
    return runs


def decoded_linear_svc(
    split: Split, seed: int
) -> dict[str, tuple[sparse.csr_array, float]]:
    """Decode LinearSVC in three ways; return predictions and seconds."""
    X, Y = split.X, split.Y
    start = perf_counter()
    rest, fifth = train_test_split(
        np.arange(X.shape[0]), test_size=0.2, random_state=seed
    )
    held_out = (
        FlatLinearSVC(seed=seed).fit(X[rest], Y[rest]).decision_function(X[fifth])
    )
    target = Y[fifth].toarray()
    f1 = [
        f1_score(target, held_out >= threshold, average="micro", zero_division=0)
        for threshold in THRESHOLDS
    ]
    best = THRESHOLDS[int(np.argmax(f1))]
    to_tune = perf_counter() - start
    start = perf_counter()
    scores = FlatLinearSVC(seed=seed).fit(X, Y).decision_function(split.X_test)
    to_train = perf_counter() - start
    systems = {
        "LinearSVC at 0": (scores >= 0, to_train),
        "LinearSVC, tuned": (scores >= best, to_tune + to_train),
    }
    specific = split.hierarchy.most_specific(Y)
    if np.all(np.diff(specific.indptr) == 1):
        paths = split.hierarchy.ancestors[np.unique(specific.indices)]
        start = perf_counter()
        chosen = paths[(paths @ scores.T).argmax(axis=0)]
        to_decode = perf_counter() - start
        systems["LinearSVC, best path"] = chosen, to_train + to_decode
    return {
        name: (sparse.csr_array(Y).astype(np.int64), seconds)
        for name, (Y, seconds) in systems.items()
    }


if __name__ == "__main__":
    main()
