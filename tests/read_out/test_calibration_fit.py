"""Likelihoods of a calibration's coefficients: precise enough for line searches."""

import math

import numpy as np
import torch

from sklearn_htc.read_out.calibration_fit import of_pairs


def test_many_small_losses_count_beside_a_few_large_ones():
    # As pairs stand: a document's own labels first, then those that it has not.
    rng = np.random.default_rng(0)
    log_odds = np.concatenate([rng.normal(0, 3, 2000), rng.uniform(-36, -16, 300_000)])
    is_true = np.arange(len(log_odds)) < 2000
    weight = rng.uniform(1, 20, size=len(log_odds))
    zeros = np.zeros(len(log_odds))
    likelihood = of_pairs(zeros, zeros, weight, is_true, 1000)
    found = likelihood.loss(torch.from_numpy(log_odds), torch.tensor(0.0))
    losses = weight * np.logaddexp(0, np.where(is_true, -log_odds, log_odds))
    expected = math.fsum(losses)
    assert abs(float(found) - expected) <= 2e-15 * expected
