"""Linear machines of all labels: the optimum that LIBLINEAR finds label by label."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.svm import LinearSVC

from sklearn_htc.wide.base import mean_length
from sklearn_htc.wide.machines import Start, fit_machines
from sklearn_htc.wide.products import DocumentProducts


def documents_and_labels(kind, n_labels=5):
    """Return 120 documents of 40 features, labels of all frequencies, and weights."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((120, 40), density=0.2, rng=rng, format="csr")
    scores = X @ rng.normal(size=(40, n_labels)) + rng.normal(size=(120, n_labels)) / 3
    shares = np.linspace(0.5, 0.98, n_labels)
    target = scores > [np.quantile(scores[:, i], q) for i, q in enumerate(shares)]
    weight = rng.uniform(0.2, 2.0, size=120)
    return X if kind == "sparse" else X.toarray(), sparse.csr_array(target), weight


def train(X, *others, **more):
    return fit_machines(DocumentProducts(X), *others, **more)


def objective(X, y, weight, C, coef, intercept):
    """Compute what a machine minimises, as its definition says."""
    loss = np.maximum(0, 1 - y * (X @ coef + intercept)) ** 2
    return (coef @ coef + intercept**2) / 2 + C * weight @ loss


@pytest.mark.parametrize("kind", ["sparse", "dense"])
@pytest.mark.parametrize("C", [0.1, 1.0, 30.0])
def test_machines_are_those_of_liblinear(kind, C):
    X, target, weight = documents_and_labels(kind)
    # To where rounding begins.
    to_the_end = {"n_iterations": 300, "tolerance": 0}
    coef, intercept, _ = train(X, target, weight, C=C, **to_the_end)
    for label, has_it in enumerate(target.toarray().T):
        machine = LinearSVC(C=C, tol=1e-10, max_iter=10**6, random_state=0)
        machine.fit(X, has_it, weight)
        np.testing.assert_allclose(coef[:, label], machine.coef_[0], atol=1e-5)
        np.testing.assert_allclose(intercept[label], machine.intercept_, atol=1e-5)


def test_labels_of_no_and_of_all_documents_stand_between_others():
    X, target, weight = documents_and_labels("sparse")
    wide = np.zeros((120, 8))
    wide[:, [0, 2, 3, 5, 7]] = target.toarray()
    wide[:, 4] = 1
    wide = sparse.csr_array(wide)
    exact = {"C": 1.0, "n_iterations": 300, "tolerance": 0}
    coef, intercept, shares = train(X, wide, weight, **exact, keeps_shares=True)
    alone, of_alone, _ = train(X, target, weight, **exact)
    np.testing.assert_allclose(coef[:, [0, 2, 3, 5, 7]], alone, atol=1e-6)
    np.testing.assert_allclose(intercept[[0, 2, 3, 5, 7]], of_alone, atol=1e-6)
    np.testing.assert_array_equal(coef[:, [1, 4, 6]], 0)
    np.testing.assert_array_equal(intercept[[1, 4, 6]], [-1, 1, -1])
    # Those that have ended start others in the same places.
    start = Start(np.arange(120), shares, intercept)
    again, _, _ = train(X, wide, weight, C=1.0, n_iterations=1, start=start)
    np.testing.assert_allclose(again, coef, atol=1e-5)


@pytest.mark.parametrize("C", [0.1, 1.0, 30.0])
def test_the_usual_steps_come_near_the_least_objective(C):
    X, target, weight = documents_and_labels("sparse")
    # As all documents that are learned from.
    X = X / mean_length(X)
    usual, best = (
        train(X, target, weight, C=C, **limits)
        for limits in ({}, {"n_iterations": 400, "tolerance": 0})
    )
    for label, has_it in enumerate(target.toarray().T):
        reached, least = (
            objective(
                X, np.where(has_it, 1, -1), weight, C, coef[:, label], bias[label]
            )
            for coef, bias, _ in (usual, best)
        )
        assert least <= reached <= 1.02 * least


def test_a_label_is_learned_by_itself_whatever_stands_beside_it(monkeypatch):
    X, target, weight = documents_and_labels("sparse", n_labels=20)
    together = train(X, target, weight, C=1.0)
    monkeypatch.setattr("sklearn_htc.wide.machines.MAX_BLOCK", 3)
    monkeypatch.setattr("sklearn_htc.wide.machines.MIN_BLOCK", 3)
    few = train(X, target, weight, C=1.0)
    for first, second in zip(together[:2], few[:2], strict=True):
        np.testing.assert_allclose(first, second, atol=1e-9)


