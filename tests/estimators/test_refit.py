"""A fit that fails leaves what there was, and one that goes on refuses changes."""

import pickle
import signal
import threading
import warnings
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from skorch.callbacks import Callback

from sklearn_htc import (
    HiAGMClassifier,
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
)
from sklearn_htc.training.deep import DeepModel
from sklearn_htc.two_paths import fitting, task, weighing
from sklearn_htc.two_paths.weighing import Weighed
from tests.conftest import TREE

SMALL = {"dimension": 8, "max_epochs": 2, "random_state": 0}


def estimators(hierarchy):
    flat = OneVsRestClassifier(LogisticRegression())
    return [
        HTCInfoMaxClassifier(hierarchy, **SMALL),
        HTCInfoMaxClassifier(hierarchy, wide_path=False, **SMALL),
        HiAGMClassifier(hierarchy, variant="tp", wide_path=False, **SMALL),
        HierarchicalLinearClassifier(hierarchy, random_state=0),
        HierarchicalDecodingClassifier(flat, hierarchy, random_state=0),
    ]


def public(estimator):
    """Return what an estimator shows, as bytes where it is an array."""
    names = ["classes_", "n_features_in_", "feature_names_in_", "label_embeddings_"]
    shown = {"nodes": estimator.hierarchy_.nodes}
    for name in [*names, "deep_weight_", "loss_", "n_iter_"]:
        value = getattr(estimator, name, None)
        shown[name] = value.tobytes() if isinstance(value, np.ndarray) else value
    return shown


@pytest.mark.parametrize("which", range(5))
def test_a_refused_refit_leaves_the_former_model(bag, indicator, hierarchy, which):
    clf = estimators(hierarchy)[which].fit(bag, indicator)
    before, shown = clf.predict_proba(bag), public(clf)
    other = Hierarchy([], nodes=[*hierarchy.nodes, "other"])
    bad = [
        ({"hierarchy": other}, bag, [["unknown"]] * 100),
        ({"decoding": "path"}, bag, [["cat", "oak"]] * 100),
    ]
    if hasattr(clf, "loss"):
        bad.append(({"hierarchy": other}, bag[:1], other.to_indicator([["other"]])))
        bad.append(({"loss": "path"}, bag, [["cat", "oak"]] * 100))
        bad.append(({"device": "nowhere"}, bag, indicator))
    for changes, X, y in bad:
        parameters = clf.get_params(deep=False)
        clf.set_params(**changes)
        with pytest.raises(ValueError):  # noqa: PT011 - which one is tested elsewhere
            clf.fit(X, y)
        np.testing.assert_array_equal(clf.predict_proba(bag), before)
        assert public(clf) == shown
        clf.set_params(**parameters)


@pytest.mark.parametrize("which", range(5))
def test_a_refused_first_fit_leaves_no_model(bag, hierarchy, which):
    clf = estimators(hierarchy)[which]
    with pytest.raises(ValueError, match="unknown"):
        clf.fit(bag, [["unknown"]] * 100)
    with pytest.raises(NotFittedError):
        clf.predict(bag)
    assert [name for name in vars(clf) if name.endswith("_")] == []
    for name in ("classes_", "hierarchy_", "n_features_in_", "decoder_"):
        assert not hasattr(clf, name)


def test_a_refit_leaves_nothing_of_the_former_one(bag, indicator, hierarchy):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(bag.toarray()).add_prefix("term")
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=True, **SMALL)
    clf.fit(frame, indicator)
    assert hasattr(clf, "feature_names_in_")
    assert hasattr(clf, "deep_weight_")
    assert clf.label_embeddings_.shape == (8, 8)
    clf.set_params(wide_path=False, dimension=6).fit(bag.toarray(), indicator)
    assert not hasattr(clf, "feature_names_in_")
    assert not hasattr(clf, "deep_weight_")
    assert clf.label_embeddings_.shape == (8, 6)


