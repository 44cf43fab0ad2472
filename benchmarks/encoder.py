"""A pretrained encoder trained beside terms, and what users would do in its place.

MiniLM (6 layers, 22 million weights) on raw texts of at most 256 tokens:

- "terms": the default of `HTCInfoMaxClassifier` on raw texts, without the encoder;
- "terms + embeddings": the same on TF-IDF and sentence-transformers' embeddings;
- "Trainer": a plain fine-tune by `transformers.Trainer`, 4 epochs of 64, warm-up and
  linear decay, batches of texts of similar length. Where each text has one path, it
  learns the most specific label (a softmax), and elsewhere all labels (binary
  cross-entropy). Its learning rate is the best of three on a fifth of 3,000 training
  texts; its threshold, one for all labels, is the best for micro-F1 on a tenth of the
  training texts, which it does not learn from (at 0.5 it predicts next to nothing);
- "SetFit": MiniLM trained on 2 pairs of texts per text, then logistic regression on its
  embeddings; where each text has one path, it learns the most specific labels;
- "encoder": `text_encoder="transformer"`, otherwise the defaults.

Both fine-tunes multiply in bfloat16 where the CPU can. Each system runs in a process of
its own. Seconds are those of `fit`, with tokens, embeddings and the choice of a
learning rate, and those of predicting the test texts. Macro-F1 is over the labels of
the test texts. The calibration error is the expected one (15 bins) over pairs of text
and label with a probability of 1% or more. No seconds are given of runs beside which
the machine had other work to do (`--untimed`). Of nvd_cwe 10,000 texts are trained on
and 10,000 tested.

    pip install -e '.[embeddings,transformer]' accelerate 'transformers>=5' setfit
    .venv/bin/python -m benchmarks.encoder --data DIR
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score

from benchmarks.calibration import LEAST, expected_calibration_error
from benchmarks.data_sets import Texts, load_texts
from benchmarks.embeddings import minilm_folder
from benchmarks.isolation import in_own_process
from benchmarks.reporting import (
    markdown_table,
    mean_and_deviation,
    peak_memory,
    pinned_threads,
    publish,
    published,
)
from sklearn_htc import HTCInfoMaxClassifier
from sklearn_htc.training.devices import has_fast_bfloat16

SETS = ("attack", "clinc150", "onet_dwa", "wos_sample", "load_api_docs", "nvd_cwe")
MAX_ROWS = {"nvd_cwe": 10_000}
MAX_LENGTH = 256
BATCH_SIZE = 64
RATES = (2e-4, 5e-4, 1e-3)
N_TUNED = 3000
THRESHOLDS = np.arange(0.05, 0.96, 0.05)


@dataclass(frozen=True)
class Fitted:
    """How a fitted system predicts texts: indicators, and perhaps probabilities."""

    predict: Callable[[list[str]], sparse.csr_array]
    details: str = ""
    predict_proba: Callable[[list[str]], np.ndarray] | None = None


def main() -> None:
    """Run the systems on the data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument(
        "--untimed", action="store_true", help="other work runs on the machine, too"
    )
    arguments = parser.parse_args()
    runs = published("encoder")
    for name in arguments.sets:
        for seed in arguments.seeds:
            for system in arguments.systems:
                run = in_own_process(
                    measure, name, system, seed, arguments.data, arguments.threads
                )
                if arguments.untimed:
                    run |= dict.fromkeys(("fit_seconds", "predict_seconds"))
                print(run, flush=True)
                key = (name, system, seed)
                runs = [r for r in runs if (r["data"], r["system"], r["seed"]) != key]
                runs.append(run)
                report(runs, arguments.threads)


