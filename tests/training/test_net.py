"""The training loop: schedule, device, progress, clipping."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from skorch.callbacks import Callback
from skorch.history import History

from sklearn_htc import HTCInfoMaxClassifier
from sklearn_htc.read_out.decoders import ThresholdDecoder
from sklearn_htc.training.callbacks.early_stopping import ValidationF1

FAST = {"dimension": 16, "max_epochs": 4, "wide_path": False, "random_state": 0}


class Recorder(Callback):
    """Keep the learning rate and the gradient's norm of each step."""

    def on_train_begin(self, net, **kwargs):
        self.rates, self.norms, self.training = [], [], []

    def on_batch_end(self, net, training=None, **kwargs):
        self.rates.append(net.optimizer_.param_groups[0]["lr"])
        gradients = [
            weight.grad.to_dense().norm()
            for _, weight in net.get_all_learnable_params()
        ]
        self.norms.append(torch.stack(gradients).norm().item())
        self.training.append(net.module_.training and net.criterion_.training)


def test_learning_rate_warms_up_and_decays(bag, indicator, hierarchy):
    recorder = Recorder()
    clf = HTCInfoMaxClassifier(
        hierarchy, lr=0.01, callbacks=[recorder], batch_size=8, **FAST
    ).fit(bag, indicator)
    rates = np.array(recorder.rates)
    assert len(rates) == 4 * 13
    peak = rates.argmax()
    assert 3 <= peak <= 6
    assert rates[peak] == pytest.approx(0.01, rel=0.1)
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()
    assert rates[-1] < 0.001
    clf.partial_fit(bag, indicator)
    assert set(recorder.rates) == {0.01}


@pytest.mark.parametrize("limit", [1e-3, None])
def test_gradients_are_clipped(bag, indicator, hierarchy, limit):
    recorder = Recorder()
    HTCInfoMaxClassifier(
        hierarchy, gradient_clip=limit, callbacks=[recorder], **FAST
    ).fit(bag, indicator)
    assert (max(recorder.norms) <= 1.001e-3) == (limit is not None)
    assert all(recorder.training)


def test_any_torch_optimizer_serves(bag, indicator, hierarchy):
    for optimizer in (torch.optim.SGD, torch.optim.RMSprop, torch.optim.AdamW):
        clf = HTCInfoMaxClassifier(hierarchy, optimizer=optimizer, **FAST)
        clf.fit(bag, indicator)
        assert isinstance(clf.net_.optimizer_, optimizer)


def test_small_data_get_small_batches(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, **FAST).fit(bag, indicator)
    assert clf.net_.batch_size == 8


def test_early_stopping_weighs_documents(bag, indicator, hierarchy):
    # Those of weight 0 say nothing.
    rng = np.random.RandomState(0)
    weight = rng.randint(2, size=bag.shape[0]) * 1.0
    callback = ValidationF1(ThresholdDecoder(hierarchy), "micro")
    logits = torch.from_numpy(rng.normal(size=indicator.shape))
    target = torch.from_numpy(sparse.csr_array(indicator).toarray() * 1.0)
    net = SimpleNamespace(history=History())
    net.history.new_epoch()
    callback.on_epoch_begin(net)
    for rows in (slice(0, 10), slice(10, None)):
        batch = None, (target[rows], torch.from_numpy(weight[rows]))
        output = SimpleNamespace(logits=logits[rows])
        callback.on_batch_end(net, batch=batch, training=False, y_pred=output)
    callback.on_epoch_end(net)
    counted = weight > 0
    predicted = callback.decoder.decide(logits.float().numpy())
    expected = f1_score(
        target.numpy()[counted], predicted.toarray()[counted], average="micro"
    )
    assert net.history[-1, "valid_f1_micro"] == pytest.approx(expected)


def test_verbose_shows_a_bar_and_then_also_a_line_an_epoch(
    bag, indicator, hierarchy, capsys
):
    clf = HTCInfoMaxClassifier(hierarchy, early_stopping=True, **FAST)
    clf.fit(bag, indicator)
    assert capsys.readouterr() == ("", "")
    clf.set_params(verbose=1).fit(bag, indicator)
    out, err = capsys.readouterr()
    assert out == ""
    assert "%|" in err
    clf.set_params(verbose=2).fit(bag, indicator)
    lines = capsys.readouterr().out.splitlines()
    assert "valid_f1_micro" in lines[0]
    assert len([line for line in lines if line.split()[0].isdigit()]) == 4


def test_time_budget_ends_training_with_the_learning_rate_down(
    bag, indicator, hierarchy
):
    recorder = Recorder()
    clf = HTCInfoMaxClassifier(
        hierarchy,
        max_epochs=100_000,
        time_budget=1.5,
        early_stopping=True,
        patience=100_000,
        callbacks=[recorder],
        dimension=16,
        wide_path=False,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit(bag, indicator)
    assert 1 <= clf.n_iter_ < 100_000
    assert max(recorder.rates) == pytest.approx(clf.lr, rel=0.2)
    assert np.mean(recorder.rates[-3:]) < 0.1 * clf.lr
    assert "valid_f1_micro" in clf.history_[-1], "the last, short epoch is scored too"


def test_a_time_budget_for_less_than_an_epoch_warns(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(
        hierarchy,
        time_budget=1e-6,
        batch_size=8,
        deep_path=True,
        dimension=16,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning, match="time_budget=1e-06 ended training"):
        clf.fit(bag, indicator)
    assert clf.history_[-1]["train_batch_count"] == 1
    clf.predict(bag)
