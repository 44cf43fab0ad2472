"""Calibration against scikit-learn's logistic regression, and on data of known odds."""

import numpy as np
from scipy import sparse
from scipy.special import expit, log_softmax
from sklearn.linear_model import LogisticRegression

from sklearn_htc import Hierarchy, calibration
from sklearn_htc.calibration import Calibration

NO_PATHS = np.empty(0, dtype=np.int64)


def held_out(n_documents=3000, n_nodes=6):
    """Draw scores and labels with log-odds 3 score - 1, and counts that say nothing."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(n_documents, n_nodes)).astype(np.float32)
    labels = rng.random(scores.shape) < expit(3 * scores - 1)
    return scores, sparse.csr_array(labels.astype(np.int64))


def no_paths(n_nodes):
    return sparse.csr_array((0, n_nodes), dtype=np.int64)


def test_without_frequencies_it_is_sigmoid_calibration(monkeypatch):
    monkeypatch.setattr(calibration, "PENALTY", 0)
    scores, target = held_out()
    fitted = Calibration(np.full(6, 10)).fit(scores, target, NO_PATHS, no_paths(6))
    model = LogisticRegression(C=np.inf)
    model.fit(scores.reshape(-1, 1), target.toarray().ravel())
    expected = model.coef_[0, 0] * scores + model.intercept_[0]
    np.testing.assert_allclose(fitted.log_odds(scores), expected, atol=0.02)


def test_rare_labels_get_their_own_slope_and_shift():
    rng = np.random.default_rng(0)
    counts = np.array([1, 5, 20, 100, 400, 2000])
    frequency = Calibration(counts).log_frequency
    scores = rng.normal(size=(20_000, 6)).astype(np.float32)
    odds = (3 - frequency) * scores - 1 + 0.5 * frequency + 0.2 * frequency**2
    target = sparse.csr_array((rng.random(odds.shape) < expit(odds)).astype(np.int64))
    fitted = Calibration(counts).fit(scores, target, NO_PATHS, no_paths(6))
    np.testing.assert_allclose(fitted.coef_, [3, -1, -1, 0.5, 0.2], atol=0.1)


def test_with_paths_the_likelihood_is_that_of_whole_paths():
    hierarchy = Hierarchy.from_dict({"a": ["b", "c"], "d": ["e"]})
    nodes = hierarchy.index(["a", "b", "c", "e"])
    paths = hierarchy.ancestors[nodes]
    rng = np.random.default_rng(0)
    own = rng.integers(4, size=400)
    target = paths[own]
    scores = target.toarray() + rng.normal(size=target.shape)
    scores = scores.astype(np.float32)
    fitted = Calibration(target.sum(axis=0)).fit(scores, target, nodes, paths)

    def loss(coef):
        changed = Calibration(target.sum(axis=0))
        changed.coef_ = coef
        logits = changed.log_odds(scores) @ paths.toarray().T
        likelihood = log_softmax(logits, axis=1)[np.arange(400), own].mean()
        return 1e-3 * np.square(coef - [2, 0, 0, 0, 0]).sum() - likelihood

    best = loss(fitted.coef_)
    for step in np.vstack([np.eye(5), -np.eye(5)]) * 0.05:
        assert loss(fitted.coef_ + step) > best


def test_a_document_with_the_shorter_of_two_paths_has_that_one():
    hierarchy = Hierarchy.from_dict({"a": ["b"]})
    nodes = hierarchy.index(["a", "b"])
    paths = hierarchy.ancestors[nodes]
    target = paths[[0] * 50 + [1] * 50]
    scores = np.where(target.toarray() > 0, 1, -1).astype(np.float32)
    fitted = Calibration(np.array([100, 50])).fit(scores, target, nodes, paths)
    logits = fitted.log_odds(scores)[:, hierarchy.index(["b"])[0]]
    assert logits[:50].max() < 0 < logits[50:].min()


def test_log_odds_keep_their_type_before_and_after_fit():
    scores, target = held_out(100)
    fitted = Calibration(np.arange(6))
    assert fitted.log_odds(scores).dtype == np.float32
    np.testing.assert_array_equal(fitted.log_odds(scores), 2 * scores)
    fitted.fit(scores, target, NO_PATHS, no_paths(6))
    assert fitted.log_odds(scores).dtype == np.float32
