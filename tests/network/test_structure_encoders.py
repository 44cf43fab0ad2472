"""GCN and TreeLSTM against node-by-node formulas, on random trees and a DAG."""

import pytest
import torch
from torch import sigmoid, tanh

from sklearn_htc import Hierarchy
from sklearn_htc.network.structure_encoders import GCNEncoder, TreeLSTMEncoder
from tests.conftest import random_dag, random_tree

GRAPHS = [random_tree(12, 0), random_tree(25, 1), random_dag(20, 2), [(2, 0), (0, 1)]]
D = 6


def make(kind, edges):
    """Return an encoder with random weights, its edges by node, and embeddings."""
    torch.manual_seed(0)
    n_nodes = max(max(pair) for pair in edges) + 1
    parent, child = (torch.tensor(column) for column in zip(*edges, strict=True))
    prior = torch.rand(len(edges), dtype=torch.float64)
    encoder = kind(
        parent=parent, child=child, prior=prior, n_nodes=n_nodes, dimension=D
    )
    encoder = encoder.double().eval()
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.normal_()
    weight_of = {pair: prior[i] for i, pair in enumerate(edges)}
    return encoder, weight_of, torch.randn(n_nodes, D, dtype=torch.float64)


@pytest.mark.parametrize("edges", GRAPHS)
def test_gcn_equals_its_formula(edges):
    encoder, prior, v = make(GCNEncoder, edges)
    w_down, w_up, w_self = encoder.gates.weight
    expected = []
    for k in range(len(v)):
        down, up = encoder.down_bias[k], encoder.up_bias[k]
        for parent, child in edges:
            if child == k:
                down = down + prior[parent, child] * v[parent]
            if parent == k:
                up = up + v[child]
        g_down = sigmoid(w_down @ v[k] + encoder.gate_bias[k, 0])
        g_up = sigmoid(w_up @ v[k] + encoder.gate_bias[k, 1])
        g_self = sigmoid(w_self @ v[k])
        expected.append(torch.relu(g_down * down + g_up * up + g_self * v[k]))
    torch.testing.assert_close(encoder(v), torch.stack(expected), atol=1e-6, rtol=0)


def recursive_tree_lstm(cell, v, sources, weight, k, done):
    """Compute (h, c) of node k after those of its sources."""
    if k in done:
        return done[k]
    states = [
        (weight[j, k], recursive_tree_lstm(cell, v, sources, weight, j, done))
        for j in sources[k]
    ]
    hidden = D // 2
    gathered = sum(
        (a * h for a, (h, _) in states), torch.zeros(hidden, dtype=torch.float64)
    )
    own = cell.inputs.weight @ v[k] + cell.inputs.bias
    gates = own[: 3 * hidden] + cell.gates.weight @ gathered
    i, o, u = gates[:hidden], gates[hidden : 2 * hidden], gates[2 * hidden :]
    c = sigmoid(i) * tanh(u)
    for _, (h_j, c_j) in states:
        f = sigmoid(own[3 * hidden :] + cell.forget.weight @ h_j)
        c = c + f * c_j
    done[k] = (sigmoid(o) * tanh(c), c)
    return done[k]


@pytest.mark.parametrize("edges", GRAPHS)
def test_tree_lstm_equals_recursion_over_nodes(edges):
    encoder, prior, v = make(TreeLSTMEncoder, edges)
    nodes = range(len(v))
    children = {k: [c for p, c in edges if p == k] for k in nodes}
    parents = {k: [p for p, c in edges if c == k] for k in nodes}
    ones = {(c, p): 1.0 for p, c in edges}
    up, down = {}, {}
    for k in nodes:
        recursive_tree_lstm(encoder.bottom_up, v, children, ones, k, up)
        recursive_tree_lstm(encoder.top_down, v, parents, prior, k, down)
    expected = torch.stack([torch.cat([up[k][0], down[k][0]]) for k in nodes])
    torch.testing.assert_close(encoder(v), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", [GCNEncoder, TreeLSTMEncoder])
def test_prior_weighs_the_way_down(kind):
    encoder, _, v = make(kind, [(0, 1), (0, 2)])
    before = encoder(v)
    encoder.prior.copy_(torch.tensor([0.0, 1.0]))
    after = encoder(v)
    assert not torch.allclose(before[1], after[1])
    assert not torch.allclose(before[2], after[2])
    torch.testing.assert_close(before[0], after[0])


@pytest.mark.parametrize("kind", [GCNEncoder, TreeLSTMEncoder])
def test_every_weight_is_initialised_and_every_seed_gives_its_own(kind):
    def weights(seed):
        torch.manual_seed(seed)
        none = torch.zeros(0, dtype=torch.long)
        return kind(
            parent=none, child=none, prior=torch.zeros(0), n_nodes=3, dimension=4
        ).state_dict()

    first, again = weights(0), weights(0)
    for name, weight in first.items():
        assert torch.isfinite(weight).all()
        assert torch.equal(weight, again[name])


@pytest.mark.parametrize("kind", [GCNEncoder, TreeLSTMEncoder])
def test_a_label_absent_from_training_gets_a_representation(kind):
    hierarchy = Hierarchy([("a", "b"), ("a", "c"), ("d", "e")])
    Y = hierarchy.to_indicator([["b"], ["b"]])
    parent, child = (torch.from_numpy(column) for column in hierarchy.edges)
    prior = torch.from_numpy(hierarchy.prior(Y).data)
    encoder = kind(parent=parent, child=child, prior=prior, n_nodes=5, dimension=4)
    labels = encoder.double()(torch.randn(5, 4, dtype=torch.float64))
    assert torch.isfinite(labels).all()
