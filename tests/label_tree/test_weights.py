"""The weights of a label tree: what each router learns, and how it is looked up."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc.label_tree import weights
from sklearn_htc.label_tree.routing import Routing
from sklearn_htc.label_tree.weights import TreeWeights
from sklearn_htc.wide.machines import fit_machines
from sklearn_htc.wide.products import DocumentProducts


@pytest.fixture
def learned(planted):
    """Return data, the tree, and its weights."""
    X = planted.vectors.X
    rng = np.random.RandomState(0)
    routing = Routing.learn(planted.hierarchy, planted.target, X, rng)
    target = routing.of_data(planted)
    weight = np.linspace(0.5, 1.5, len(planted)).astype(np.float32)
    found = TreeWeights.fit(X, target, weight, routing, C=1.0)
    return planted, routing, found


def test_a_router_learns_from_its_documents_alone(learned):
    data, routing, found = learned
    coef = found.by_feature(routing).toarray()
    target = routing.of_data(data)
    weight = np.linspace(0.5, 1.5, len(data)).astype(np.float32)
    bounds, members = routing.branches
    for router in range(routing.n_routers):
        own = members[bounds[router] : bounds[router + 1]]
        documents = np.arange(len(data))
        if router:
            (branch,) = np.flatnonzero(routing.router == router)
            documents = target[:, [branch]].nonzero()[0]
        if not len(documents):
            continue
        expected, intercept, _ = fit_machines(
            DocumentProducts(sparse.csr_array(data.vectors.X[documents])),
            sparse.csr_array(target[documents][:, own]),
            weight[documents],
            C=1.0,
        )
        expected[np.abs(expected) < weights.LEAST_WEIGHT] = 0
        np.testing.assert_allclose(coef[:, own], expected, atol=1e-5)
        np.testing.assert_allclose(found.intercept[own], intercept, atol=1e-5)


@pytest.mark.parametrize("most", [10, 10**6])
def test_products_are_those_of_dense_arrays(learned, monkeypatch, most):
    monkeypatch.setattr(weights, "MAX_LOOKUPS", most)
    data, routing, found = learned
    rng = np.random.default_rng(0)
    documents = rng.integers(len(data), size=50)
    routers = np.sort(rng.integers(routing.n_routers, size=50))
    products = found.products(data.vectors.X, documents, routers)
    expected = data.vectors.X.toarray() @ found.by_feature(routing).toarray()
    bounds, members = routing.branches
    for row, (document, router) in enumerate(zip(documents, routers, strict=True)):
        own = members[bounds[router] : bounds[router + 1]]
        np.testing.assert_allclose(
            products[row, : len(own)], expected[document, own], atol=1e-5
        )
        assert not products[row, len(own) :].any()


def test_documents_without_terms_have_products_of_0(learned):
    data, _, found = learned
    empty = sparse.csr_array((2, data.vectors.n_features), dtype=np.float32)
    assert not found.products(empty, np.arange(2), np.zeros(2, dtype=int)).any()


def test_documents_without_any_term_teach_intercepts_alone(planted):
    X = sparse.csr_array((len(planted), 7), dtype=np.float32)
    rng = np.random.RandomState(0)
    routing = Routing.learn(planted.hierarchy, planted.target, X, rng)
    target = routing.of_data(planted)
    weight = np.ones(len(planted), dtype=np.float32)
    found = TreeWeights.fit(X, target, weight, routing, C=1.0)
    some = sparse.csr_array(np.ones((2, 7), dtype=np.float32))
    assert not found.products(some, np.arange(2), np.zeros(2, dtype=int)).any()
    assert not found.of_branches(np.arange(7), np.arange(3), routing).any()


def test_single_weights_are_those_of_the_whole(learned):
    _, routing, found = learned
    features = np.array([5, 0, 299, 17])
    branches = np.arange(len(routing.above))[::-3]
    np.testing.assert_array_equal(
        found.of_branches(features, branches, routing),
        found.by_feature(routing).toarray()[np.ix_(features, branches)],
    )
