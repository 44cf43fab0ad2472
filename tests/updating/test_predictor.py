import numpy as np

from sklearn_htc.updating.predictor import _union


def test_the_union_of_labels_is_one_less_having_none():
    log_odds = np.random.default_rng(0).normal(size=(50, 3)) * 4
    p = 1 / (1 + np.exp(-log_odds))
    either = 1 - np.prod(1 - p, axis=1)
    np.testing.assert_allclose(_union(log_odds), np.log(either / (1 - either)))


def test_a_union_of_impossible_labels_is_finite():
    assert np.isfinite(_union(np.full((1, 2), -1000.0))).all()
