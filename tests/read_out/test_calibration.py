"""Calibration against scikit-learn's logistic regression, and on data of known odds."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from sklearn_htc import Hierarchy
from sklearn_htc.read_out import calibration, calibration_fit
from sklearn_htc.read_out import pairs as pairs_module
from sklearn_htc.read_out.calibration import Calibration
from tests.conftest import noisy_three_paths

NO_PATHS = np.empty(0, dtype=np.int64)


def held_out(n_documents=3000, n_nodes=6):
    """Draw scores and labels with log-odds 3 score - 1, and counts that say nothing."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(n_documents, n_nodes)).astype(np.float32)
    labels = rng.random(scores.shape) < expit(3 * scores - 1)
    return scores, sparse.csr_array(labels.astype(np.int64))


def no_paths(n_nodes):
    return sparse.csr_array((0, n_nodes), dtype=np.int64)


def test_symmetric_odds_give_sigmoid_calibration(monkeypatch):
    monkeypatch.setattr(calibration_fit, "PENALTY", 0)
    scores, target = held_out(20_000)
    fitted = Calibration(np.full(6, 10)).fit(
        scores, target, np.ones(len(scores)), NO_PATHS, no_paths(6)
    )
    model = LogisticRegression(C=np.inf)
    model.fit(scores.reshape(-1, 1), target.toarray().ravel())
    expected = model.coef_[0, 0] * scores + model.intercept_[0]
    likely = np.abs(expected) < 3
    logits = fitted.log_odds(scores)
    np.testing.assert_allclose(logits[likely], expected[likely], atol=0.2)
    assert fitted.slope == pytest.approx(3, abs=0.2)


def test_log_odds_are_those_of_the_formula():
    rng = np.random.default_rng(0)
    fitted = Calibration(np.array([1, 10, 100]))
    fitted.coef_ = 0.5 * rng.normal(size=10).astype(np.float32)
    scores = 5 * rng.normal(size=(20, 3)).astype(np.float32)
    fitted.center_, fitted.half_range_ = -0.5, 2.0
    a, b, c, d, e, f, g, h, i, _ = fitted.coef_.astype(np.float64)
    u = fitted.log_frequency
    z = (a + b * u) * (scores + 0.5) / 2 + c + d * u + e * u**2
    above, below = np.exp(f + g * u), np.exp(h + i * u)
    expected = above * np.log(1 + np.exp(z)) - below * np.log(1 + np.exp(-z))
    np.testing.assert_allclose(fitted.log_odds(scores), expected, rtol=1e-4, atol=1e-4)


def test_odds_may_fall_faster_than_they_rise():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20_000, 3)).astype(np.float32)
    truth = Calibration(np.full(3, 10))
    truth.coef_ = np.array([2, 0, 1, 0, 0, -1, 0, 2, 0, 0], dtype=np.float32)
    p = expit(truth.log_odds(scores))
    target = sparse.csr_array((rng.random(p.shape) < p).astype(np.int64))
    fitted = Calibration(np.full(3, 10)).fit(
        scores, target, np.ones(len(scores)), NO_PATHS, no_paths(3)
    )
    assert np.abs(expit(fitted.log_odds(scores)) - p).mean() < 0.01
    symmetric = LogisticRegression(C=np.inf)
    symmetric.fit(scores.reshape(-1, 1), target.toarray().ravel())
    sigmoid = symmetric.predict_proba(scores.reshape(-1, 1))[:, 1].reshape(p.shape)
    assert np.abs(sigmoid - p).mean() > 0.02


