"""Cases to fuzz with: what an estimator is given, in words that print well."""

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
import pandas as pd
from hypothesis import strategies as st
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from sklearn_htc import (
    HiAGMClassifier,
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
)
from sklearn_htc.hierarchy import as_hierarchy
from tests.conftest import random_dag, random_tree

SMALL = {"dimension": 4, "max_epochs": 1, "batch_size": 16, "random_state": 0}
FLAT = OneVsRestClassifier(LogisticRegression())
FOREST = RandomForestClassifier(n_estimators=3, random_state=0)
ESTIMATORS = {
    "default": lambda h: HTCInfoMaxClassifier(h, **SMALL),
    "both paths": lambda h: HTCInfoMaxClassifier(h, deep_path=True, **SMALL),
    "network": lambda h: HTCInfoMaxClassifier(h, wide_path=False, **SMALL),
    "early stopping": lambda h: HTCInfoMaxClassifier(
        h, wide_path=False, early_stopping=True, **SMALL
    ),
    "paper": lambda h: HTCInfoMaxClassifier(
        h,
        structure_encoder="treelstm",
        head="joint",
        loss="binary_cross_entropy",
        wide_path=False,
        **SMALL,
    ),
    "label attention": lambda h: HiAGMClassifier(h, wide_path=False, **SMALL),
    "text propagation": lambda h: HiAGMClassifier(
        h, variant="tp", wide_path=False, **SMALL
    ),
    "bigru": lambda h: HTCInfoMaxClassifier(h, text_encoder="bigru", **SMALL),
    "rcnn": lambda h: HTCInfoMaxClassifier(h, text_encoder="rcnn", **SMALL),
    "token embeddings": lambda h: HTCInfoMaxClassifier(h, **SMALL),
    "linear": lambda h: HierarchicalLinearClassifier(h, random_state=0),
    "decoding": lambda h: HierarchicalDecodingClassifier(FLAT, h, random_state=0),
    "forest": lambda h: HierarchicalDecodingClassifier(FOREST, h, random_state=0),
}
OPAQUE = {"decoding", "forest"}
NETWORKS = set(ESTIMATORS) - OPAQUE - {"linear"}
# What these read instead of vectors.
SEQUENCES = {
    "bigru": lambda X: _token_ids(X),
    "rcnn": lambda X: _token_ids(X),
    "token embeddings": lambda X: np.stack([X, X[:, ::-1]], axis=1),
}