@pytest.mark.parametrize(
    "changes",
    [
        {"hierarchy": {"animal": ["cat", "dog"]}},
        {"loss": "binary_cross_entropy"},
        {"dimension": 10},
        {"optimizer": __import__("torch").optim.SGD},
        {"structure_encoder": None},
        {"C": 3.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_warm_start_refuses_what_it_would_not_heed(
    bag, indicator, hierarchy, changes
):
    clf = HTCInfoMaxClassifier(hierarchy, warm_start=True, **SMALL).fit(bag, indicator)
    before = clf.predict_proba(bag)
    clf.set_params(**changes)
    with pytest.raises(ValueError, match=f"another {next(iter(changes))}"):
        clf.fit(bag, indicator)
    np.testing.assert_array_equal(clf.predict_proba(bag), before)


@pytest.mark.parametrize("changes", [{"encoder_lr": 1e-5}, {"threshold": 0.3}])
def test_a_piece_refuses_what_it_would_not_heed(bag, indicator, hierarchy, changes):
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, **SMALL).fit(bag, indicator)
    name = next(iter(changes))
    clf.set_params(**changes)
    with pytest.raises(ValueError, match=f"^partial_fit .* another {name}.* call fit"):
        clf.partial_fit(bag, indicator)
    clf.set_params(**{name: HTCInfoMaxClassifier().get_params()[name]})
    clf.set_params(lr=1e-4).partial_fit(bag, indicator)


@pytest.mark.parametrize("way", ["partial_fit", "warm start"])
def test_going_on_draws_from_a_random_state_that_has_changed(
    bag, indicator, hierarchy, way
):
    start = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, warm_start=True, **SMALL
    ).fit(bag, indicator)

    def go_on(seed):
        clf = deepcopy(start).set_params(random_state=seed)
        for _ in range(2):
            more = clf.partial_fit if way == "partial_fit" else clf.fit
            more(bag, indicator)
        return clf.predict_proba(bag)

    same, one, again, two = (go_on(seed) for seed in (0, 1, 1, 2))
    np.testing.assert_array_equal(one, again)
    # It is seeded once, and goes on then.
    np.testing.assert_array_equal(one, go_on(np.random.RandomState(1)))
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, same)


@pytest.mark.parametrize("way", ["partial_fit", "warm start"])
def test_going_on_takes_another_name_of_the_same_device(bag, indicator, hierarchy, way):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, warm_start=True, device="auto", **SMALL
    ).fit(bag, indicator)
    clf.set_params(device=str(clf.net_.device))
    more = clf.partial_fit if way == "partial_fit" else clf.fit
    assert more(bag, indicator).n_iter_ > 2