def measure(
    name: str, system: str, seed: int, folder: Path | None, threads: int
) -> dict[str, Any]:
    """Fit and judge one system on one split."""
    texts = load_texts(name, seed, folder)
    rows = slice(MAX_ROWS.get(name))
    texts = Texts(
        texts.hierarchy,
        texts.train[rows],
        texts.Y[rows],
        texts.test[rows],
        texts.Y_test[rows],
    )
    with pinned_threads(threads):
        start = perf_counter()
        fitted = SYSTEMS[system](texts, seed)
        to_fit = perf_counter() - start
        start = perf_counter()
        predicted = sparse.csr_array(fitted.predict(texts.test)).astype(np.int64)
        to_predict = perf_counter() - start
        memory = peak_memory()
        error = (
            None
            if fitted.predict_proba is None
            else calibration_error(texts, fitted.predict_proba)
        )
    occurs = np.flatnonzero(texts.Y_test.sum(axis=0))
    macro = f1_score(
        texts.Y_test[:, occurs], predicted[:, occurs], average="macro", zero_division=0
    )
    micro = f1_score(texts.Y_test, predicted, average="micro", zero_division=0)
    return {
        "data": name,
        "system": system,
        "seed": seed,
        "micro_f1": 100 * micro,
        "macro_f1": 100 * macro,
        "fit_seconds": to_fit,
        "predict_seconds": to_predict,
        "memory_gb": memory,
        "calibration_error": error,
        "details": fitted.details,
    }


def calibration_error(
    texts: Texts, predict_proba: Callable[[list[str]], np.ndarray]
) -> float:
    """Return the expected calibration error of pairs of 1% or more, in percent."""
    p = predict_proba(texts.test)
    likely = p >= LEAST
    return 100 * expected_calibration_error(p[likely], texts.Y_test.toarray()[likely])


def of_terms(texts: Texts, seed: int) -> Fitted:
    """Fit the default to raw texts."""
    clf = HTCInfoMaxClassifier(texts.hierarchy, random_state=seed)
    clf.fit(texts.train, texts.Y)
    return Fitted(clf.predict, predict_proba=clf.predict_proba)


def of_terms_and_embeddings(texts: Texts, seed: int) -> Fitted:
    """Fit the default to terms and sentence embeddings side by side."""
    vectorizer = TfidfVectorizer(
        sublinear_tf=True, min_df=2, ngram_range=(1, 2), max_features=100_000
    ).fit(texts.train)

    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(minilm_folder(), device="cpu")

    def read(some: list[str]) -> sparse.csr_array:
        embeddings = model.encode(some, batch_size=BATCH_SIZE)
        return sparse.hstack([vectorizer.transform(some), embeddings], format="csr")

    clf = HTCInfoMaxClassifier(texts.hierarchy, random_state=seed)
    clf.fit(read(texts.train), texts.Y)
    return Fitted(
        lambda some: clf.predict(read(some)),
        predict_proba=lambda some: clf.predict_proba(read(some)),
    )


def of_encoder(texts: Texts, seed: int) -> Fitted:
    """Fit the encoder beside terms."""
    clf = HTCInfoMaxClassifier(
        texts.hierarchy,
        text_encoder="transformer",
        pretrained=minilm_folder(),
        max_length=MAX_LENGTH,
        random_state=seed,
    ).fit(texts.train, texts.Y)
    wide = "none" if clf.wide_ is None else type(clf.wide_).__name__
    details = f"{wide}, deep_weight_ {clf.deep_weight_:.2f}"
    return Fitted(clf.predict, details, clf.predict_proba)


def of_trainer(texts: Texts, seed: int) -> Fitted:
    """Fine-tune by `transformers.Trainer`."""
    specific = sparse.csr_array(texts.hierarchy.most_specific(texts.Y))
    if np.all(np.diff(specific.indptr) == 1):
        return of_trainer_of_paths(texts, specific.indices, seed)
    return of_trainer_of_labels(texts, seed)


