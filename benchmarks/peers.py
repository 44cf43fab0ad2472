"""Libraries for many labels, beside this package: time, memory, size, quality.

omikuji, napkinXC (with the tree that it makes, and with the hierarchy), libpecos,
LibMultiLabel, one-vs-rest LinearSVC and, where each document has one path, hiclass
(LogisticRegression with C=10), otherwise with their defaults, beside
HierarchicalLinearClassifier and HTCInfoMaxClassifier. "omikuji, our read-out" is
omikuji in a HierarchicalDecodingClassifier; its seconds include writing the files that
omikuji reads. All read the same TF-IDF (words and pairs of words) and indicators closed
under ancestors. P@k and nDCG@5 rank all nodes. For F1 the peers get the one threshold
that does best on a held-out fifth of the training documents, learned by a model of the
others (`--threshold`); ancestors of what is predicted are added. The generated sets
have 10,000, 30,000 and 100,000 labels in trees of four levels, with Zipf-distributed
terms and labels. Each system runs in its own process, where it is fitted `--repeats`
times; the seconds are the median. What is not run keeps the result that it has.

libpecos needs an older numpy: make an environment for it, and name its Python.

    .venv/bin/python -m pip install 'sklearn-htc[baselines]'
    .venv/bin/python -m benchmarks.peers --data DIR --pecos PYTHON
"""

import argparse
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.fit import load
from benchmarks.generated import make_taxonomy
from benchmarks.isolation import in_own_process
from benchmarks.peer_systems import N_RANKED, PEERS, Estimator, Pecos, Ranker
from benchmarks.reporting import (
    markdown_table,
    peak_memory,
    pinned_threads,
    publish,
    published,
    side_by_side,
)
from sklearn_htc import Hierarchy
from sklearn_htc.metrics import micro_macro_f1, ndcg_at_k_score, precision_at_k_score

SETS = ("load_api_docs", "attack", "clinc150", "wos_sample", "onet_dwa", "nvd_cwe")
# Labels and training documents.
GENERATED = {
    "generated 10,000": (10_000, 50_000),
    "generated 30,000": (30_000, 100_000),
    "generated 100,000": (100_000, 300_000),
}
N_TESTED = 10_000
# Sets of documents with one path.
ONE_PATH = ("load_api_docs", "clinc150", "wos_sample")
# Systems that make a score of each document and label.
IN_FULL = (
    "one-vs-rest LinearSVC",
    "LibMultiLabel one-vs-rest",
    "LibMultiLabel tree",
    "omikuji, our read-out",
)


