"""Every form of Y: what is learned, what is refused, and the way back."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_htc import Hierarchy
from sklearn_htc.data.targets import TargetEncoder

ROWS = [["oak"], ["cat", "dog"], []]


def forms(hierarchy):
    """Return the same labels in each form that several labels a document can take."""
    closed = hierarchy.to_indicator(ROWS)
    return {
        "dense": closed.toarray(),
        "frame": pd.DataFrame(closed.toarray(), columns=list(hierarchy.nodes)),
        "frame without names": pd.DataFrame(closed.toarray()),
        "bool": closed.toarray().astype(bool),
        "objects": closed.toarray().astype(object),
        "float": closed.toarray().astype(float),
        "lists of lists": closed.toarray().tolist(),
        "csr": closed,
        "csc": sparse.csc_matrix(closed),
        "collections": ROWS,
        "tuples": [tuple(row) for row in ROWS],
        "sets": [set(row) for row in ROWS],
        "arrays": [np.array(row, dtype=object) for row in ROWS],
        "series": pd.Series(ROWS),
    }


@pytest.mark.parametrize(
    "form", list(forms(Hierarchy([("oak", "cat"), ("oak", "dog")])))
)
def test_every_form_becomes_the_same_closed_indicator(hierarchy, form):
    Y = forms(hierarchy)[form]
    encoder = TargetEncoder.fit(Y, hierarchy)
    expected = hierarchy.to_indicator(ROWS).toarray()
    np.testing.assert_array_equal(encoder.transform(Y).toarray(), expected)
    np.testing.assert_array_equal(encoder.classes, np.arange(8))
    assert encoder.is_multilabel


def test_predictions_come_back_in_the_form_of_y(hierarchy):
    closed = hierarchy.to_indicator(ROWS)
    dense = TargetEncoder.fit(closed.toarray(), hierarchy).inverse_transform(closed)
    assert isinstance(dense, np.ndarray)
    assert dense.shape == (3, 8)
    csr = TargetEncoder.fit(closed, hierarchy).inverse_transform(closed)
    assert isinstance(csr, sparse.csr_array)
    lists = TargetEncoder.fit(ROWS, hierarchy).inverse_transform(closed)
    assert lists == hierarchy.to_labels(closed)


@pytest.mark.parametrize(
    "y",
    [
        ["oak", "cat", "plant"],
        np.array(["oak", "cat", "plant"]),
        np.array(["oak", "cat", "plant"], dtype=object),
        pd.Series(["oak", "cat", "plant"]),
    ],
)
def test_one_label_a_document(hierarchy, y):
    encoder = TargetEncoder.fit(y, hierarchy)
    assert not encoder.is_multilabel
    assert encoder.classes.tolist() == ["cat", "oak", "plant"]
    indicator = encoder.transform(y)
    expected = hierarchy.to_indicator([["oak"], ["cat"], ["plant"]])
    np.testing.assert_array_equal(indicator.toarray(), expected.toarray())
    assert encoder.inverse_transform(expected).tolist() == list(y)


def test_labels_that_are_tuples_are_no_collections():
    hierarchy = Hierarchy.from_paths([("a", "x"), ("b", "x")])
    y = [("a", "x"), ("b", "x"), ("a",)]
    encoder = TargetEncoder.fit(y, hierarchy)
    assert encoder.kind == "labels"
    assert encoder.inverse_transform(encoder.transform(y).astype(int)).tolist() == y
    several = [[("a", "x")], [("b", "x"), ("a",)]]
    assert TargetEncoder.fit(several, hierarchy).kind == "collections"


def test_without_hierarchy_the_labels_of_y_are_the_nodes():
    assert TargetEncoder.fit([3, 1, 3], None).hierarchy.nodes == (1, 3)
    assert TargetEncoder.fit([["b"], ["a", "b"]], None).hierarchy.nodes == ("a", "b")
    assert TargetEncoder.fit(np.eye(3), None).hierarchy.nodes == (0, 1, 2)
    frame = pd.DataFrame(np.eye(2), columns=["b", "a"])
    assert TargetEncoder.fit(frame, None).hierarchy.nodes == ("b", "a")
    mixed = TargetEncoder.fit([["b"], [1]], None).hierarchy
    assert set(mixed.nodes) == {"b", 1}


def test_a_column_is_labels_unless_the_hierarchy_has_one_node():
    column = np.array([[0], [1], [1]])
    with pytest.warns(Warning, match="column-vector"):
        assert TargetEncoder.fit(column, None).kind == "labels"
    one = Hierarchy([], nodes=["only"])
    assert TargetEncoder.fit(column, one).kind == "dense"


def test_a_piece_of_labels_needs_classes_or_a_hierarchy(hierarchy):
    with pytest.raises(ValueError, match="classes must be passed"):
        TargetEncoder.fit(["a", "b"], None, piecewise=True)
    encoder = TargetEncoder.fit(["oak"], hierarchy, piecewise=True)
    assert sorted(encoder.classes) == sorted(hierarchy.nodes)
    given = TargetEncoder.fit(["a"], None, classes=["b", "a"], piecewise=True)
    assert given.classes.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        (np.ones((2, 7)), r"shape \(2, 7\), but the hierarchy has 8 nodes"),
        (np.full((2, 8), 0.5), "holds .*0.5.*only 0 and 1"),
        (sparse.csr_array(2 * np.eye(8)), "only 0 and 1"),
        (np.full((2, 8), np.nan), "contains NaN"),
        ([["oak"], ["cow"]], "Unknown label 'cow'"),
        (["oak", "cow"], "Unknown label 'cow'"),
        (["oak", ["cat"]], "mixes kinds: document 0 .* document 1"),
        (["oak", None], "Document 1 has a missing label, None"),
        (["oak", np.nan], "Document 1 has a missing label, nan"),
        (pd.Series(["oak", None], dtype="string"), "missing label, <NA>"),
        ([["oak"], ["cat", np.nan]], "Document 1 has a missing label, nan"),
        ([["oak"], None], "Document 1 has a missing label, None"),
        (np.array([["plant", "oak"]]), "Y holds text, 'plant'.*label collections"),
        (pd.DataFrame({"a": ["plant"], "b": ["oak"]}), "Y holds text, 'plant'"),
        (np.ones((2, 2, 2)), r"shape \(2, 2, 2\)"),
        ("oak", "must be array-like"),
        (3, "must be array-like"),
        ([0.5, np.inf], "infinity"),
        ([0.5, 0.7], "Unknown label type"),
    ],
)
def test_bad_targets_are_named(hierarchy, Y, message):
    with pytest.raises(ValueError, match=message):
        TargetEncoder.fit(Y, hierarchy).transform(Y)


@pytest.mark.parametrize("nodes", [list("bca"), [2, 3, 1], [2, 0, 1]])
def test_columns_of_a_frame_in_another_order_are_refused(nodes):
    hierarchy = Hierarchy([], nodes=nodes)
    named = pd.DataFrame(np.eye(3, dtype=int), columns=nodes)
    encoder = TargetEncoder.fit(named, hierarchy)
    for frame in (named[sorted(nodes)], named[nodes[:2]]):
        with pytest.raises(ValueError, match=r"another order. Pass Y\.reindex"):
            encoder.transform(frame)
        mended = frame.reindex(columns=list(hierarchy.nodes), fill_value=0)
        expected = named.to_numpy() * np.isin(nodes, frame.columns)
        np.testing.assert_array_equal(encoder.transform(mended).toarray(), expected)
    other = named.rename(columns={nodes[0]: "other"})
    with pytest.raises(ValueError, match="column 'other', which is not a node"):
        encoder.transform(other)
    as_array = encoder.transform(other.to_numpy()).toarray()
    np.testing.assert_array_equal(as_array, np.eye(3))


def test_another_form_than_at_fit_is_refused(hierarchy):
    encoder = TargetEncoder.fit(ROWS, hierarchy)
    with pytest.raises(ValueError, match="is given as an indicator, but earlier"):
        encoder.transform(hierarchy.to_indicator(ROWS))


def test_nothing_but_empty_collections_is_refused():
    with pytest.raises(ValueError, match="No document has a label"):
        TargetEncoder.fit([[], []], None)


def test_errors_shorten_a_label_of_a_megabyte(hierarchy):
    encoder = TargetEncoder.fit(["cat", "dog"], hierarchy)
    with pytest.raises(ValueError, match="Unknown label") as error:
        encoder.transform(["x" * 10**6])
    assert len(str(error.value)) < 300
