"""Metrics of ranked labels against direct formulas, document by document."""

from contextlib import suppress
from importlib import import_module

import numpy as np
import pandas
import pytest
from sklearn.metrics import ndcg_score

from sklearn_htc import Hierarchy
from sklearn_htc.metrics import (
    label_propensities,
    ndcg_at_k_score,
    precision_at_k_score,
    r_precision_score,
)
from tests.conftest import random_dag


@pytest.fixture
def hierarchy():
    """Return a graph of 12 nodes, named by letters."""
    edges = [(chr(97 + a), chr(97 + b)) for a, b in random_dag(12, 0)]
    return Hierarchy(edges, nodes=list("abcdefghijkl"))


@pytest.fixture
def case(hierarchy):
    """Return labels of 30 documents, one of them without any, and ranked nodes."""
    rng = np.random.default_rng(0)
    true = (rng.random((30, 12)) < 0.3).astype(int)
    true[7] = 0
    scores = rng.random((30, 12))
    columns = np.argsort(-scores, axis=1)
    return true, scores, np.array(hierarchy.nodes, dtype=object)[columns], columns


@pytest.mark.parametrize("k", [1, 3, 12])
def test_precision_counts_hits(hierarchy, case, k):
    true, _, ranked, columns = case
    hits = [true[i, columns[i, :k]].sum() / k for i in range(30)]
    score = precision_at_k_score(true, ranked, hierarchy, k=k)
    assert score == pytest.approx(np.mean(hits))


@pytest.mark.parametrize("k", [1, 3, 12])
def test_gain_is_that_of_scikit_learn(hierarchy, case, k):
    true, scores, ranked, _ = case
    labelled = true.any(axis=1)
    expected = ndcg_score(true[labelled], scores[labelled], k=k) * labelled.mean()
    score = ndcg_at_k_score(true, ranked, hierarchy, k=k)
    assert score == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("metric", [precision_at_k_score, ndcg_at_k_score])
def test_rare_labels_count_more(hierarchy, case, metric, k):
    true, _, ranked, columns = case
    propensities = label_propensities(true, hierarchy)
    discount = 1 / np.log2(np.arange(2, k + 2))
    if metric is precision_at_k_score:
        discount[:] = 1
    gained = most = 0.0
    for i in range(30):
        gained += discount @ (true[i] / propensities)[columns[i, :k]]
        most += discount @ np.sort(true[i] / propensities)[::-1][:k]
    score = metric(true, ranked, hierarchy, k=k, propensities=propensities)
    assert score == pytest.approx(gained / most)


def test_r_precision_looks_at_as_many_labels_as_there_are(hierarchy, case):
    true, _, ranked, columns = case
    shares = [
        true[i, columns[i, : true[i].sum()]].sum() / max(true[i].sum(), 1)
        for i in range(30)
    ]
    score = r_precision_score(true, ranked, hierarchy)
    assert score == pytest.approx(np.mean(shares))
    with pytest.raises(ValueError, match=r"predict_top_k\(X, \d"):
        r_precision_score(true, ranked[:, :2], hierarchy)


@pytest.mark.parametrize(
    "metric", [precision_at_k_score, ndcg_at_k_score, r_precision_score]
)
@pytest.mark.parametrize("with_propensities", [False, True])
def test_a_weight_counts_as_so_many_documents(
    hierarchy, case, metric, with_propensities
):
    true, _, ranked, _ = case
    more = {}
    if with_propensities and metric is not r_precision_score:
        more = {"propensities": label_propensities(true, hierarchy)}
    weight = np.arange(30) % 3
    rows = np.repeat(np.arange(30), weight)
    expected = metric(true[rows], ranked[rows], hierarchy, **more)
    score = metric(true, ranked, hierarchy, sample_weight=weight, **more)
    assert score == pytest.approx(expected)
    assert score != pytest.approx(metric(true, ranked, hierarchy, **more))
    nothing = metric(true, ranked, hierarchy, sample_weight=np.zeros(30), **more)
    assert nothing == 0


def test_propensities_rise_with_frequency(hierarchy, case):
    true = case[0]
    n = true.sum(axis=0)
    c = (np.log(30) - 1) * 2.5**0.55
    expected = 1 / (1 + c * np.exp(-0.55 * np.log(n + 1.5)))
    np.testing.assert_allclose(label_propensities(true, hierarchy), expected)
    with pytest.raises(ValueError, match="at least 3"):
        label_propensities(true[:2], hierarchy)


def test_collections_imply_ancestors(hierarchy, case):
    _, _, ranked, _ = case
    labels = [["l"], ["c", "f"]] * 15
    closed = hierarchy.to_indicator(labels)
    for metric in (precision_at_k_score, ndcg_at_k_score, r_precision_score):
        assert metric(labels, ranked, hierarchy) == metric(closed, ranked, hierarchy)


def test_a_perfect_ranking_has_1(hierarchy, case):
    true = case[0].copy()
    true[~true.any(axis=1), 0] = 1
    ranked = np.array(hierarchy.nodes, dtype=object)[np.argsort(-true, axis=1)]
    assert r_precision_score(true, ranked, hierarchy) == 1
    assert ndcg_at_k_score(true, ranked, hierarchy, k=12) == pytest.approx(1)
    propensities = label_propensities(true, hierarchy)
    assert precision_at_k_score(
        true, ranked, hierarchy, k=12, propensities=propensities
    ) == pytest.approx(1)


@pytest.mark.parametrize(
    ("ranked", "k", "message"),
    [
        ([["a", "b"]], 3, "k=3 must be"),
        ([["a", "b"]], 0, "k=0 must be"),
        ([["a", "a"]], 2, "twice"),
        ([["a", "b"], ["a", "b"]], 2, "2 rows"),
        ([["a", "z"]], 2, "'z'"),
    ],
)
def test_bad_rankings_are_refused(hierarchy, ranked, k, message):
    with pytest.raises(ValueError, match=message):
        precision_at_k_score([["a"]], ranked, hierarchy, k=k)


def test_uneven_rankings_and_wrong_propensities_are_refused(hierarchy):
    with pytest.raises(ValueError, match="equally many"):
        precision_at_k_score([["a"], ["b"]], [["a"], ["a", "b"]], hierarchy, k=1)
    with pytest.raises(ValueError, match="label_propensities"):
        precision_at_k_score([["a"]], [["a"]], hierarchy, k=1, propensities=[1.0])


def test_documents_without_labels_have_no_precision(hierarchy):
    ranked = [["a", "b"], ["a", "c"]]
    assert r_precision_score([[], []], ranked, hierarchy) == 0
    assert precision_at_k_score([[], []], ranked, hierarchy, k=2) == 0


def test_a_frame_has_a_document_per_row(hierarchy, case):
    true, _, ranked, _ = case
    expected = precision_at_k_score(true, ranked, hierarchy, k=3)
    libraries = [pandas]
    with suppress(ImportError):
        libraries.append(import_module("polars"))
    for library in libraries:
        names = [f"rank {k}" for k in range(12)]
        columns = dict(zip(names, ranked.T.tolist(), strict=True))
        frame = library.DataFrame(columns)
        assert precision_at_k_score(true, frame, hierarchy, k=3) == expected