def test_the_odds_of_rare_labels_may_fall_faster():
    rng = np.random.default_rng(0)
    counts = np.array([1, 5, 20, 100, 400, 2000])
    scores = rng.normal(size=(20_000, 6)).astype(np.float32)
    truth = Calibration(counts)
    truth.coef_ = np.array([2, 0, 1, 0, 0, -1, 0.3, 2, -0.6, 0], dtype=np.float32)
    p = expit(truth.log_odds(scores))
    target = sparse.csr_array((rng.random(p.shape) < p).astype(np.int64))
    fitted = Calibration(counts).fit(
        scores, target, np.ones(len(scores)), NO_PATHS, no_paths(6)
    )
    rarest = [0, 1]
    assert np.abs(expit(fitted.log_odds(scores)) - p)[:, rarest].mean() < 0.005
    fitted.coef_[[6, 8]] = 0
    assert np.abs(expit(fitted.log_odds(scores)) - p)[:, rarest].mean() > 0.02


def test_slope_is_that_of_the_log_odds_where_they_are_zero():
    fitted = Calibration(np.full(1, 10))
    fitted.coef_ = np.array([3, 0, -1, 0, 0, -1, 0, 2, 0, 0], dtype=np.float32)
    fitted.center_, fitted.half_range_ = 0.3, 0.7
    grid = np.linspace(-5, 5, 200_001, dtype=np.float32)
    logits = fitted.log_odds(grid[:, None])[:, 0].astype(np.float64)
    zero = np.abs(logits).argmin()
    slope = (logits[zero + 200] - logits[zero - 200]) / (
        grid[zero + 200] - grid[zero - 200]
    )
    assert fitted.slope == pytest.approx(slope, rel=1e-2)


def test_rare_labels_get_their_own_slope_and_shift():
    rng = np.random.default_rng(0)
    counts = np.array([1, 5, 20, 100, 400, 2000])
    frequency = Calibration(counts).log_frequency
    scores = rng.normal(size=(20_000, 6)).astype(np.float32)
    odds = (3 - frequency) * scores - 1 + 0.5 * frequency + 0.2 * frequency**2
    target = sparse.csr_array((rng.random(odds.shape) < expit(odds)).astype(np.int64))
    fitted = Calibration(counts).fit(
        scores, target, np.ones(len(scores)), NO_PATHS, no_paths(6)
    )
    error = expit(fitted.log_odds(scores)) - expit(odds)
    assert np.abs(error).mean() < 0.01


def test_models_of_more_documents_have_the_frequencies_of_these():
    counts, more = np.array([1, 5, 20]), np.array([4, 8, 40])
    fitted = Calibration(counts)
    logs = np.log1p(counts)
    expected = (np.log1p(more / 2) - logs.mean()) / logs.std()
    other = fitted.for_counts(more)
    np.testing.assert_allclose(other.log_frequency, expected, atol=1e-6)
    scores = np.ones((1, 3), dtype=np.float32)
    before = Calibration(counts).log_odds(scores)
    np.testing.assert_array_equal(fitted.log_odds(scores), before)
    assert np.all(other.log_odds(scores)[:, :2] != before[:, :2])


def test_twice_the_documents_of_every_label_change_nothing():
    counts = np.array([1, 5, 20])
    fitted = Calibration(counts)
    np.testing.assert_allclose(
        fitted.for_counts(2 * counts).log_frequency, fitted.log_frequency
    )


def test_labels_that_are_about_as_frequent_are_hardly_told_apart():
    fitted = Calibration(np.array([40, 40, 40, 41]))
    np.testing.assert_allclose(fitted.log_frequency, 0, atol=0.05)
    np.testing.assert_allclose(
        fitted.for_counts(np.array([51, 50, 50, 50])).log_frequency, 0, atol=0.05
    )


def test_documents_of_which_scores_know_nothing_are_counted():
    hierarchy = Hierarchy.from_dict({f"{i}": [f"{i}.{j}" for j in "ab"] for i in "123"})
    nodes = hierarchy.leaves
    paths = hierarchy.ancestors[nodes]
    rng = np.random.default_rng(0)
    own = rng.integers(6, size=5000)
    told = np.where(rng.random(5000) < 0.3, rng.integers(6, size=5000), own)
    scores = paths[told].toarray() + 0.2 * rng.normal(size=(5000, 9))
    fitted = Calibration(np.full(9, 10))
    fitted.fit(scores.astype(np.float32), paths[own], np.ones(5000), nodes, paths)
    assert fitted.uniform_share == pytest.approx(0.3, abs=0.05)


