"""Where the time of a fit goes: seconds of each of its stages.

HierarchicalLinearClassifier and HTCInfoMaxClassifier with their defaults, on TF-IDF of
words and pairs of words. Python's profiler adds up the time in the functions that do a
stage's work. It costs little, as they compute on whole arrays. Each figure is the
median of `--repeats` fits in one process, after a fit to a few documents.

    .venv/bin/python -m benchmarks.stages --data DIR
"""

import argparse
from cProfile import Profile
from itertools import product
from pathlib import Path
from pstats import Stats
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.isolation import in_own_process
from benchmarks.peers import SETS, read
from benchmarks.reporting import markdown_table, pinned_threads, publish
from sklearn_htc import HierarchicalLinearClassifier, HTCInfoMaxClassifier

SYSTEMS = {
    "HierarchicalLinearClassifier": HierarchicalLinearClassifier,
    "HTCInfoMaxClassifier": HTCInfoMaxClassifier,
}
# The file and name of the functions of each stage, none of which calls another.
STAGES = {
    "folds": [("data/held_out.py", "make_folds")],
    "relevance": [("wide/linear.py", "relevance_of")],
    "ridge regressions": [("wide/ridge.py", "fit_ridge")],
    "machines": [("wide/machines.py", "fit_machines")],
    "scores": [("wide/linear.py", "scores")],
    "calibration": [("read_out/calibration.py", "fit")],
    "thresholds": [
        ("read_out/fitting.py", "_decoders"),
        ("read_out/fitting.py", "_best"),
    ],
    "network": [("training/net.py", "run_single_epoch"), ("training/deep.py", "build")],
    "network's scores": [("training/deep.py", "iter_scores")],
}


def main() -> None:
    """Measure all and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    runs = []
    for name, system in product(arguments.sets, SYSTEMS):
        runs.append(in_own_process(measure, name, system, vars(arguments)))
        print(runs[-1], flush=True)
    columns = {"data": "{data}", "system": "{system}", "fit, s": "{fit:.1f}"}
    columns |= {stage: f"{{{stage}:.1f}}" for stage in [*STAGES, "rest"]}
    table = markdown_table(columns, runs)
    publish("stages", runs, table, threads=arguments.threads)


def measure(name: str, system: str, options: dict[str, Any]) -> dict[str, Any]:
    """Fit some times, and add up the time of each stage."""
    hierarchy, X, Y, *_ = read(name, options["data"])
    with pinned_threads(options["threads"]):
        SYSTEMS[system](hierarchy, random_state=0).fit(X[:300], Y[:300])
        fits = [fit(system, hierarchy, X, Y) for _ in range(options["repeats"])]
    medians = {key: median(each[key] for each in fits) for key in fits[0]}
    return {"data": name, "system": system, **medians}


def fit(system: str, hierarchy: Any, X: Any, Y: Any) -> dict[str, float]:
    """Fit once; return the seconds of all, of each stage, and of the rest."""
    model, profile = SYSTEMS[system](hierarchy, random_state=0), Profile()
    start = perf_counter()
    profile.runcall(model.fit, X, Y)
    seconds = {"fit": perf_counter() - start}
    # Calls, their number, time in them alone, and in all that they called, as tuples.
    found: dict[Any, Any] = Stats(profile).stats  # type: ignore[attr-defined]
    for stage, functions in STAGES.items():
        seconds[stage] = sum(
            values[3]
            for (path, _, function), values in found.items()
            if any(path.endswith(end) and function == own for end, own in functions)
        )
    seconds["rest"] = seconds["fit"] - sum(seconds[stage] for stage in STAGES)
    return seconds


if __name__ == "__main__":
    main()
