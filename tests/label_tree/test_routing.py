"""Routing: along the hierarchy, with clusters where a node has many children."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc import Hierarchy
from sklearn_htc.label_tree import routing
from sklearn_htc.label_tree.routing import Routing


def learn(data, seed=0):
    rng = np.random.RandomState(seed)
    return Routing.learn(data.hierarchy, data.target, data.vectors.X, rng)


def branch_of(found):
    """Return the branch that leads to each router; -1 for the root."""
    source = np.full(found.n_routers, -1)
    leads = np.flatnonzero(found.router >= 0)
    source[found.router[leads]] = leads
    return source


def test_a_narrow_hierarchy_is_the_tree(planted):
    found, hierarchy = learn(planted), planted.hierarchy
    assert len(found.above) == found.n_nodes == len(hierarchy)
    source = branch_of(found)
    counts = planted.counts
    for node in range(len(hierarchy)):
        parents = hierarchy.parents[[node]].indices
        above = source[found.above[node]]
        if not len(parents):
            assert above == -1
        else:
            assert above in parents
            assert counts[above] == counts[parents].max()
    bounds, members = found.branches
    assert sorted(members) == list(range(len(hierarchy)))
    for router in range(found.n_routers):
        own = members[bounds[router] : bounds[router + 1]]
        assert len(own) > 0
        np.testing.assert_array_equal(found.above[own], router)


@pytest.mark.parametrize("most", [4, 6])
def test_wide_nodes_get_clusters(monkeypatch, planted, most):
    monkeypatch.setattr(routing, "MAX_BRANCHES", most)
    found = learn(planted)
    n_nodes = len(planted.hierarchy)
    bounds, _ = found.branches
    assert np.diff(bounds).max() <= most
    assert len(found.above) > n_nodes
    # A cluster is a branch that documents of its labels, and no others, take.
    target = found.of_branches(planted.target, to_root=False).toarray()
    np.testing.assert_array_equal(target[:, :n_nodes], planted.target.toarray())
    source = branch_of(found)
    for cluster in range(n_nodes, len(found.above)):
        inside = np.flatnonzero(source[found.above] == cluster)
        np.testing.assert_array_equal(target[:, cluster], target[:, inside].max(axis=1))


def test_a_document_of_one_path_takes_one_branch_at_each_router(planted):
    if not len(planted.path_nodes):
        pytest.skip("Documents have several paths.")
    found = learn(planted)
    target = found.of_data(planted).toarray()
    ends = planted.hierarchy.most_specific(planted.target).indices
    source = branch_of(found)
    for row, end in zip(target, ends, strict=True):
        way, at = set(), int(end)
        while at >= 0:
            way.add(at)
            at = int(source[found.above[at]])
        assert set(np.flatnonzero(row).tolist()) == way


def test_labels_whose_documents_are_alike_are_in_one_cluster(monkeypatch):
    monkeypatch.setattr(routing, "MAX_BRANCHES", 4)
    # Labels 0 to 7 without a hierarchy; even ones have one term, odd ones another.
    label = np.arange(80) % 8
    X = sparse.csr_array(np.eye(2, dtype=np.float32)[label % 2])
    Y = sparse.csr_array(np.eye(8, dtype=np.float32)[label])
    found = Routing.learn(Hierarchy([], nodes=range(8)), Y, X, np.random.RandomState(0))
    even, odd = np.unique(found.above[0:8:2]), np.unique(found.above[1:8:2])
    assert not set(even) & set(odd)


def test_labels_without_documents_have_a_branch(monkeypatch, planted):
    monkeypatch.setattr(routing, "MAX_BRANCHES", 4)
    empty = planted.target * 0
    empty.eliminate_zeros()
    rng = np.random.RandomState(0)
    found = Routing.learn(planted.hierarchy, empty, planted.vectors.X, rng)
    assert sorted(found.branches[1]) == list(range(len(found.above)))
    assert np.diff(found.branches[0]).max() <= 4
