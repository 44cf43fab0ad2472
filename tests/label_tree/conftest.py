"""Documents whose terms are those of their labels and of these labels' ancestors."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc import Hierarchy
from sklearn_htc.data.documents import BagOfTerms
from sklearn_htc.data.training_data import TrainingData
from tests.conftest import random_dag, random_tree

N_TERMS = 300


@pytest.fixture(params=["tree", "graph", "paths", "paths in a graph"], scope="session")
def planted(request):
    """Return 600 documents of a tree or graph, with any labels or one path each."""
    return plant(request.param)


def plant(kind, n_nodes=40, n_documents=600):
    """Draw documents; where there are paths, each has one.

    Three more nodes have no documents: a child of node 3, a child of that, and a root.
    """
    edges = random_dag(n_nodes, 0) if "graph" in kind else random_tree(n_nodes, 0)
    edges += [(3, n_nodes), (n_nodes, n_nodes + 1)]
    has_paths = "paths" in kind
    hierarchy = Hierarchy(edges, nodes=range(n_nodes + 3))
    rng = np.random.default_rng(0)
    labels = rng.integers(n_nodes, size=(n_documents, 1 if has_paths else 2))
    n_nodes += 3
    Y = hierarchy.to_indicator(labels.tolist())
    terms = np.full((n_nodes, N_TERMS), 0.2)
    terms[np.arange(n_nodes)[:, None], rng.integers(N_TERMS, size=(n_nodes, 5))] = 8
    counts = rng.poisson(0.1 * (Y @ terms))
    X = counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1)
    ends = hierarchy.most_specific(Y).indices if has_paths else np.empty(0)
    return TrainingData(
        BagOfTerms(sparse.csr_array(X.astype(np.float32))),
        sparse.csr_array(Y).astype(np.float32),
        np.ones(n_documents, dtype=np.float32),
        hierarchy,
        np.unique(ends).astype(np.int64),
    )