def test_with_paths_the_likelihood_is_that_of_whole_paths():
    hierarchy = Hierarchy.from_dict({"a": ["b", "c"], "d": ["e"]})
    nodes = hierarchy.index(["a", "b", "c", "e"])
    paths = hierarchy.ancestors[nodes]
    rng = np.random.default_rng(0)
    own = rng.integers(4, size=400)
    target = paths[own]
    scores = target.toarray() + rng.normal(size=target.shape)
    scores = scores.astype(np.float32)
    fitted = Calibration(target.sum(axis=0)).fit(
        scores, target, np.ones(len(scores)), nodes, paths
    )

    def loss(coef):
        changed = Calibration(target.sum(axis=0))
        changed.coef_ = coef
        changed.center_, changed.half_range_ = fitted.center_, fitted.half_range_
        logits = changed.log_odds(scores) @ paths.toarray().T
        share = changed.uniform_share
        mixed = (1 - share) * softmax(logits, axis=1) + share / len(nodes)
        likelihood = np.log(mixed[np.arange(400), own]).mean()
        return 2 / 400 * np.square(coef - start).sum() - likelihood

    start = np.array(calibration.START)
    best = loss(fitted.coef_)
    for step in np.vstack([np.eye(10), -np.eye(10)]) * 0.1:
        assert loss(fitted.coef_ + step) > best


def test_a_document_with_the_shorter_of_two_paths_has_that_one():
    hierarchy = Hierarchy.from_dict({"a": ["b"]})
    nodes = hierarchy.index(["a", "b"])
    paths = hierarchy.ancestors[nodes]
    target = paths[[0] * 50 + [1] * 50]
    scores = np.where(target.toarray() > 0, 1, -1).astype(np.float32)
    fitted = Calibration(np.array([100, 50])).fit(
        scores, target, np.ones(len(scores)), nodes, paths
    )
    logits = fitted.log_odds(scores)[:, hierarchy.index(["b"])[0]]
    assert logits[:50].max() < 0 < logits[50:].min()


def test_log_odds_keep_their_type_before_and_after_fit():
    scores, target = held_out(100)
    fitted = Calibration(np.arange(6))
    assert fitted.log_odds(scores).dtype == np.float32
    assert np.abs(fitted.log_odds(np.zeros((1, 6), dtype=np.float32))).max() < 0.1
    assert fitted.slope == pytest.approx(2.5, abs=0.2)
    fitted.fit(scores, target, np.ones(len(scores)), NO_PATHS, no_paths(6))
    assert fitted.log_odds(scores).dtype == np.float32


def test_the_unit_of_scores_does_not_matter():
    scores, target = held_out(200)
    fitted, other = (
        Calibration(np.arange(6)).fit(
            values, target, np.ones(200), NO_PATHS, no_paths(6)
        )
        for values in (scores, 0.1 * scores + 5)
    )
    labels = target.toarray() > 0
    average = scores[labels].mean(), scores[~labels].mean()
    ends = fitted.center_ + fitted.half_range_, fitted.center_ - fitted.half_range_
    assert ends == pytest.approx(average, abs=1e-5)
    # Log-odds near 0 agree to 0.004; far from 0 rounding leaves them a little freer.
    np.testing.assert_allclose(
        expit(other.log_odds(0.1 * scores + 5)),
        expit(fitted.log_odds(scores)),
        atol=0.001,
    )
    assert other.slope == pytest.approx(10 * fitted.slope, rel=0.01)


