"""Levels and reachability against networkx."""

import networkx
import numpy as np
import pytest

from sklearn_htc import Hierarchy
from sklearn_htc.graph import topological_levels
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


def test_a_long_chain_has_a_level_a_node():
    parent = np.arange(2000)
    levels = topological_levels(parent, parent + 1, range(2001))
    np.testing.assert_array_equal(levels, np.arange(2001))


def test_a_cycle_below_other_nodes_is_found():
    parent, child = np.array([0, 1, 2, 3, 2]), np.array([1, 2, 3, 1, 4])
    with pytest.raises(ValueError, match=r"\w' -> '\w' -> '\w' -> '\w'"):
        topological_levels(parent, child, "abcde")
