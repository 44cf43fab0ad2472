"""Sparse probabilities read along the hierarchy, beside dense formulas."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc import Hierarchy
from sklearn_htc.read_out.decoders import (
    PartialPathDecoder,
    PathDecoder,
    ThresholdDecoder,
)
from sklearn_htc.read_out.found import (
    Found,
    largest_per_row,
    raised_to_descendants,
    sums_along_paths,
)
from sklearn_htc.read_out.thresholds import thresholds_and_gains
from tests.conftest import noisy_three_paths, random_dag


@pytest.fixture
def graph():
    return Hierarchy(random_dag(30, 1), nodes=range(30))


def enumerate_edges(parents):
    """Return the edges of a tree: the parents of the nodes from 1 on."""
    return [(parent, i + 1) for i, parent in enumerate(parents.tolist())]


def some_values(n_nodes, density=0.3):
    rng = np.random.default_rng(0)
    values = rng.random((20, n_nodes)) * (rng.random((20, n_nodes)) < density)
    return values.astype(np.float32)


def test_a_node_is_raised_to_its_descendants(graph):
    values = some_values(30)
    raised = raised_to_descendants(sparse.csr_array(values), graph).toarray()
    below = graph.ancestors.T.toarray() > 0
    expected = np.stack([values[:, nodes].max(axis=1) for nodes in below], axis=1)
    np.testing.assert_array_equal(raised, expected)
    assert graph.is_coherent(raised)


@pytest.mark.parametrize("kind", ["graph", "tree"])
def test_values_are_added_up_along_paths(kind, graph):
    if kind == "tree":
        parents = np.random.default_rng(1).integers(np.arange(1, 30))
        graph = Hierarchy(enumerate_edges(parents), nodes=range(30))
    # Ancestors are stored with a node.
    values = some_values(30) + 1
    values *= graph.close(some_values(30) > 0)
    sums = sums_along_paths(sparse.csr_array(values), graph)
    expected = values @ graph.ancestors.T.toarray() * (values != 0)
    np.testing.assert_allclose(sums.toarray(), expected, rtol=1e-5)


@pytest.mark.parametrize("with_short_cut", [False, True])
def test_long_paths_take_time_in_proportion(with_short_cut):
    # A list of the ancestors of each node would have 4 * 10^8 entries.
    depth = 3000
    edges = [(i, i + 1) for i in range(depth - 1)] + [(0, 2)] * with_short_cut
    chain = Hierarchy(edges, nodes=range(depth))
    values = np.zeros((100, depth), dtype=np.float32)
    values[:] = np.linspace(0.1, 0.9, depth)
    raised = raised_to_descendants(sparse.csr_array(values), chain)
    np.testing.assert_array_equal(raised.toarray(), np.float32(0.9))
    if not with_short_cut:
        sums = sums_along_paths(sparse.csr_array(values), chain)
        np.testing.assert_allclose(sums.toarray(), values.cumsum(axis=1), rtol=1e-3)


def test_nothing_is_found_in_nothing(graph):
    nothing = sparse.csr_array((2, 30), dtype=np.float32)
    assert raised_to_descendants(nothing, graph).nnz == 0
    assert sums_along_paths(nothing, graph).nnz == 0


def test_the_largest_come_first_and_of_equal_ones_those_above():
    values = sparse.csr_array([[0.1, 0.5, 0.5, 0.2], [0.3, 0.1, 0.0, 0.9]])
    levels = np.array([0, 2, 1, 0])
    columns, largest = largest_per_row(values, 2, levels)
    np.testing.assert_array_equal(columns, [[2, 1], [3, 0]])
    np.testing.assert_array_equal(largest, [[0.5, 0.5], [0.9, 0.3]])
    columns, _ = largest_per_row(values, 2)
    np.testing.assert_array_equal(columns, [[1, 2], [3, 0]])


def test_thresholds_are_those_of_dense_probabilities():
    values = some_values(12, density=0.6)
    target = sparse.csr_array((np.random.default_rng(1).random((20, 12)) < values) * 1)
    weight = np.linspace(0.5, 1.5, 20)
    dense = thresholds_and_gains(values, target, weight)
    found = thresholds_and_gains(sparse.csr_array(values), target, weight)
    for expected, pair in zip(dense, found, strict=True):
        np.testing.assert_allclose(pair, expected, rtol=1e-5)


def test_a_label_that_is_never_found_has_the_common_threshold():
    values = some_values(12, density=0.6)
    values[:, 5] = 0
    target = sparse.csr_array((values > 0.4) * 1)
    pairs = thresholds_and_gains(sparse.csr_array(values), target, np.ones(20))
    commons = [threshold[5] for threshold, _ in pairs]
    np.testing.assert_allclose(commons, commons[0])
    assert 0 < commons[0] < 1


@pytest.mark.parametrize("kind", ["threshold", "path", "partial"])
def test_decoders_decide_the_same_of_what_was_found(kind):
    hierarchy, path_nodes, _, scores = noisy_three_paths(200)
    logits = np.asarray(scores, dtype=np.float32)
    whole = PathDecoder(hierarchy, path_nodes)
    decoder = whole
    if kind == "threshold":
        decoder = ThresholdDecoder(hierarchy, threshold=0.4)
    elif kind == "partial":
        decoder = PartialPathDecoder(
            hierarchy,
            path_nodes,
            threshold=np.full(len(hierarchy), 0.6),
            gain=np.linspace(0.5, 1, len(hierarchy)),
        )
    labels = sparse.csr_array(decoder.probabilities(logits))
    ends = np.zeros(labels.shape, dtype=np.float32)
    ends[:, path_nodes] = whole.path_probabilities(logits)
    found = Found(labels, sparse.csr_array(ends))
    np.testing.assert_array_equal(
        decoder.decide_found(found).toarray(), decoder.decide(logits).toarray()
    )
