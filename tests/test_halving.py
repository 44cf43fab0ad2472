"""Arrays in half the space."""

import numpy as np
import pytest

from sklearn_htc.halving import halved


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_numbers_of_a_usual_size_are_halved(unit):
    array = (unit * np.random.default_rng(0).normal(size=(20, 5))).astype(np.float32)
    half = halved(array)
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, array, rtol=0, atol=unit * 4e-3)


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_numbers_that_would_be_lost_stay(unit):
    array = np.array([unit, -unit], dtype=np.float32)
    assert halved(array) is array


def test_nothing_and_zeros_are_halved():
    assert halved(np.zeros((0, 3), dtype=np.float32)).dtype == np.float16
    assert halved(np.zeros(3, dtype=np.float32)).dtype == np.float16
