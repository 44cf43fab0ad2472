"""The wide path: linear machines on scaled features."""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from sklearn_htc.data.held_out import make_folds
from sklearn_htc.data.reading import as_documents
from sklearn_htc.read_out.fitting import DecodingRule, ReadOut, ReadOutFitter
from sklearn_htc.wide import linear, machines
from sklearn_htc.wide.base import WideOptions
from sklearn_htc.wide.linear import LinearSettings, ScaledTerms
from tests.makers import select, training_data


@pytest.fixture
def documents(bag):
    return as_documents(bag.astype(np.float32), "bag")


def fit(documents, target, weight=None, relevance=None, C=1.0, **settings):
    if relevance is None:
        relevance = np.ones(documents.n_features, dtype=np.float32)
    settings = LinearSettings(**settings, options=WideOptions(C=C))
    data = training_data(documents, target, weight)
    terms = ScaledTerms.of(data.vectors, relevance, settings.power)
    return settings.fit_scaled(data, terms)


def test_scores_are_those_of_linear_support_vector_machines(
    documents, indicator, monkeypatch
):
    to_the_end = partial(machines.fit_machines, n_iterations=200, tolerance=0)
    monkeypatch.setattr(machines, "fit_machines", to_the_end)
    wide = fit(documents, indicator, C=2.0)
    np.testing.assert_allclose(wide.feature_scale_, 1, rtol=1e-6)
    flat = OneVsRestClassifier(LinearSVC(C=2.0, random_state=0))
    expected = flat.fit(documents.X, indicator).decision_function(documents.X)
    np.testing.assert_allclose(wide.scores(documents.X), expected, atol=2e-3)
    assert wide.scores(documents.X).dtype == np.float32


@pytest.mark.parametrize("C", [0.1, 1.0, 100.0])
@pytest.mark.parametrize("kind", ["bag", "dense"])
@pytest.mark.parametrize("n_documents", [15, 100])
def test_ridge_weights_solve_the_normal_equations(bag, indicator, kind, C, n_documents):
    # By documents, and by features.
    assert 15 < bag.shape[1] < 100
    bag, indicator = bag[:n_documents], indicator[:n_documents]
    X = bag.toarray()
    documents = as_documents(bag if kind == "bag" else X, kind)
    weight = np.linspace(0.5, 1.5, n_documents)
    wide = fit(documents, indicator, weight, C=C, ridge_share=1.0)
    Y = indicator.toarray()
    mean = weight @ Y / weight.sum()
    gram = X.T @ (weight[:, None] * X) + 0.3 / C * np.eye(X.shape[1])
    exact = np.linalg.solve(gram, X.T @ (weight[:, None] * (Y - mean)))
    np.testing.assert_allclose(wide.coef_, exact[wide.features_], atol=1e-5)
    np.testing.assert_allclose(wide.intercept_, mean, rtol=1e-5)


def test_a_share_of_ridge_mixes_both_models(documents, indicator):
    machines, mixed, ridge = (
        fit(documents, indicator, ridge_share=share).scores(documents.X)
        for share in (0.0, 0.75, 1.0)
    )
    np.testing.assert_allclose(mixed, 0.25 * machines + 0.75 * ridge, atol=1e-5)


def test_weights_take_features_as_they_are_given(documents, indicator):
    relevance = np.linspace(0.1, 2, documents.n_features, dtype=np.float32)
    wide = fit(documents, indicator, relevance=relevance, power=0.5)
    scaled = documents.scaled(wide.feature_scale_)
    assert scaled.X.power(2).sum() / 100 == pytest.approx(1, rel=1e-5)
    ratio = wide.feature_scale_ / np.sqrt(relevance)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
    again = fit(scaled, indicator)
    np.testing.assert_allclose(
        again.scores(scaled.X), wide.scores(documents.X), atol=2e-3
    )


def test_weights_mapped_from_a_file_give_the_same_scores(documents, indicator):
    wide = fit(documents, indicator)
    X = documents.X[[3, 7]]
    expected = wide.scores(X)
    wide.coef_.flags.writeable = False
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(wide.scores(X), expected)
    finally:
        torch.set_warn_always(False)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_scores_are_sums_over_terms_however_many_documents_are_asked(
    documents, indicator, share
):
    wide = fit(documents, indicator, ridge_share=share)
    X = sparse.vstack([documents.X, documents.X[:1] * 0], format="csr")
    X.eliminate_zeros()
    exact = X.toarray() @ wide.coef_.astype(np.float64) + wide.intercept_
    scores = wide.scores(X)
    np.testing.assert_allclose(scores, exact, atol=1e-5)
    for row in range(X.shape[0]):
        np.testing.assert_array_equal(wide.scores(X[[row]])[0], scores[row])


