"""Hierarchical metrics against sets counted by hand, and as scorers."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_htc import HierarchicalLinearClassifier, Hierarchy, inspection, metrics
from tests.conftest import TREE as CORPUS_TREE
from tests.conftest import random_dag, random_tree

TREE = Hierarchy.from_dict({"a": ["b", "c"], "b": ["d", "e"], "f": ["g"]})
GRAPHS = [Hierarchy(random_tree(15, 0)), Hierarchy(random_dag(15, 1))]


def two_label_sets(hierarchy, seed=0, n_documents=30):
    """Draw closed true labels, and predictions that need not be closed."""
    rng = np.random.default_rng(seed)
    shape = (n_documents, len(hierarchy))
    true = hierarchy.close((rng.random(shape) < 0.15).astype(int))
    pred = true ^ (rng.random(shape) < 0.1)
    return true, pred


def sets(Y):
    return [set(np.flatnonzero(row).tolist()) for row in np.asarray(Y)]


@pytest.mark.parametrize("hierarchy", GRAPHS)
def test_hierarchical_scores_count_ancestors_of_both(hierarchy):
    true, pred = two_label_sets(hierarchy)
    above = sets(hierarchy.ancestors.toarray())
    t, p = (
        [set().union(*(above[node] for node in row)) for row in sets(Y)]
        for Y in (true, pred)
    )
    hits = [len(x & y) for x, y in zip(t, p, strict=True)]
    n_true, n_pred = [len(x) for x in t], [len(x) for x in p]
    found = metrics.hierarchical_precision_recall_f1(true, pred, hierarchy)
    expected = (
        sum(hits) / sum(n_pred),
        sum(hits) / sum(n_true),
        2 * sum(hits) / (sum(n_pred) + sum(n_true)),
    )
    np.testing.assert_allclose(found, expected)
    precision, recall, _ = metrics.hierarchical_precision_recall_f1(
        true, pred, hierarchy, average="samples"
    )
    assert precision == pytest.approx(np.mean(np.array(hits) / np.maximum(n_pred, 1)))
    assert recall == pytest.approx(np.mean(np.array(hits) / np.maximum(n_true, 1)))


def test_macro_averages_over_the_nodes_that_occur():
    true = [["d"], ["d"], ["g"]]
    pred = [["d"], ["e"], ["g"]]
    # a, b, f, g: 1; d: 2/3; e: 0; c occurs nowhere.
    _, _, f1 = metrics.hierarchical_precision_recall_f1(
        true, pred, TREE, average="macro"
    )
    assert f1 == pytest.approx((4 + 2 / 3) / 6)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.int8, bool])
def test_micro_and_macro_f1_equal_scikit_learn_on_the_nodes_that_occur(dtype):
    true, pred = two_label_sets(GRAPHS[1])
    true[:, 3] = pred[:, 3] = 0
    occurs = (true + pred).any(axis=0)
    assert not occurs.all()
    weight = np.random.default_rng(0).random(len(true))
    for sample_weight in (None, weight, weight * 1e6):
        micro, macro = metrics.micro_macro_f1(
            sparse.csr_array(true.astype(dtype)),
            sparse.csr_array(pred.astype(dtype)),
            sample_weight=sample_weight,
        )
        settings = {"sample_weight": sample_weight, "zero_division": 0}
        t, p = true[:, occurs], pred[:, occurs]
        assert micro == pytest.approx(f1_score(t, p, average="micro", **settings))
        assert macro == pytest.approx(f1_score(t, p, average="macro", **settings))
    found = metrics.hierarchical_precision_recall_f1(
        GRAPHS[1].close(true), GRAPHS[1].close(pred), GRAPHS[1], average="macro"
    )
    closed = (sparse.csr_array(GRAPHS[1].close(Y)) for Y in (true, pred))
    assert metrics.micro_macro_f1(*closed)[1] == found[2]


def test_micro_and_macro_f1_of_nothing_are_zero_and_shapes_are_compared():
    nothing = sparse.csr_array((3, 7), dtype=int)
    assert metrics.micro_macro_f1(nothing, nothing) == (0, 0)
    with pytest.raises(ValueError, match=r"y_true has shape \(3, 7\), and y_pred \(2"):
        metrics.micro_macro_f1(nothing, nothing[:2])
    with pytest.raises(ValueError, match=r"expected \(3,\)"):
        metrics.micro_macro_f1(nothing, nothing, sample_weight=np.ones(2))


def test_f1_per_level():
    true, pred = [["d"], ["g"]], [["e"], ["g"]]
    levels = metrics.f1_score_per_level(true, pred, TREE)
    np.testing.assert_allclose(levels, [1, 1, 0])


@pytest.mark.parametrize("hierarchy", GRAPHS)
@pytest.mark.parametrize("average", ["micro", "macro"])
def test_constrained_f1_needs_all_ancestors_right(hierarchy, average):
    true, pred = two_label_sets(hierarchy)
    above = sets(hierarchy.ancestors.toarray())
    right = np.zeros_like(true)
    for i, (t, p) in enumerate(zip(sets(true), sets(pred), strict=True)):
        for node in t & p:
            right[i, node] = above[node] <= t & p
    total = true.sum(axis=0) + pred.sum(axis=0)
    if average == "micro":
        expected = 2 * right.sum() / total.sum()
    else:
        expected = np.mean((2 * right.sum(axis=0))[total > 0] / total[total > 0])
    found = metrics.constrained_f1_score(true, pred, hierarchy, average=average)
    assert found == pytest.approx(expected)
    assert found < f1_score(true, pred, average=average, zero_division=0)


def test_constrained_f1_of_coherent_nested_predictions_is_f1():
    true, pred = TREE.to_indicator([["d"], ["b"]]), TREE.to_indicator([["b"], ["d"]])
    found = metrics.constrained_f1_score(true, pred, TREE)
    assert found == pytest.approx(f1_score(true, pred, average="micro"))


def test_coherence_is_the_share_of_closed_rows():
    closed = TREE.to_indicator([["d"], ["g"], []]).toarray()
    alone = np.zeros((1, 7), dtype=int)
    alone[0, TREE.index(["d"])] = 1
    Y = np.vstack([closed, alone])
    assert metrics.coherence_score(Y, TREE) == 0.75
    assert metrics.coherence_score(sparse.csr_array(closed), TREE) == 1


def test_path_accuracy_wants_the_same_end():
    true = [["d", "g"], ["b"], ["e"], []]
    pred = [["d"], ["d"], ["e", "c"], ["c"]]
    # d and e are found; g is not, and the path to b does not end there.
    assert metrics.path_accuracy_score(true, pred, TREE) == 0.5
    assert metrics.path_accuracy_score([[]], [["a"]], TREE) == 0


def test_many_documents_are_ranked_some_at_a_time(monkeypatch):
    true, _ = two_label_sets(GRAPHS[0])
    scores = np.random.default_rng(0).random(true.shape)
    at_once = metrics.document_average_precision_score(true, scores, GRAPHS[0])
    monkeypatch.setattr("sklearn_htc.metrics.ranking.BLOCK_ELEMENTS", 100)
    in_parts = metrics.document_average_precision_score(true, scores, GRAPHS[0])
    assert in_parts == pytest.approx(at_once, rel=1e-12)


def test_document_average_precision_leaves_out_documents_without_labels():
    rng = np.random.default_rng(0)
    true = TREE.to_indicator([["d"], [], ["g", "c"]])
    scores = rng.random((3, 7))
    expected = average_precision_score(
        true.toarray()[[0, 2]], scores[[0, 2]], average="samples"
    )
    found = metrics.document_average_precision_score(true, scores, TREE)
    assert found == pytest.approx(expected)
    assert metrics.document_average_precision_score([[]], scores[:1], TREE) == 0


@pytest.mark.parametrize(
    ("true", "pred", "expected"),
    [
        # d and e meet in b: {d, b} and {e, b}.
        (["d"], ["e"], (1 / 2, 1 / 2)),
        # c and d meet in a: {c, a} and {d, b, a}.
        (["c"], ["d"], (1 / 3, 1 / 2)),
        # b is above d: {d, b} and {b}.
        (["d"], ["b"], (1, 1 / 2)),
        # Only the virtual root is above both: {g, f, root} and {c, a, root}.
        (["g"], ["c"], (1 / 3, 1 / 3)),
        (["d", "g"], ["d", "g"], (1, 1)),
        # g meets d in the virtual root: {d, g, f, root} and {d, b, a, root}.
        (["d", "g"], ["d"], (1 / 2, 1 / 2)),
        ([], [], (1, 1)),
        (["d"], [], (0, 0)),
    ],
)
def test_lca_scores_join_each_label_to_the_nearest(true, pred, expected):
    precision, recall, f1 = metrics.lca_precision_recall_f1([true], [pred], TREE)
    assert (precision, recall) == pytest.approx(expected)
    both = sum(expected)
    # 2 P R / (P + R) is the same ratio of counts.
    assert f1 == pytest.approx(2 * np.prod(expected) / both if both else 0)
    mirrored = metrics.lca_precision_recall_f1([pred], [true], TREE)
    assert mirrored[:2] == pytest.approx((recall, precision))


def test_lca_takes_the_shorter_of_two_ways(dag):
    # d is a child of a and of b, and b of a: d and b meet in b, one edge away.
    assert metrics.lca_precision_recall_f1([["d"]], [["b"]], dag)[:2] == (1, 0.5)


def test_nodes_meet_in_the_virtual_root_only_without_a_common_ancestor():
    # By other parents both are nearer to a root than to c.
    edges = ["cb", "ce", "by", "ez", "yn", "an", "zo", "do"]
    graph = Hierarchy([tuple(edge) for edge in edges])
    # {c, e, z, o} and {c, b, y, n}.
    scores = metrics.lca_precision_recall_f1([["o"]], [["n"]], graph)
    assert scores == pytest.approx((1 / 4, 1 / 4, 1 / 4))


def test_nodes_meet_in_a_lowest_common_ancestor_even_if_another_is_nearer():
    # a is above b, and yet nearer to both m and n.
    edges = ["ab", "am", "an", "bx", "by", "xm", "yn"]
    graph = Hierarchy([tuple(edge) for edge in edges])
    # {m, x, b} and {n, y, b}.
    scores = metrics.lca_precision_recall_f1([["m"]], [["n"]], graph)
    assert scores == pytest.approx((1 / 3, 1 / 3, 1 / 3))


@pytest.mark.parametrize("name", list(metrics.SCORERS))
def test_scorers_work_in_cross_validation(name, bag, indicator, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy)
    for model in (clf, make_pipeline(FunctionTransformer(), clf)):
        scores = cross_val_score(
            model, bag, indicator.toarray(), scoring=metrics.get_scorer(name), cv=2
        )
        assert np.all((scores > 0.8) & (scores <= 1))


@pytest.fixture(scope="module")
def fitted(bag, corpus):
    """Return a classifier of one label per document, fitted once for all scorers."""
    clf = HierarchicalLinearClassifier(Hierarchy.from_dict(CORPUS_TREE))
    return clf.fit(bag, np.array(corpus[1]))


class Search(BaseEstimator):
    """Stands for GridSearchCV after a fit."""

    def __init__(self, best_estimator_):
        self.best_estimator_ = best_estimator_
        self.classes_ = best_estimator_.classes_

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.best_estimator_.predict(X)

    def predict_proba(self, X):
        return self.best_estimator_.predict_proba(X)


@pytest.mark.parametrize("name", list(metrics.SCORERS))
def test_scorers_take_one_label_per_document_and_nested_searches(
    name, fitted, bag, corpus
):
    scorer = metrics.get_scorer(name)
    for y in (np.array(corpus[1]), corpus[1], pd.Series(corpus[1])):
        assert 0.8 < scorer(fitted, bag, y) <= 1
    expected = scorer(fitted, bag, corpus[1])
    nothing = FunctionTransformer().fit(bag)
    for model in (
        Search(make_pipeline(nothing, fitted)),
        make_pipeline(nothing, Search(fitted)),
        Search(Search(fitted)),
    ):
        assert scorer(model, bag, corpus[1]) == expected


def test_a_search_within_cross_validation_is_scored(bag, corpus):
    scorer = metrics.get_scorer("document_average_precision")
    clf = HierarchicalLinearClassifier(CORPUS_TREE)
    pipeline = make_pipeline(FunctionTransformer(), clf)
    search = GridSearchCV(pipeline, {}, scoring=scorer, cv=2)
    y = np.array(corpus[1])
    scores = cross_val_score(search, bag, y, scoring=scorer, cv=2, error_score="raise")
    assert np.all(scores > 0.8)


def test_probabilities_of_classes_add_up_to_those_of_nodes():
    class Fixed:
        hierarchy_ = TREE
        classes_ = np.array(["b", "d", "g"])
        multilabel_ = False

        def predict_proba(self, X):
            return np.array([[0.25, 0.5, 0.25], [0.5, 0.5, 0.5]])

    scorer = metrics.get_scorer("document_average_precision")
    nodes = {"a": 0.75, "b": 0.75, "d": 0.5, "f": 0.25, "g": 0.25}
    capped = {"a": 1, "b": 1, "d": 0.5, "f": 0.5, "g": 0.5}
    expected = [[row.get(node, 0) for node in TREE.nodes] for row in (nodes, capped)]
    found = scorer(Fixed(), None, ["g", "d"])
    assert found == metrics.document_average_precision_score(["g", "d"], expected, TREE)


def test_an_estimator_without_a_hierarchy_is_named(bag, corpus):
    for model in (DummyClassifier(), make_pipeline(DummyClassifier())):
        model.fit(bag, corpus[1])
        with pytest.raises(TypeError, match=r"DummyClassifier\(\).* has no hierarchy_"):
            metrics.get_scorer("lca_f1")(model, bag, corpus[1])


def test_perfect_and_empty_predictions_score_one_and_zero(hierarchy, indicator):
    nothing = sparse.csr_array(indicator.shape, dtype=int)
    for pred, expected in ((indicator, 1), (nothing, 0)):
        for average in ("micro", "macro"):
            assert metrics.hierarchical_precision_recall_f1(
                indicator, pred, hierarchy, average=average
            ) == pytest.approx((expected,) * 3)
            found = metrics.constrained_f1_score(
                indicator, pred, hierarchy, average=average
            )
            assert found == expected
        assert metrics.path_accuracy_score(indicator, pred, hierarchy) == expected
        assert (
            metrics.lca_precision_recall_f1(indicator, pred, hierarchy)[2] == expected
        )


def test_bad_input_is_named(hierarchy, indicator):
    with pytest.raises(ValueError, match="name must be one of"):
        metrics.get_scorer("f2")
    with pytest.raises(ValueError, match="average must be"):
        metrics.constrained_f1_score(indicator, indicator, hierarchy, average="samples")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        metrics.path_accuracy_score(indicator, indicator[:5], hierarchy)
    with pytest.raises(ValueError, match="Unknown label 'x'"):
        metrics.path_accuracy_score([["x"]], [["cat"]], hierarchy)
    with pytest.raises(ValueError, match="the hierarchy has 8 nodes"):
        metrics.coherence_score(np.ones((2, 3)), hierarchy)


def forms_of_leaves():
    """Return two documents' labels, d and g, in every form that estimators take."""
    closed = TREE.to_indicator([["d"], ["g"]])
    return {
        "dense": closed.toarray(),
        "lists": closed.toarray().tolist(),
        "sparse": sparse.csc_matrix(closed),
        "frame": pd.DataFrame(closed.toarray(), columns=list(TREE.nodes)),
        "collections": [["d"], {"g", "f"}],
        "array": np.array(["d", "g"]),
        "list": ["d", "g"],
        "series": pd.Series(["d", "g"]),
        "column": np.array([["d"], ["g"]], dtype=object),
    }


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize("form", list(forms_of_leaves()))
def test_every_form_of_labels_is_read_alike(form):
    labels, other = forms_of_leaves()[form], [["e"], ["g"]]
    for measure in (
        metrics.hierarchical_precision_recall_f1,
        metrics.f1_score_per_level,
        metrics.constrained_f1_score,
        metrics.path_accuracy_score,
        metrics.lca_precision_recall_f1,
    ):
        expected = measure([["d"], ["g"]], other, TREE)
        np.testing.assert_allclose(measure(labels, other, TREE), expected)
    scores = np.random.default_rng(0).random((2, 7))
    found = metrics.document_average_precision_score(labels, scores, TREE)
    assert found == metrics.document_average_precision_score(
        [["d"], ["g"]], scores, TREE
    )
    assert metrics.coherence_score(labels, TREE) == 1


