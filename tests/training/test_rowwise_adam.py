"""RowwiseAdam: Adam for dense gradients, its own formula for sparse ones."""

import torch
from torch import nn

from sklearn_htc.training.rowwise_adam import RowwiseAdam


def test_dense_weights_are_updated_as_adam_does_it():
    torch.manual_seed(0)
    start = torch.randn(5, 3)
    weights = [nn.Parameter(start.clone()) for _ in range(2)]
    optimizers = [
        RowwiseAdam([weights[0]], lr=0.1),
        torch.optim.Adam([weights[1]], lr=0.1),
    ]
    for _ in range(5):
        for weight, optimizer in zip(weights, optimizers, strict=True):
            optimizer.zero_grad()
            (weight**3).sum().backward()
            optimizer.step()
    torch.testing.assert_close(weights[0], weights[1])


def test_rows_are_updated_by_the_formula_and_others_left():
    torch.manual_seed(0)
    table = nn.Embedding(6, 4, sparse=True).double()
    expected = table.weight.detach().clone()
    second = torch.zeros(6, dtype=torch.float64)
    optimizer = RowwiseAdam(table.parameters(), lr=0.1, betas=(0.9, 0.99), eps=1e-6)
    for step, ids in enumerate(([0, 2, 2], [5], [2, 5]), 1):
        optimizer.zero_grad()
        (table(torch.tensor(ids)) ** 2).sum().backward()
        loss = optimizer.step(lambda: "loss")
        for row in set(ids):
            gradient = 2 * expected[row] * ids.count(row)
            second[row] = 0.99 * second[row] + 0.01 * (gradient**2).mean()
            root = (second[row] / (1 - 0.99**step)).sqrt()
            expected[row] -= 0.1 * gradient / (root + 1e-6)
        torch.testing.assert_close(table.weight.detach(), expected)
    assert loss == "loss"


def test_the_state_survives_a_round_trip():
    table = nn.Embedding(6, 4, sparse=True)
    optimizer = RowwiseAdam(table.parameters())
    table(torch.tensor([1, 3])).sum().backward()
    optimizer.step()
    other = RowwiseAdam(table.parameters())
    other.load_state_dict(optimizer.state_dict())
    state = other.state[table.weight]
    assert state["step"] == 1
    assert (state["row_exp_avg_sq"] > 0).tolist() == [
        False,
        True,
        False,
        True,
        *[False] * 2,
    ]
