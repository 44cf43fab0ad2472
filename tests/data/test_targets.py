"""Every form of Y: what is learned, what is refused, and the way back."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_htc import Hierarchy
from sklearn_htc.data.targets import TargetEncoder

ROWS = [["oak"], ["cat", "dog"], []]


def forms(hierarchy):
    """Return the same labels in each form that several labels per document can take."""
    closed = hierarchy.to_indicator(ROWS)
    return {
        "dense": closed.toarray(),
        "frame": pd.DataFrame(closed.toarray(), columns=list(hierarchy.nodes)),
        "frame without names": pd.DataFrame(closed.toarray()),
        "bool": closed.toarray().astype(bool),
        "objects": closed.toarray().astype(object),
        "float": closed.toarray().astype(float),
        "lists of lists": closed.toarray().tolist(),
        "list of bool arrays": list(closed.toarray().astype(bool)),
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


@pytest.mark.parametrize("hierarchy", [None, Hierarchy([], nodes=[1, "a"])])
def test_collections_tell_true_from_1(hierarchy):
    Y = [[True], ["a"]] if hierarchy else [[True], [1], ["a"]]
    with pytest.raises(ValueError, match="equal to"):
        TargetEncoder.fit(Y, hierarchy).transform(Y)


@pytest.mark.parametrize("hierarchy", [None, Hierarchy([], nodes=["a", "b"])])
@pytest.mark.parametrize("label", [["b"], {"b"}])
def test_labels_in_collections_are_hashable(label, hierarchy):
    with pytest.raises(ValueError, match=r"Document 1 .* must be hashable"):
        TargetEncoder.fit([["a"], [label]], hierarchy).transform([["a"], [label]])


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
        (np.array([["plant", "elm"]]), r"Row 0 .* path \('plant', 'elm'\)"),
        (pd.DataFrame({"a": ["plant"], "b": ["cat"]}), "Row 0 of the table"),
        (np.ones((2, 2, 2)), r"shape \(2, 2, 2\)"),
        ("oak", "must be array-like"),
        (3, "must be array-like"),
        ([0.5, 0.7], "Unknown label 0.5"),
        ((label for label in ["oak"]), r"is a generator.*list\(Y\)"),
    ],
)
def test_bad_targets_are_named(hierarchy, Y, message):
    with pytest.raises(ValueError, match=message):
        TargetEncoder.fit(Y, hierarchy).transform(Y)


@pytest.mark.parametrize(
    ("y", "message"), [([0.5, np.inf], "infinity"), ([0.5, 0.7], "Unknown label type")]
)
def test_measurements_are_no_labels_without_a_hierarchy(y, message):
    with pytest.raises(ValueError, match=message):
        TargetEncoder.fit(y, None)


HASHABLE = {
    "bytes": [b"a", b"b\0", b"c"],
    "fractions": [0.5, 1.5, -2.0],
    "sets": [frozenset("ab"), frozenset("bc"), frozenset()],
    "tuples": [("a",), ("a", "b"), (1, 2, 3)],
    "huge": [10**30, 10**31, -(10**40)],
    "mixed": ["a", 1, 2.5],
    "text beside its number": ["1", 1, "1.0"],
}


def back_and_forth(y, hierarchy):
    """Learn labels, and return what becomes of them, with their types."""
    encoder = TargetEncoder.fit(y, hierarchy)
    back = encoder.inverse_transform(encoder.transform(y))
    assert encoder.equal(y, back).all()
    return [(type(label), label) for label in back.tolist()]


@pytest.mark.parametrize("kind", list(HASHABLE))
def test_any_hashable_label_comes_back_as_it_was(kind):
    nodes = HASHABLE[kind]
    y = [nodes[i] for i in (2, 1, 0, 2)]
    expected = [(type(label), label) for label in y]
    hierarchy = Hierarchy([(nodes[0], nodes[2])], nodes=nodes)
    assert back_and_forth(y, hierarchy) == expected
    # Otherwise sets and tuples are collections, and fractions are measurements.
    if kind not in ("sets", "tuples", "fractions"):
        assert back_and_forth(y, None) == expected


def test_a_label_that_was_not_learned_is_equal_to_none(hierarchy):
    encoder = TargetEncoder.fit(["oak", "cat"], hierarchy)
    predicted = np.array(["oak", "cat", "cat"])
    equal = encoder.equal(["oak", "no node", "oak"], predicted)
    assert equal.tolist() == [True, False, False]


def test_lists_of_0_and_1_are_read_as_they_were_at_first():
    hierarchy = Hierarchy([(0, 1)])
    encoder = TargetEncoder.fit([[1], [0]], hierarchy)
    assert encoder.transform([[0, 1], [0, 1]]).toarray().tolist() == [[1, 1], [1, 1]]
    encoder = TargetEncoder.fit([[1, 0], [1, 1]], hierarchy)
    assert encoder.transform([[1, 0], [1, 1]]).toarray().tolist() == [[1, 0], [1, 1]]


def test_truth_values_are_labels():
    encoder = TargetEncoder.fit([True, False], Hierarchy([], nodes=[False, True]))
    back = encoder.inverse_transform(encoder.transform([False, True, True]))
    assert back.tolist() == [False, True, True]


@pytest.mark.parametrize("y", [[True, 1, "a"], [True, 1, 2], [False, 0]])
def test_truth_values_beside_the_numbers_they_are_equal_to_are_refused(y):
    with pytest.raises(ValueError, match="in Python it is equal to"):
        TargetEncoder.fit(y, None)
    with pytest.raises(ValueError, match="in Python it is equal to"):
        TargetEncoder.fit([True, False], Hierarchy([], nodes=[0, 1]))


def test_missing_dates_are_named():
    dates = pd.to_datetime(["2020-01-01", None])
    for y in (pd.Series(dates), dates.to_numpy(), [np.datetime64("NaT"), "a"]):
        with pytest.raises(ValueError, match="has a missing label"):
            TargetEncoder.fit(y, None)


def test_the_order_of_sets_does_not_depend_on_their_hashes():
    labels = [frozenset(pair) for pair in ("cd", "ab", "bc", "a")]
    hierarchy = Hierarchy([], nodes=labels)
    classes = TargetEncoder.fit(labels, hierarchy).classes.tolist()
    assert classes == [frozenset(pair) for pair in ("ab", "a", "bc", "cd")]


def test_a_frame_is_answered_by_a_frame(hierarchy):
    closed = hierarchy.to_indicator(ROWS)
    frame = pd.DataFrame(closed.toarray(), columns=list(hierarchy.nodes))
    encoder = TargetEncoder.fit(frame, hierarchy)
    pd.testing.assert_frame_equal(encoder.inverse_transform(closed), frame)
    X = pd.Series(["one", "two", "three"], index=[7, 8, 9])
    indexed = encoder.inverse_transform(closed, X)
    pd.testing.assert_frame_equal(indexed, frame.set_axis([7, 8, 9]))


def test_nodes_that_are_tuples_stay_columns_of_a_frame():
    hierarchy = Hierarchy.from_paths([("a", "x"), ("b",)])
    closed = hierarchy.to_indicator([[("a", "x")], [("b",)]])
    frame = pd.DataFrame(
        closed.toarray(), columns=pd.Index(hierarchy.nodes, tupleize_cols=False)
    )
    encoder = TargetEncoder.fit(frame, hierarchy)
    pd.testing.assert_frame_equal(encoder.inverse_transform(closed), frame)
    assert encoder.equal(frame, encoder.inverse_transform(closed)).all()


def test_a_column_of_ones_is_one_label(hierarchy):
    column = np.ones((3, 1))
    with pytest.warns(Warning, match="column-vector"):
        encoder = TargetEncoder.fit(column, None)
    with pytest.warns(Warning, match="column-vector"):
        closed = encoder.transform(column)
    assert closed.toarray().tolist() == [[1], [1], [1]]
    assert encoder.classes.tolist() == [1.0]


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


def test_labels_that_can_be_read_once_are_refused():
    y = [map(str.strip, cell.split(";")) for cell in ["b; a", "a", "b"]]
    with pytest.raises(ValueError, match="labels of document 0 are a map"):
        TargetEncoder.fit(y, Hierarchy([], nodes=["a", "b"]))


@pytest.mark.parametrize("outer", [list, tuple])
@pytest.mark.parametrize("inner", [list, tuple, np.array])
def test_zeros_and_ones_are_an_indicator_in_lists_and_in_tuples(outer, inner):
    rows = [[1, 0, 1], [0, 1, 0], [1, 1, 0]]
    Y = outer(inner(row) for row in rows)
    # 0 and 1 are nodes, too.
    for hierarchy in (None, Hierarchy([], nodes=[0, 1, 2])):
        encoder = TargetEncoder.fit(Y, hierarchy)
        assert encoder.kind == "dense"
        np.testing.assert_array_equal(encoder.transform(Y).toarray(), rows)
    with pytest.raises(ValueError, match=r"indicator of 3 columns, but .* 4 nodes"):
        TargetEncoder.fit(Y, Hierarchy([], nodes=range(4)))
    pairs = outer(inner(row) for row in [[0, 1], [1, 0]])
    assert TargetEncoder.fit(pairs, Hierarchy([], nodes=range(4))).kind == "collections"


@pytest.mark.parametrize("nodes", [[(0, 1), (1, 0)], [(0, 1, 0), (1, 0, 0)]])
def test_labels_that_are_tuples_of_zeros_and_ones_are_labels(nodes):
    encoder = TargetEncoder.fit(nodes, Hierarchy([], nodes=nodes))
    assert encoder.kind == "labels"
    np.testing.assert_array_equal(encoder.transform(nodes).toarray(), np.eye(2))


def test_a_table_of_zeros_and_ones_is_no_indicator_of_another_width():
    rows = [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    hierarchy = Hierarchy.from_table(rows)
    encoder = TargetEncoder.fit(rows, hierarchy)
    assert encoder.kind == "table"
    assert encoder.transform(rows).sum(axis=1).tolist() == [3, 3, 3]


@pytest.mark.parametrize("halves", [(0.5, 0.5), (1, -1), (1, 0)])
def test_a_cell_that_is_stored_twice_holds_the_sum(halves, hierarchy):
    n_nodes, value = len(hierarchy), sum(halves)
    rows, columns = np.array([0, 0, 1]), np.array([1, 1, 0])
    parts = (np.array([*halves, 1.0]), columns, np.array([0, 2, 3]))
    twice = sparse.csr_array(parts, shape=(2, n_nodes))
    expected = np.zeros((2, n_nodes))
    expected[rows, columns] = [value, value, 1]
    targets = TargetEncoder.fit(twice, hierarchy)
    np.testing.assert_array_equal(
        targets.transform(twice).toarray(), hierarchy.close(expected)
    )
    assert hierarchy.to_labels(twice) == hierarchy.to_labels(expected)
    assert twice.nnz == 3
