"""How many documents a step has, and how many epochs a training."""

from functools import partial

import pytest
from skorch.callbacks import EarlyStopping, EpochTimer
from torch.optim import Adam

from sklearn_htc import HTCInfoMaxClassifier
from sklearn_htc.training.settings import TrainingSettings


def settings(**parameters):
    estimator = HTCInfoMaxClassifier(**parameters)
    return TrainingSettings.of(estimator.get_params(deep=False))


def test_small_data_get_small_batches():
    auto = settings()
    assert auto.batch_size_for(10) == 8
    assert auto.batch_size_for(1000) == 62
    assert auto.batch_size_for(100_000) == 128
    assert settings(batch_size=50).batch_size_for(1000) == 50


def test_few_documents_get_enough_steps():
    auto = settings()
    assert auto.n_epochs_for(8, is_beside=False) == 100
    assert auto.n_epochs_for(100, is_beside=False) == 10
    assert auto.n_epochs_for(100_000, is_beside=True) == 5
    assert settings(max_epochs=3).n_epochs_for(8, is_beside=False) == 3


def test_a_pretrained_encoder_takes_fewer_epochs_wherever_it_stands():
    auto = settings(text_encoder="transformer", pretrained="folder")
    assert auto.n_epochs_for(100_000, is_beside=True) == 4
    assert auto.n_epochs_for(100_000, is_beside=False) == 4
    assert auto.batch_size_for(100_000) == 64


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"callbacks": ["print"]}, r"callbacks\[0\] is 'print'"),
        ({"callbacks": [EpochTimer(), ("mine", 3)]}, r"callbacks\[1\]"),
        ({"callbacks": [EarlyStopping()]}, "monitors 'valid_loss', but no document"),
        ({"optimizer": dict}, "optimizer=dict is no torch"),
    ],
)
def test_what_training_can_not_use_is_refused_before_it(parameters, message):
    with pytest.raises(ValueError, match=message):
        settings(**parameters)


def test_what_training_can_use_is_taken():
    stopping = EarlyStopping(monitor="train_loss")
    settings(callbacks=[EpochTimer, ("mine", stopping)], optimizer=partial(Adam))
    settings(callbacks=[EarlyStopping()], early_stopping=True)
