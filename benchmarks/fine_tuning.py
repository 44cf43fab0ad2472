"""Steps and predictions of a fine-tuned MiniLM, beside the libraries that it lives in.

The first training texts of each data set, with the same lengths and batches of 64, in
float32 and, where the CPU can, in bfloat16. Training is the second epoch:

- "Trainer": `transformers.Trainer` with a linear layer, with its defaults, and with
  batches of texts of similar length;
- "HiAGM" and "HTCInfoMax": the network alone, with label attention, structure encoder
  and, for the second, information maximization.

Predicting is of the same texts, in float32, beside `encode` of sentence-transformers,
which makes embeddings alone; the best of three times. Data sets that are not run keep
the results that they have.

    pip install -e '.[embeddings,transformer]' accelerate 'transformers>=5'
    .venv/bin/python -m benchmarks.fine_tuning --data DIR
"""

import argparse
from collections.abc import Callable
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.data_sets import Texts, load_texts
from benchmarks.embeddings import minilm_folder
from benchmarks.encoder import BATCH_SIZE, MAX_LENGTH, make_trainer
from benchmarks.isolation import in_own_process
from benchmarks.reporting import (
    markdown_table,
    peak_memory,
    pinned_threads,
    publish,
    published,
)
from sklearn_htc import HiAGMClassifier, HTCInfoMaxClassifier
from sklearn_htc.training.devices import has_fast_bfloat16

SETS = ("attack", "wos_sample")
N_REPEATS = 3


def main() -> None:
    """Time all systems on all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--documents", type=int, default=1280)
    arguments = parser.parse_args()
    precisions = ["float32"] + ["bfloat16"] * has_fast_bfloat16("cpu")
    jobs = [(system, p) for p in precisions for system in TRAINING]
    jobs += [(system, "float32") for system in PREDICTING]
    runs = [
        run for run in published("fine_tuning") if run["data"] not in arguments.sets
    ]
    for name, (system, precision) in product(arguments.sets, jobs):
        run = in_own_process(
            measure,
            name,
            system,
            precision,
            arguments.documents,
            arguments.data,
            arguments.threads,
        )
        print(run, flush=True)
        runs.append(run)
        report(runs, arguments.threads)


def report(runs: list[dict[str, Any]], threads: int) -> None:
    """Write a line per data set, system and precision."""
    columns = {
        "data": "{data}",
        "documents": "{documents}",
        "": "{system}",
        "precision": "{precision}",
        "documents per second": "{speed:,.0f}",
        "memory, GB": "{memory_gb:.1f}",
    }
    table = markdown_table(columns, runs)
    publish("fine_tuning", runs, table, threads=threads)


def measure(
    name: str,
    system: str,
    precision: str,
    n_documents: int,
    folder: Path | None,
    threads: int,
) -> dict[str, Any]:
    """Time one system on one data set."""
    texts = load_texts(name, 0, folder)
    texts = texts._replace(train=texts.train[:n_documents], Y=texts.Y[:n_documents])
    with pinned_threads(threads):
        seconds = (TRAINING | PREDICTING)[system](texts, precision == "bfloat16")
    return {
        "data": name,
        "documents": len(texts.train),
        "system": system,
        "precision": precision,
        "speed": len(texts.train) / seconds,
        "memory_gb": peak_memory(),
    }


def train_by_trainer(texts: Texts, is_mixed: bool, sampling: str) -> float:
    """Return the seconds of the second epoch."""
    from transformers import TrainerCallback

    starts = []

    class Clock(TrainerCallback):
        def on_epoch_begin(self, *args: Any, **kwargs: Any) -> None:
            starts.append(perf_counter())

        def on_train_end(self, *args: Any, **kwargs: Any) -> None:
            starts.append(perf_counter())

    with TemporaryDirectory() as folder:
        trainer, _ = make_trainer(
            texts.train,
            texts.Y,
            texts.Y.shape[1],
            2e-4,
            0,
            folder,
            num_train_epochs=2,
            bf16=is_mixed,
            train_sampling_strategy=sampling,
        )
        trainer.add_callback(Clock())
        trainer.train()
    return starts[-1] - starts[-2]


def train(kind: Any, texts: Texts, is_mixed: bool) -> float:
    """Return the seconds of the second epoch."""
    clf = make_network(kind, texts, mixed_precision=is_mixed, max_epochs=2)
    return clf.fit(texts.train, texts.Y).history_[-1, "dur"]


def make_network(kind: Any, texts: Texts, **parameters: Any) -> Any:
    """Return a classifier without a wide path."""
    return kind(
        texts.hierarchy,
        text_encoder="transformer",
        pretrained=minilm_folder(),
        max_length=MAX_LENGTH,
        batch_size=BATCH_SIZE,
        wide_path=False,
        random_state=0,
        **parameters,
    )


def encode(texts: Texts, is_mixed: bool) -> float:
    """Return the seconds that sentence-transformers takes for embeddings."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(minilm_folder(), device="cpu")
    model.max_seq_length = MAX_LENGTH
    return least_seconds(lambda: model.encode(texts.train, batch_size=BATCH_SIZE))


def predict(texts: Texts, is_mixed: bool) -> float:
    """Return the seconds that a fitted network takes for labels."""
    clf = make_network(HTCInfoMaxClassifier, texts, max_epochs=1)
    clf.fit(texts.train[:BATCH_SIZE], texts.Y[:BATCH_SIZE])
    return least_seconds(lambda: clf.predict(texts.train))


def least_seconds(call: Callable[[], Any]) -> float:
    """Return the shortest time of some calls."""
    seconds = []
    for _ in range(N_REPEATS):
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    return min(seconds)


TRAINING: dict[str, Callable[[Texts, bool], float]] = {
    "train, Trainer": lambda texts, is_mixed: train_by_trainer(
        texts, is_mixed, "random"
    ),
    "train, Trainer by length": lambda texts, is_mixed: train_by_trainer(
        texts, is_mixed, "group_by_length"
    ),
    "train, HiAGM": lambda texts, is_mixed: train(HiAGMClassifier, texts, is_mixed),
    "train, HTCInfoMax": lambda texts, is_mixed: train(
        HTCInfoMaxClassifier, texts, is_mixed
    ),
}
PREDICTING: dict[str, Callable[[Texts, bool], float]] = {
    "embed, sentence-transformers": encode,
    "predict, HTCInfoMax": predict,
}


if __name__ == "__main__":
    main()