@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_two_documents_count_as_one_of_twice_the_weight(kind):
    X, target, _ = documents_and_labels(kind)
    twice = np.r_[np.arange(120), np.arange(60)]
    repeated = train(X[twice], target[twice], np.ones(180), C=1.0, n_iterations=200)
    weight = np.r_[np.full(60, 2.0), np.ones(60)]
    weighted = train(X, target, weight, C=1.0, n_iterations=200)
    for first, second in zip(repeated[:2], weighted[:2], strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_weights_are_sums_of_documents(monkeypatch):
    X, target, weight = documents_and_labels("sparse")
    coef, intercept, shares = train(X, target, weight, C=1.0, keeps_shares=True)
    np.testing.assert_allclose(X.T @ shares, coef, atol=1e-9)
    # Those with a loss, by how much they have.
    to_the_end = {"n_iterations": 400, "tolerance": 0, "keeps_shares": True}
    coef, intercept, shares = train(X, target, weight, C=1.0, **to_the_end)
    signs = np.where(target.toarray(), 1, -1)
    loss = np.maximum(0, 1 - signs * (X @ coef + intercept))
    np.testing.assert_allclose(shares, 2 * weight[:, None] * signs * loss, atol=1e-5)
    monkeypatch.setattr("sklearn_htc.wide.machines.MAX_SHARES", 120 * 5 - 1)
    assert train(X, target, weight, C=1.0, **to_the_end)[2] is None


@pytest.mark.parametrize("n_iterations", [25, 400])
def test_machines_of_some_documents_are_a_good_start(n_iterations):
    X, target, weight = documents_and_labels("sparse")
    X = X / mean_length(X)
    rows = np.random.default_rng(1).permutation(120)[:100]
    limits = {"C": 1.0, "n_iterations": n_iterations, "tolerance": 0}
    _, intercept, shares = train(
        X[rows], target[rows], weight[rows], **limits, keeps_shares=True
    )
    start = Start(np.arange(100), shares, intercept).within(rows)
    started = train(X, target, weight, **limits, start=start)
    cold = train(X, target, weight, **limits)
    for label, has_it in enumerate(target.toarray().T):
        values = [
            objective(
                X, np.where(has_it, 1, -1), weight, 1.0, coef[:, label], bias[label]
            )
            for coef, bias, _ in (started, cold)
        ]
        assert values[0] <= 1.005 * values[1]


def test_single_precision_is_enough():
    X, target, weight = documents_and_labels("sparse")
    exact = train(X, target, weight, C=1.0, n_iterations=100)
    single = train(X.astype(np.float32), target, weight, C=1.0, n_iterations=100)
    assert single[0].dtype == single[1].dtype == np.float32
    for first, second in zip(exact[:2], single[:2], strict=True):
        np.testing.assert_allclose(first, second, atol=1e-3)


def test_labels_of_all_documents_or_of_none_are_constant():
    X, target, weight = documents_and_labels("sparse")
    target = target.toarray()
    target[:, 1], target[:, 3] = True, False
    coef, intercept, _ = train(X, sparse.csr_array(target), weight, C=1.0)
    assert not coef[:, [1, 3]].any()
    assert intercept[[1, 3]].tolist() == [1, -1]
    assert np.all(np.abs(coef[:, [0, 2, 4]]).sum(axis=0) > 0)


def test_documents_without_any_term_still_give_an_intercept():
    X = sparse.csr_array((40, 3))
    target = sparse.csr_array(np.arange(40)[:, None] < 10)
    coef, intercept, _ = train(X, target, np.ones(40), C=1.0, n_iterations=50)
    assert not coef.any()
    # The mean of the signs, drawn a little towards 0 by the penalty.
    np.testing.assert_allclose(intercept, -0.5 * 80 / 81, rtol=1e-6)


def test_next_to_no_penalty_has_an_end():
    # Without one this would take 10^11 steps.
    X, target, weight = documents_and_labels("sparse")
    coef, intercept, _ = train(X, target, weight, C=1e13)
    assert np.isfinite(coef).all()
    predicted = X @ coef + intercept > 0
    assert (predicted == target.toarray()).mean() > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_documents_that_are_all_alike_have_an_end(seed):
    # No weight makes such machines better, and rounding would lead them anywhere.
    rng = np.random.default_rng(seed)
    X = sparse.csr_array(np.full((60, 6), 6**-0.5, dtype=np.float32))
    target = sparse.csr_array(rng.random((60, 3)) < [0.5, 0.3, 0.1])
    weight = np.ones(60, dtype=np.float32)
    some = np.arange(0, 60, 2)
    _, intercept, shares = train(
        X[some], target[some], weight[some], C=1.0, keeps_shares=True
    )
    start = Start(some, 3 * shares, intercept)
    for begin in (None, start):
        coef, bias, _ = train(X, target, weight, C=1.0, start=begin)
        for label, has_it in enumerate(target.toarray().T):
            machine = LinearSVC(tol=1e-10, max_iter=10**6, random_state=0)
            machine.fit(X, has_it)
            found = X[:1] @ coef[:, label] + bias[label]
            expected = machine.decision_function(X[:1])
            np.testing.assert_allclose(found, expected, atol=5e-3)


def test_squares_of_gradients_never_overflow():
    X, target, weight = documents_and_labels("sparse")
    X = X.astype(np.float32)
    coef, intercept, _ = train(X, target, weight, C=1e30)
    assert np.isfinite(coef).all()
    scores = X @ coef + intercept
    assert ((scores > 0) == target.toarray()).mean() > 0.9
