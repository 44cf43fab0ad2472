"""Trainings that will not pay end early."""

import pytest

from sklearn_htc import HTCInfoMaxClassifier
from sklearn_htc.two_paths import fitting, weighing


@pytest.mark.parametrize(
    ("answers", "n_epochs"), [([False], 1), ([True, False], 2), ([True] * 3, 3)]
)
def test_training_ends_when_the_network_is_of_no_use(
    folder, corpus, indicator, hierarchy, monkeypatch, recwarn, answers, n_epochs
):
    asked = iter(answers)
    monkeypatch.setattr(fitting, "helps", lambda *_: next(asked))
    monkeypatch.setattr(weighing, "ENOUGH_TO_WEIGH", 1)
    clf = HTCInfoMaxClassifier(
        hierarchy,
        text_encoder="transformer",
        pretrained=folder,
        max_length=10,
        max_epochs=3,
        random_state=0,
    ).fit(corpus[0], indicator)
    assert clf.n_iter_ == n_epochs
    assert not [w for w in recwarn if "interrupted" in str(w.message)]


def test_a_network_that_is_wanted_is_trained_to_its_end(
    folder, corpus, indicator, hierarchy, monkeypatch
):
    monkeypatch.setattr(fitting, "helps", lambda *_: False)
    clf = HTCInfoMaxClassifier(
        hierarchy,
        text_encoder="transformer",
        pretrained=folder,
        deep_path=True,
        max_length=10,
        max_epochs=3,
        random_state=0,
    ).fit(corpus[0], indicator)
    assert clf.n_iter_ == 3