def test_lists_of_zeros_and_ones_are_an_indicator_where_0_and_1_are_nodes():
    flat = Hierarchy([], nodes=[0, 1])
    true, pred = [[1, 0], [0, 1]], [[1, 0], [1, 0]]
    # As label collections all four rows would be the same.
    found = metrics.hierarchical_precision_recall_f1(true, pred, flat)
    assert found == (0.5, 0.5, 0.5)


def test_labels_that_are_no_nodes_and_values_that_are_no_labels_are_refused():
    with pytest.raises(ValueError, match="Unknown label 'x'"):
        metrics.path_accuracy_score(["d", "x"], ["d", "g"], TREE)
    with pytest.raises(ValueError, match=r"holds .*0\.5.*only 0 and 1"):
        metrics.path_accuracy_score(["d"], np.full((1, 7), 0.5), TREE)
    with pytest.raises(ValueError, match=r"Y has shape \(1, 3\)"):
        metrics.document_average_precision_score(["d"], np.ones((1, 3)), TREE)


def test_columns_of_frames_have_to_be_the_nodes_in_order():
    true, pred = two_label_sets(TREE)
    frame = pd.DataFrame(true, columns=list(TREE.nodes))
    of_frame = metrics.hierarchical_precision_recall_f1(frame, pred, TREE)
    assert of_frame == metrics.hierarchical_precision_recall_f1(true, pred, TREE)
    with pytest.raises(ValueError, match="another order"):
        metrics.hierarchical_precision_recall_f1(frame[sorted(frame)[::-1]], pred, TREE)