def test_where_warnings_are_errors_the_former_model_stays(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, warm_start=True, **SMALL
    ).fit(bag, indicator)
    before = clf.predict_proba(bag)
    clf.set_params(time_budget=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        for warm_start in (True, False):
            with pytest.raises(ConvergenceWarning):
                clf.set_params(warm_start=warm_start).fit(bag, indicator)
            np.testing.assert_array_equal(clf.predict_proba(bag), before)


def test_a_warm_start_names_a_table_that_was_taken_away(bag, indicator, hierarchy):
    features = pd.DataFrame(np.eye(len(hierarchy), bag.shape[1]))
    clf = HTCInfoMaxClassifier(
        hierarchy, label_features=features, deep_path=True, warm_start=True, **SMALL
    ).fit(bag, indicator)
    for other in (None, features.to_numpy() + 1, sparse.csr_array(features)):
        with pytest.raises(ValueError, match="another label_features"):
            clf.set_params(label_features=other).fit(bag, indicator)


@pytest.mark.parametrize(
    "kind", [HierarchicalLinearClassifier, HTCInfoMaxClassifier, "bigru"]
)
def test_numbers_of_numpy_are_those_of_python(corpus, indicator, hierarchy, kind):
    settings = {"random_state": 0}
    if kind == "bigru":
        kind = HTCInfoMaxClassifier
        settings |= {"wide_path": False, "text_encoder": "bigru", "embedding_size": 8}
    if kind is HTCInfoMaxClassifier:
        settings |= SMALL
    clf = kind(hierarchy, **settings).fit(corpus[0], indicator)
    as_numpy = {
        name: np.array(value)[()]
        for name, value in clf.get_params(deep=False).items()
        if isinstance(value, (bool, int, float))
    }
    assert len(as_numpy) >= 2
    other = clone(clf).set_params(**as_numpy).fit(corpus[0], indicator)
    np.testing.assert_array_equal(
        other.predict_proba(corpus[0]), clf.predict_proba(corpus[0])
    )


def test_a_warm_start_takes_the_same_hierarchy_in_another_form(
    bag, indicator, hierarchy
):
    clf = HTCInfoMaxClassifier(
        hierarchy, warm_start=True, wide_path=False, **SMALL
    ).fit(bag, indicator)
    clf.set_params(hierarchy=Hierarchy(_edges(hierarchy), nodes=hierarchy.nodes))
    assert clf.fit(bag, indicator).n_iter_ == 4


def _edges(hierarchy):
    parents, children = hierarchy.edges
    nodes = hierarchy.nodes
    return [(nodes[p], nodes[c]) for p, c in zip(parents, children, strict=True)]


def test_early_stopping_of_a_warm_start_reads_the_network_itself(
    bag, indicator, hierarchy, monkeypatch
):
    # Read-outs of a wide path have thresholds of calibrated scores, near 0 here; with
    # those every label of every document would be predicted, F1 about 0.5.
    monkeypatch.setattr(weighing, "ENOUGH_TO_WEIGH", 1)
    clf = HTCInfoMaxClassifier(
        hierarchy,
        decoding="threshold",
        warm_start=True,
        early_stopping=True,
        dimension=16,
        max_epochs=8,
        random_state=0,
    ).fit(bag, indicator)
    clf.decoder_.threshold[:] = 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(bag, indicator)
    assert clf.history_[-1]["valid_f1_micro"] > 0.9


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C interrupt Python, also where a shell in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def interrupted(monkeypatch, module, name, press):
    """Let Ctrl-C be pressed when a function of a module is called."""

    def press_and_call(*args, **kwargs):
        press()
        return called(*args, **kwargs)

    called = getattr(module, name)
    monkeypatch.setattr(module, name, press_and_call)


@pytest.mark.parametrize("stage", ["make_folds", "split_rows"])
def test_ctrl_c_before_there_is_a_wide_path_leaves_the_former_state(
    bag, indicator, hierarchy, monkeypatch, ctrl_c, stage
):
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=True, **SMALL)
    with monkeypatch.context() as patch:
        interrupted(patch, fitting, stage, ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            clf.fit(bag, indicator)
    with pytest.raises(NotFittedError):
        clf.predict(bag)
    before = clf.fit(bag, indicator).predict_proba(bag)
    interrupted(monkeypatch, fitting, stage, ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        clf.set_params(C=0.01).fit(bag, indicator)
    np.testing.assert_array_equal(clf.predict_proba(bag), before)


@pytest.mark.parametrize("stage", ["Draws", "weigh", "LabelCounts"])
def test_ctrl_c_later_keeps_the_wide_path(
    bag, indicator, hierarchy, monkeypatch, ctrl_c, stage
):
    monkeypatch.setattr(weighing, "ENOUGH_TO_WEIGH", 1)
    clf = HTCInfoMaxClassifier(hierarchy, **SMALL)
    if stage == "LabelCounts":
        count, counted = task.LabelCounts.of, []

        def of(target, sample_weight):
            # First it is seen whether there is memory for a network.
            counted.append(target)
            return count(target, sample_weight) if len(counted) == 1 else ctrl_c()

        monkeypatch.setattr(task.LabelCounts, "of", of)
    else:
        module = fitting if stage == "weigh" else task
        interrupted(monkeypatch, module, stage, ctrl_c)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        clf.fit(bag, indicator)
    wide = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(bag, indicator)
    np.testing.assert_allclose(
        clf.predict_proba(bag), wide.predict_proba(bag), rtol=1e-3, atol=1e-4
    )


class PressInEpoch(Callback):
    """Press Ctrl-C in the second epoch, once."""

    pressed = 0

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 2 and not PressInEpoch.pressed:
            PressInEpoch.pressed += 1
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("wide_path", [False, "auto"])
def test_one_ctrl_c_ends_a_whole_search(bag, indicator, hierarchy, wide_path):
    PressInEpoch.pressed = 0
    clf = HTCInfoMaxClassifier(
        hierarchy,
        wide_path=wide_path,
        deep_path=True,
        callbacks=[PressInEpoch()],
        **SMALL,
    )
    search = GridSearchCV(clf, {"lr": [0.01, 0.001]}, cv=2, error_score=0)
    with pytest.raises(KeyboardInterrupt):
        search.fit(bag, indicator)
    assert PressInEpoch.pressed == 1


def test_random_state_holds_in_threads(bag, indicator, hierarchy):
    def fit():
        clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, n_jobs=1, **SMALL)
        results.append(clf.fit(bag, indicator).predict_proba(bag))

    results = []
    fit()
    threads = [threading.Thread(target=fit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 5
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_a_fit_draws_nothing_from_the_callers_generator(bag, indicator, hierarchy):
    torch = pytest.importorskip("torch")
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, early_stopping=True, **SMALL)
    state = torch.get_rng_state()
    clf.fit(bag, indicator).predict_proba(bag)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_that_cannot_count_is_not_trained(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, **SMALL).fit(bag, indicator)
    assert clf.n_iter_ == 0
    assert not hasattr(clf, "net_")
    assert clf.deep_weight_ == 0
    with pytest.raises(ValueError, match="kept no network that could learn further"):
        clf.partial_fit(bag, indicator)
    kept = HTCInfoMaxClassifier(hierarchy, deep_path=True, **SMALL).fit(bag, indicator)
    assert kept.n_iter_ == 2
    np.testing.assert_array_equal(kept.predict_proba(bag), clf.predict_proba(bag))


def test_a_network_without_weight_is_not_kept(bag, indicator, hierarchy, monkeypatch):
    monkeypatch.setattr(
        fitting, "weigh", lambda _, choices, *__, **___: Weighed(0, 0.0, None)
    )
    monkeypatch.setattr(weighing, "ENOUGH_TO_WEIGH", 1)
    clf = HTCInfoMaxClassifier(hierarchy, **SMALL).fit(bag, indicator)
    # After two fifths of two epochs it is trained no further.
    assert clf.n_iter_ == len(clf.history_) == 1
    assert not hasattr(clf, "net_")


def test_without_a_network_the_wide_path_represents(bag, indicator, hierarchy):
    for X in (bag, bag.toarray()):
        clf = HTCInfoMaxClassifier(hierarchy, dimension=16).fit(X, indicator)
        texts, labels = clf.transform(X), clf.label_embeddings_
        assert texts.shape == (100, 16)
        assert labels.shape == (8, 16)
        assert texts.dtype == labels.dtype == np.float32
        read = X.astype(np.float32)
        expected = clf.wide_.scores(read) - clf.wide_.intercept_
        np.testing.assert_allclose(texts @ labels.T, expected, atol=1e-4)
        assert len(clf.get_feature_names_out()) == 16


def test_no_network_and_no_wide_path_is_refused(indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=False)
    with pytest.raises(ValueError, match="deep_path=False leaves no model"):
        clf.fit(np.ones((100, 4, 3)), indicator)


def test_deep_path_false_is_the_wide_path_alone(bag, indicator, hierarchy):
    X = sparse.vstack([bag] * 6, format="csr")
    Y = sparse.vstack([indicator] * 6, format="csr")
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=False, random_state=0).fit(X, Y)
    assert clf.n_iter_ == 0
    assert not hasattr(clf, "net_")


def test_ctrl_c_while_labels_are_hidden_keeps_the_wide_path(
    bag, indicator, hierarchy, monkeypatch, ctrl_c
):
    features = np.eye(len(hierarchy), bag.shape[1])
    clf = HTCInfoMaxClassifier(
        hierarchy, deep_path=False, label_features=features, random_state=0
    )
    interrupted(monkeypatch, fitting, "with_label_texts", ctrl_c)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        clf.fit(bag, indicator)
    assert clf.predict_proba(bag).shape == indicator.shape


@pytest.mark.parametrize("deep_path", [False, True])
def test_truth_values_of_numpy_are_those_of_python(
    bag, indicator, hierarchy, deep_path
):
    clf = HTCInfoMaxClassifier(hierarchy, deep_path=deep_path, **SMALL)
    plain = clone(clf).fit(bag, indicator)
    other = clf.set_params(deep_path=np.bool_(deep_path)).fit(bag, indicator)
    assert hasattr(other, "net_") == hasattr(plain, "net_") == deep_path
    np.testing.assert_array_equal(other.predict_proba(bag), plain.predict_proba(bag))


def test_a_warm_start_holds_out_what_the_network_does_not_know(
    bag, indicator, hierarchy
):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, warm_start=True, early_stopping=True, **SMALL
    ).fit(bag, indicator)
    n_documents, first = clf._learned.predictor.deep.held_out
    assert n_documents == 100
    assert np.unpackbits(first).sum() == 20
    again = pickle.loads(pickle.dumps(clf)).fit(bag, indicator)
    np.testing.assert_array_equal(again._learned.predictor.deep.held_out[1], first)
    fewer = clf.fit(bag[:50], indicator[:50])._learned.predictor.deep.held_out
    assert fewer[0] == 50
    assert np.unpackbits(fewer[1]).sum() == 10


