"""The likelihood that a label tree is calibrated by, beside a slow direct formula."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit

from sklearn_htc.label_tree.held_out_scores import HeldOutScores

PAIRS = np.array([0, 0, 1, 1, 1, 2])
IS_TRUE = np.array([True, False, False, False, False, True])
WEIGHT = np.array([1.0, 2.0, 0.5])


@pytest.fixture
def scores():
    """Return scores of three pairs of document and router."""
    return HeldOutScores(
        PAIRS,
        branches=np.arange(6),
        scores=np.zeros(6, dtype=np.float32),
        is_true=IS_TRUE,
        pair_weight=WEIGHT,
        may_take=None,
        may_end=None,
        n_documents=2.0,
    )


LOG_ODDS = np.array([2.0, -1.0, 0.5, -0.3, -4.0, 1.5])


def test_any_labels_have_the_binary_cross_entropy(scores):
    p = expit(LOG_ODDS)
    expected = -WEIGHT[PAIRS] @ np.log(np.where(IS_TRUE, p, 1 - p))
    loss = scores.log_loss(torch.from_numpy(LOG_ODDS))
    np.testing.assert_allclose(loss, expected, rtol=1e-10)


def test_branches_of_one_path_compete_with_its_end(scores):
    may_take = np.array([True, True, True, False, True, True])
    may_end = np.array([False, True, True])
    scores = replace(scores, may_take=may_take, may_end=may_end)
    odds = np.exp(LOG_ODDS) * may_take
    likelihoods = [
        odds[0] / (odds[0] + odds[1]),
        1 / (1 + odds[2] + odds[4]),
        odds[5] / (1 + odds[5]),
    ]
    loss = scores.log_loss(torch.from_numpy(LOG_ODDS))
    np.testing.assert_allclose(loss, -WEIGHT @ np.log(likelihoods), rtol=1e-10)


def test_large_log_odds_are_no_overflow(scores):
    scores = replace(scores, may_take=np.ones(6, bool), may_end=np.ones(3, bool))
    log_odds = torch.tensor([900.0, -900.0, -900.0, -900.0, -900.0, 900.0]).double()
    log_odds.requires_grad_()
    loss = scores.log_loss(log_odds)
    loss.backward()
    np.testing.assert_allclose(loss.item(), 0, atol=1e-10)
    assert torch.isfinite(log_odds.grad).all()


def test_paths_that_cant_end_take_the_least_unlikely_branch(scores):
    scores = replace(scores, may_take=np.ones(6, bool), may_end=np.zeros(3, bool))
    scores = replace(scores, is_true=np.array([1, 0, 1, 0, 0, 1], dtype=bool))
    low = torch.full((6,), -900.0, dtype=torch.float64)
    expected = WEIGHT @ np.log([2, 3, 1])
    np.testing.assert_allclose(scores.log_loss(low), expected, rtol=1e-10)