def test_labels_of_all_documents_or_of_none_have_constant_scores(documents):
    target = sparse.csr_array(np.tile([1, 0], (100, 1)))
    scores = fit(documents, target).scores(documents.X)
    np.testing.assert_array_equal(scores, np.tile([1.0, -1.0], (100, 1)))


def test_a_single_label_has_weights_of_the_same_form(documents, indicator):
    for share in (0.0, 0.5, 1.0):
        alone = fit(documents, indicator[:, [2]], ridge_share=share)
        together = fit(documents, indicator, ridge_share=share)
        np.testing.assert_allclose(
            alone.scores(documents.X), together.scores(documents.X)[:, [2]], atol=1e-5
        )


def test_documents_count_by_their_weight(documents, indicator):
    weight = np.r_[np.zeros(50), np.ones(50)]
    second = np.arange(50, 100)
    half = fit(documents.take(second), indicator[second])
    weighted = fit(documents, indicator, weight)
    np.testing.assert_allclose(
        weighted.scores(documents.X), half.scores(documents.X), atol=2e-3
    )


def choose(documents, target, folds, best_call):
    """Choose by read-outs of which one is the best; return the scores they got, too."""

    def read_out(_, n_before):
        return ReadOut(None, None, 0.5, float(n_before == best_call - 1))

    options = WideOptions()
    return select(LinearSettings, documents, target, folds, read_out, options)


FOLD = (np.arange(60), np.arange(60, 100))


@pytest.mark.parametrize(
    ("kind", "best_call", "n_powers", "power", "ridge_share"),
    [
        ("bag", 0, 3, 0.0, 0.0),
        ("bag", 1, 3, 0.5, 1.0),
        # 0 is not tried where 1 is better than 0.5.
        ("bag", 2, 2, 1.0, 1.0),
        ("bag", 3, 3, 0.0, 1.0),
        ("bag", 5, 3, 0.0, 0.5),
        ("bag", 6, 3, 0.0, 0.75),
        ("dense", 1, 1, 0.0, 1.0),
        ("dense", 2, 1, 0.0, 0.0),
    ],
)
def test_the_model_with_the_best_read_out_is_chosen(
    bag, indicator, kind, best_call, n_powers, power, ridge_share
):
    documents = as_documents(bag if kind == "bag" else bag.toarray(), kind)
    choice, seen = choose(documents, indicator, [FOLD], best_call)
    # Powers of the relevance of terms, then machines, and two mixtures.
    assert len(seen) == n_powers + 3
    assert choice.settings.power == power
    assert choice.settings.ridge_share == ridge_share
    train, valid = FOLD
    part = training_data(documents, indicator).take(train)
    wide = choice.settings.fit(part, np.random.RandomState(0))
    scores = wide.scores(documents.X[valid])
    np.testing.assert_allclose(choice.scores, scores, atol=1e-5)
    np.testing.assert_allclose(choice.feature_scale, wide.feature_scale_, rtol=1e-5)


def test_scores_of_several_folds_come_one_after_the_other(documents, indicator):
    other = (np.arange(30, 100), np.arange(30))
    choice, _ = choose(documents, indicator, [FOLD, other], 1)
    first, _ = choose(documents, indicator, [FOLD], 1)
    np.testing.assert_array_equal(choice.scores[:40], first.scores)
    np.testing.assert_array_equal(choice.feature_scale, first.feature_scale)
    assert choice.scores.shape == (70, 8)
    # What the second fold was learned from has no document of its held-out ones.
    part = training_data(documents, indicator).take(other[0])
    wide = choice.settings.fit(part, np.random.RandomState(1))
    np.testing.assert_allclose(
        choice.scores[40:], wide.scores(documents.X[:30]), atol=0.05
    )


