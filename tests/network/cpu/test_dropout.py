"""Dropout from few random bits: its rate, its scale, its gradient."""

import pytest
import torch

from sklearn_htc.network.cpu.dropout import Dropout


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5])
def test_share_and_scale_of_what_is_kept(p):
    torch.manual_seed(0)
    values = torch.ones(333, 301, requires_grad=True)
    dropped = Dropout(p)(values)
    kept = dropped != 0
    assert abs(kept.float().mean() - (1 - p)) < 0.005
    torch.testing.assert_close(
        dropped[kept], torch.full((kept.sum(),), 1 / (1 - p)), atol=1e-4, rtol=0
    )
    # Neighbours share a draw, but are independent.
    both = (kept[:, :-1] & kept[:, 1:]).float().mean()
    assert abs(both - (1 - p) ** 2) < 0.005
    dropped.sum().backward()
    torch.testing.assert_close(values.grad, dropped.detach())


@pytest.mark.parametrize("p", [0.0, 1.0, 1e-9])
def test_extreme_shares(p):
    values = torch.randn(5, 7)
    expected = torch.zeros_like(values) if p == 1 else values
    torch.testing.assert_close(Dropout(p)(values), expected)


def test_evaluation_drops_nothing_and_a_seed_fixes_what_training_drops():
    values = torch.randn(5, 7)
    dropout = Dropout(0.5)
    torch.testing.assert_close(dropout.eval()(values), values)
    dropout.train()
    torch.manual_seed(0)
    first = dropout(values)
    torch.manual_seed(0)
    assert torch.equal(dropout(values), first)
    assert not torch.equal(dropout(values), first)


def test_nothing_to_drop():
    assert Dropout(0.5)(torch.zeros(0, 3)).shape == (0, 3)
