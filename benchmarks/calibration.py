"""Expected calibration error of the defaults beside sigmoid-calibrated LinearSVC.

On the TF-IDF and the splits of `benchmarks.quality`, over seeds. The flat model is a
LinearSVC a label in CalibratedClassifierCV (sigmoid, on scores of five folds,
`ensemble=False`); labels with fewer than 5 training documents have their share as
probability. Pairs of test document and label are put into 15 bins of equal width; the
error is the mean distance of a bin's mean probability to its share of true labels,
weighted by its pairs: over all pairs, and over those of which any of the models says 1%
or more, since nearly all pairs are surely false. These are the same for all models.

    .venv/bin/python -m benchmarks.calibration --data DIR
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import LinearSVC

from benchmarks.isolation import in_own_process
from benchmarks.quality import ESTIMATORS, Split, load
from benchmarks.reporting import (
    markdown_table,
    mean_and_deviation,
    pinned_threads,
    publish,
    published,
)

N_BINS = 15
FLAT = "LinearSVC, sigmoid"
LEAST = 0.01


def main() -> None:
    """Measure all systems on all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", default=["load_api_docs"])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    runs = [r for r in published("calibration") if r["data"] not in arguments.sets]
    for name in arguments.sets:
        for seed in range(arguments.seeds):
            runs += in_own_process(
                measure, name, seed, arguments.data, arguments.threads
            )
            publish("calibration", runs, table(runs), threads=arguments.threads)


def table(runs: list[dict[str, Any]]) -> str:
    """Write a row a data set and system, means and deviations over its seeds."""
    of_row: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        of_row.setdefault((run["data"], run["system"]), []).append(run)
    rows = [
        {
            "data": data,
            "system": system,
            "seeds": len(of_seeds),
            **{
                key: mean_and_deviation([run[key] for run in of_seeds], digits)
                for key, digits in (("all_pairs", 3), ("likely_pairs", 2))
            },
        }
        for (data, system), of_seeds in of_row.items()
    ]
    headings = {
        "data": "{data}",
        "system": "{system}",
        "seeds": "{seeds}",
        "error over all pairs, %": "{all_pairs}",
        "error over likely pairs, %": "{likely_pairs}",
    }
    return markdown_table(headings, rows)


def measure(
    name: str, seed: int, folder: Path | None, threads: int
) -> list[dict[str, Any]]:
    """Fit every system on one split and compare its probabilities to the labels."""
    split = load(name, seed, folder)
    with pinned_threads(threads):
        systems = {FLAT: flat_probabilities(split, seed, threads)}
        for system, estimator in ESTIMATORS.items():
            model = estimator(split.hierarchy, random_state=seed)
            model.fit(split.X, split.Y)
            systems[system] = model.predict_proba(split.X_test)
    labels = split.Y_test.toarray() > 0
    likely = np.maximum.reduce(list(systems.values())) >= LEAST
    runs = []
    for system, p in systems.items():
        runs.append(
            {
                "data": name,
                "system": system,
                "seed": seed,
                "all_pairs": 100 * expected_calibration_error(p, labels),
                "likely_pairs": 100
                * expected_calibration_error(p[likely], labels[likely]),
            }
        )
    return runs


def flat_probabilities(split: Split, seed: int, threads: int) -> np.ndarray:
    """Calibrate a LinearSVC a label by scikit-learn's own means."""
    target = split.Y.toarray()

    def learn(node: int) -> np.ndarray:
        y = target[:, node]
        if min(y.sum(), len(y) - y.sum()) < 5:
            return np.full(split.X_test.shape[0], y.mean())
        machine = LinearSVC(random_state=seed)
        model = CalibratedClassifierCV(machine, ensemble=False, cv=5)
        return model.fit(split.X, y).predict_proba(split.X_test)[:, 1]

    columns = Parallel(n_jobs=threads, prefer="threads")(
        delayed(learn)(node) for node in range(target.shape[1])
    )
    return np.stack(columns, axis=1)


def expected_calibration_error(p: np.ndarray, labels: np.ndarray) -> float:
    """Weigh the bins' distances by their pairs."""
    p, labels = p.ravel().astype(np.float64), labels.ravel()
    bins = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    distance = np.bincount(bins, p - labels, minlength=N_BINS)
    return float(np.abs(distance).sum() / len(p))


if __name__ == "__main__":
    main()
