"""A training step of the paper's configuration beside the paper's text, read literally.

BiGRU of 150 units per direction on 300-d embeddings of 50,000 tokens, documents of up
to 256 tokens, batches of 64, Adam (in the package `RowwiseAdam`, the default); on the
documents and 143 labels of `load_api_docs`, and on longer, generated ones with 141
labels. `literal.py` holds the other side. Both start from the same weights; losses and
gradients are compared in float64 before anything is timed.

    .venv/bin/python -m benchmarks.step
"""

import argparse
from itertools import product
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from benchmarks.generated import make_hierarchy, make_labels, make_token_ids
from benchmarks.isolation import in_own_process
from benchmarks.literal import MAX_LENGTH, LiteralStep
from benchmarks.reporting import markdown_table, peak_memory, pinned_threads, publish
from sklearn_htc import Hierarchy, HTCInfoMaxClassifier, TokenSequenceVectorizer
from sklearn_htc.datasets import load_api_docs
from sklearn_htc.network.losses import mutual_information
from sklearn_htc.training.rowwise_adam import RowwiseAdam

BATCH_SIZE = 64
N_BATCHES = 30
# Its steps take the same time whatever the lengths, so a few will do.
N_LITERAL_BATCHES = 6
STRUCTURES = ("gcn", "treelstm")


def main() -> None:
    """Compare the two forms, time them, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    runs = []
    for corpus, structure in product(("load_api_docs", "generated"), STRUCTURES):
        difference = in_own_process(compare, corpus, structure, threads)
        forms = [
            in_own_process(measure, form, corpus, structure, threads)
            for form in ("literal", "sklearn_htc")
        ]
        for run in forms:
            run["speedup"] = (
                run["documents_per_second"] / forms[0]["documents_per_second"]
            )
            print(run, flush=True)
            runs.append({**run, "largest_difference": difference})
    table = markdown_table(
        {
            "documents": "{corpus}, {mean_length:.0f} tokens on average",
            "structure encoder": "{structure}",
            "form": "{form}",
            "step, s (median)": "{seconds:.3f}",
            "documents per second": "{documents_per_second:.0f}",
            "times the literal form": "{speedup:.1f}",
            "peak memory, GB": "{memory:.2f}",
            "largest difference, float64": "{largest_difference:.0e}",
        },
        runs,
    )
    publish("step", runs, table, threads=threads)


def make_data(corpus: str) -> tuple[Hierarchy, sparse.csr_array, sparse.csr_array]:
    """Return documents as token ids, at most 256 each, and their labels."""
    rng = np.random.default_rng(0)
    n = BATCH_SIZE * N_BATCHES
    if corpus == "load_api_docs":
        docs = load_api_docs()
        rows = rng.permutation(len(docs.data))[:n]
        texts = [docs.data[row] for row in rows]
        X = TokenSequenceVectorizer(max_length=MAX_LENGTH).fit_transform(texts)
        return docs.hierarchy, X, docs.target[rows]
    hierarchy = make_hierarchy(141, depth=2)
    lengths = np.clip(rng.lognormal(np.log(123), 0.5, size=n), 5, MAX_LENGTH)
    X = make_token_ids(lengths.astype(np.int64), rng)
    leaves = make_labels(hierarchy, n, rng)
    return hierarchy, X, hierarchy.to_indicator([leaf] for leaf in leaves.tolist())


def make_classifier(structure_encoder: str, **changes: Any) -> HTCInfoMaxClassifier:
    """Make an estimator with the paper's settings for one epoch."""
    data_set = {"gcn": "rcv1-v2", "treelstm": "wos"}[structure_encoder]
    settings = {
        "early_stopping": False,
        "vocabulary_size": 50_000,
        "random_state": 0,
        "device": "cpu",
        "optimizer": RowwiseAdam,
    }
    return HTCInfoMaxClassifier.paper_configuration(data_set, **(settings | changes))


def literal_batches(
    X: sparse.csr_array, Y: sparse.csr_array
) -> list[tuple[Tensor, Tensor]]:
    """Cut padded batches in the order of the rows."""
    ids = torch.zeros(X.shape[0], MAX_LENGTH, dtype=torch.int64)
    ids[:, : X.shape[1]] = torch.from_numpy(X.toarray().astype(np.int64))
    target = torch.from_numpy(Y.toarray().astype(np.float32))
    return list(zip(ids.split(BATCH_SIZE), target.split(BATCH_SIZE), strict=True))


