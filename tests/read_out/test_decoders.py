"""Decoding: coherent probabilities, thresholds, single paths."""

import numpy as np
import pytest
from scipy.special import expit

from sklearn_htc import Hierarchy
from sklearn_htc.read_out.coherence import make_coherent
from sklearn_htc.read_out.decoders import (
    PartialPathDecoder,
    PathDecoder,
    ThresholdDecoder,
)
from tests.conftest import random_dag, random_tree


def random_logits(n_nodes, dtype=np.float32):
    return np.random.default_rng(0).normal(0, 3, (50, n_nodes)).astype(dtype)


@pytest.mark.parametrize("edges", [random_tree(30, 0), random_dag(30, 1)])
def test_coherent_values_are_between_the_least_above_and_the_largest_below(edges):
    hierarchy = Hierarchy(edges)
    is_above = hierarchy.ancestors.toarray() > 0
    logits = random_logits(30)
    least = [logits[:, is_above[node]].min(axis=1) for node in range(30)]
    largest = [logits[:, is_above[:, node]].max(axis=1) for node in range(30)]
    expected = (np.array(least) + np.array(largest)).T / 2
    coherent = make_coherent(logits, hierarchy)
    np.testing.assert_array_equal(coherent, expected)
    np.testing.assert_array_equal(make_coherent(coherent, hierarchy), coherent)


@pytest.mark.parametrize("edges", [random_tree(30, 0), random_dag(30, 1)])
@pytest.mark.parametrize("kind", ["path", "threshold"])
def test_probabilities_are_coherent_and_inside_the_unit_interval(edges, kind):
    hierarchy = Hierarchy(edges)
    decoder = ThresholdDecoder(hierarchy)
    if kind == "path":
        decoder = PathDecoder(hierarchy, hierarchy.leaves)
    for logits in (random_logits(30), 1000 * random_logits(30)):
        probabilities = decoder.probabilities(logits)
        assert probabilities.dtype == np.float32
        assert hierarchy.is_coherent(probabilities)
        assert probabilities.min() > 0
        assert probabilities.max() < 1
        assert hierarchy.is_coherent(decoder.decide(logits))


@pytest.mark.parametrize("edges", [random_tree(30, 0), random_dag(30, 1), []])
@pytest.mark.parametrize("threshold", [0.001, 0.3, 0.5, 0.999, "each"])
def test_threshold_decides_as_the_coherent_probabilities_say(edges, threshold):
    hierarchy = Hierarchy(edges, nodes=range(30))
    if threshold == "each":
        threshold = np.random.default_rng(0).uniform(0.01, 0.99, 30).astype(np.float32)
    decoder = ThresholdDecoder(hierarchy, threshold=threshold)
    logits = random_logits(30) + 1
    expected = hierarchy.close((decoder.probabilities(logits) >= threshold).astype(int))
    decided = decoder.decide(logits)
    assert decided.dtype == np.int64
    np.testing.assert_array_equal(decided.toarray(), expected)
    assert decided.nnz == expected.sum()


def test_threshold_decides_on_coherent_probabilities():
    hierarchy = Hierarchy([("a", "b")])
    logits = np.array([[-1.0, 3.0], [3.0, 1.0], [-3.0, -3.0]])
    # The first row's log-odds become 1 and 1.
    half = ThresholdDecoder(hierarchy, threshold=0.5).decide(logits)
    assert half.toarray().tolist() == [[1, 1], [1, 1], [0, 0]]
    high = ThresholdDecoder(hierarchy, threshold=0.8).decide(logits)
    assert high.toarray().tolist() == [[0, 0], [1, 0], [0, 0]]


@pytest.mark.parametrize("edges", [random_tree(9, 0), random_dag(9, 1)])
def test_path_probabilities_are_bernoullis_given_a_path(edges):
    hierarchy = Hierarchy(edges)
    nodes = np.array([0, 3, 6, 8])
    decoder = PathDecoder(hierarchy, nodes)
    logits = random_logits(9, np.float64)
    p = expit(logits)
    paths = hierarchy.ancestors[nodes].toarray()
    likelihood = np.array([np.where(path, p, 1 - p).prod(axis=1) for path in paths]).T
    expected = likelihood / likelihood.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(decoder.path_probabilities(logits), expected, atol=1e-9)
    best = decoder.decide(logits).toarray()
    np.testing.assert_array_equal(best, paths[expected.argmax(axis=1)])
    marginal = expected @ paths
    np.testing.assert_allclose(decoder.probabilities(logits), marginal, atol=1e-9)


def test_a_uniform_share_is_mixed_into_the_distribution_over_paths():
    hierarchy = Hierarchy(random_tree(9, 0))
    nodes = np.array([0, 3, 6, 8])
    logits = random_logits(9, np.float64)
    plain = PathDecoder(hierarchy, nodes)
    mixed = PathDecoder(hierarchy, nodes, uniform_share=0.2)
    expected = 0.8 * plain.path_probabilities(logits) + 0.2 / 4
    np.testing.assert_allclose(mixed.path_probabilities(logits), expected)
    np.testing.assert_array_equal(
        mixed.decide(logits).toarray(), plain.decide(logits).toarray()
    )
    certain = mixed.path_probabilities(1000 * logits)
    assert certain.min() == pytest.approx(0.05)


@pytest.mark.parametrize("edges", [random_tree(9, 0), random_dag(9, 1)])
def test_a_partial_path_is_worth_the_most_of_all_paths_and_their_parts(edges):
    hierarchy = Hierarchy(edges)
    nodes = np.array([0, 3, 6, 8])
    rng = np.random.default_rng(0)
    threshold, gain = rng.random(9), rng.random(9)
    decoder = PartialPathDecoder(hierarchy, nodes, threshold=threshold, gain=gain)
    logits = random_logits(9, np.float64)
    probabilities = PathDecoder(hierarchy, nodes).probabilities(logits)
    np.testing.assert_array_equal(decoder.probabilities(logits), probabilities)
    ends = set(hierarchy.ancestors[nodes].indices.tolist())
    worths = {
        end: [
            sum(gain[node] * (row[node] - threshold[node]) for node in above)
            for row in probabilities
        ]
        for end in ends
        for above in [hierarchy.ancestors[[end]].indices]
    }
    for row, decided in enumerate(decoder.decide(logits).toarray()):
        best = max(ends, key=lambda end: worths[end][row])
        np.testing.assert_array_equal(decided, hierarchy.ancestors[[best]].toarray()[0])


def test_rows_of_many_paths_sum_to_one():
    hierarchy = Hierarchy([], nodes=range(100_000))
    decoder = PathDecoder(hierarchy, np.arange(100_000))
    logits = np.full((3, 100_000), -30, dtype=np.float32)
    logits[np.arange(3), [5, 70, 900]] = 30
    p = decoder.path_probabilities(logits)
    np.testing.assert_allclose(p.sum(axis=1, dtype=np.float64), 1, rtol=1e-6)
    assert p.min() > 0
    assert p.max() < 1
