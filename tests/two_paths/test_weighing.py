"""How much the network counts beside the wide path."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc.data.documents import DenseDocuments
from sklearn_htc.data.training_data import Fold
from sklearn_htc.read_out.fitting import DecodingRule, ReadOutFitter
from sklearn_htc.two_paths.weighing import helps, log_loss, weigh
from sklearn_htc.wide.selection import WideChoice
from tests.makers import training_data

RULE = DecodingRule(single_path=False, whole_path=False, threshold="auto")


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
    weighed = weigh(noisy(rng, truth * knows), [choice], fold, RULE)
    counts = knows and not f1_falls
    assert (weighed.weight > 0) == counts
    assert (weighed.read_out is choice.read_out) == (not counts)


def lower_f1_with_each_weight(monkeypatch):
    fit, outs = ReadOutFitter.fit, []

    def fit_and_lower(self, scores, start=None, *, near=None):
        out = fit(self, scores, start, near=near)
        outs.append(replace(out, micro_f1=out.micro_f1 - len(outs)))
        return outs[-1]

    monkeypatch.setattr(ReadOutFitter, "fit", fit_and_lower)


def test_log_loss_of_a_document_is_that_of_all_its_labels():
    rng = np.random.default_rng(0)
    Y = sparse.csr_array((rng.random((30, 5)) < 0.4).astype(np.float32))
    p = rng.uniform(0.01, 0.99, size=Y.shape)
    y = Y.toarray()
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1)
    np.testing.assert_allclose(log_loss(p, Y), expected, rtol=1e-6)


def two_choices(rng, truth, fold):
    """Return a wide path that knows a little, and one that knows less."""
    fitter = ReadOutFitter.of_folds([fold], RULE)
    scores = [noisy(rng, truth), noisy(rng, 0.8 * truth)]
    return [WideChoice(None, each, fitter.fit(each), None) for each in scores]


@pytest.mark.parametrize(("knows", "wide"), [(10, 1), (0, 0)])
def test_a_network_that_knows_all_stands_beside_the_simpler_path(knows, wide):
    rng = np.random.default_rng(0)
    Y = sparse.csr_array((rng.random((400, 8)) < 0.3).astype(np.float32))
    truth = 2 * Y.toarray() - 1
    held_out = training_data(DenseDocuments(np.zeros((400, 1), dtype=np.float32)), Y)
    fold = Fold(held_out, held_out)
    choices = two_choices(rng, truth, fold)
    scores = noisy(rng, knows * truth)
    weighed = weigh(scores, choices, fold, RULE, is_pretrained=True)
    assert weighed.wide == wide
    assert (weighed.weight > 0) == (knows > 0)
    assert helps(scores, choices, fold, RULE) == (knows > 0)
