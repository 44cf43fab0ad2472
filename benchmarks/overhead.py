"""What the estimator's training loop costs beside a bare torch loop.

Both run the same modules and the same optimiser over the same batches, fetched in the
same way, at the default batch size; the bare loop has no skorch, callbacks, history or
learning rate schedule. The loops take turns, so that a slow spell of the machine meets
both.

    .venv/bin/python -m benchmarks.overhead
"""

import argparse
from statistics import median
from time import perf_counter

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch.nn.utils import get_total_norm

from benchmarks.reporting import markdown_table, pinned_threads, publish
from sklearn_htc import HTCInfoMaxClassifier
from sklearn_htc.data.reading import as_documents
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.training.batches import DocumentDataset
from sklearn_htc.training.callbacks.gradient_clipping import ClipGradientNorm
from sklearn_htc.training.callbacks.schedule import Progress, WarmupThenDecay
from sklearn_htc.training.net import HTCNet


def main() -> None:
    """Time both loops in turns and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    with pinned_threads(arguments.threads):
        ours, bare, batch_size = measure(arguments.repeats)
    runs = {"sklearn_htc": ours, "bare": bare, "batch_size": batch_size}
    rows = [
        {"loop": "bare torch", "ms": median(bare), "overhead": 0.0},
        {
            "loop": "sklearn_htc",
            "ms": median(ours),
            "overhead": 100 * (median(ours) / median(bare) - 1),
        },
    ]
    table = markdown_table(
        {
            "loop": "{loop}",
            f"step of {batch_size} documents, ms (median)": "{ms:.2f}",
            "more than bare, %": "{overhead:.1f}",
        },
        rows,
    )
    publish("overhead", runs, table, threads=arguments.threads)


def measure(repeats: int) -> tuple[list[float], list[float], int]:
    """Return the milliseconds a step of either loop, epoch by epoch."""
    docs = load_api_docs()
    X = TfidfVectorizer().fit_transform(docs.data)
    clf = HTCInfoMaxClassifier(
        docs.hierarchy, wide_path=False, max_epochs=1, random_state=0
    )
    clf.fit(X, docs.target)
    net: HTCNet = clf.net_
    documents = as_documents(X, "bag")
    target = docs.target.astype("float32")
    weight = torch.ones(len(docs.data)).numpy()
    dataset = DocumentDataset(documents, target, weight)
    ours, bare = [], []
    for _ in range(repeats):
        progress = Progress(None)
        callbacks = [
            ("progress", progress),
            ("schedule", WarmupThenDecay(progress)),
            ("gradient_clip", ClipGradientNorm(clf.gradient_clip)),
        ]
        start = perf_counter()
        net.fit_on(dataset, None, 1, callbacks)
        n_steps = net.history[-1]["train_batch_count"]
        ours.append(1000 * (perf_counter() - start) / n_steps)
        start = perf_counter()
        bare_epoch(net, dataset, clf.gradient_clip)
        bare.append(1000 * (perf_counter() - start) / n_steps)
    return ours, bare, net.batch_size


def bare_epoch(net: HTCNet, dataset: DocumentDataset, max_norm: float) -> None:
    """Train for one epoch as a plain script would."""
    model, objective, optimizer = net.module_, net.criterion_, net.optimizer_
    model.train()
    objective.train()
    weights = [*model.parameters(), *objective.parameters()]
    for batch, target in net.get_iterator(dataset, training=True):
        optimizer.zero_grad()
        objective(model(**batch), target).backward()
        gradients = []
        for weight in weights:
            if weight.grad is not None and weight.grad.is_sparse:
                weight.grad = weight.grad.coalesce()
                gradients.append(weight.grad.values())
            elif weight.grad is not None:
                gradients.append(weight.grad)
        factor = (max_norm / (get_total_norm(gradients) + 1e-6)).clamp(max=1)
        for gradient in gradients:
            gradient.mul_(factor)
        optimizer.step()


if __name__ == "__main__":
    main()
