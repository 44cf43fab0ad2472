"""The read-out: thresholds against a search over all of them, quality against F1."""

from functools import partial

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.metrics import f1_score

from sklearn_htc import Hierarchy
from sklearn_htc.data.reading import as_documents
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.read_out import thresholds
from sklearn_htc.read_out.decoders import (
    PartialPathDecoder,
    PathDecoder,
    ThresholdDecoder,
)
from sklearn_htc.read_out.fitting import (
    DecodingRule,
    ReadOut,
    ReadOutFitter,
    best_read_out,
)
from sklearn_htc.read_out.thresholds import thresholds_and_gains
from tests.conftest import noisy_three_paths, random_dag


def fit_read_out(
    scores, target, weight, *, counts, hierarchy, path_nodes, start=None, **rule
):
    fitter = ReadOutFitter(
        target, weight, counts, hierarchy, path_nodes, DecodingRule(**rule)
    )
    return fitter.fit(scores, start)


def probabilities_and_labels(n_documents=200, n_nodes=7, seed=0):
    rng = np.random.default_rng(seed)
    values = expit(rng.normal(-1, 2, (n_documents, n_nodes))).astype(np.float32)
    return values, sparse.csr_array((rng.random(values.shape) < values).astype(int))


def best_expected_f1(column):
    """Try all thresholds: predicting document i has p_i hits, as expected."""
    values = []
    for threshold in column:
        chosen = column >= threshold
        values.append(2 * column[chosen].sum() / (chosen.sum() + column.sum()))
    return max(values)


def micro(target, values, threshold):
    return f1_score(target.toarray(), values >= threshold, average="micro")


def test_macro_f1_alone_has_thresholds_of_half_the_best_expected_f1(monkeypatch):
    monkeypatch.setattr(thresholds, "MACRO_WEIGHTS", (1.0,))
    values, target = probabilities_and_labels()
    ((threshold, gain),) = thresholds_and_gains(values, target, np.ones(len(values)))
    expected = [best_expected_f1(column) / 2 for column in values.T]
    np.testing.assert_allclose(threshold, expected, rtol=1e-5)
    # 2 gain (p - threshold) is the derivative of the mean of 2 hits / (n + m).
    n_predicted = (values >= threshold).sum(axis=0)
    expected = 1 / (values.sum(axis=0) + n_predicted) / len(gain)
    np.testing.assert_allclose(gain, expected, rtol=0.05)


def test_micro_f1_alone_has_the_common_threshold_of_its_best(monkeypatch):
    monkeypatch.setattr(thresholds, "MACRO_WEIGHTS", (0.0,))
    values, target = probabilities_and_labels()
    ((threshold, gain),) = thresholds_and_gains(values, target, np.ones(len(values)))
    assert len(set(threshold.tolist())) == len(set(gain.tolist())) == 1
    best = max(micro(target, values, value) for value in values.ravel())
    assert micro(target, values, threshold) == pytest.approx(best)


def test_a_mixture_weighs_what_a_prediction_adds_to_either(monkeypatch):
    monkeypatch.setattr(thresholds, "MACRO_WEIGHTS", (0.0, 0.7, 1.0))
    values, target = probabilities_and_labels()
    (common, micro), (threshold, gain), (own, macro) = thresholds_and_gains(
        values, target, np.ones(len(values))
    )
    np.testing.assert_allclose(gain, 0.7 * macro + 0.3 * micro, rtol=1e-5)
    expected = (0.7 * macro * own + 0.3 * micro * common) / gain
    np.testing.assert_allclose(threshold, expected, rtol=1e-5)


def test_a_document_of_weight_two_counts_like_two():
    values, target = probabilities_and_labels()
    weight = np.random.default_rng(1).integers(1, 3, size=len(values))
    rows = np.repeat(np.arange(len(values)), weight)
    weighted = thresholds_and_gains(values, target, weight)
    repeated = thresholds_and_gains(values[rows], target[rows], np.ones(len(rows)))
    np.testing.assert_allclose(weighted, repeated, rtol=2e-3)


def noisy_paths(single_path):
    """Return scores of 300 documents, their labels, and what fits a read-out."""
    hierarchy, nodes, target, scores = noisy_three_paths(300)
    fit = partial(
        fit_read_out,
        counts=target.sum(axis=0),
        hierarchy=hierarchy,
        path_nodes=nodes if single_path else nodes[:0],
        single_path=single_path,
        whole_path=False,
        threshold="auto",
    )
    return scores, target, fit


@pytest.mark.parametrize("single_path", [True, False])
def test_f1_counts_documents_by_their_weight(single_path):
    scores, target, fit = noisy_paths(single_path)
    weight = np.random.default_rng(1).integers(3, size=300)
    out = fit(scores, target, weight)
    decided = out.decoder.decide(out.calibration.log_odds(scores)).toarray()
    for average, value in (("micro", out.micro_f1), ("macro", out.macro_f1)):
        expected = f1_score(
            target.toarray(), decided, average=average, sample_weight=weight
        )
        assert value == pytest.approx(expected)


def test_without_labels_the_threshold_is_finite():
    values, _ = probabilities_and_labels()
    nothing = sparse.csr_array(values.shape, dtype=int)
    for threshold, gain in thresholds_and_gains(values, nothing, np.ones(len(values))):
        assert np.all((threshold > 0) & (threshold < 1))
        assert np.all(gain > 0)


def test_macro_f1_is_bought_with_little_micro_f1():
    def out(micro_f1, macro_f1):
        return ReadOut(None, None, micro_f1, macro_f1)

    outs = [out(0.9, 0.5), out(0.899, 0.6), out(0.89, 0.7), out(0.898, 0.6)]
    assert best_read_out(outs) == 1
    assert best_read_out(outs[2:3]) == 0


