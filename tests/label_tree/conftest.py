"""Documents whose terms are those of their labels and of these labels' ancestors."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc import Hierarchy
from sklearn_htc.data.documents import BagOfTerms
from sklearn_htc.data.training_data import TrainingData
from tests.conftest import random_dag, random_tree

N_TERMS = 300


@pytest.fixture(params=["tree", "graph", "paths"])
def planted(request):
    """Return 600 documents of a tree or graph, with any labels or one path each."""
    return plant(request.param)


def plant(kind, n_nodes=40, n_documents=600):
    """Draw documents; "paths" gives each of them one path of a tree."""
    edges = random_dag(n_nodes, 0) if kind == "graph" else random_tree(n_nodes, 0)
    hierarchy = Hierarchy(edges, nodes=range(n_nodes))
    rng = np.random.default_rng(0)
    n_labels = 1 if kind == "paths" else 2
    labels = rng.integers(n_nodes, size=(n_documents, n_labels))
    Y = hierarchy.to_indicator(labels.tolist())
    terms = np.full((n_nodes, N_TERMS), 0.2)
    terms[np.arange(n_nodes)[:, None], rng.integers(N_TERMS, size=(n_nodes, 5))] = 8
    counts = rng.poisson(0.1 * (Y @ terms))
    X = counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1)
    ends = hierarchy.most_specific(Y).indices if kind == "paths" else np.empty(0)
    return TrainingData(
        BagOfTerms(sparse.csr_array(X.astype(np.float32))),
        sparse.csr_array(Y).astype(np.float32),
        np.ones(n_documents, dtype=np.float32),
        hierarchy,
        np.unique(ends).astype(np.int64),
    )
