"""Levels and reachability against networkx."""

from time import perf_counter

import networkx
import numpy as np
import pytest

from sklearn_htc import Hierarchy
from sklearn_htc.graph import reachability, topological_levels
from tests.conftest import random_dag, random_tree


@pytest.mark.parametrize("edges", [random_tree(80, 0), random_dag(80, 1)])
def test_levels_and_ancestors_equal_networkx(edges):
    graph = networkx.DiGraph(edges)
    hierarchy = Hierarchy(edges)
    for level, generation in enumerate(networkx.topological_generations(graph)):
        assert set(hierarchy.levels[hierarchy.index(generation)]) == {level}
    for node in graph:
        row = hierarchy.ancestors[hierarchy.index([node])].indices
        found = {hierarchy.nodes[i] for i in row}
        assert found == networkx.ancestors(graph, node) | {node}


@pytest.mark.parametrize("edges", [random_tree(80, 2), random_dag(80, 3)])
def test_reachability_does_not_depend_on_the_order_of_nodes(edges):
    nodes = np.random.default_rng(0).permutation(80).tolist()
    hierarchy = Hierarchy(edges, nodes=nodes)
    graph = networkx.DiGraph(edges)
    expected = np.zeros((80, 80), dtype=int)
    for i, node in enumerate(nodes):
        expected[i, hierarchy.index(networkx.ancestors(graph, node) | {node})] = 1
    ancestors = reachability(hierarchy.parents, hierarchy.levels)
    np.testing.assert_array_equal(ancestors.toarray(), expected)
    assert ancestors.nnz == expected.sum()
    assert ancestors.has_sorted_indices
    assert (ancestors.dtype, ancestors.data.max()) == (np.int64, 1)


def test_a_long_chain_has_one_level_per_node():
    parent = np.arange(2000)
    levels = topological_levels(parent, parent + 1, 2001)
    np.testing.assert_array_equal(levels, np.arange(2001))


def test_a_long_chain_is_closed_in_the_time_of_its_entries():
    started = perf_counter()
    hierarchy = Hierarchy([(i, i + 1) for i in range(3000)])
    assert "ancestors" not in vars(hierarchy)
    closed = hierarchy.to_indicator([[3000], [1], []])
    # Squaring takes a minute.
    assert perf_counter() - started < 10
    assert np.diff(closed.indptr).tolist() == [3001, 2, 0]


def test_a_cycle_below_other_nodes_is_found():
    parent, child = np.array([0, 1, 2, 3, 2]), np.array([1, 2, 3, 1, 4])
    with pytest.raises(ValueError, match=r"\w' -> '\w' -> '\w' -> '\w'"):
        topological_levels(parent, child, 5, lambda node: repr("abcde"[node]))


def test_a_long_cycle_is_shown_by_its_ends():
    parent = np.arange(1000)
    with pytest.raises(ValueError, match=r"\d -> \(991 more\) -> \d") as caught:
        topological_levels(parent, (parent + 1) % 1000, 1000)
    assert len(str(caught.value)) < 200