@pytest.mark.parametrize("with_ridge", [True, False])
def test_of_large_data_a_part_is_enough_to_find_the_power(
    documents, indicator, monkeypatch, with_ridge
):
    work = documents.X.nnz * indicator.shape[1]
    monkeypatch.setattr("sklearn_htc.wide.linear.MAX_TRIED_WORK", work * 245 // 1000)
    if not with_ridge:
        monkeypatch.setattr("sklearn_htc.wide.linear.MAX_RIDGE_SIZE", 0)
    learned_from = []

    def fit_and_note(settings, data, *others, **more):
        learned_from.append((len(data), settings.power, settings.ridge_share))
        return fitted(settings, data, *others, **more)

    fitted = LinearSettings.fit_scaled
    monkeypatch.setattr(LinearSettings, "fit_scaled", fit_and_note)
    choice, seen = choose(documents, indicator, [FOLD], 1)
    share = float(with_ridge)
    tried = [(25, power, share) for power in (0.5, 1.0, 0.0)]
    whole = [(60, 0.5, share), (60, 0.5, 0.0)]
    assert learned_from == tried + whole[: 1 + with_ridge]
    assert choice.settings.power == 0.5
    # What is kept are the scores of models of all documents.
    assert all(np.abs(choice.scores - scores).max() > 0.01 for scores in seen[:3])


@pytest.mark.parametrize("few", [False, True])
def test_all_documents_are_learned_from_where_the_fold_ended(
    documents, indicator, monkeypatch, few
):
    if few:
        work = documents.X.nnz * indicator.shape[1]
        most = work * 245 // 1000
        monkeypatch.setattr("sklearn_htc.wide.linear.MAX_TRIED_WORK", most)
    monkeypatch.setattr("sklearn_htc.wide.linear.MAX_RIDGE_SIZE", 0)
    data = training_data(documents, indicator)
    rows = (np.arange(0, 100, 5), np.setdiff1d(np.arange(100), np.arange(0, 100, 5)))
    fold = make_folds(data, [rows[::-1]])[0]
    fitter = ReadOutFitter.of_folds([fold], DecodingRule(False, False, 0.5))
    rng = np.random.RandomState(0)
    choice = LinearSettings.select(data, [fold], fitter, WideOptions(), rng)
    (start,) = choice.starts
    assert start.shares.shape == (80, 8)
    starts = []

    def fit_and_note(*others, start=None, **more):
        starts.append(start)
        to_the_end = {"n_iterations": 400, "tolerance": 0}
        return fitted(*others, start=start, **more, **to_the_end)

    fitted = machines.fit_machines
    monkeypatch.setattr(machines, "fit_machines", fit_and_note)
    path = choice.fit(data, fold, np.random.RandomState(0))
    np.testing.assert_array_equal(starts[0].rows, fold.rows)
    assert path.start is None
    cold = choice.settings.fit(data, np.random.RandomState(0))
    np.testing.assert_allclose(path.coef_, cold.coef_, atol=1e-3)


@pytest.mark.parametrize("limit", ["MAX_RIDGE_SIZE", "MAX_RIDGE_TARGETS"])
def test_ridge_regression_is_left_out_where_it_is_large(
    documents, indicator, monkeypatch, limit
):
    monkeypatch.setattr(f"sklearn_htc.wide.linear.{limit}", 20)
    choice, seen = choose(documents, indicator, [FOLD], 2)
    assert len(seen) == 2
    assert (choice.settings.power, choice.settings.ridge_share) == (1, 0)


def test_machines_start_where_ridge_regression_ended(documents, indicator):
    # With fewer documents than features, so that weights are sums of documents.
    documents, indicator = documents.take(np.arange(15)), indicator[:15]
    data = training_data(documents, indicator)
    relevance = np.ones(documents.n_features, dtype=np.float32)
    terms = ScaledTerms.of(documents, relevance, 0.0)
    ridge = LinearSettings(ridge_share=1.0).fit_scaled(data, terms, keeps_start=True)
    # Machines tell labels by 1 and -1, which regression tells by 1 and 0.
    weights = terms.documents.X.T @ ridge.start.shares
    weights *= terms.scale[terms.features, None]
    np.testing.assert_allclose(weights, 2 * ridge.coef_, atol=1e-5)
    np.testing.assert_allclose(ridge.start.intercept, 2 * ridge.intercept_ - 1)


def test_terms_that_no_document_has_have_no_weights(bag, indicator, monkeypatch):
    n_terms = bag.shape[1]
    hashed = sparse.csr_array(
        (bag.data, bag.indices * 1000 + 7, bag.indptr), shape=(100, 1000 * n_terms)
    ).astype(np.float32)
    documents = as_documents(hashed, "bag")
    monkeypatch.setattr("sklearn_htc.wide.limits.MAX_WEIGHTS", n_terms * 8)
    wide = fit(documents, indicator)
    np.testing.assert_array_equal(wide.features_, np.unique(hashed.indices))
    alone = fit(as_documents(bag.astype(np.float32), "bag"), indicator)
    np.testing.assert_allclose(
        wide.scores(hashed), alone.scores(bag.astype(np.float32)), atol=1e-5
    )
    with_others = hashed + sparse.eye_array(100, 1000 * n_terms, k=8, dtype="f4")
    np.testing.assert_array_equal(wide.scores(with_others), wide.scores(hashed))


def test_documents_without_any_term_have_the_intercepts(indicator):
    X = sparse.csr_array((100, 5), dtype=np.float32)
    wide = fit(as_documents(X, "bag"), indicator)
    np.testing.assert_array_equal(wide.features_, [0])
    np.testing.assert_array_equal(wide.scores(X), np.tile(wide.intercept_, (100, 1)))


@pytest.mark.parametrize(
    ("n_documents", "n_terms", "n_nodes", "suits"),
    [
        (50, 10, 10, True),
        (49, 10, 10, False),
        (50, 10**5, 2500, True),
        (50, 10**5, 2501, False),
    ],
)
def test_it_is_for_enough_documents_and_terms(n_documents, n_terms, n_nodes, suits):
    X = sparse.lil_array((n_documents, n_terms), dtype=np.float32)
    X[0] = 1
    assert LinearSettings.suits(as_documents(X.tocsr(), "bag"), n_nodes) is suits
    if n_terms > 10:
        assert not LinearSettings.suits(as_documents(X.toarray(), "dense"), n_nodes)


def test_it_is_not_for_more_documents_than_minutes_allow(monkeypatch):
    documents = as_documents(sparse.csr_array(np.ones((100, 20), np.float32)), "bag")
    for most, suits in ((16_000, True), (15_999, False)):
        monkeypatch.setattr("sklearn_htc.wide.limits.MAX_WORK", most)
        assert LinearSettings.suits(documents, 8) is suits


def test_it_is_not_for_sequences():
    X = np.ones((300, 4, 3))
    assert not LinearSettings.suits(as_documents(X, "tokens"), 5)


def test_scores_of_small_and_large_batches_agree(documents, indicator, monkeypatch):
    wide = fit(documents, indicator)
    X = documents.X
    expected = X.toarray()[:, wide.features_].astype(np.float64) @ wide.coef_
    for enough in (0, np.inf):
        monkeypatch.setattr(linear, "ENOUGH_FOR_TORCH", enough)
        found = wide.scores(X) - wide.intercept_
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def few_documents(bag, indicator):
    """Return documents and folds, of fewer documents than features to learn from."""
    documents = as_documents(bag[:30].astype(np.float32), "bag")
    return documents, indicator[:30], [(np.arange(15), np.arange(15, 30))]


def parts_of(documents, target, folds):
    """Return what a fold learns from, what it holds out, and the terms' relevance."""
    (fold,) = make_folds(training_data(documents, target), folds)
    data, held_out = fold.learned_from, fold.held_out.vectors.X
    return data, held_out, linear.relevance_of(data, np.random.RandomState(0))


@pytest.mark.parametrize("best_call", [1, 2, 3])
def test_machines_are_trained_from_ridge_regression_on_the_same_terms(
    bag, indicator, monkeypatch, best_call
):
    documents, target, folds = few_documents(bag, indicator)
    assert documents.n_features > 15
    starts, fitted = [], machines.fit_machines

    def fit_and_note(terms, *others, start, **more):
        starts.append((terms, start))
        more |= {"n_iterations": 400, "tolerance": 0}
        return fitted(terms, *others, start=start, **more)

    monkeypatch.setattr(machines, "fit_machines", fit_and_note)
    choice, seen = choose(documents, target, folds, best_call)
    ((terms, start),) = starts
    # What is shared was not written over, and belongs to the power that is best.
    data, held_out, relevance = parts_of(documents, target, folds)
    own = ScaledTerms.of(data.vectors, relevance, choice.settings.power)
    np.testing.assert_allclose(terms.X.toarray(), own.documents.X.toarray(), rtol=1e-5)
    np.testing.assert_allclose(terms.inner, (terms.X @ terms.X.T).toarray(), atol=1e-6)
    ridge = replace(choice.settings, ridge_share=1.0)
    expected = ridge.fit_scaled(data, own, keeps_start=True).start
    np.testing.assert_allclose(start.shares, expected.shares, atol=1e-5)
    alone = replace(choice.settings, ridge_share=0.0).fit_scaled(data, own)
    scores = alone.scores(held_out)
    of_machines = len(seen) - 3
    np.testing.assert_allclose(seen[of_machines], scores, atol=2e-3)


def test_terms_are_those_of_the_power_that_is_chosen_at_last(bag, indicator):
    documents, target, folds = few_documents(bag, indicator)
    # After two powers 0.5 is the best; the third raises the micro-F1 to come near.
    f1 = [(0.8, 0.5), (0.8006, 0.495), (0.8015, 0.45), (0.9, 0.9)]

    def read_out(_, n_before):
        return ReadOut(None, None, *f1[min(n_before, 3)])

    options = WideOptions()
    choice, seen = select(LinearSettings, documents, target, folds, read_out, options)
    assert choice.settings.power == 1
    alone = replace(choice.settings, ridge_share=0.0)
    data, held_out, relevance = parts_of(documents, target, folds)
    path = alone.fit_scaled(data, ScaledTerms.of(data.vectors, relevance, 1.0))
    scores = path.scores(held_out)
    np.testing.assert_allclose(seen[3], scores, atol=2e-3)