@pytest.mark.parametrize(
    ("metric", "settings"),
    [
        (metrics.hierarchical_precision_recall_f1, {"average": "micro"}),
        (metrics.hierarchical_precision_recall_f1, {"average": "macro"}),
        (metrics.hierarchical_precision_recall_f1, {"average": "samples"}),
        (metrics.f1_score_per_level, {}),
        (metrics.f1_score_per_level, {"average": "samples"}),
        (metrics.constrained_f1_score, {"average": "micro"}),
        (metrics.constrained_f1_score, {"average": "macro"}),
        (metrics.path_accuracy_score, {}),
        (metrics.lca_precision_recall_f1, {}),
        (metrics.coherence_score, {}),
    ],
)
def test_a_weight_counts_as_so_many_documents(metric, settings):
    graph = GRAPHS[1]
    sets = two_label_sets(graph)
    weight = np.arange(len(sets[0])) % 3
    rows = np.repeat(np.arange(len(weight)), weight)
    if metric is metrics.coherence_score:
        # Not all of them are closed.
        sets = [sets[0] * (np.arange(len(graph)) != 0)]
    expected = metric(*(Y[rows] for Y in sets), graph, **settings)
    score = metric(*sets, graph, sample_weight=weight, **settings)
    np.testing.assert_allclose(score, expected)
    assert not np.allclose(score, metric(*sets, graph, **settings))
    nothing = metric(*sets, graph, sample_weight=0 * weight, **settings)
    np.testing.assert_array_equal(nothing, float(metric is metrics.coherence_score))
    for wrong in (weight[:-1], -weight, weight * np.nan):
        with pytest.raises(ValueError, match="sample_weight"):
            metric(*sets, graph, sample_weight=wrong, **settings)