@pytest.mark.parametrize("threshold", [0.3, "auto"])
def test_f1_is_that_of_what_is_decided(threshold):
    hierarchy = Hierarchy(random_dag(12, 1))
    rng = np.random.default_rng(0)
    target = hierarchy.close(
        sparse.csr_array((rng.random((300, 12)) < 0.1).astype(int))
    )
    scores = (target.toarray() + rng.normal(size=target.shape)).astype(np.float32)
    out = fit_read_out(
        scores,
        target,
        np.ones(300),
        counts=target.sum(axis=0),
        hierarchy=hierarchy,
        path_nodes=np.empty(0, dtype=np.int64),
        single_path=False,
        whole_path=True,
        threshold=threshold,
    )
    assert isinstance(out.decoder, ThresholdDecoder)
    assert np.all(threshold == "auto" or np.equal(out.decoder.threshold, threshold))
    decided = out.decoder.decide(out.calibration.log_odds(scores))
    assert hierarchy.is_coherent(decided)
    expected = [
        f1_score(target.toarray(), decided.toarray(), average=average)
        for average in ("micro", "macro")
    ]
    assert [out.micro_f1, out.macro_f1] == pytest.approx(expected)


def test_one_path_a_document_is_read_as_a_path():
    hierarchy = Hierarchy.from_dict({"a": ["b", "c"], "d": ["e"]})
    nodes = hierarchy.index(["b", "c", "e"])
    target = hierarchy.ancestors[nodes][[0, 1, 2] * 20]
    out = fit_read_out(
        target.toarray().astype(np.float32),
        target,
        np.ones(60),
        counts=target.sum(axis=0),
        hierarchy=hierarchy,
        path_nodes=nodes,
        single_path=True,
        whole_path=True,
        threshold="auto",
    )
    assert isinstance(out.decoder, PathDecoder)
    # Labels without documents have no part in it.
    assert (out.micro_f1, out.macro_f1) == (1, 1)


@pytest.mark.parametrize("single_path", [True, False])
def test_thresholds_of_more_documents_are_kept(single_path):
    scores, target, fit = noisy_paths(single_path)
    start = fit(scores, target, np.ones(300))
    coef, kept = start.calibration.coef_.copy(), vars(start.decoder).copy()
    # Better scores, in another unit.
    better = 30 + 10 * (scores + target.toarray().astype(np.float32))
    out = fit(better[:100], target[:100], np.ones(100), start=start)
    alone = fit(better, target, np.ones(300))
    np.testing.assert_array_equal(start.calibration.coef_, coef)
    assert vars(start.decoder) == kept
    p, expected = (
        read_out.decoder.probabilities(read_out.calibration.log_odds(better))
        for read_out in (out, alone)
    )
    assert np.abs(p - expected).mean() < 0.05
    if single_path:
        share = out.calibration.uniform_share
        assert share != start.decoder.uniform_share
        kept["uniform_share"] = share
    assert vars(out.decoder) == kept


def test_an_uncertain_path_ends_early():
    hierarchy = Hierarchy.from_dict({"a": ["b", "c", "d", "e"], "f": ["g"]})
    nodes = hierarchy.index(["b", "c", "d", "e", "g"])
    rng = np.random.default_rng(0)
    of_document = rng.integers(0, 5, 400)
    target = hierarchy.ancestors[nodes][of_document]
    scores = target.toarray() + rng.normal(0, 0.1, target.shape)
    # Nothing tells b, c, d and e from each other.
    scores[:, nodes[:4]] = rng.normal(0, 0.1, (400, 4))
    out = fit_read_out(
        scores.astype(np.float32),
        target,
        np.ones(400),
        counts=target.sum(axis=0),
        hierarchy=hierarchy,
        path_nodes=nodes,
        single_path=True,
        whole_path=False,
        threshold="auto",
    )
    assert isinstance(out.decoder, PartialPathDecoder)
    decided = out.decoder.decide(out.calibration.log_odds(scores.astype(np.float32)))
    assert hierarchy.is_coherent(decided)
    assert decided[:, nodes[:4]].nnz < 0.5 * (of_document < 4).sum()
    assert decided[:, nodes[4:]].sum() == pytest.approx((of_document == 4).sum(), abs=5)


def test_equal_probabilities_are_predicted_all_or_none(monkeypatch):
    monkeypatch.setattr(thresholds, "MACRO_WEIGHTS", (0.0,))
    # The only true one of the improbable pairs comes first among them.
    values = np.r_[np.full(10, 0.9), np.full(100, 0.02)].astype(np.float32)[:, None]
    labels = np.r_[np.ones(9), 0, 1, np.zeros(99)].astype(int)[:, None]
    target = sparse.csr_array(labels)
    ((threshold, _),) = thresholds_and_gains(values, target, np.ones(len(values)))
    assert 0.02 < threshold[0] < 0.9


def test_thresholds_of_one_path_have_probabilities_of_nodes():
    # Nothing can be learned, so each label is as probable as it is frequent.
    hierarchy = Hierarchy([], nodes=range(10))
    rng = np.random.default_rng(0)
    target = sparse.csr_array(np.eye(10, dtype=int)[rng.integers(10, size=2000)])
    scores = rng.normal(size=target.shape).astype(np.float32)
    data = TrainingData(
        as_documents(scores, "dense", n_tokens=None),
        target,
        np.ones(2000),
        hierarchy,
        np.arange(10),
    )
    folds = [Fold(data, data)]
    rule = DecodingRule(single_path=False, whole_path=False, threshold="auto")
    read_out = ReadOutFitter.of_folds(folds, rule).fit(scores)
    p = read_out.decoder.probabilities(read_out.log_odds(scores))
    np.testing.assert_allclose(p.mean(axis=0), 0.1, atol=0.02)
