import numpy as np
import pytest
from scipy.optimize import minimize

from sklearn_htc.label_texts.logistic import fit_near


@pytest.mark.parametrize("start", [(0.0, 0.0, 0.0), (30.0, -20.0, 5.0)])
def test_it_minimises_the_penalised_loss(start):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    is_true = rng.random(300) < 1 / (1 + np.exp(-X @ [2.0, -1.0, 0.0]))
    weight = rng.random(300)
    start = np.array(start)

    def loss(coef):
        error = weight @ np.log1p(np.exp(np.where(is_true, -1, 1) * (X @ coef)))
        return error + 0.35 * np.square(coef - start).sum()

    slow = minimize(loss, np.zeros(3), method="Nelder-Mead", tol=1e-10).x
    np.testing.assert_allclose(
        fit_near(X, is_true, weight, start, 0.7), slow, atol=1e-4
    )


def test_without_pairs_it_stays_where_it_starts():
    start = np.array([1.0, -2.0])
    empty = np.zeros((0, 2)), np.zeros(0, dtype=bool), np.zeros(0)
    np.testing.assert_array_equal(fit_near(*empty, start, 1.0), start)