def test_unknown_paths_of_tables_are_labels_like_others():
    known = Hierarchy.from_table([["animal", "cat"], ["animal", "dog"]])
    paths = [["animal", "cow"], ["fungus", "x"], ["animal", "cat"], ["cat", "cat"]]
    all_known = Hierarchy.from_table([*known.paths, *paths])
    true = np.array(paths)
    pred = np.array([["animal", ""], ["animal", "cat"], ["animal", "cat"]] * 2)[:4]
    assert metrics.path_accuracy_score(true, pred, known) == 0.25
    for score in (
        metrics.path_accuracy_score,
        metrics.hierarchical_precision_recall_f1,
        metrics.constrained_f1_score,
        metrics.lca_precision_recall_f1,
    ):
        assert score(true, pred, known) == score(true, pred, all_known)
        assert score(pred, true, known) == score(pred, true, all_known)
        # The predicted ones may have another form.
        as_indicator = known.to_indicator(
            [[tuple(p for p in row if p)] for row in pred]
        )
        assert score(true, as_indicator, known) == score(true, pred, known)
    for average in ("micro", "macro"):
        np.testing.assert_allclose(
            metrics.f1_score_per_level(true, pred, known, average=average),
            metrics.f1_score_per_level(true, pred, all_known, average=average),
        )


