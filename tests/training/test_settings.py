"""How many documents a step has, and how many epochs a training."""

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
