"""Estimators that learn a label tree, as they do where labels are too many."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

from sklearn_htc import HierarchicalLinearClassifier, Hierarchy, HTCInfoMaxClassifier
from sklearn_htc.label_tree import fitting
from sklearn_htc.label_tree.tree import LabelTree
from sklearn_htc.metrics import micro_macro_f1
from sklearn_htc.persistence import TRUSTED_TYPES
from sklearn_htc.wide.kernel import KernelPath
from sklearn_htc.wide.linear import LinearPath
from tests.label_tree.conftest import plant

skops = pytest.importorskip("skops.io")


@pytest.fixture(autouse=True)
def nothing_is_affordable(monkeypatch):
    """Let every number of labels be too many."""
    monkeypatch.setattr("sklearn_htc.wide.limits.MAX_WORK", 0)


def estimator(data, kind="linear", **parameters):
    parameters = {"hierarchy": data.hierarchy, "random_state": 0} | parameters
    if kind == "linear":
        return HierarchicalLinearClassifier(**parameters)
    return HTCInfoMaxClassifier(**parameters)


@pytest.mark.parametrize("kind", ["linear", "both paths"])
def test_labels_are_found(planted, kind):
    X, Y = planted.vectors.X, planted.target
    clf = estimator(planted, kind).fit(X[:400], Y[:400])
    assert isinstance(clf.wide_, LabelTree)
    predicted = clf.predict(X[400:])
    assert isinstance(predicted, sparse.csr_array)
    np.testing.assert_array_equal(
        planted.hierarchy.close(predicted).toarray(), predicted.toarray()
    )
    weight = np.ones(200)
    micro, _ = micro_macro_f1(Y[400:], predicted, sample_weight=weight)
    probabilities = clf.predict_proba(X[400:])
    assert probabilities.min() > 0
    assert probabilities.max() < 1
    assert planted.hierarchy.is_coherent(probabilities)
    guess, _ = micro_macro_f1(
        Y[400:], probabilities * 0 + Y[:400].mean(axis=0) > 0.3, sample_weight=weight
    )
    assert micro > guess + 0.2


def test_the_choice_is_that_of_one_vs_rest_where_it_is_affordable(monkeypatch):
    data = plant("tree")
    monkeypatch.setattr("sklearn_htc.wide.limits.MAX_WORK", 10**9)
    clf = estimator(data).fit(data.vectors.X, data.target)
    assert isinstance(clf.wide_, LinearPath)


def test_it_is_about_as_good_as_one_vs_rest(monkeypatch, planted):
    X, Y = planted.vectors.X, planted.target
    scores = []
    for most in (0, 10**9):
        monkeypatch.setattr("sklearn_htc.wide.limits.MAX_WORK", most)
        predicted = estimator(planted).fit(X[:400], Y[:400]).predict(X[400:])
        scores.append(micro_macro_f1(Y[400:], predicted)[0])
    assert scores[0] > scores[1] - 0.05


@pytest.mark.parametrize("n_followed", [3, 64])
def test_the_most_probable_are_those_of_predict_proba(planted, n_followed, monkeypatch):
    name = "sklearn_htc.label_tree.predictor.MAX_FOLLOWED"
    monkeypatch.setattr(name, n_followed)
    if n_followed == 3:
        # In many turns.
        name = "sklearn_htc.label_tree.predictor.MAX_SCORES"
        monkeypatch.setattr(name, 1000)
    X, Y = planted.vectors.X, planted.target
    clf = estimator(planted).fit(X, Y)
    whole = clf.predict_proba(X[:50])
    # Paths that are not followed are missing from ancestors beside the way to them.
    has_others = len(planted.path_nodes) and not planted.hierarchy.is_tree
    for k in (1, 5, 43):
        labels, probabilities = clf.predict_top_k(X[:50], k)
        assert all(len(set(row)) == k for row in labels.tolist())
        assert (np.diff(probabilities, axis=1) <= 0).all()
        if has_others and n_followed < 64:
            continue
        atol = 5e-3 if has_others else 1e-6
        np.testing.assert_allclose(
            probabilities, -np.sort(-whole, axis=1)[:, :k], rtol=1e-4, atol=atol
        )
        columns = planted.hierarchy.index(labels.ravel()).reshape(labels.shape)
        np.testing.assert_allclose(
            np.take_along_axis(whole, columns, axis=1),
            probabilities,
            rtol=1e-4,
            atol=atol,
        )


@pytest.mark.parametrize("kind", ["paths", "paths in a graph"])
def test_labels_of_one_column(kind):
    data = plant(kind)
    X, y = data.vectors.X, data.hierarchy.most_specific(data.target).indices
    clf = estimator(data).fit(X[:400], y[:400])
    probabilities = clf.predict_proba(X[400:])
    assert probabilities.shape == (200, len(clf.classes_))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
    predicted = clf.predict(X[400:])
    np.testing.assert_array_equal(predicted, clf.classes_[probabilities.argmax(axis=1)])
    assert np.mean(predicted == y[400:]) > 0.4
    labels, values = clf.predict_top_k(X[400:], len(clf.classes_))
    np.testing.assert_array_equal(labels[:, 0], predicted)
    np.testing.assert_allclose(values.sum(axis=1), 1, rtol=1e-4)


def test_without_a_hierarchy_labels_are_clustered(monkeypatch):
    monkeypatch.setattr("sklearn_htc.label_tree.routing.MAX_BRANCHES", 8)
    data = plant("paths")
    X, y = data.vectors.X, data.hierarchy.most_specific(data.target).indices
    clf = HierarchicalLinearClassifier(random_state=0).fit(X[:400], y[:400])
    assert len(clf.wide_.routing.above) > len(clf.classes_)
    assert np.mean(clf.predict(X[400:]) == y[400:]) > 0.4


def test_tables_keep_their_form():
    data = plant("paths")
    y = data.hierarchy.most_specific(data.target).indices
    paths = [data.hierarchy.paths[node] for node in y]
    depth = max(map(len, paths))
    table = pd.DataFrame([[*path, *[None] * (depth - len(path))] for path in paths])
    clf = HierarchicalLinearClassifier("infer", random_state=0)
    predicted = clf.fit(data.vectors.X, table).predict(data.vectors.X)
    assert isinstance(predicted, pd.DataFrame)
    assert predicted.shape == table.shape
    assert isinstance(clf.wide_, LabelTree)


def test_embeddings_and_zero_weights(planted):
    X, Y = planted.vectors.X.toarray(), planted.target
    weight = np.ones(len(Y.indptr) - 1)
    weight[500:] = 0
    clf = estimator(planted).fit(X, Y, sample_weight=weight)
    alone = estimator(planted).fit(X[:500], Y[:500])
    np.testing.assert_allclose(
        clf.predict_proba(X[500:]), alone.predict_proba(X[500:]), atol=1e-5
    )


def test_the_same_seed_gives_the_same_model(planted, monkeypatch):
    # Some of the documents choose the power.
    monkeypatch.setattr(fitting, "ENOUGH_TO_CHOOSE", 300)
    X, Y = planted.vectors.X, planted.target
    clf = estimator(planted).fit(X, Y)
    again = clone(clf).set_params(n_jobs=1).fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), again.predict_proba(X))


def test_parts_add_up_to_the_score_given_the_parent(planted):
    X = planted.vectors.X
    clf = estimator(planted).fit(X, planted.target)
    nodes = planted.hierarchy.nodes
    tree = clf.wide_
    scores = (X[:9].toarray() * tree.feature_scale_) @ tree.weights().toarray()
    scores += tree.machines.intercept[: len(nodes)]
    probabilities = clf.predict_proba(X[:9])
    for row, explanation in enumerate(clf.explain(X[:9], labels=nodes)):
        for column, label in enumerate(explanation.labels):
            total = label.intercept + label.of_terms.sum()
            np.testing.assert_allclose(total, scores[row, column], atol=1e-4)
            np.testing.assert_allclose(label.score, total, atol=1e-4)
            np.testing.assert_allclose(
                label.probability, probabilities[row, column], atol=1e-6
            )
        predicted = {each.label for each in explanation.labels if each.is_predicted}
        assert predicted == set(clf.predict(X[row : row + 1]).indices.tolist())
        assert {end.label for end in explanation.ends} <= predicted


def test_texts_are_represented(planted):
    X = planted.vectors.X
    clf = estimator(planted, "both paths").fit(X, planted.target)
    texts = clf.transform(X[:9])
    assert texts.shape == (9, clf.label_embeddings_.shape[1])
    scores = (X[:9].toarray() * clf.wide_.feature_scale_) @ clf.wide_.weights()
    np.testing.assert_allclose(texts @ clf.label_embeddings_.T, scores, atol=1e-3)


@pytest.mark.parametrize("C", [1e-6, 100.0])
def test_any_penalty_can_be_searched(planted, C):
    X = planted.vectors.X
    clf = estimator(planted, C=C).fit(X, planted.target)
    assert np.isfinite(clf.predict_proba(X[:9])).all()
    # Weights shrink with C, and stay.
    assert clf.wide_.machines.rows.nnz > 0


def test_what_a_low_threshold_asks_for_is_looked_for(planted):
    if len(planted.path_nodes):
        pytest.skip("One path is predicted.")
    X = planted.vectors.X
    clf = estimator(planted, threshold=1e-5).fit(X, planted.target)
    predicted = clf.predict(X[:50]).toarray() > 0
    np.testing.assert_array_equal(predicted, clf.predict_proba(X[:50]) >= 1e-5)


def test_embeddings_have_a_kernel_method_where_it_is_affordable(planted):
    X, Y = planted.vectors.X.toarray(), planted.target
    clf = estimator(planted, "both paths", deep_path=False).fit(X, Y)
    assert isinstance(clf.wide_, KernelPath)


def test_a_network_that_is_asked_for_is_trained(planted):
    X, Y = planted.vectors.X, planted.target
    clf = estimator(
        planted, "network", deep_path=True, wide_path=True, max_epochs=1
    ).fit(X, Y)
    assert clf.wide_ is None
    clf.partial_fit(X, Y)


def test_it_is_stored(planted):
    X = planted.vectors.X
    clf = estimator(planted).fit(X, planted.target)
    copy = skops.loads(skops.dumps(clf), trusted=TRUSTED_TYPES)
    np.testing.assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize(
    ("best", "powers"),
    [(1.0, [0.5, 1.0]), (0.5, [0.5, 1.0, 0.0]), (0.0, [0.5, 1.0, 0.0])],
)
def test_the_power_is_looked_for_uphill(planted, monkeypatch, best, powers):
    tried, try_one = [], fitting._Learner.tried

    def try_and_note(self, power, *others):
        tried.append(power)
        return replace(try_one(self, power, *others), log_loss=abs(power - best))

    monkeypatch.setattr(fitting._Learner, "tried", try_and_note)
    estimator(planted).fit(planted.vectors.X, planted.target)
    assert tried == powers


@pytest.fixture(scope="module")
def many_roots():
    """Return documents whose terms say nothing, and a model of them.

    Each of 100 roots is more probable than any child.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn_htc.wide.limits.MAX_WORK", 0)
        hierarchy = Hierarchy([(i, 100 + i) for i in range(100)], nodes=range(200))
        rng = np.random.default_rng(0)
        roots = rng.integers(100, size=2000)
        has_child = rng.random(2000) < 0.3
        Y = hierarchy.to_indicator((roots + 100 * has_child)[:, None].tolist())
        terms = np.arange(2000), rng.integers(100, size=2000)
        X = sparse.csr_array((np.ones(2000), terms), shape=(2000, 100))
        clf = HierarchicalLinearClassifier(
            hierarchy, decoding="threshold", random_state=0
        )
        return X, clf.fit(X, Y)


def test_more_labels_than_branches_are_usually_followed(many_roots):
    X, clf = many_roots
    assert isinstance(clf.wide_, LabelTree)
    _, probabilities = clf.predict_top_k(X[:20], 100)
    expected = -np.sort(-clf.predict_proba(X[:20]), axis=1)[:, :100]
    np.testing.assert_allclose(probabilities, expected, rtol=1e-4)


def test_memory_for_many_labels_is_that_of_some_documents(many_roots, monkeypatch):
    def ranked():
        tracemalloc.start()
        ranking = clf.predict_top_k(X, 150)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return *ranking, peak

    X, clf = many_roots
    labels, probabilities, at_once = ranked()
    monkeypatch.setattr("sklearn_htc.label_tree.predictor.MAX_SCORES", 10**4)
    same_labels, same, in_parts = ranked()
    np.testing.assert_array_equal(same_labels, labels)
    np.testing.assert_allclose(same, probabilities, rtol=1e-5)
    assert in_parts - 12 * labels.size < (at_once - 12 * labels.size) / 3
