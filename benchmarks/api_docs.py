"""Quality and time of the default estimator on load_api_docs, beside a flat model.

Both read the same TF-IDF features of the same split, in one run; three seeds, each with
its own split. Writes benchmarks/results/api_docs.json and .md.

    .venv/bin/python -m benchmarks.api_docs
"""

import argparse
from time import perf_counter

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from benchmarks.reporting import mean_and_deviation, pinned_threads, publish
from sklearn_htc import HTCInfoMaxClassifier
from sklearn_htc.datasets import load_api_docs


def main() -> None:
    """Run all systems on all seeds and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    with pinned_threads(arguments.threads):
        runs = [run for seed in range(arguments.seeds) for run in measure(seed)]
    publish("api_docs", runs, table(runs), threads=arguments.threads)


def measure(seed: int) -> list[dict]:
    """Fit and score both systems on one split."""
    docs = load_api_docs()
    train_texts, test_texts, Y_train, Y_test = train_test_split(
        docs.data, docs.target, test_size=0.25, random_state=seed
    )
    vectorizer = TfidfVectorizer()
    X_train = vectorizer.fit_transform(train_texts)
    X_test = vectorizer.transform(test_texts)
    systems = {
        "one-vs-rest LinearSVC": OneVsRestClassifier(LinearSVC(random_state=seed)),
        "HTCInfoMaxClassifier": HTCInfoMaxClassifier(docs.hierarchy, random_state=seed),
    }
    runs = []
    for name, system in systems.items():
        start = perf_counter()
        system.fit(X_train, Y_train)
        fitted = perf_counter()
        Y_pred = system.predict(X_test)
        predicted = perf_counter()
        run = {
            "system": name,
            "seed": seed,
            "micro_f1": f1_score(Y_test, Y_pred, average="micro", zero_division=0),
            "macro_f1": f1_score(Y_test, Y_pred, average="macro", zero_division=0),
            "fit_seconds": fitted - start,
            "predict_seconds": predicted - fitted,
        }
        print(run, flush=True)
        runs.append(run)
    return runs


def table(runs: list[dict]) -> str:
    """Format mean and standard deviation over seeds as Markdown."""
    n_seeds = len({run["seed"] for run in runs})
    lines = [
        f"`load_api_docs`, TF-IDF, mean ± standard deviation of {n_seeds} seeds.",
        "",
        "| system | micro F1 | macro F1 | fit, s | predict, s |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(run["system"] for run in runs):
        cells = []
        for key in ("micro_f1", "macro_f1", "fit_seconds", "predict_seconds"):
            unit, digits = (100, 2) if key.endswith("f1") else (1, 1)
            values = [unit * run[key] for run in runs if run["system"] == name]
            cells.append(mean_and_deviation(values, digits))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
