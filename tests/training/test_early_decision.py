"""Trainings that will not pay end early."""

import numpy as np
import pytest

from sklearn_htc import HierarchicalLinearClassifier, HTCInfoMaxClassifier
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
