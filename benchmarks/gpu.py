"""Training on a GPU: documents per second, in full and in mixed precision.

The paper's configuration at the size of WOS (30,070 documents of 200 tokens, 141
labels, generated) and the defaults on generated TF-IDF-like bags of as many documents.
On a machine without a GPU it runs on the CPU; `--documents` makes it short.

    .venv/bin/python -m benchmarks.gpu
    .venv/bin/python -m benchmarks.gpu --documents 640
"""

import argparse
from itertools import product
from typing import Any

import numpy as np
import torch

from benchmarks.generated import (
    make_bags,
    make_hierarchy,
    make_labels,
    make_token_ids,
)
from benchmarks.reporting import markdown_table, pinned_threads, publish
from sklearn_htc import HTCInfoMaxClassifier
from sklearn_htc.training.devices import resolve_device

N_DOCUMENTS = 30_070
N_LABELS = 141
LENGTH = 200


def main() -> None:
    """Run both configurations in both precisions and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--documents", type=int, default=N_DOCUMENTS)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    device = resolve_device(arguments.device)
    # bfloat16 without hardware for it says nothing about the code.
    precisions = (False, True) if device.startswith("cuda") else (False,)
    runs = []
    with pinned_threads(arguments.threads):
        for configuration, mixed in product(("paper", "default"), precisions):
            run = measure(configuration, mixed, arguments.documents, device)
            print(run, flush=True)
            runs.append(run)
    table = markdown_table(
        {
            "configuration": "{configuration}",
            "device": "{device}",
            "precision": "{precision}",
            "documents": "{n_documents:,}",
            "batch": "{batch_size}",
            "second epoch, s": "{seconds:.2f}",
            "documents per second": "{per_second:,.0f}",
            "peak device memory, GB": "{memory:.2f}",
        },
        runs,
    )
    publish("gpu", runs, table, threads=arguments.threads)


def measure(
    configuration: str, mixed: bool, n_documents: int, device: str
) -> dict[str, Any]:
    """Train for two epochs and time the second."""
    rng = np.random.default_rng(0)
    hierarchy = make_hierarchy(N_LABELS, depth=2)
    labels = make_labels(hierarchy, n_documents, rng)
    settings: dict[str, Any] = {
        "hierarchy": hierarchy,
        "max_epochs": 2,
        "device": device,
        "mixed_precision": mixed,
        "random_state": 0,
    }
    if configuration == "paper":
        X = make_token_ids(np.full(n_documents, LENGTH), rng)
        clf = HTCInfoMaxClassifier.paper_configuration(
            "wos", early_stopping=False, **settings
        )
    else:
        X = make_bags(labels, rng, length=120)
        clf = HTCInfoMaxClassifier(**settings)
    Y = hierarchy.to_indicator([label] for label in labels.tolist())
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    clf.fit(X, Y)
    seconds = clf.history_[-1]["dur"]
    memory = 0.0
    if device.startswith("cuda"):
        memory = torch.cuda.max_memory_allocated() / 1e9
    return {
        "configuration": configuration,
        "device": device,
        "precision": "bfloat16" if mixed else "float32",
        "n_documents": n_documents,
        "batch_size": clf.net_.batch_size,
        "seconds": seconds,
        "per_second": n_documents / seconds,
        "memory": memory,
    }


if __name__ == "__main__":
    main()