def test_a_warm_start_trains_for_as_many_epochs_as_the_fit(bag, indicator, hierarchy):
    X, Y = sparse.vstack([bag] * 4), sparse.vstack([indicator] * 4)
    clf = HTCInfoMaxClassifier(
        hierarchy, deep_path=True, warm_start=True, dimension=8, random_state=0
    ).fit(X, Y)
    n_epochs = clf.n_iter_
    # Without a wide path they would be 10.
    assert n_epochs < 10
    assert clf.fit(X, Y).n_iter_ == 2 * n_epochs


def test_the_first_piece_is_trained_as_the_others(bag, indicator, hierarchy):
    rng = np.random.RandomState(0)
    clf = HTCInfoMaxClassifier(
        hierarchy, n_jobs=1, callbacks=[FailsOnce()], **(SMALL | {"random_state": rng})
    )
    found = []
    fit_piece = DeepModel.fit_piece

    def counted(*arguments, **options):
        found.append(torch.get_num_threads())
        return fit_piece(*arguments, **options)

    before, threads = rng.get_state(), torch.get_num_threads()
    FailsOnce.is_armed = True
    torch.set_num_threads(2)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DeepModel, "fit_piece", counted)
            with pytest.raises(ArithmeticError):
                clf.partial_fit(bag, indicator)
    finally:
        torch.set_num_threads(threads)
    assert found == [1]
    np.testing.assert_equal(rng.get_state(), before)


