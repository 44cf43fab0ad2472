"""The report along the hierarchy."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_recall_fscore_support

from sklearn_htc import Hierarchy
from sklearn_htc.inspection import classification_report
from sklearn_htc.inspection._node_scores import node_scores
from sklearn_htc.metrics import hierarchical_precision_recall_f1
from tests.conftest import random_dag

TRUE = [["cat"], ["cat"], ["dog"], ["oak"], ["fir"], ["fir"], ["herb"], ["cat"]]
PREDICTED = [["cat"], ["dog"], ["dog"], ["oak"], ["oak"], ["tree"], ["cat"], []]


def test_scores_of_nodes_are_scikit_learns():
    hierarchy = Hierarchy(random_dag(30, seed=1))
    n_nodes = len(hierarchy)
    rng = np.random.default_rng(0)
    rows = rng.random((2, 50, n_nodes)) < 0.05
    true, pred = (hierarchy.close(part.astype(int)) for part in rows)
    found = node_scores(true, pred, hierarchy)
    expected = precision_recall_fscore_support(true, pred, zero_division=0)
    occurs = true.sum(axis=0) + pred.sum(axis=0) > 0
    np.testing.assert_allclose(found.precision, expected[0])
    np.testing.assert_allclose(found.recall, expected[1])
    np.testing.assert_allclose(found.f1[occurs], expected[2][occurs])
    assert np.isnan(found.f1[~occurs]).all()
    np.testing.assert_array_equal(found.support, expected[3])
    for node in range(n_nodes):
        below = np.flatnonzero(hierarchy.ancestors[:, [node]].toarray().ravel())
        right = (true[:, below] * pred[:, below]).sum()
        total = true[:, below].sum() + pred[:, below].sum()
        if total:
            assert found.branch_f1[node] == pytest.approx(2 * right / total)
        else:
            assert np.isnan(found.branch_f1[node])


def test_the_weakest_branches_come_first(hierarchy):
    frame = classification_report(TRUE, PREDICTED, hierarchy, output="frame")
    assert isinstance(frame, pd.DataFrame)
    labels = frame.index.tolist()
    assert set(labels) == set(hierarchy.nodes)
    for node in hierarchy.nodes:
        children = [
            hierarchy.nodes[i]
            for i in hierarchy.children[hierarchy.index([node])].indices
        ]
        order = sorted(children, key=labels.index)
        f1 = frame.loc[order, "branch_f1"].to_numpy()
        assert np.all(np.diff(f1) >= 0)
        assert all(labels.index(child) > labels.index(node) for child in children)
    # A branch stands in one piece.
    first = labels.index("plant")
    assert set(labels[first : first + 5]) == {"plant", "tree", "oak", "fir", "herb"}


def test_text_has_a_line_per_node(hierarchy):
    text = classification_report(TRUE, PREDICTED, hierarchy)
    lines = text.splitlines()
    assert len(lines) == 9
    assert lines[0].split() == ["precision", "recall", "f1", "branch", "support"]
    dog = next(line for line in lines if "dog" in line)
    assert dog.split() == ["dog", "0.50", "1.00", "0.67", "0.67", "1"]
    assert dog.startswith("  dog")
    short = classification_report(TRUE, PREDICTED, hierarchy, max_nodes=2)
    assert short.splitlines()[1].split() == lines[1].split()
    assert len(short.splitlines()) == 3


def test_names_of_paths_are_short_and_nodes_that_do_not_occur_are_left_out():
    hierarchy = Hierarchy.from_table([["a", "x"], ["b", "x"], ["c", "z"]])
    y = [[("a", "x")], [("b", "x")]]
    text = classification_report(y, y, hierarchy)
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["a", "x", "b", "x"]
    frame = classification_report(y, y, hierarchy, output="frame")
    assert frame.index.tolist() == [("a",), ("a", "x"), ("b",), ("b", "x")]


def test_other_outputs_are_refused(hierarchy):
    with pytest.raises(ValueError, match="output must be 'text' or 'frame'"):
        classification_report(TRUE, PREDICTED, hierarchy, output="html")


def test_a_node_with_two_parents_stands_below_one_of_them():
    # The longest way to c is over b, whose branch is better than that of x.
    hierarchy = Hierarchy([("a", "x"), ("x", "c"), ("a", "b"), ("b", "d"), ("d", "c")])
    y_true, y_pred = [["c"], *[["b"]] * 9], [["x"], *[["b"]] * 9]
    text = classification_report(y_true, y_pred, hierarchy)
    lines = [line[:8].rstrip() for line in text.splitlines()[1:]]
    assert lines == ["a", "  x", "    c", "  b", "    d"]


def test_branches_count_unknown_paths_as_the_metrics_do():
    known = Hierarchy.from_table([["animal", "cat"], ["animal", "dog"]])
    true, pred = np.array([["animal", "cow"]]), np.array([["animal", "cat"]])
    found = node_scores(true, pred, known)
    expected = hierarchical_precision_recall_f1(true, pred, known)[2]
    assert found.branch_f1[0] == pytest.approx(expected)
    np.testing.assert_array_equal(found.support, [1, 0, 0])