def test_levels_below_the_hierarchy_count_where_true_paths_reach_them():
    known = Hierarchy.from_table([["animal", "cat"]])
    true, pred = np.array([[["animal", "cat", "lion"]], [["animal", "cat", ""]]])
    assert metrics.f1_score_per_level(true, pred, known).tolist() == [1, 1, 0]


def test_names_of_nodes_may_be_paths_of_tables():
    # Of a hierarchy whose nodes are named by themselves.
    hierarchy = Hierarchy.from_dict({"animal": ["cat", "dog"]})
    true = np.array([["animal", "cow"], ["animal", "cat"]])
    pred = np.array([["animal", "cat"], ["animal", "cat"]])
    assert metrics.path_accuracy_score(true, pred, hierarchy) == 0.5


def test_no_documents_have_no_score():
    assert metrics.lca_precision_recall_f1([], [], TREE) == (0, 0, 0)
    assert metrics.coherence_score([], TREE) == 1


def test_columns_of_probabilities_are_those_of_fit_whatever_y_is_scored():
    # The order of the nodes is not that of the sorted classes.
    hierarchy = Hierarchy([], nodes=["b", "a"])
    X = np.repeat(np.eye(2), 30, axis=0)
    y = ["b"] * 30 + ["a"] * 30
    indicator = hierarchy.to_indicator([label] for label in y)
    scorer = metrics.get_scorer("document_average_precision")
    clf = HierarchicalLinearClassifier(hierarchy)
    for fitted_to in (y, indicator):
        clf.fit(X, fitted_to)
        assert clf.multilabel_ == (fitted_to is indicator)
        for scored in (y, indicator, indicator.toarray()):
            assert scorer(clf, X, scored) == 1