def test_a_warm_start_has_the_same_number_of_threads(
    bag, indicator, hierarchy, monkeypatch
):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, warm_start=True, n_jobs=1, **SMALL
    ).fit(bag, indicator)
    found = []
    fit = DeepModel.fit

    def counted(*arguments, **options):
        found.append(torch.get_num_threads())
        return fit(*arguments, **options)

    monkeypatch.setattr(DeepModel, "fit", counted)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        clf.fit(bag, indicator)
    finally:
        torch.set_num_threads(before)
    assert found == [1]


@pytest.mark.parametrize("from_the_start", [True, False])
def test_a_warm_start_sees_what_was_changed_inside_parameters(
    corpus, indicator, hierarchy, from_the_start
):
    vectorizer = HashingVectorizer(n_features=64, alternate_sign=False)
    clf = HTCInfoMaxClassifier(
        hierarchy,
        vectorizer=vectorizer,
        warm_start=from_the_start,
        wide_path=False,
        **SMALL,
    ).fit(corpus[0], indicator)
    clf.set_params(warm_start=True).fit(corpus[0], indicator)
    clf.set_params(vectorizer__ngram_range=(1, 2))
    with pytest.raises(ValueError, match="another vectorizer"):
        clf.fit(corpus[0], indicator)
    clf.set_params(vectorizer__ngram_range=(1, 1)).fit(corpus[0], indicator)
    edges = {node: list(children) for node, children in TREE.items()}
    clf.set_params(hierarchy=edges).fit(corpus[0], indicator)
    edges["animal"].remove("dog")
    with pytest.raises(ValueError, match="another hierarchy"):
        clf.fit(corpus[0], indicator)


