"""The data sets of the benchmarks of quality: texts and labels, split in two.

`load_api_docs` (another split a seed), any folder of NAME.jsonl.xz and
NAME.hierarchy.tsv files, and the paper's "wos" and "rcv1-v2", which are downloaded.
NAME-random has the documents of NAME, split at random, anew for each seed: where the
test rows are unlike the training rows, it tells a model's faults from the split's.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.model_selection import train_test_split

from sklearn_htc import Hierarchy
from sklearn_htc.datasets import fetch_rcv1_v2, fetch_wos, load_api_docs, read_jsonl

# Of larger training sets a random part, drawn with seed 0, is used.
MAX_TRAINING_ROWS = {"nvd_cwe": 25_000}
DOWNLOADED = {"wos": fetch_wos, "rcv1-v2": fetch_rcv1_v2}
RANDOM = "-random"


class Texts(NamedTuple):
    """Texts and labels of training and test rows."""

    hierarchy: Hierarchy
    train: list[str]
    Y: sparse.csr_array
    test: list[str]
    Y_test: sparse.csr_array


def set_names(folder: Path | None) -> list[str]:
    """List `load_api_docs` and what the folder has."""
    names = ["load_api_docs"]
    if folder is not None:
        found = sorted(path.name for path in folder.glob("*.jsonl.xz"))
        names += [name.removesuffix(".jsonl.xz") for name in found]
    return names


def load_texts(name: str, seed: int, folder: Path | None) -> Texts:
    """Return all but the test rows for training, and the test rows."""
    if name == "load_api_docs":
        docs = load_api_docs()
        train, test = train_test_split(
            np.arange(len(docs.data)), test_size=0.25, random_state=seed
        )
    else:
        given = name.removesuffix(RANDOM)
        if given in DOWNLOADED:
            docs = DOWNLOADED[given]()
        else:
            assert folder is not None
            docs = read_jsonl(
                folder / f"{given}.jsonl.xz", folder / f"{given}.hierarchy.tsv"
            )
        to_test = docs.split == "test"
        if name != given:
            to_test = np.random.default_rng(seed).permutation(to_test)
        train, test = np.flatnonzero(~to_test), np.flatnonzero(to_test)
        train = np.random.default_rng(0).permutation(train)
        train = train[: MAX_TRAINING_ROWS.get(given)]
    return Texts(
        docs.hierarchy,
        [docs.data[row] for row in train],
        docs.target[train],
        [docs.data[row] for row in test],
        docs.target[test],
    )


def label_names(hierarchy: Hierarchy, name: str, folder: Path | None) -> list[str]:
    """Return the names of nodes: of NAME.names.json, or else what the nodes are."""
    path = None if folder is None else folder / f"{name}.names.json"
    given = json.loads(path.read_text()) if path is not None and path.exists() else {}
    return [given.get(node, str(node).replace("_", " ")) for node in hierarchy.nodes]


def paths_of(hierarchy: Hierarchy, Y: sparse.csr_array) -> np.ndarray | None:
    """Return one column per level, "" below a path's end; None where one has none."""
    specific = hierarchy.most_specific(Y)
    if not hierarchy.is_tree or np.any(np.diff(specific.indptr) != 1):
        return None
    paths = np.full((Y.shape[0], hierarchy.levels.max() + 1), "", dtype=object)
    rows, columns = Y.nonzero()
    paths[rows, hierarchy.levels[columns]] = [hierarchy.nodes[j] for j in columns]
    return paths
