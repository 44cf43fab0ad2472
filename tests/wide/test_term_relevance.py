"""The relevance of terms, against the norms of a direct ridge regression."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc.wide import term_relevance as module
from sklearn_htc.wide.term_relevance import term_relevance


def data(seed=0, n_documents=120, n_terms=40, n_nodes=9):
    rng = np.random.default_rng(seed)
    X = sparse.random_array((n_documents, n_terms), density=0.2, rng=rng, format="csr")
    labels = (X[:, :n_nodes].toarray() > 0.4) | (rng.random((n_documents, 9)) < 0.05)
    return X.astype(np.float32), sparse.csr_array(labels.astype(np.int64))


@pytest.mark.parametrize(("n_copies", "rtol"), [(1, 1e-2), (1000, 0.1)])
def test_relevance_is_the_norm_of_ridge_weights(monkeypatch, n_copies, rtol):
    # Few labels are taken as they are. Many sums of more have the norms as their limit.
    monkeypatch.setattr(module, "N_PROJECTIONS", 4000)
    X, target = data()
    weight = np.ones(120)
    repeated = sparse.hstack([target] * n_copies, format="csr")
    relevance = term_relevance(X, repeated, weight, np.random.RandomState(0))
    centred = X.toarray() - X.mean(axis=0)
    # A penalty for documents of length 1.
    length = np.square(X.toarray()).sum(axis=1).mean()
    gram = centred.T @ centred + 0.3 * length * np.eye(40)
    exact = np.linalg.solve(gram, centred.T @ target.toarray())
    norms = np.linalg.norm(exact, axis=1)
    np.testing.assert_allclose(relevance, norms / norms.mean(), rtol=rtol, atol=0.02)


def test_the_order_of_few_labels_does_not_matter():
    X, target = data()
    plain, other = (
        term_relevance(X, each, np.ones(120), np.random.RandomState(0))
        for each in (target, target[:, ::-1])
    )
    np.testing.assert_allclose(other, plain, rtol=1e-4)


def test_terms_that_make_labels_are_more_relevant_than_noise():
    X, target = data()
    relevance = term_relevance(X, target, np.ones(120), np.random.RandomState(0))
    assert relevance[:9].min() > relevance[9:].max()
    assert relevance.dtype == np.float32


def test_terms_without_documents_say_next_to_nothing():
    X, target = data()
    X = sparse.hstack([X, sparse.csr_array((120, 3), dtype=np.float32)], format="csr")
    relevance = term_relevance(X, target, np.ones(120), np.random.RandomState(0))
    assert np.all(relevance[-3:] == relevance.min())
    assert 0 < relevance.min() < 0.01


def test_labels_without_information_leave_all_terms_as_they_are():
    X, _ = data()
    target = sparse.csr_array(np.ones((120, 2), dtype=np.int64))
    relevance = term_relevance(X, target, np.ones(120), np.random.RandomState(0))
    np.testing.assert_array_equal(relevance, 1)


def test_documents_count_by_their_weight():
    X, target = data()
    weight = np.r_[np.zeros(60), np.full(60, 2.0)]
    half = term_relevance(X[60:], target[60:], weight[60:], np.random.RandomState(0))
    weighted = term_relevance(X, target, weight, np.random.RandomState(0))
    np.testing.assert_allclose(weighted, half, rtol=1e-2)


@pytest.mark.parametrize("unit", [1e-3, 30.0, 1e12])
def test_the_unit_of_terms_does_not_matter(unit):
    X, target = data()
    plain, other = (
        term_relevance(each, target, np.ones(120), np.random.RandomState(0))
        for each in (X, sparse.csr_array(X.astype(np.float64) * unit))
    )
    np.testing.assert_allclose(other, plain, rtol=1e-3)