LABELS = {
    "text": lambda i: "abcdefgh"[i],
    "numbers": lambda i: 7 * i - 3,
    "codes": lambda i: i,
    "bytes": lambda i: b"abcdefgh"[i : i + 1],
    "fractions": lambda i: i + 0.5,
    "paths": lambda i: ("root", i),
    "sets": lambda i: frozenset({i, "x"}),
    "mixed": lambda i: i if i % 2 else f"label {i}",
    "huge": lambda i: 10**30 + i,
}
GRAPHS = {
    "tree": lambda n, seed: random_tree(n, seed),
    "dag": lambda n, seed: random_dag(n, seed),
    "chain": lambda n, seed: list(pairwise(range(n))),
    "flat": lambda n, seed: [],
}
INDICATORS = {
    "csr": lambda Y, nodes: Y,
    "csc matrix": lambda Y, nodes: sparse.csc_matrix(Y),
    "coo": lambda Y, nodes: sparse.coo_array(Y),
    "dense": lambda Y, nodes: Y.toarray(),
    "bool": lambda Y, nodes: Y.toarray().astype(bool),
    "float": lambda Y, nodes: Y.toarray().astype(np.float32),
    "objects": lambda Y, nodes: Y.toarray().astype(object),
    "fortran": lambda Y, nodes: np.asfortranarray(Y.toarray()),
    "frame": lambda Y, nodes: pd.DataFrame(
        Y.toarray(), columns=pd.Index(nodes, tupleize_cols=False)
    ),
    "lists of 0 and 1": lambda Y, nodes: Y.toarray().tolist(),
}
COLLECTIONS = {
    "lists": list,
    "tuples": tuple,
    "sets": set,
    "object arrays": lambda row: np.fromiter(row, dtype=object, count=len(row)),
}
COLUMNS = {
    "list": list,
    "object array": lambda y: np.fromiter(y, dtype=object, count=len(y)),
    "series": lambda y: pd.Series(y, dtype=object),
    "column": lambda y: np.fromiter(y, dtype=object, count=len(y))[:, None],
}
DOCUMENTS = {
    "csr": lambda X: sparse.csr_array(X),
    "csc matrix": lambda X: sparse.csc_matrix(X),
    "csr of integers": lambda X: sparse.csr_array(X.astype(np.int64)),
    "csr float32": lambda X: sparse.csr_array(X.astype(np.float32)),
    "dense": lambda X: X,
    "fortran": np.asfortranarray,
    "lists": lambda X: X.tolist(),
    "frame": lambda X: pd.DataFrame(X).add_prefix("x"),
    "sparse frame": lambda X: pd.DataFrame.sparse.from_spmatrix(
        sparse.csr_matrix(X)
    ).add_prefix("x"),
    "read only": lambda X: _read_only(X),
    "texts": lambda X: [" ".join(f"word{j}" for j in np.flatnonzero(row)) for row in X],
}
CONTENTS = ("terms", "counts", "embeddings", "constant", "nothing", "large", "tiny")
WEIGHTS = {
    "none": lambda rng, n: None,
    "ones": lambda rng, n: np.ones(n),
    "some": lambda rng, n: rng.random(n),
    "zeros among them": lambda rng, n: (np.arange(n) < 6) | rng.integers(2, size=n),
    "uneven": lambda rng, n: 10.0 ** rng.integers(-6, 6, size=n),
    "series": lambda rng, n: pd.Series(rng.random(n) + 0.1),
}


@dataclass(frozen=True)
class Case:
    """What an estimator is given; all random content follows from `seed`."""

    estimator: str = "network"
    graph: str = "tree"
    n_nodes: int = 4
    labels: str = "text"
    hierarchy: str = "Hierarchy"
    n_documents: int = 20
    several: bool = False
    y: str = "csr"
    X: str = "csr"
    content: str = "terms"
    weights: str = "none"
    fault: str | None = None
    seed: int = 0

    @property
    def form_of_x(self) -> str:
        """How X is given: some estimators read one form only."""
        return self.estimator if self.estimator in SEQUENCES else self.X

    @property
    def is_labels(self) -> bool:
        """Whether y is one label per document."""
        return self.y in COLUMNS

    @property
    def is_collections(self) -> bool:
        """Whether y is one collection per document."""
        return self.y in COLLECTIONS


@st.composite
def cases(draw, *, faults=(None,)):
    """Draw a case with one of some faults, or with none."""
    several = draw(st.booleans())
    columns = [] if several else COLUMNS
    y = draw(st.sampled_from([*INDICATORS, *COLLECTIONS, *columns]))
    hierarchy = draw(
        st.sampled_from(["Hierarchy", "dict", "edges", "networkx", "none"])
    )
    labels = list(LABELS)
    if hierarchy == "none":
        # Otherwise labels are collections, or look like measurements.
        labels = [kind for kind in labels if kind not in ("paths", "sets", "fractions")]
    X = draw(st.sampled_from(list(DOCUMENTS)))
    # Texts need a word.
    contents = [name for name in CONTENTS if X != "texts" or name != "nothing"]
    return Case(
        estimator=draw(st.sampled_from(list(ESTIMATORS))),
        graph=draw(st.sampled_from(list(GRAPHS))),
        # Lists of one 0 or 1 each are label collections; a column of one node is an
        # indicator.
        n_nodes=draw(st.integers(2 if y in ("lists of 0 and 1", "column") else 1, 8)),
        labels=draw(st.sampled_from(labels)),
        hierarchy=hierarchy,
        n_documents=draw(st.one_of(st.integers(6, 12), st.integers(45, 70))),
        several=several,
        y=y,
        X=X,
        content=draw(st.sampled_from(contents)),
        weights=draw(st.sampled_from(list(WEIGHTS))),
        fault=draw(st.sampled_from(faults)),
        seed=draw(st.integers(0, 99)),
    )


