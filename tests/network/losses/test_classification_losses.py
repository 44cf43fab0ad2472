"""Classification losses against their definitions, term by term."""

import itertools

import pytest
import torch

from sklearn_htc import Hierarchy
from sklearn_htc.network.losses.classification_losses import (
    ZLPR,
    BinaryCrossEntropy,
    PathCrossEntropy,
)
from tests.conftest import random_dag, random_tree


def test_binary_cross_entropy_sums_or_averages_over_labels():
    logits = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64)
    target = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    p = torch.sigmoid(logits[0])
    expected = -(torch.log(p[0]) + torch.log(1 - p[1]) + torch.log(1 - p[2]))
    torch.testing.assert_close(BinaryCrossEntropy()(logits, target)[0], expected)
    mean = BinaryCrossEntropy(reduction="mean")(logits, target)[0]
    torch.testing.assert_close(mean, expected / 3)


def test_zlpr_equals_its_definition():
    torch.manual_seed(0)
    logits = torch.randn(3, 4, dtype=torch.float64)
    target = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]]).double()
    loss = ZLPR()(logits, target)
    for row in range(3):
        absent = sum(logits[row, n].exp() for n in range(4) if not target[row, n])
        present = sum((-logits[row, n]).exp() for n in range(4) if target[row, n])
        expected = torch.log(torch.as_tensor(1 + absent).double()) + torch.log(
            torch.as_tensor(1 + present).double()
        )
        torch.testing.assert_close(loss[row], expected)


def test_zlpr_has_finite_gradients_where_all_or_no_labels_are_set():
    logits = torch.zeros(2, 3, requires_grad=True)
    ZLPR()(logits, torch.tensor([[0.0, 0, 0], [1, 1, 1]])).sum().backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("edges", [random_tree(8, 0), random_dag(8, 1)])
def test_path_cross_entropy_is_bernoulli_likelihood_given_a_path(edges):
    hierarchy = Hierarchy(edges)
    nodes = torch.tensor([2, 4, 5, 7])
    paths = hierarchy.ancestors[nodes.numpy()]
    loss = PathCrossEntropy(
        nodes=nodes,
        members=torch.from_numpy(paths.indices).long(),
        starts=torch.from_numpy(paths.indptr).long(),
    )
    torch.manual_seed(0)
    logits = torch.randn(4, 8, dtype=torch.float64)
    target = torch.from_numpy(paths.toarray()).double()
    p = torch.sigmoid(logits)
    got = loss(logits, target)
    for row, path in itertools.product(range(4), range(4)):
        likelihood = [
            torch.where(labels > 0, p[row], 1 - p[row]).prod() for labels in target
        ]
        if row == path:
            expected = -torch.log(likelihood[path] / sum(likelihood))
            torch.testing.assert_close(got[row], expected)
