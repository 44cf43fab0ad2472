"""Trainings that will not pay end early."""

from types import SimpleNamespace

import numpy as np
import pytest
from skorch.history import History

from sklearn_htc import HierarchicalLinearClassifier, HTCInfoMaxClassifier
from sklearn_htc.training.callbacks.early_decision import EndUnlessUseful
from sklearn_htc.training.callbacks.schedule import Progress
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


@pytest.mark.parametrize(("counts", "n_epochs"), [(False, 2), (True, 5)])
def test_a_network_on_terms_is_asked_once_after_two_fifths(
    bag, indicator, hierarchy, monkeypatch, counts, n_epochs
):
    asked = []

    def weigh_at_first(deep_scores, choices, *others, **more):
        weight = float(counts and not asked)
        asked.append(weight)
        return weighing.Weighed(0, weight, choices[0].read_out)

    monkeypatch.setattr(fitting, "weigh", weigh_at_first)
    monkeypatch.setattr(weighing, "ENOUGH_TO_WEIGH", 1)
    clf = HTCInfoMaxClassifier(hierarchy, max_epochs=5, random_state=0)
    clf.fit(bag, indicator)
    assert clf.n_iter_ == n_epochs
    # Once early, and at the end.
    assert len(asked) == 1 + counts
    assert clf.deep_weight_ == 0
    linear = HierarchicalLinearClassifier(hierarchy, random_state=0)
    expected = linear.fit(bag, indicator).predict_proba(bag)
    np.testing.assert_allclose(clf.predict_proba(bag), expected, atol=1e-6)


def test_a_network_on_embeddings_is_trained_to_its_end(
    bag, indicator, hierarchy, monkeypatch
):
    monkeypatch.setattr(weighing, "ENOUGH_TO_WEIGH", 1)
    clf = HTCInfoMaxClassifier(hierarchy, max_epochs=5, random_state=0)
    clf.fit(bag.toarray(), indicator)
    assert clf.n_iter_ == 5


@pytest.mark.parametrize(
    ("fraction", "n_former", "is_asked"),
    [(0.1, 0, False), (0.5, 0, True), (0.5, 1, False), (1.0, 0, False)],
)
def test_where_time_is_short_the_share_is_one_of_time(fraction, n_former, is_asked):
    asked = []
    progress = Progress(None)
    progress.step_, progress.n_steps_ = fraction, 1
    progress.is_ended = fraction == 1
    net = SimpleNamespace(history=History(), max_epochs=1000)
    for epoch in range(2):
        net.history.new_epoch()
        if epoch < n_former:
            net.history.record("is_useful", True)
    end = EndUnlessUseful(lambda: asked.append(1) or True, progress, 0.4)
    end.on_epoch_end(net)
    assert bool(asked) == is_asked
