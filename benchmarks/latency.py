"""One document through the whole pipeline: text in, labels out.

.venv/bin/python -m benchmarks.latency
"""

import argparse
from time import perf_counter

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from benchmarks.reporting import markdown_table, pinned_threads, publish
from sklearn_htc import HTCInfoMaxClassifier
from sklearn_htc.datasets import load_api_docs


def main() -> None:
    """Time single documents and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--documents", type=int, default=500)
    arguments = parser.parse_args()
    docs = load_api_docs()
    systems = {
        "one-vs-rest LinearSVC": OneVsRestClassifier(LinearSVC(random_state=0)),
        "HTCInfoMaxClassifier": HTCInfoMaxClassifier(docs.hierarchy, random_state=0),
    }
    runs = []
    with pinned_threads(arguments.threads):
        for name, system in systems.items():
            pipeline = make_pipeline(TfidfVectorizer(), system)
            pipeline.fit(docs.data[500:], docs.target[500:])
            for method in ("predict", "predict_proba"):
                if not hasattr(pipeline, method):
                    continue
                seconds = []
                for text in docs.data[: arguments.documents]:
                    start = perf_counter()
                    getattr(pipeline, method)([text])
                    seconds.append(perf_counter() - start)
                run = {
                    "system": name,
                    "method": method,
                    "median": 1000 * np.median(seconds),
                    "percentile_95": 1000 * np.percentile(seconds, 95),
                }
                print(run, flush=True)
                runs.append(run)
    table = markdown_table(
        {
            "pipeline of TfidfVectorizer and": "{system}",
            "method": "`{method}`",
            "median, ms": "{median:.2f}",
            "95th percentile, ms": "{percentile_95:.2f}",
        },
        runs,
    )
    publish("latency", runs, table, threads=arguments.threads)


if __name__ == "__main__":
    main()
