"""Ten million short texts through a linear model: time, and memory that stays bounded.

HierarchicalLinearClassifier, fitted to a data set of a folder of NAME.jsonl.xz and
NAME.hierarchy.tsv files, predicts its test texts over and over, as they come from a
generator:

- `file`: by `iter_labels` of examples/serving/predict_file.py, in one process;
- `dask`: by `labels_of_bag` of examples/clusters/on_dask.py, on two workers;
- `ray`: by `labels_of_dataset` of examples/clusters/on_ray.py, on two workers.

The model is loaded from a file. Peak memory is the sum of what every process held at
most (on Linux); what processes share counts in each of them.

    .venv/bin/python -m benchmarks.stream --data DIR --set clinc150
"""

import argparse
import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fit import load
from benchmarks.reporting import markdown_table, publish
from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.persistence import save

EXAMPLES = Path(__file__).parents[1] / "examples"
# Texts that are made at a time.
PIECE = 10_000
START = """
import json, os, sys
from itertools import cycle, islice
from time import perf_counter
model, source, n_texts, piece = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
with open(source, encoding="utf8") as file:
    texts = json.load(file)

def peak(process="self"):
    with open(f"/proc/{process}/status") as file:
        lines = [line.split()[1] for line in file if line.startswith("VmHWM")]
    return int(lines[0]) * 1024 / 1e9 if lines else 0.0

def peak_of_family():
    # Of this process, and all that descend from it.
    family, parents = {os.getpid()}, {}
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/stat") as file:
                parents[int(process)] = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            pass
    while more := {each for each, one in parents.items() if one in family} - family:
        family |= more
    return sum(map(peak, family))

def piece_of(number):
    start = number * piece % len(texts)
    size = min(piece, n_texts - number * piece)
    return list(islice(cycle(texts), start, start + size))

n_pieces = -(-n_texts // piece)

"""
ENGINES = {
    "file": """
from predict_file import iter_labels
from sklearn_htc.persistence import load
clf = load(model)
start = perf_counter()
n = sum(map(len, iter_labels(clf, islice(cycle(texts), n_texts))))
print(perf_counter() - start, n, peak())
""",
    "dask": """
import dask, dask.bag as db
from distributed import Client, LocalCluster
from on_dask import labels_of_bag
from sklearn_htc.persistence import load
if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster, Client(cluster) as client:
        clf = load(model)
        start = perf_counter()
        pieces = [dask.delayed(piece_of)(i) for i in range(n_pieces)]
        labels = labels_of_bag(clf, db.from_delayed(pieces))
        n = labels.map(len).sum(split_every=8).compute()
        print(perf_counter() - start, n, peak_of_family())
""",
    "ray": """
import logging
import ray
from on_ray import labels_of_dataset
ray.init(
    num_cpus=3,
    include_dashboard=False,
    log_to_driver=False,
    logging_level=logging.ERROR,
    object_store_memory=2 * 10**8,
)
ray.data.DataContext.get_current().enable_progress_bars = False
start = perf_counter()
pieces = ray.data.range(n_pieces, override_num_blocks=n_pieces)
data = pieces.flat_map(lambda row: [{"text": text} for text in piece_of(row["id"])])
n = 0
for batch in labels_of_dataset(model, data, n_workers=2).iter_batches(batch_size=None):
    n += sum(map(len, batch["labels"]))
print(perf_counter() - start, n, peak_of_family())
""",
}


def main() -> None:
    """Fit and save a model, let processes predict, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of NAME.jsonl.xz files")
    parser.add_argument("--set", default="load_api_docs", help="name of a data set")
    parser.add_argument("--texts", type=int, nargs="*", default=[100_000, 10_000_000])
    parser.add_argument("--engines", nargs="*", default=list(ENGINES))
    arguments = parser.parse_args()
    hierarchy, texts, Y, test_texts, _ = load(arguments.set, arguments.data)
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    clf.fit(texts, hierarchy.to_labels(Y))
    runs = []
    paths = [str(EXAMPLES / name) for name in ("serving", "clusters")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    with TemporaryDirectory() as folder:
        model, source = Path(folder, "model.skops"), Path(folder, "texts.json")
        save(clf, model)
        source.write_text(json.dumps(list(test_texts)), encoding="utf8")
        for engine, n_texts in product(arguments.engines, arguments.texts):
            # Workers of dask import it.
            script = Path(folder, f"with_{engine}.py")
            script.write_text(START + ENGINES[engine], encoding="utf8")
            numbers = map(str, (n_texts, PIECE))
            done = subprocess.run(
                [sys.executable, str(script), str(model), str(source), *numbers],
                capture_output=True,
                text=True,
                check=True,
                env=environment,
            )
            seconds, n_labels, peak = map(float, done.stdout.split())
            run = {
                "data": arguments.set,
                "engine": engine,
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
        "engine": "{engine}",
        "texts": "{texts:,}",
        "seconds": "{seconds:.0f}",
        "texts per second": "{per_second:,.0f}",
        "labels per text": "{labels:.2f}",
        "peak memory, GB": "{memory:.2f}",
    }
    publish("stream", runs, markdown_table(columns, runs), threads=2)


if __name__ == "__main__":
    main()
