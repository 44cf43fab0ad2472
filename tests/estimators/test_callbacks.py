"""scikit-learn's callbacks: what every fit tells them, and that they can stop it."""

import pickle

import pytest
from sklearn.callback import ScoringMonitor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklearn_htc import (
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    HTCInfoMaxClassifier,
)

SMALL = {"dimension": 8, "max_epochs": 4, "random_state": 0}
FIT = [("begin", "fit", 0), ("end", "fit", 0, True)]


class Notes:
    """Notes each call, and asks for an end after the epoch of one number."""

    def __init__(self, last=None):
        self.last = last
        self.seen = []

    def setup(self, estimator, context):
        self.seen.append("setup")

    def teardown(self, estimator, context):
        self.seen.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.seen.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        is_fitted = fitted_estimator is not None
        self.seen.append(("end", context.task_name, context.task_id, is_fitted))
        return context.task_name == "epoch" and context.task_id == self.last


def estimators(hierarchy):
    """Return an estimator without epochs of each kind."""
    flat = OneVsRestClassifier(LogisticRegression())
    return [
        HTCInfoMaxClassifier(hierarchy, deep_path=False, **SMALL),
        HierarchicalLinearClassifier(hierarchy),
        HierarchicalDecodingClassifier(flat, hierarchy),
    ]


@pytest.mark.parametrize("which", range(3))
def test_every_fit_is_a_task(bag, indicator, hierarchy, which):
    notes = Notes()
    estimators(hierarchy)[which].set_callbacks(notes).fit(bag, indicator)
    assert notes.seen == ["setup", *FIT, "teardown"]


def test_every_epoch_is_a_task_of_fit(bag, indicator, hierarchy):
    notes = Notes()
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=True, **SMALL)
    clf.set_callbacks(notes).fit(bag, indicator)
    epochs = [
        task
        for i in range(4)
        for task in (("begin", "epoch", i), ("end", "epoch", i, False))
    ]
    assert notes.seen == ["setup", FIT[0], *epochs, FIT[1], "teardown"]


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_callback_ends_training(bag, indicator, hierarchy, early_stopping, recwarn):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, early_stopping=early_stopping, **SMALL
    )
    clf.set_callbacks(Notes(last=1)).fit(bag, indicator)
    assert clf.n_iter_ == 2
    assert not [w for w in recwarn if "interrupted" in str(w.message)]


def test_fit_without_labels_says_what_is_missing(bag, hierarchy):
    with pytest.raises(TypeError, match="argument: 'y'"):
        HierarchicalLinearClassifier(hierarchy).fit(bag)


def test_a_refused_fit_is_torn_down(bag, hierarchy):
    notes = Notes()
    clf = HierarchicalLinearClassifier(hierarchy).set_callbacks(notes)
    with pytest.raises(ValueError, match="Unknown label"):
        clf.fit(bag, ["no node"] * 100)
    assert notes.seen == ["setup", FIT[0], "teardown"]


def test_the_fitted_estimator_is_scored(bag, indicator, hierarchy):
    monitor = ScoringMonitor(scoring="accuracy")
    Y = indicator.toarray()
    clf = HierarchicalLinearClassifier(hierarchy).set_callbacks(monitor).fit(bag, Y)
    assert monitor.get_logs().data[-1]["accuracy"] == clf.score(bag, Y)


def test_callbacks_work_inside_pipelines_and_searches(corpus, hierarchy):
    Y = hierarchy.to_indicator([name] for name in corpus[1])
    notes = Notes()
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, **SMALL)
    pipeline = make_pipeline(TfidfVectorizer(), clf.set_callbacks(notes))
    pipeline.fit(corpus[0], Y)
    # The second step of the pipeline.
    assert notes.seen.count(("end", "fit", 1, True)) == 1
    search = GridSearchCV(pipeline, {"htcinfomaxclassifier__lr": [0.01]}, cv=2)
    inner = search.fit(corpus[0], Y).best_estimator_[-1]
    assert inner.n_iter_ == 4


def test_a_fitted_estimator_does_not_hold_on_to_callbacks(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, **SMALL)
    clf.set_callbacks(Notes()).fit(bag, indicator)
    assert clf.net_.callbacks == []
    assert pickle.loads(pickle.dumps(clf)).n_iter_ == 4
