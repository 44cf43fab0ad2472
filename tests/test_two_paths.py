"""How much the network counts beside the wide path."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc import two_paths
from sklearn_htc.data.documents import DenseDocuments
from sklearn_htc.data.training_data import Fold
from sklearn_htc.read_out.fitting import DecodingRule, ReadOutFitter
from sklearn_htc.wide.selection import WideChoice
from tests.makers import training_data

RULE = DecodingRule(single_path=False, whole_path=False, threshold="auto")


class Told:
    """Stands for a network that was told how likely each label of a document is."""

    def __init__(self, scores):
        self.scores = scores

    def iter_scores(self, documents):
        yield np.arange(len(self.scores)), self.scores


def noisy(rng, truth):
    return (truth + 2 * rng.normal(size=truth.shape)).astype(np.float32)


@pytest.mark.parametrize("f1_falls", [True, False])
@pytest.mark.parametrize("knows", [True, False])
def test_the_network_has_weight_where_likelihood_gains_by_it(
    knows, f1_falls, monkeypatch
):
    rng = np.random.default_rng(0)
    Y = sparse.csr_array((rng.random((150, 8)) < 0.3).astype(np.float32))
    truth = 2 * Y.toarray() - 1
    unread = DenseDocuments(np.zeros((150, 1), dtype=np.float32))
    held_out = training_data(unread, Y)
    fold = Fold(held_out, held_out)
    fitter = ReadOutFitter.of_folds([fold], RULE)
    scores = noisy(rng, truth)
    choice = WideChoice(None, scores, fitter.fit(scores), None)
    if f1_falls:
        lower_f1_with_each_weight(monkeypatch)
    network = Told(noisy(rng, truth * knows))
    weight, read_out = two_paths._weigh(network, choice, fold, RULE)
    weighed = knows and not f1_falls
    assert (weight > 0) == weighed
    assert (read_out is choice.read_out) == (not weighed)


def lower_f1_with_each_weight(monkeypatch):
    fit, outs = ReadOutFitter.fit, []

    def fit_and_lower(self, scores, start=None):
        out = fit(self, scores, start)
        outs.append(replace(out, micro_f1=out.micro_f1 - len(outs)))
        return outs[-1]

    monkeypatch.setattr(ReadOutFitter, "fit", fit_and_lower)


def test_log_loss_of_a_document_is_that_of_all_its_labels():
    rng = np.random.default_rng(0)
    Y = sparse.csr_array((rng.random((30, 5)) < 0.4).astype(np.float32))
    p = rng.uniform(0.01, 0.99, size=Y.shape)
    y = Y.toarray()
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1)
    np.testing.assert_allclose(two_paths._log_loss(p, Y), expected, rtol=1e-6)
