"""How a training step, memory and prediction grow with the number of labels.

Generated trees of 4 levels, 20,000 generated bags of about 55 terms of a vocabulary of
50,000; default parameters, one path per document. Each size runs in its own process.
Also writes a plot of the growth.

    .venv/bin/python -m benchmarks.labels
"""

import argparse
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from skorch.callbacks import Callback

from benchmarks.generated import make_bags, make_hierarchy, make_labels
from benchmarks.isolation import in_own_process
from benchmarks.log_plot import log_plot
from benchmarks.reporting import (
    RESULTS,
    markdown_table,
    peak_memory,
    pinned_threads,
    publish,
)
from sklearn_htc import HTCInfoMaxClassifier

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000)
N_DOCUMENTS = 20_000
N_PREDICTED = 10_000


class StepTimer(Callback):
    """Keep the seconds of each step."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Start with none."""
        self.seconds: list[float] = []

    def on_batch_begin(self, net: Any, **kwargs: Any) -> None:
        """Start a step."""
        self.started = perf_counter()

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        """End a step."""
        self.seconds.append(perf_counter() - self.started)


def main() -> None:
    """Measure all sizes and write table and plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    arguments = parser.parse_args()
    runs = []
    for n_labels in arguments.sizes:
        runs.append(in_own_process(measure, n_labels, arguments.threads))
        print(runs[-1], flush=True)
    for run in runs:
        run["growth"] = run["step_ms"] / runs[0]["step_ms"]
    table = markdown_table(
        {
            "labels": "{n_labels:,}",
            "step, ms (median)": "{step_ms:.1f}",
            "times that of {:,}".format(runs[0]["n_labels"]): "{growth:.1f}",
            "weights, millions": "{n_weights:.2f}",
            "weights without term embeddings, millions": "{n_label_weights:.2f}",
            "peak memory of fit, GB": "{fit_memory:.2f}",
            "predicted documents per second": "{predicted_per_second:,.0f}",
        },
        runs,
    )
    publish("labels", runs, table, threads=arguments.threads)
    lines = {"": [(run["n_labels"], run["step_ms"]) for run in runs]}
    picture = log_plot(lines, "labels", "ms a step of 128 documents")
    (RESULTS / "labels.svg").write_text(picture, encoding="utf8")


def measure(n_labels: int, threads: int) -> dict[str, Any]:
    """Train on generated documents for an epoch, and predict."""
    rng = np.random.default_rng(0)
    hierarchy = make_hierarchy(n_labels)
    labels = make_labels(hierarchy, N_DOCUMENTS + N_PREDICTED, rng)
    X = make_bags(labels, rng)
    Y = hierarchy.to_indicator([label] for label in labels[:N_DOCUMENTS].tolist())
    timer = StepTimer()
    clf = HTCInfoMaxClassifier(
        hierarchy,
        wide_path=False,
        max_epochs=1,
        callbacks=[timer],
        device="cpu",
        random_state=0,
    )
    with pinned_threads(threads):
        start = perf_counter()
        clf.fit(X[:N_DOCUMENTS], Y)
        fitted = perf_counter()
        memory = peak_memory()
        clf.predict(X[N_DOCUMENTS:])
        predicted = perf_counter()
    sizes = [weight.numel() for weight in clf.net_.module_.parameters()]
    embedding = clf.net_.module_.text_encoder.embedding.weight.numel()
    return {
        "n_labels": n_labels,
        "step_ms": 1000 * median(timer.seconds[5:]),
        "fit_seconds": fitted - start,
        "fit_memory": memory,
        "n_weights": sum(sizes) / 1e6,
        "n_label_weights": (sum(sizes) - embedding) / 1e6,
        "predicted_per_second": N_PREDICTED / (predicted - fitted),
    }


if __name__ == "__main__":
    main()