def build(case):
    """Make what a case describes: an estimator that is not fitted, X, y and weights."""
    rng = np.random.default_rng(case.seed)
    names = [LABELS[case.labels](i) for i in range(case.n_nodes)]
    edges = [
        (names[i], names[j]) for i, j in GRAPHS[case.graph](case.n_nodes, case.seed)
    ]
    given = _given(case.hierarchy, Hierarchy(edges, nodes=names))
    hierarchy = Hierarchy([], nodes=names) if given is None else as_hierarchy(given)
    rows = _draw_labels(case, hierarchy, rng)
    dense = _draw_documents(case, rows, names, rng)
    X = {**DOCUMENTS, **SEQUENCES}[case.form_of_x](dense)
    weight = WEIGHTS[case.weights](rng, case.n_documents)
    y = _as_form(case, hierarchy, rows)
    return ESTIMATORS[case.estimator](given), X, y, weight


def _given(form, hierarchy):
    """Return a hierarchy in one of the forms that estimators take."""
    nodes = hierarchy.nodes
    parent, child = (columns.tolist() for columns in hierarchy.edges)
    edges = [(nodes[i], nodes[j]) for i, j in zip(parent, child, strict=True)]
    if form == "none":
        return None
    if form == "dict":
        children = {node: [] for node in nodes}
        for above, below in edges:
            children[above].append(below)
        return children
    if form == "edges" and len({x for edge in edges for x in edge}) == len(nodes):
        return edges
    if form == "networkx":
        graph = nx.DiGraph()
        graph.add_nodes_from(nodes)
        graph.add_edges_from(edges)
        return graph
    return hierarchy


def _draw_labels(case, hierarchy, rng):
    """Draw the labels of every document: one, or any number."""
    names = hierarchy.nodes
    if not case.several:
        return [[names[i]] for i in rng.integers(len(names), size=case.n_documents)]
    rows = [
        [names[i] for i in np.flatnonzero(rng.random(len(names)) < 0.3)]
        for _ in range(case.n_documents)
    ]
    return [[names[0]], *rows[1:]]


def _draw_documents(case, rows, names, rng):
    """Draw dense documents that say something about their labels, or nothing."""
    n, width = case.n_documents, len(names) + 4
    says = np.zeros((n, width))
    for i, row in enumerate(rows):
        says[i, [names.index(label) for label in row]] = 1
    noise = rng.random((n, width)) * (rng.random((n, width)) < 0.3)
    return {
        "terms": says + noise,
        "counts": np.floor(3 * (says + noise)),
        "embeddings": says + rng.normal(size=(n, width)),
        "constant": np.ones((n, width)),
        "nothing": np.zeros((n, width)),
        "large": 1e8 * (says + noise),
        "tiny": 1e-8 * (says + noise),
    }[case.content]


def _as_form(case, hierarchy, rows):
    """Return labels in the form of y of the case."""
    if case.is_labels:
        return COLUMNS[case.y]([row[0] for row in rows])
    if case.is_collections:
        return [COLLECTIONS[case.y](row) for row in rows]
    return INDICATORS[case.y](hierarchy.to_indicator(rows), list(hierarchy.nodes))


def _token_ids(X):
    """Return the columns that are not 0, from 1 on, as a sequence of each row."""
    ids = [np.flatnonzero(row) + 1 for row in X]
    padded = np.zeros(X.shape, dtype=np.int64)
    for row, own in zip(padded, ids, strict=True):
        row[: len(own)] = own
    return sparse.csr_array(padded)


def _read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X