def test_indicators_stay_as_they_were():
    # Row 0 stores a cell in two parts, and neither row is sorted.
    values = np.array([1, 0, 1, 1, 1])
    parts = values, np.array([2, 2, 0, 4, 3]), np.array([0, 3, 5])
    Y = sparse.csr_array(parts, shape=(2, len(TREE)))
    for array in (Y.data, Y.indices, Y.indptr):
        array.setflags(write=False)
    for _ in range(2):
        assert metrics.hierarchical_precision_recall_f1(Y, Y, TREE)[2] == 1
    np.testing.assert_array_equal(Y.indices, [2, 2, 0, 4, 3])


@pytest.mark.parametrize("hierarchy", [None, {"a": ["b"]}, [("a", "b")]])
def test_what_is_no_hierarchy_is_named(hierarchy):
    y = [["a"], ["b"]]
    for measure in (
        metrics.hierarchical_precision_recall_f1,
        metrics.f1_score_per_level,
        metrics.path_accuracy_score,
        metrics.lca_precision_recall_f1,
        metrics.constrained_f1_score,
        inspection.classification_report,
    ):
        with pytest.raises(TypeError, match=r"must be a Hierarchy.*hierarchy_"):
            measure(y, y, hierarchy)
    with pytest.raises(TypeError, match="must be a Hierarchy"):
        metrics.coherence_score(y, hierarchy)
