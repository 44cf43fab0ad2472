"""Time and memory from a fresh process to what is imported, and to a first prediction.

Each line is run in processes of its own, which take turns. The model is
HierarchicalLinearClassifier on the texts of `load_api_docs`, in a pickle. It runs on
Linux, which says how much memory a program has had at most (what `getrusage` says
counts the parent's).

    .venv/bin/python -m benchmarks.start_up
"""

import argparse
import pickle
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.reporting import markdown_table, publish
from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.datasets import load_api_docs

SCIKIT_LEARN = """
import sklearn.feature_extraction.text
import sklearn.pipeline
import sklearn.svm
"""
WAYS = {
    "import scikit-learn's TfidfVectorizer, Pipeline and LinearSVC": SCIKIT_LEARN,
    "the same, and import sklearn_htc": SCIKIT_LEARN + "import sklearn_htc",
    "the same, and HierarchicalLinearClassifier": SCIKIT_LEARN
    + "from sklearn_htc import HierarchicalLinearClassifier",
    "the same, and HTCInfoMaxClassifier": SCIKIT_LEARN
    + "from sklearn_htc import HTCInfoMaxClassifier",
    "load a HierarchicalLinearClassifier, and predict one text": """
import pickle
with open("model.pickle", "rb") as file:
    clf = pickle.load(file)
clf.predict(["Return the eigenvalues of a matrix."])
""",
}
MEASURED = """
from time import perf_counter
start = perf_counter()
{way}
seconds = perf_counter() - start
with open("/proc/self/status") as file:
    peak = next(line.split()[1] for line in file if line.startswith("VmHWM"))
print(seconds, int(peak) * 1024 / 1e6)
"""


def main() -> None:
    """Run all lines in turns, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    repeats = parser.parse_args().repeats
    data = load_api_docs()
    clf = HierarchicalLinearClassifier(data.hierarchy, random_state=0)
    clf.fit(data.data, data.target)
    with TemporaryDirectory() as folder:
        Path(folder, "model.pickle").write_bytes(pickle.dumps(clf))
        found: dict[str, list[list[float]]] = {name: [] for name in WAYS}
        for _ in range(repeats):
            for name, way in WAYS.items():
                found[name].append(_in_a_process(way, folder))
    runs = [_run(name, np.array(values)) for name, values in found.items()]
    columns = {
        "in a fresh process": "{way}",
        "seconds (median)": "{seconds:.2f}",
        "slowest": "{slowest:.2f}",
        "peak memory, MB": "{memory:.0f}",
    }
    publish("start_up", runs, markdown_table(columns, runs), threads=2)


def _in_a_process(way: str, folder: str) -> list[float]:
    """Return seconds, and the peak memory in MB."""
    command = [sys.executable, "-c", MEASURED.format(way=way)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True
    )
    return [float(value) for value in done.stdout.split()]


def _run(name: str, values: np.ndarray) -> dict[str, Any]:
    """Sum repeats (n_repeats, 2) up."""
    seconds, memory = values.T
    return {
        "way": name,
        "seconds": float(np.median(seconds)),
        "slowest": float(seconds.max()),
        "memory": float(np.median(memory)),
    }


if __name__ == "__main__":
    main()
