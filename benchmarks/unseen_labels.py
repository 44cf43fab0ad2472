"""Labels that have a name but no document, on data sets whose labels have names.

Of NAME-hidden a random fifth of the leaves that have training documents is hidden: all
training documents with one of them are left out. Its hierarchy is that of the nodes
that any document has. NAME is used as given, with the labels that the training rows
don't happen to have.

Beside `label_texts` (raw texts) and `label_features` (numbers) stand the same estimator
without them, the same with each name as one more training document, and the cosine of
documents and names alone. Features are those of benchmarks.quality.

"first" and "first five": the share of test rows with a label without documents in which
such a label is the first, or among the first five, of all leaves. "calibration error":
of pairs of these rows with leaves, with probabilities of 1% or more, in ten bins; with
leaves that have no documents, and with those that have some; and the same of all test
rows.

    .venv/bin/python -m benchmarks.unseen_labels --data DIR
"""

import argparse
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from benchmarks.data_sets import label_names, load_texts
from benchmarks.embeddings import embed
from benchmarks.isolation import in_own_process
from benchmarks.reporting import (
    markdown_table,
    mean_and_deviation,
    pinned_threads,
    publish,
    published,
)
from sklearn_htc import HierarchicalLinearClassifier, Hierarchy, HTCInfoMaxClassifier
from sklearn_htc.data.label_terms import LabelTermVectorizer

HIDDEN = "-hidden"
SETS = ("attack-hidden", "onet_dwa-hidden", "nvd_cwe")
FEATURES = ("tfidf", "minilm", "joined")
SYSTEMS = ("without names", "names as documents", "names", "cosine alone")
RARE = 5
N_BINS = 10
LEAST = 0.01


class Split(NamedTuple):
    """Texts and labels, the names of labels, and all texts, hidden ones among them."""

    hierarchy: Hierarchy
    names: list[str]
    train: list[str]
    Y: sparse.csr_array
    test: list[str]
    Y_test: sparse.csr_array
    everything: list[str]


def main() -> None:
    """Run all systems on all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--features", nargs="*", default=FEATURES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--systems", nargs="*", default=SYSTEMS, choices=SYSTEMS)
    arguments = parser.parse_args()
    runs = published("unseen_labels")
    for name, features, seed in product(
        arguments.sets, arguments.features, range(arguments.seeds)
    ):
        new = in_own_process(
            measure,
            name,
            features,
            seed,
            arguments.systems,
            arguments.data,
            arguments.threads,
        )
        again = [what_is_run(run) for run in new]
        runs = [run for run in runs if what_is_run(run) not in again] + new
        runs.sort(key=lambda run: SYSTEMS.index(run["system"]))
        report(runs, arguments.threads)


def what_is_run(run: dict[str, Any]) -> tuple[Any, ...]:
    """Return what runs are replaced by: the newer ones of the same."""
    return run["data"], run["features"], run["system"], run["seed"]


def report(runs: list[dict[str, Any]], threads: int) -> None:
    """Write one line per data set, features and system: means over seeds."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for run in runs:
        key = (run["data"], run["features"], run["system"])
        groups.setdefault(key, []).append(run)
    rows = []
    for (data, features, system), group in sorted(
        groups.items(), key=lambda x: x[0][:2]
    ):

        def mean(key: str, digits: int = 1, group: Any = group) -> str:
            values = [run[key] for run in group if run.get(key) is not None]
            return mean_and_deviation(values, digits)

        def pair(one: str, two: str, digits: int, join: str, mean: Any = mean) -> str:
            values = [mean(one, digits), mean(two, digits)]
            return join.join(value or "-" for value in values) if any(values) else ""

        rows.append(
            {
                "data": f"{data}, {features} ({len(group)})",
                "system": system,
                "all": pair("micro", "macro", 1, " / "),
                "seen": pair("seen_micro", "seen_macro", 1, " / "),
                "rare": mean("rare_macro"),
                "new": pair("new_micro", "new_macro", 1, " / "),
                "first": pair("first", "first_five", 0, ", "),
                "error": pair("new_error", "seen_error", 3, ", "),
                "of_all": pair("new_error_of_all", "seen_error_of_all", 3, ", "),
                "seconds": mean("seconds", 0),
            }
        )
    columns = {
        "data, features (seeds)": "{data}",
        "": "{system}",
        "F1 of all labels": "{all}",
        "with documents": "{seen}",
        f"with 1 to {RARE}": "{rare}",
        "without": "{new}",
        "first, first five, %": "{first}",
        "calibration error": "{error}",
        "of all rows": "{of_all}",
        "fit, s": "{seconds}",
    }
    table = markdown_table(columns, rows)
    publish("unseen_labels", runs, table, threads=threads)