def test_a_warm_start_takes_the_same_steps_of_a_vectorizer(
    corpus, indicator, hierarchy
):
    split = HashingVectorizer(n_features=64, tokenizer=Splitter().split)
    vectorizer = make_pipeline(split.set_params(token_pattern=None), Normalizer())
    clf = HTCInfoMaxClassifier(
        hierarchy, vectorizer=vectorizer, warm_start=True, wide_path=False, **SMALL
    )
    for n_iter in (2, 4):
        assert clf.fit(corpus[0], indicator).n_iter_ == n_iter
    split.set_params(n_features=32)
    with pytest.raises(ValueError, match="another vectorizer"):
        clf.fit(corpus[0], indicator)


class Splitter:
    """Has a method that is no function."""

    def split(self, text):
        return text.split()


class PressWhileScored(Callback):
    """Press Ctrl-C when the last epoch is scored on held-out documents."""

    def on_batch_begin(self, net, training=None, **kwargs):
        if not training and len(net.history) == net.max_epochs:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_the_last_epoch_is_scored_is_noticed(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(
        hierarchy,
        wide_path=False,
        early_stopping=True,
        callbacks=[PressWhileScored()],
        **SMALL,
    )
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        clf.fit(bag, indicator)


class FailsOnce(Callback):
    """A callback that fails at the end of the first epoch after it was armed."""

    is_armed = False

    def on_epoch_end(self, net, **kwargs):
        if FailsOnce.is_armed:
            FailsOnce.is_armed = False
            raise ArithmeticError


@pytest.mark.parametrize("way", ["partial_fit", "warm start"])
def test_a_failure_moves_no_random_numbers_on(bag, indicator, hierarchy, way):
    def go_on(clf):
        method = clf.partial_fit if way == "partial_fit" else clf.fit
        return method(bag, indicator)

    models = []
    for fails in (False, True):
        clf = HTCInfoMaxClassifier(
            hierarchy,
            wide_path=False,
            warm_start=way != "partial_fit",
            callbacks=[FailsOnce()],
            **SMALL,
        )
        go_on(clf)
        if fails:
            FailsOnce.is_armed = True
            with pytest.raises(ArithmeticError):
                go_on(clf)
        models.append(go_on(clf).predict_proba(bag))
    np.testing.assert_array_equal(*models)


def test_a_warm_start_after_a_change_of_the_hierarchy_is_refused_for_that(
    corpus, indicator, hierarchy
):
    texts = {node: f"all of {node}" for node in hierarchy.nodes}
    clf = HTCInfoMaxClassifier(
        hierarchy, label_texts=texts, warm_start=True, deep_path=True, **SMALL
    ).fit(corpus[0], indicator)
    tree = TREE | {"animal": [*TREE["animal"], "ferret"]}
    clf.update_hierarchy(tree, label_texts={"ferret": "a ferret in a den"})
    with pytest.raises(ValueError, match="update_hierarchy has changed labels"):
        clf.fit(corpus[0], indicator)