@pytest.mark.parametrize("unit", [1e25, 1e-30])
def test_scores_whose_squares_are_no_float32_are_not_lost(unit):
    scores, target = held_out(200)
    scaled = np.float32(unit) * scores
    fitted, other = (
        Calibration(np.arange(6)).fit(
            values, target, np.ones(200), NO_PATHS, no_paths(6)
        )
        for values in (scores, scaled)
    )
    np.testing.assert_allclose(
        expit(other.log_odds(scaled)), expit(fitted.log_odds(scores)), atol=0.001
    )


def test_with_few_documents_coefficients_stay_where_they_were():
    scores, target = held_out()
    fitted = Calibration(np.arange(6)).fit(
        scores, target, np.ones(len(scores)), NO_PATHS, no_paths(6)
    )
    at_first = fitted.coef_.copy()
    assert np.abs(at_first - calibration.START).max() > 0.5
    fitted.fit(scores[:5], target[:5], np.ones(5), NO_PATHS, no_paths(6))
    assert 0 < np.abs(fitted.coef_ - at_first).max() < 0.5


def test_some_of_too_many_pairs_say_what_all_say(monkeypatch):
    scores, target = held_out()
    weight = np.linspace(0.5, 1.5, 3000)
    log_odds = []
    for most in (10**6, 1500):
        monkeypatch.setattr(pairs_module, "MAX_FALSE_PAIRS", most)
        fitted = Calibration(np.full(6, 10))
        fitted.fit(scores, target, weight, NO_PATHS, no_paths(6))
        log_odds.append(fitted.log_odds(scores))
    assert np.abs(expit(log_odds[1]) - expit(log_odds[0])).mean() < 0.005


def test_the_pairs_that_are_chosen_stand_for_all(monkeypatch):
    monkeypatch.setattr(pairs_module, "MAX_FALSE_PAIRS", 1500)
    scores, target = held_out()
    pairs, is_true, copies = pairs_module.some_pairs(scores, target)
    assert len(np.unique(pairs)) == len(pairs) < 2 * 1500 + target.nnz + 1
    np.testing.assert_array_equal(target.toarray().ravel()[pairs] > 0, is_true)
    assert is_true.sum() == target.nnz
    assert copies.sum() == pytest.approx(scores.size)
    # All of the highest false ones are there.
    false = target.toarray().ravel() == 0
    border = np.sort(scores.ravel()[false])[-1500]
    assert np.isin(np.flatnonzero(false & (scores.ravel() >= border)), pairs).all()


def test_some_documents_say_what_all_say_where_each_has_one_path(monkeypatch):
    hierarchy, nodes, target, scores = noisy_three_paths(3000)
    paths = hierarchy.ancestors[nodes]
    of_paths = []
    for most in (10**6, 6000):
        monkeypatch.setattr(calibration, "MAX_PAIRS", most)
        fitted = Calibration(np.full(5, 10))
        fitted.fit(scores, target, np.ones(3000), nodes, paths)
        of_paths.append(softmax(fitted.log_odds(scores) @ paths.T, axis=1))
    assert np.abs(of_paths[1] - of_paths[0]).mean() < 0.02


@pytest.mark.parametrize("label", [0, 1])
def test_held_out_documents_may_have_no_label_or_all(label):
    scores, _ = held_out(20)
    target = sparse.csr_array(np.full((20, 6), label))
    fitted = Calibration(np.arange(6)).fit(
        scores, target, np.ones(len(scores)), NO_PATHS, no_paths(6)
    )
    logits = fitted.log_odds(scores)
    assert np.isfinite(logits).all()
    assert np.mean(logits > 0) == pytest.approx(label, abs=0.1)


def test_useless_scores_have_log_odds():
    rng = np.random.default_rng(0)
    _, target = held_out()
    for scores in (-target.toarray(), rng.normal(size=(3000, 6)), np.zeros((3000, 6))):
        fitted = Calibration(np.full(6, 10))
        fitted.fit(
            scores.astype(np.float32), target, np.ones(3000), NO_PATHS, no_paths(6)
        )
        p = expit(fitted.log_odds(scores.astype(np.float32)))
        assert p.mean() == pytest.approx(target.mean(), abs=0.05)


