"""Ten million short texts through a linear model: time, and memory that stays bounded.

HierarchicalLinearClassifier, fitted to a data set of a folder of NAME.jsonl.xz and
NAME.hierarchy.tsv files, predicts its test texts over and over, as they come from a
generator, by `iter_labels` of examples/serving/predict_file.py. It is loaded from a
file in a process of its own, whose peak memory is read at the end (on Linux).

    .venv/bin/python -m benchmarks.stream --data DIR --set clinc150
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fit import load
from benchmarks.reporting import markdown_table, publish
from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.persistence import save

EXAMPLES = Path(__file__).parents[1] / "examples" / "serving"
STREAM = """
import json, sys
from itertools import cycle, islice
from time import perf_counter
sys.path.insert(0, sys.argv[1])
from predict_file import iter_labels
from sklearn_htc.persistence import load
clf = load(sys.argv[2])
with open(sys.argv[3], encoding="utf8") as file:
    texts = json.load(file)
start, n = perf_counter(), 0
for labels in iter_labels(clf, islice(cycle(texts), int(sys.argv[4]))):
    n += len(labels)
seconds = perf_counter() - start
with open("/proc/self/status") as file:
    peak = next(line.split()[1] for line in file if line.startswith("VmHWM"))
print(seconds, n, int(peak) * 1024 / 1e9)
"""


def main() -> None:
    """Fit and save a model, let a process predict, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--set", default="load_api_docs", help="name of a data set")
    parser.add_argument("--texts", type=int, nargs="*", default=[100_000, 10_000_000])
    arguments = parser.parse_args()
    hierarchy, texts, Y, test_texts, _ = load(arguments.set, arguments.data)
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    clf.fit(texts, hierarchy.to_labels(Y))
    runs = []
    with TemporaryDirectory() as folder:
        model, source = Path(folder, "model.skops"), Path(folder, "texts.json")
        save(clf, model)
        source.write_text(json.dumps(list(test_texts)), encoding="utf8")
        for n_texts in arguments.texts:
            command = [sys.executable, "-c", STREAM, str(EXAMPLES), str(model)]
            command += [str(source), str(n_texts)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds, n_labels, peak = map(float, done.stdout.split())
            run = {
                "data": arguments.set,
                "texts": n_texts,
                "seconds": seconds,
                "per_second": n_texts / seconds,
                "labels": n_labels / n_texts,
                "memory": peak,
            }
            print(run, flush=True)
            runs.append(run)
    columns = {
        "data": "{data}",
        "texts": "{texts:,}",
        "seconds": "{seconds:.0f}",
        "texts per second": "{per_second:,.0f}",
        "labels per text": "{labels:.2f}",
        "peak memory, GB": "{memory:.2f}",
    }
    publish("stream", runs, markdown_table(columns, runs), threads=2)


if __name__ == "__main__":
    main()