def load(name: str, seed: int, folder: Path | None) -> Split:
    """Return a data set, with a fifth of its leaves hidden where that is asked for."""
    given = name.removesuffix(HIDDEN)
    texts = load_texts(given, seed, folder)
    hierarchy, Y, Y_test = texts.hierarchy, texts.Y, texts.Y_test
    names = label_names(hierarchy, given, folder)
    everything = [*texts.train, *texts.test, *names]
    split = Split(hierarchy, names, texts.train, Y, texts.test, Y_test, everything)
    if given == name:
        return split
    used = np.flatnonzero(Y.sum(axis=0) + Y_test.sum(axis=0))
    hierarchy = hierarchy.subgraph(hierarchy.nodes[i] for i in used)
    Y, Y_test = Y[:, used], Y_test[:, used]
    counts = Y.sum(axis=0)
    leaves = hierarchy.leaves[counts[hierarchy.leaves] > 0]
    rng = np.random.default_rng(seed)
    hidden = rng.choice(leaves, len(leaves) // 5, replace=False)
    kept = np.flatnonzero(Y[:, hidden].sum(axis=1) == 0)
    train = [texts.train[row] for row in kept]
    names = [names[i] for i in used]
    return Split(hierarchy, names, train, Y[kept], texts.test, Y_test, everything)


def measure(
    name: str,
    features: str,
    seed: int,
    systems: list[str],
    folder: Path | None,
    threads: int,
) -> list[dict[str, Any]]:
    """Fit and judge the systems."""
    split = load(name, seed, folder)
    with pinned_threads(threads):
        X, X_test, X_names = make_features(split, features)
        kind = HierarchicalLinearClassifier
        parameters: dict[str, Any] = {"random_state": seed}
        if features != "tfidf":
            kind = HTCInfoMaxClassifier
            parameters["deep_path"] = False
        own = split.hierarchy.to_indicator([[node] for node in split.hierarchy.nodes])
        stack = sparse.vstack if sparse.issparse(X) else np.vstack
        fits = {
            "without names": ({}, X, split.Y),
            "names as documents": (
                {},
                stack([X, X_names]),
                sparse.vstack([split.Y, own], format="csr"),
            ),
            "names": ({"label_features": X_names}, X, split.Y),
        }
        runs = []
        for system, (more, X_train, Y) in fits.items():
            if system not in systems:
                continue
            start = perf_counter()
            model = kind(split.hierarchy, **parameters, **more).fit(X_train, Y)
            seconds = perf_counter() - start
            predicted = sparse.csr_array(model.predict(X_test))
            values = judge(split, model.predict_proba(X_test), predicted)
            runs.append({"system": system, **values, "seconds": seconds})
        if "cosine alone" in systems:
            cosine = normalize(X_test) @ normalize(X_names).T
            cosine = cosine.toarray() if sparse.issparse(cosine) else cosine
            runs.append({"system": "cosine alone", **first_places(split, cosine)})
    for run in runs:
        run |= {"data": name, "features": features, "seed": seed}
        print(run, flush=True)
    return runs


def make_features(split: Split, features: str) -> tuple[Any, Any, Any]:
    """Return features of training rows, test rows and names."""
    pieces = []
    if features != "minilm":
        terms = TfidfVectorizer(
            sublinear_tf=True, min_df=2, ngram_range=(1, 2), max_features=100_000
        )
        vectorizer = LabelTermVectorizer(split.names, terms)
        X = vectorizer.fit_transform(split.train)
        pieces.append(
            (X, vectorizer.transform(split.test), vectorizer.transform(split.names))
        )
    if features != "tfidf":
        # The same for every seed, so that it is computed once.
        embeddings, _ = embed(split.everything, [])
        row = {text: i for i, text in enumerate(split.everything)}
        parts = (split.train, split.test, split.names)
        pieces.append(
            tuple(embeddings[[row[text] for text in texts]] for texts in parts)
        )
    if len(pieces) == 1:
        return pieces[0]
    X, X_test, X_names = (
        sparse.hstack(both, "csr") for both in zip(*pieces, strict=True)
    )
    return X, X_test, X_names


def judge(
    split: Split, probabilities: np.ndarray, predicted: sparse.csr_array
) -> dict[str, float]:
    """Compute F1 of groups of labels, places and calibration errors, F1 in percent."""
    counts, truth = split.Y.sum(axis=0), split.Y_test
    hits = predicted.multiply(truth).sum(axis=0)
    total = predicted.sum(axis=0) + truth.sum(axis=0)
    occurs = truth.sum(axis=0) > 0
    groups = {
        "": occurs | (predicted.sum(axis=0) > 0),
        "seen_": counts > 0,
        "new_": counts == 0,
        "rare_": (counts > 0) & (counts <= RARE),
    }
    values = {}
    for group, labels in groups.items():
        values[f"{group}micro"] = 200 * hits[labels].sum() / max(total[labels].sum(), 1)
        judged = labels & occurs
        values[f"{group}macro"] = 200 * np.mean(hits[judged] / total[judged])
    values |= first_places(split, probabilities)
    rows, leaves = rows_and_leaves(split)
    for group, own in (
        ("new", leaves[counts[leaves] == 0]),
        ("seen", leaves[counts[leaves] > 0]),
    ):
        for which, some in (("", rows), ("_of_all", np.arange(truth.shape[0]))):
            values[f"{group}_error{which}"] = calibration_error(
                probabilities[some][:, own].ravel(),
                truth[some][:, own].toarray().ravel(),
            )
    return values


def rows_and_leaves(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return the test rows that have a leaf without documents, and all leaves."""
    leaves = split.hierarchy.leaves
    new = leaves[split.Y.sum(axis=0)[leaves] == 0]
    return np.flatnonzero(split.Y_test[:, new].sum(axis=1)), leaves


def first_places(split: Split, values: np.ndarray) -> dict[str, float]:
    """Say in how many rows a true leaf without documents is among the first, in %."""
    rows, leaves = rows_and_leaves(split)
    is_new = split.Y.sum(axis=0)[leaves] == 0
    true = (split.Y_test[rows][:, leaves].toarray() > 0) & is_new
    order = np.argsort(-values[rows][:, leaves], axis=1)[:, :5]
    hits = np.take_along_axis(true, order, axis=1)
    return {
        "first": float(100 * hits[:, 0].mean()),
        "first_five": float(100 * hits.any(axis=1).mean()),
    }


def calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> float | None:
    """Return the mean distance of probabilities from shares, over bins."""
    counted = probabilities >= LEAST
    if not counted.any():
        return None
    p, t = probabilities[counted], truth[counted]
    bins = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    size = np.bincount(bins, minlength=N_BINS)
    gap = np.bincount(bins, p - t, minlength=N_BINS)
    return float(np.abs(gap).sum() / size.sum())


if __name__ == "__main__":
    main()
