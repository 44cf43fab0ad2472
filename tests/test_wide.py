"""The wide path: scikit-learn's machines on scaled features."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from sklearn_htc.documents import as_documents
from sklearn_htc.read_out import ReadOut
from sklearn_htc.wide import WidePath, choose_wide_path, suits_wide_path


@pytest.fixture
def documents(bag):
    return as_documents(bag.astype(np.float32), "bag")


def fit(wide, documents, target, weight=None, relevance=None):
    n_documents, n_features = documents.X.shape
    weight = np.ones(n_documents) if weight is None else weight
    relevance = np.ones(n_features) if relevance is None else relevance
    return wide.fit(documents, relevance, target, weight, 0)


def test_scores_are_those_of_linear_support_vector_machines(documents, indicator):
    wide = fit(WidePath(C=2.0), documents, indicator)
    np.testing.assert_allclose(wide.feature_scale_, 1, rtol=1e-6)
    flat = OneVsRestClassifier(LinearSVC(C=2.0, random_state=0))
    expected = flat.fit(documents.X, indicator).decision_function(documents.X)
    np.testing.assert_allclose(wide.scores(documents.X), expected, atol=2e-3)
    assert wide.scores(documents.X).dtype == np.float32


@pytest.mark.parametrize("kind", ["bag", "dense"])
def test_ridge_weights_solve_the_normal_equations(bag, indicator, kind):
    X = bag.toarray()
    documents = as_documents(bag if kind == "bag" else X, kind)
    weight = np.linspace(0.5, 1.5, 100)
    wide = fit(WidePath(ridge_share=1.0), documents, indicator, weight)
    Y = indicator.toarray()
    mean = weight @ Y / weight.sum()
    gram = X.T @ (weight[:, None] * X) + 0.3 * np.eye(X.shape[1])
    exact = np.linalg.solve(gram, X.T @ (weight[:, None] * (Y - mean)))
    np.testing.assert_allclose(wide.coef_, exact, atol=1e-5)
    np.testing.assert_allclose(wide.intercept_, mean, rtol=1e-5)


def test_a_share_of_ridge_mixes_both_models(documents, indicator):
    machines, mixed, ridge = (
        fit(WidePath(ridge_share=share), documents, indicator).scores(documents.X)
        for share in (0.0, 0.75, 1.0)
    )
    np.testing.assert_allclose(mixed, 0.25 * machines + 0.75 * ridge, atol=1e-5)
    machines, ridge = (
        fit(WidePath(ridge_share=share), documents, indicator) for share in (0.0, 1.0)
    )
    again = machines.mixed(ridge, 0.75)
    assert (machines.ridge_share, again.ridge_share) == (0, 0.75)
    np.testing.assert_allclose(again.scores(documents.X), mixed, atol=1e-5)


def test_weights_take_features_as_they_are_given(documents, indicator):
    relevance = np.linspace(0.1, 2, documents.n_features, dtype=np.float32)
    wide = fit(WidePath(power=0.5), documents, indicator, relevance=relevance)
    scaled = documents.scaled(wide.feature_scale_)
    assert scaled.X.power(2).sum() / 100 == pytest.approx(1, rel=1e-5)
    ratio = wide.feature_scale_ / np.sqrt(relevance)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
    again = fit(WidePath(), scaled, indicator)
    np.testing.assert_allclose(
        again.scores(scaled.X), wide.scores(documents.X), atol=2e-3
    )


def test_labels_of_all_documents_or_of_none_have_constant_scores(documents):
    target = sparse.csr_array(np.tile([1, 0], (100, 1)))
    scores = fit(WidePath(), documents, target).scores(documents.X)
    np.testing.assert_array_equal(scores, np.tile([1.0, -1.0], (100, 1)))


def test_documents_count_by_their_weight(documents, indicator):
    weight = np.r_[np.zeros(50), np.ones(50)]
    second = np.arange(50, 100)
    half = fit(WidePath(), documents.rows(second), indicator[second])
    weighted = fit(WidePath(), documents, indicator, weight)
    np.testing.assert_allclose(
        weighted.scores(documents.X), half.scores(documents.X), atol=2e-3
    )


@pytest.mark.parametrize("kind", ["bag", "dense"])
@pytest.mark.parametrize("n_calls", [0, 3, 6])
def test_the_model_with_the_best_read_out_is_chosen(bag, indicator, kind, n_calls):
    documents = as_documents(bag if kind == "bag" else bag.toarray(), kind)
    seen = []

    def read_out(scores):
        assert scores.shape == (40, 8)
        seen.append(scores)
        return ReadOut(None, None, 0.5, float(len(seen) == n_calls))

    train, valid = np.arange(60), np.arange(60, 100)
    wide, scores, best = choose_wide_path(
        documents,
        indicator,
        np.ones(100),
        train=train,
        valid=valid,
        read_out=read_out,
        C=1.0,
        rng=np.random.RandomState(0),
    )
    # Powers of the relevance of terms, and then shares of ridge regression.
    n_powers = {"bag": 3, "dense": 1}[kind]
    assert len(seen) == n_powers + 3
    assert (best.macro_f1 == 1) == (1 <= n_calls <= len(seen))
    assert wide.power == (1.0 if (kind, n_calls) == ("bag", 3) else 0.0)
    np.testing.assert_array_equal(wide.scores(documents.X[valid]), scores)
    np.testing.assert_array_equal(
        seen[max(n_calls, 1) - 1 if best.macro_f1 else 0], scores
    )


@pytest.mark.parametrize("limit", ["MAX_RIDGE_SIZE", "MAX_RIDGE_TARGETS"])
def test_ridge_regression_is_left_out_where_it_is_large(
    bag, indicator, monkeypatch, limit
):
    seen = []

    def read_out(scores):
        seen.append(scores)
        return ReadOut(None, None, 0.0, float(len(seen) > 3))

    monkeypatch.setattr(f"sklearn_htc.wide.{limit}", 20)
    wide, _, _ = choose_wide_path(
        as_documents(bag, "bag"),
        indicator,
        np.ones(100),
        train=np.arange(60),
        valid=np.arange(60, 100),
        read_out=read_out,
        C=1.0,
        rng=np.random.RandomState(0),
    )
    assert len(seen) == 3
    assert wide.ridge_share == 0


@pytest.mark.parametrize(
    ("n_documents", "n_terms", "n_nodes", "suits"),
    [(200, 10, 10, True), (199, 10, 10, False), (200, 10**5, 1001, False)],
)
def test_it_is_for_enough_documents_and_not_too_many_weights(
    n_documents, n_terms, n_nodes, suits
):
    X = sparse.csr_array((n_documents, n_terms), dtype=np.float32)
    assert suits_wide_path(as_documents(X, "bag"), n_nodes) is suits


def test_it_is_not_for_sequences():
    X = np.ones((300, 4, 3))
    assert not suits_wide_path(as_documents(X, "tokens"), 5)