def compare(corpus: str, structure_encoder: str, threads: int) -> float:
    """Return the largest difference of losses and gradients, without dropout."""
    hierarchy, X, Y = make_data(corpus)
    X, Y = X[:16], Y[:16]
    names = ("embedding", "text", "node", "classifier")
    no_dropout = {f"{name}_dropout": 0.0 for name in names}
    with pinned_threads(threads):
        clf = make_classifier(
            structure_encoder, hierarchy=hierarchy, optimizer=torch.optim.Adam
        )
        clf.set_params(**no_dropout).partial_fit(X, Y)
        model, objective = clf.net_.module_.double(), clf.net_.criterion_.double()
        model.train()
        objective.train()
        literal = LiteralStep(model, objective, clf.hierarchy_)
        torch.manual_seed(0)
        others = mutual_information.derangement(16, torch.device("cpu"))
        samples = torch.rand(len(hierarchy), 300, dtype=torch.float64)
        mutual_information.derangement = lambda n, device: others
        objective.label_prior_discriminator.sample_prior = lambda labels: samples
        ids, target = literal_batches(X, Y)[0]
        target = target.double()
        batch = {"ids": ids, "mask": ids > 0}
        weight = torch.ones(16, dtype=torch.float64)
        ours = objective(model(**batch), (target, weight))
        theirs = literal.loss(ids, target, others, samples)
        names = [name for name, _ in model.named_parameters()]
        names += [name for name, _ in objective.named_parameters()]
        weights = [*model.parameters(), *objective.parameters()]
        our_gradients = torch.autograd.grad(ours, weights)
        packed = dict(literal.gru.named_parameters())
        their_gradients = torch.autograd.grad(
            theirs,
            [
                packed.get(_packed_name(name), weight)
                for name, weight in zip(names, weights, strict=True)
            ],
        )
    differences = [
        (one - other).abs().max()
        for one, other in zip(our_gradients, their_gradients, strict=True)
    ]
    return float(max([(ours - theirs).abs(), *differences]))


def _packed_name(name: str) -> str:
    """Return what a weight of the two GRUs is called in torch's bidirectional one."""
    direction, _, part = name.removeprefix("text_encoder.").partition("_gru.")
    return part + "_reverse" * (direction == "backward")


def measure(
    form: str, corpus: str, structure_encoder: str, threads: int
) -> dict[str, Any]:
    """Time steps of one form."""
    hierarchy, X, Y = make_data(corpus)
    with pinned_threads(threads):
        clf = make_classifier(structure_encoder, hierarchy=hierarchy)
        if form == "literal":
            seconds = time_literal(clf.partial_fit(X[:2], Y[:2]), X, Y)
        else:
            seconds = time_package(clf, X, Y)
    return {
        "form": form,
        "corpus": corpus,
        "mean_length": X.nnz / X.shape[0],
        "structure": structure_encoder,
        "seconds": median(seconds),
        "documents_per_second": BATCH_SIZE / median(seconds),
        "memory": peak_memory(),
    }


def time_literal(
    clf: HTCInfoMaxClassifier, X: sparse.csr_array, Y: sparse.csr_array
) -> list[float]:
    """Time steps of the literal form, after one to warm up."""
    model, objective = clf.net_.module_, clf.net_.criterion_
    model.text_encoder.embedding.sparse = False
    model.train()
    objective.train()
    literal = LiteralStep(model, objective, clf.hierarchy_)
    optimizer = torch.optim.Adam(literal.parameters(), lr=clf.lr)
    seconds = []
    n = BATCH_SIZE * N_LITERAL_BATCHES
    for ids, target in literal_batches(X[:n], Y[:n]):
        start = perf_counter()
        optimizer.zero_grad()
        others = torch.randperm(len(ids))
        loss = literal.loss(ids, target, others, torch.rand(target.shape[1], 300))
        loss.backward()
        optimizer.step()
        seconds.append(perf_counter() - start)
    return seconds[1:]


def time_package(
    clf: HTCInfoMaxClassifier, X: sparse.csr_array, Y: sparse.csr_array
) -> list[float]:
    """Time an epoch of `partial_fit`, fetching and all, after a step to warm up."""
    clf.partial_fit(X[:BATCH_SIZE], Y[:BATCH_SIZE])
    clf.partial_fit(X, Y)
    epoch = clf.history_[-1]
    return [epoch["dur"] / epoch["train_batch_count"]] * epoch["train_batch_count"]


if __name__ == "__main__":
    main()