def of_trainer_of_paths(texts: Texts, ends: np.ndarray, seed: int) -> Fitted:
    """Fine-tune for the node at which each text's path ends (n)."""
    n_nodes = len(texts.hierarchy)

    def accuracy(scores: np.ndarray, target: np.ndarray) -> float:
        return float(np.mean(scores.argmax(axis=1) == target))

    rate = best_rate(texts.train, ends, n_nodes, seed, accuracy)
    score = fine_tuned(texts.train, ends, n_nodes, rate, seed)

    def predict(some: list[str]) -> sparse.csr_array:
        chosen = np.eye(n_nodes, dtype=np.int64)[score(some).argmax(axis=1)]
        return texts.hierarchy.close(sparse.csr_array(chosen))

    return Fitted(predict, f"learning rate {rate:g}")


def of_trainer_of_labels(texts: Texts, seed: int) -> Fitted:
    """Fine-tune for all labels of each text, with the best threshold."""
    n_nodes = len(texts.hierarchy)

    def micro_f1(scores: np.ndarray, target: sparse.csr_array) -> float:
        return best_threshold(scores, target)[1]

    rate = best_rate(texts.train, texts.Y, n_nodes, seed, micro_f1)
    n_learned = len(texts.train) * 9 // 10
    first, second = slice(n_learned), slice(n_learned, None)
    score = fine_tuned(texts.train[first], texts.Y[first], n_nodes, rate, seed)
    threshold, _ = best_threshold(score(texts.train[second]), texts.Y[second])

    def predict(some: list[str]) -> sparse.csr_array:
        return sparse.csr_array(score(some) >= threshold)

    return Fitted(predict, f"learning rate {rate:g}, threshold {threshold:g}")


