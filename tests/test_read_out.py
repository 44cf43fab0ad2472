"""The read-out: thresholds against a search over all of them, quality against F1."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.metrics import f1_score

from sklearn_htc import Hierarchy, read_out
from sklearn_htc.decoding import PathDecoder, ThresholdDecoder
from sklearn_htc.read_out import fit_read_out, tuned_thresholds
from tests.conftest import random_dag


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


def test_own_thresholds_are_half_of_the_best_expected_f1(monkeypatch):
    monkeypatch.setattr(read_out, "SHARE_OF_OWN_THRESHOLD", 1.0)
    values, target = probabilities_and_labels()
    expected = [best_expected_f1(column) / 2 for column in values.T]
    np.testing.assert_allclose(tuned_thresholds(values, target), expected, rtol=1e-5)


def test_the_common_threshold_has_the_best_micro_f1(monkeypatch):
    monkeypatch.setattr(read_out, "SHARE_OF_OWN_THRESHOLD", 0.0)
    values, target = probabilities_and_labels()
    (threshold,) = set(tuned_thresholds(values, target).tolist())

    def micro(threshold):
        return f1_score(target.toarray(), values >= threshold, average="micro")

    best = max(micro(value) for value in values.ravel())
    assert micro(threshold) == pytest.approx(best)


def test_without_labels_the_threshold_is_finite():
    values, _ = probabilities_and_labels()
    thresholds = tuned_thresholds(values, sparse.csr_array(values.shape, dtype=int))
    assert np.all((thresholds > 0) & (thresholds < 1))


@pytest.mark.parametrize("threshold", [0.3, "auto"])
def test_quality_is_micro_plus_macro_f1_of_what_is_decided(threshold):
    hierarchy = Hierarchy(random_dag(12, 1))
    rng = np.random.default_rng(0)
    target = hierarchy.close(
        sparse.csr_array((rng.random((300, 12)) < 0.1).astype(int))
    )
    scores = (target.toarray() + rng.normal(size=target.shape)).astype(np.float32)
    out = fit_read_out(
        scores,
        target,
        counts=target.sum(axis=0),
        hierarchy=hierarchy,
        path_nodes=np.empty(0, dtype=np.int64),
        single_path=False,
        threshold=threshold,
    )
    assert isinstance(out.decoder, ThresholdDecoder)
    assert np.all(threshold == "auto" or np.equal(out.decoder.threshold, threshold))
    decided = out.decoder.decide(out.calibration.log_odds(scores))
    assert hierarchy.is_coherent(decided)
    expected = sum(
        f1_score(target.toarray(), decided.toarray(), average=average)
        for average in ("micro", "macro")
    )
    assert out.quality == pytest.approx(expected)


def test_one_path_a_document_is_read_as_a_path():
    hierarchy = Hierarchy.from_dict({"a": ["b", "c"], "d": ["e"]})
    nodes = hierarchy.index(["b", "c", "e"])
    target = hierarchy.ancestors[nodes][[0, 1, 2] * 20]
    out = fit_read_out(
        target.toarray().astype(np.float32),
        target,
        counts=target.sum(axis=0),
        hierarchy=hierarchy,
        path_nodes=nodes,
        single_path=True,
        threshold="auto",
    )
    assert isinstance(out.decoder, PathDecoder)
    # Labels without documents have no part in it.
    assert out.quality == 2
