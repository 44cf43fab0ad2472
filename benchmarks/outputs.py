"""Predictions for many documents and many labels, in little memory.

100,000 generated bags, 10,000 labels on 4 levels: all probabilities would take 4 GB as
float32, a dense indicator 8 GB. Each method runs in its own process, with training.

    .venv/bin/python -m benchmarks.outputs
"""

import argparse
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.generated import make_bags, make_hierarchy, make_labels
from benchmarks.isolation import in_own_process
from benchmarks.reporting import markdown_table, peak_memory, pinned_threads, publish
from sklearn_htc import HTCInfoMaxClassifier

N_TRAINED = 20_000
N_PREDICTED = 100_000
N_LABELS = 10_000


def main() -> None:
    """Measure each method and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    runs = []
    for method, decoding in (
        ("predict", "path"),
        ("predict", "threshold"),
        ("predict_top_k", "path"),
    ):
        runs.append(in_own_process(measure, method, decoding, arguments.threads))
        print(runs[-1], flush=True)
    table = markdown_table(
        {
            "method": "`{method}`",
            "decoding": "{decoding}",
            "result": "{result}",
            "seconds": "{seconds:.1f}",
            "documents per second": "{per_second:,.0f}",
            "peak memory of the process, GB": "{memory:.2f}",
        },
        runs,
    )
    publish("outputs", runs, table, threads=arguments.threads)


def measure(method: str, decoding: str, threads: int) -> dict[str, Any]:
    """Train for one pass, then predict."""
    rng = np.random.default_rng(0)
    hierarchy = make_hierarchy(N_LABELS)
    labels = make_labels(hierarchy, N_TRAINED, rng)
    Y = hierarchy.to_indicator([label] for label in labels.tolist())
    X = make_bags(make_labels(hierarchy, N_PREDICTED, rng), rng)
    clf = HTCInfoMaxClassifier(
        hierarchy,
        wide_path=False,
        decoding=decoding,
        max_epochs=1,
        device="cpu",
        random_state=0,
    )
    with pinned_threads(threads):
        clf.fit(make_bags(labels, rng), Y)
        start = perf_counter()
        if method == "predict":
            predicted = clf.predict(X)
            result = f"{type(predicted).__name__} {predicted.shape}"
        else:
            names, _ = clf.predict_top_k(X, 10)
            result = f"labels and probabilities {names.shape}"
        seconds = perf_counter() - start
    return {
        "method": method,
        "decoding": decoding,
        "result": result,
        "seconds": seconds,
        "per_second": N_PREDICTED / seconds,
        "memory": peak_memory(),
    }


if __name__ == "__main__":
    main()