def best_rate(
    texts: list[str],
    Y: Any,
    n_labels: int,
    seed: int,
    judge: Callable[[np.ndarray, Any], float],
) -> float:
    """Return the learning rate that does best on a fifth of some training texts."""
    n_tuned = min(N_TUNED, len(texts))
    first, second = slice(n_tuned * 4 // 5), slice(n_tuned * 4 // 5, n_tuned)
    found = []
    for rate in RATES:
        score = fine_tuned(texts[first], Y[first], n_labels, rate, seed)
        found.append((judge(score(texts[second]), Y[second]), rate))
    return max(found)[1]


def best_threshold(scores: np.ndarray, Y: sparse.csr_array) -> tuple[float, float]:
    """Return the threshold of the best micro-F1, and that."""
    target = Y.toarray()
    return max(
        (
            (float(each), f1_score(target, scores >= each, average="micro"))
            for each in THRESHOLDS
        ),
        key=lambda pair: pair[1],
    )


def fine_tuned(
    texts: list[str], Y: Any, n_labels: int, rate: float, seed: int
) -> Callable[[list[str]], np.ndarray]:
    """Train all of the encoder and a linear layer; return what gives probabilities."""
    with TemporaryDirectory() as folder:
        trainer, rows = make_trainer(
            texts, Y, n_labels, rate, seed, folder, num_train_epochs=4
        )
        trainer.train()
    # Otherwise predictions come in an order by length, too.
    trainer.args.train_sampling_strategy = "random"
    return lambda some: expit(trainer.predict(rows(some)).predictions)


def make_trainer(
    texts: list[str],
    Y: Any,
    n_labels: int,
    rate: float,
    seed: int,
    folder: str,
    **arguments: Any,
) -> tuple[Any, Callable[[list[str]], list[dict[str, Any]]]]:
    """Return a `Trainer`, and what turns texts into the rows that it predicts.

    Y is an indicator (n, n_labels), or the one label of each text (n).
    """
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    model = AutoModelForSequenceClassification.from_pretrained(
        minilm_folder(),
        num_labels=n_labels,
        problem_type="single_label_classification"
        if Y.ndim == 1
        else "multi_label_classification",
    )

    def rows(some: list[str], labels: Any = None) -> list[dict[str, Any]]:
        found = tokenizer(some, truncation=True, max_length=MAX_LENGTH)["input_ids"]
        if labels is None:
            return [{"input_ids": ids} for ids in found]
        dense = (
            labels.toarray().astype(np.float32)
            if sparse.issparse(labels)
            else labels.tolist()
        )
        return [
            {"input_ids": ids, "labels": row}
            for ids, row in zip(found, dense, strict=True)
        ]

    settings: dict[str, Any] = {
        "per_device_train_batch_size": BATCH_SIZE,
        "per_device_eval_batch_size": BATCH_SIZE,
        "learning_rate": rate,
        "warmup_steps": 0.1,
        "train_sampling_strategy": "group_by_length",
        "bf16": has_fast_bfloat16("cpu"),
        "use_cpu": True,
        "seed": seed,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "logging_strategy": "no",
    }
    trainer = Trainer(
        model,
        TrainingArguments(folder, **(settings | arguments)),
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=rows(texts, Y),
    )
    return trainer, rows


def of_setfit(texts: Texts, seed: int) -> Fitted:
    """Train by contrasts of texts with the same label and with another."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    Y = texts.Y
    specific = sparse.csr_array(texts.hierarchy.most_specific(Y))
    one_path = bool(np.all(np.diff(specific.indptr) == 1))
    if one_path:
        model = SetFitModel.from_pretrained(minilm_folder(), device="cpu")
        target = specific.indices.tolist()
    else:
        model = SetFitModel.from_pretrained(
            minilm_folder(), device="cpu", multi_target_strategy="one-vs-rest"
        )
        learned = np.flatnonzero(Y.sum(axis=0))
        target = Y[:, learned].toarray().tolist()
    model.model_body.max_seq_length = MAX_LENGTH
    with TemporaryDirectory() as folder:
        Trainer(
            model,
            TrainingArguments(
                folder,
                batch_size=BATCH_SIZE,
                num_epochs=1,
                num_iterations=1,
                use_amp=has_fast_bfloat16("cpu"),
                seed=seed,
                save_strategy="no",
                report_to="none",
            ),
            train_dataset=Dataset.from_dict({"text": texts.train, "label": target}),
        ).train()

    def predict(some: list[str]) -> sparse.csr_array:
        found = np.asarray(model.predict(some, batch_size=BATCH_SIZE))
        if one_path:
            nodes = np.zeros((len(some), Y.shape[1]), dtype=np.int64)
            nodes[np.arange(len(some)), found.astype(np.int64)] = 1
            return texts.hierarchy.close(sparse.csr_array(nodes))
        columns = np.zeros((len(some), Y.shape[1]), dtype=np.int64)
        columns[:, learned] = found
        return sparse.csr_array(columns)

    return Fitted(predict)


SYSTEMS: dict[str, Callable[[Texts, int], Fitted]] = {
    "terms": of_terms,
    "terms + embeddings": of_terms_and_embeddings,
    "Trainer": of_trainer,
    "SetFit": of_setfit,
    "encoder": of_encoder,
}


def report(runs: list[dict[str, Any]], threads: int) -> None:
    """Write a line per data set and system: means over seeds."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["data"], run["system"]), []).append(run)
    rows = []
    for (name, system), some in sorted(groups.items()):
        texts = {
            key: mean_and_deviation(
                [run[key] for run in some if run.get(key) is not None], digits
            )
            for key, digits in (
                ("micro_f1", 2),
                ("macro_f1", 2),
                ("calibration_error", 2),
                ("fit_seconds", 0),
                ("predict_seconds", 1),
                ("memory_gb", 1),
            )
        }
        details = "; ".join(dict.fromkeys(run["details"] for run in some))
        rows.append(
            {"data": name, "system": system, "seeds": len(some), "details": details}
            | texts
        )
    columns = {
        "data": "{data}",
        "system": "{system}",
        "seeds": "{seeds}",
        "micro-F1": "{micro_f1}",
        "macro-F1": "{macro_f1}",
        "calibration error, %": "{calibration_error}",
        "fit, s": "{fit_seconds}",
        "predict, s": "{predict_seconds}",
        "memory, GB": "{memory_gb}",
        "": "{details}",
    }
    publish("encoder", runs, markdown_table(columns, rows), threads=threads)


if __name__ == "__main__":
    main()