@pytest.mark.parametrize("with_paths", [True, False])
def test_scores_that_differ_in_their_last_bits_give_the_same_odds(with_paths):
    hierarchy, nodes, target, scores = noisy_three_paths(60)
    nodes = nodes if with_paths else NO_PATHS
    paths = hierarchy.ancestors[nodes]
    noise = 1e-7 * np.random.default_rng(1).normal(size=scores.shape)
    first, second = (
        Calibration(np.arange(5)).fit(
            given.astype(np.float32), target, np.ones(60), nodes, paths
        )
        for given in (scores, scores + noise)
    )
    np.testing.assert_allclose(first.coef_, second.coef_, atol=2e-5)


@pytest.mark.parametrize("with_paths", [True, False])
def test_a_document_of_weight_two_counts_like_two(with_paths):
    hierarchy, nodes, target, scores = noisy_three_paths(60)
    weight = np.random.default_rng(1).integers(3, size=60)
    repeated = np.repeat(np.arange(60), weight)
    nodes = nodes if with_paths else NO_PATHS
    paths = hierarchy.ancestors[nodes]
    fitted = [
        Calibration(np.arange(5)).fit(scores[rows], target[rows], weights, nodes, paths)
        for rows, weights in (
            (np.arange(60), weight),
            (repeated, np.ones(len(repeated))),
        )
    ]
    assert fitted[0].center_ == pytest.approx(fitted[1].center_, abs=1e-5)
    np.testing.assert_allclose(fitted[0].coef_, fitted[1].coef_, atol=2e-5)


def test_scores_that_say_nothing_leave_finite_coefficients():
    # All documents have the same scores: steps of the fit go far, and must come back.
    row = np.array([-1.0117, -1.8719, -2.3275, -1.2524, -1.8719, -1.6918])
    scores = np.tile(row, (45, 1)).astype(np.float32)
    rng = np.random.default_rng(0)
    target = sparse.csr_array(np.eye(6, dtype=np.int64)[rng.integers(6, size=45)])
    for nodes in (np.arange(6), NO_PATHS):
        paths = sparse.csr_array(np.eye(6, dtype=np.int64)[nodes])
        fitted = Calibration(np.array([17, 4, 2, 12, 4, 6]))
        fitted.fit(scores, target, np.ones(45), nodes, paths)
        assert np.abs(fitted.coef_).max() < 100
        assert np.isfinite(fitted.log_odds(scores)).all()


def test_wherever_the_way_starts_it_ends_in_the_same_place():
    rng = np.random.default_rng(0)
    target = sparse.csr_array(rng.random((400, 6)) < np.linspace(0.05, 0.5, 6))
    scores = (target.toarray() + rng.normal(size=(400, 6))).astype(np.float32)
    other = (2 * target.toarray() + rng.normal(size=(400, 6))).astype(np.float32)
    arguments = target, np.ones(400), NO_PATHS, no_paths(6)
    counts = np.asarray(target.sum(axis=0))
    near = Calibration(counts).fit(other, *arguments)
    expected = Calibration(counts).fit(scores, *arguments)
    found = Calibration(counts).fit(scores, *arguments, near=near)
    assert np.abs(near.coef_ - expected.coef_).max() > 0.1
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-4)


def test_the_inverse_hessian_is_positive_at_a_saddle():
    def saddle(x):
        return x[0] ** 2 - 2 * x[1] ** 2

    inverse = calibration_fit._inverse_hessian(saddle, np.zeros(2))
    np.testing.assert_allclose(inverse, np.diag([1 / 2, 1 / 4]))

    def steep(x):
        return x.abs().sqrt().sum()

    assert calibration_fit._inverse_hessian(steep, np.zeros(2)) is None