def main() -> None:
    """Run all systems on all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--pecos", help="Python of an environment with libpecos")
    parser.add_argument("--sets", nargs="*", default=[*SETS, *GENERATED])
    parser.add_argument("--systems", nargs="*", default=list(PEERS), choices=PEERS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threshold", action="store_true", help="F1 of peers too")
    arguments = parser.parse_args()
    options = vars(arguments)
    runs = published("peers")
    for name, system in product(arguments.sets, arguments.systems):
        if system == "libpecos XR-Linear" and arguments.pecos is None:
            continue
        if system in IN_FULL and name in GENERATED:
            continue
        if system == "hiclass LCPPN" and name not in ONE_PATH:
            continue
        run = in_own_process(measure, name, system, options)
        print(run, flush=True)
        others = [
            each for each in runs if (each["data"], each["system"]) != (name, system)
        ]
        runs = [*others, run]
        report(runs, arguments.threads)


def report(runs: list[dict[str, Any]], threads: int) -> None:
    """Write seconds, P@1 / 3 / 5 and F1 side by side, and all that was measured."""
    sets, systems = [*SETS, *GENERATED], list(PEERS)

    def place(run: dict[str, Any]) -> tuple[int, int]:
        is_known = run["data"] in sets
        first = sets.index(run["data"]) if is_known else len(sets)
        return first, systems.index(run["system"])

    runs = sorted(runs, key=place)
    table = markdown_table(
        {
            "data": "{data}",
            "system": "{system}",
            "fit, s": "{fit_seconds:.1f}",
            "documents ranked per second": "{ranked_per_second:,.0f}",
            "peak memory, GB": "{memory:.1f}",
            "size, MB": "{megabytes:.0f}",
            "P@1": "{p1:.1f}",
            "P@3": "{p3:.1f}",
            "P@5": "{p5:.1f}",
            "nDCG@5": "{ndcg5:.1f}",
            "micro F1": "{micro_f1:.2f}",
            "macro F1": "{macro_f1:.2f}",
        },
        runs,
    )
    short = [
        side_by_side(runs, systems, template)
        for template in (
            "{fit_seconds:.1f} s",
            "{p1:.1f} / {p3:.1f} / {p5:.1f}",
            "{micro_f1:.1f} / {macro_f1:.1f}",
        )
    ]
    tables = "\n".join((*short, table)).replace("nan / nan", "").replace("nan", "")
    publish("peers", runs, tables, threads=threads)


def measure(name: str, system: str, options: dict[str, Any]) -> dict[str, Any]:
    """Fit one system, and rank the labels of the test documents."""
    hierarchy, X, Y, X_test, Y_test = read(name, options["data"])
    seconds = []
    with pinned_threads(options["threads"]), TemporaryDirectory() as folder:
        for _ in range(options["repeats"]):
            peer = make(system, hierarchy, folder, options)
            peer.prepare(X, Y)
            start = perf_counter()
            peer.fit(X, Y)
            seconds.append(perf_counter() - start)
            if isinstance(peer, Pecos):
                seconds[-1] = peer.reported["seconds"]
        memory = peak_memory()
        if isinstance(peer, Pecos):
            memory = peer.reported["memory"]
        start = perf_counter()
        columns, scores = peer.rank(X_test, 5)
        ranking = perf_counter() - start
        if isinstance(peer, Pecos):
            ranking = peer.reported["seconds"]
        size = peer.size()
        f1 = np.nan, np.nan
        if isinstance(peer, Estimator):
            f1 = micro_macro_f1(Y_test, peer.model.predict(X_test))
        elif options["threshold"]:
            threshold = best_threshold(system, hierarchy, X, Y, options)
            columns_of_all, scores = peer.rank(X_test, min(N_RANKED, len(hierarchy)))
            predicted = above(hierarchy, columns_of_all, scores, threshold)
            f1 = micro_macro_f1(Y_test, predicted)
    names = np.empty(len(hierarchy) + 1, dtype=object)
    names[:-1] = hierarchy.nodes
    # Where a system ranks fewer labels, those that are missing are wrong.
    ranked = filled(columns, len(hierarchy))
    labels = names[ranked]
    return {
        "data": name,
        "system": system,
        "fit_seconds": median(seconds),
        "n_fits": len(seconds),
        "ranked_per_second": X_test.shape[0] / ranking,
        "memory": memory,
        "megabytes": size / 1e6,
        **{
            f"p{k}": 100 * precision_at_k_score(Y_test, labels, hierarchy, k=k)
            for k in (1, 3, 5)
        },
        "ndcg5": 100 * ndcg_at_k_score(Y_test, labels, hierarchy, k=5),
        "micro_f1": 100 * f1[0],
        "macro_f1": 100 * f1[1],
    }


def read(
    name: str, folder: Path | None
) -> tuple[
    Hierarchy, sparse.csr_array, sparse.csr_array, sparse.csr_array, sparse.csr_array
]:
    """Return a hierarchy, term weights and closed indicators, to train and to test."""
    if name in GENERATED:
        n_labels, n_documents = GENERATED[name]
        hierarchy, X, Y = make_taxonomy(n_labels, n_documents + N_TESTED)
        train, test = slice(n_documents), slice(n_documents, None)
        return hierarchy, X[train], Y[train], X[test], Y[test]
    hierarchy, texts, Y, test_texts, Y_test = load(name, folder)
    vectorizer = TfidfVectorizer(
        sublinear_tf=True,
        min_df=2,
        ngram_range=(1, 2),
        max_features=100_000,
        dtype=np.float32,
    )
    X, X_test = vectorizer.fit_transform(texts), vectorizer.transform(test_texts)
    closed = (sparse.csr_array(hierarchy.close(each)) for each in (Y, Y_test))
    Y, Y_test = closed
    return hierarchy, sparse.csr_array(X), Y, sparse.csr_array(X_test), Y_test


def make(
    system: str, hierarchy: Hierarchy, folder: str, options: dict[str, Any]
) -> Ranker:
    """Make one system with its defaults."""
    return PEERS[system](hierarchy, Path(folder), options["threads"], options)


def best_threshold(
    system: str,
    hierarchy: Hierarchy,
    X: sparse.csr_array,
    Y: sparse.csr_array,
    options: dict[str, Any],
) -> float:
    """Find the threshold of the best micro-F1, on a fifth of the documents."""
    order = np.random.default_rng(0).permutation(X.shape[0])
    held_out, rest = np.split(order, [X.shape[0] // 5])
    with TemporaryDirectory() as folder:
        trial = make(system, hierarchy, folder, options)
        trial.prepare(X[rest], Y[rest])
        trial.fit(X[rest], Y[rest])
        columns, scores = trial.rank(X[held_out], min(N_RANKED, len(hierarchy)))
    grid = np.quantile(scores[np.isfinite(scores)], np.linspace(0.5, 0.999, 100))
    f1 = [
        micro_macro_f1(Y[held_out], above(hierarchy, columns, scores, threshold))[0]
        for threshold in grid
    ]
    return float(grid[np.argmax(f1)])


def above(
    hierarchy: Hierarchy, columns: np.ndarray, scores: np.ndarray, threshold: float
) -> sparse.csr_array:
    """Predict what is ranked above a threshold, and its ancestors."""
    rows, places = np.nonzero((scores >= threshold) & (columns >= 0))
    entries = np.ones(len(rows), dtype=np.int64), (rows, columns[rows, places])
    chosen = sparse.csr_array(entries, shape=(len(columns), len(hierarchy)))
    return hierarchy.close(chosen)


def filled(columns: np.ndarray, n_nodes: int) -> np.ndarray:
    """Put any labels that are not ranked in the place of -1."""
    filled = columns.copy()
    for row in np.flatnonzero((columns < 0).any(axis=1)):
        free = np.setdiff1d(np.arange(min(n_nodes, 20)), columns[row])
        missing = columns[row] < 0
        filled[row, missing] = free[: missing.sum()]
    return filled


if __name__ == "__main__":
    main()
