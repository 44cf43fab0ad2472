"""The label graph: constructors, closing, coherence, prior, and errors."""

import itertools
import os
import pickle
import subprocess
import sys

import networkx
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.ensemble import BaggingClassifier
from sklearn.preprocessing import LabelEncoder, MultiLabelBinarizer

from sklearn_htc import HierarchicalLinearClassifier, Hierarchy
from sklearn_htc.hierarchy import as_hierarchy
from sklearn_htc.labels import short_repr
from tests.conftest import TREE, random_dag, random_tree


def ancestors_of(hierarchy, node):
    """Walk up one node at a time."""
    found, waiting = set(), [node]
    while waiting:
        current = waiting.pop()
        found.add(current)
        waiting.extend(hierarchy.parents[[current]].indices.tolist())
    return found


def test_default_order_is_by_level_then_by_first_appearance():
    hierarchy = Hierarchy([("b", "x"), ("a", "y"), ("x", "z"), ("a", "w")])
    assert hierarchy.nodes == ("b", "a", "x", "y", "w", "z")
    assert hierarchy.levels.tolist() == [0, 0, 1, 1, 1, 2]
    assert hierarchy.roots.tolist() == [0, 1]
    assert hierarchy.leaves.tolist() == [3, 4, 5]


def test_nodes_fix_the_order_and_add_isolated_nodes():
    hierarchy = Hierarchy([("a", "b")], nodes=["b", "alone", "a"])
    assert hierarchy.nodes == ("b", "alone", "a")
    assert hierarchy.levels.tolist() == [1, 0, 0]
    assert hierarchy.roots.tolist() == [1, 2]
    assert hierarchy.leaves.tolist() == [0, 1]


def test_parents_and_children_are_transposed_csr(dag):
    names = dag.nodes
    assert isinstance(dag.parents, sparse.csr_array)
    assert (dag.parents != dag.children.T).nnz == 0
    pairs = {(names[j], names[i]) for i, j in zip(*dag.parents.nonzero(), strict=True)}
    assert pairs == {("a", "b"), ("a", "d"), ("b", "d"), ("d", "e"), ("c", "f")}
    assert not dag.is_tree


def test_level_is_the_longest_path_from_a_root(dag):
    level = dict(zip(dag.nodes, dag.levels.tolist(), strict=True))
    assert level == {"a": 0, "b": 1, "c": 0, "d": 2, "e": 3, "f": 1}


def test_from_dict_keeps_nodes_without_children():
    hierarchy = Hierarchy.from_dict({"science": ["physics"], "sport": []})
    assert hierarchy.nodes == ("science", "sport", "physics")
    assert hierarchy.is_tree


@pytest.mark.parametrize("children", ["physics", {"physics": "optics"}, 3])
def test_from_dict_refuses_children_that_are_no_collection(children):
    with pytest.raises(TypeError, match=r"children of '(science|physics)'"):
        Hierarchy.from_dict({"science": children})


def test_nested_mappings_are_the_same_graph():
    nested = {"a": {"b": {"c": ["d", "e"]}, "f": None}, "g": {}}
    flat = {"a": ["b", "f"], "b": ["c"], "c": ["d", "e"], "g": []}
    hierarchy = Hierarchy.from_dict(nested)
    assert hierarchy == Hierarchy.from_dict(flat)
    assert Hierarchy.from_dict(hierarchy.to_dict()) == hierarchy


@pytest.mark.parametrize(
    "children",
    [{"a": {"x": ["1"]}, "b": {"x": ["2"]}}, {"a": {"x": []}, "x": ["y"]}],
)
def test_a_name_in_two_places_of_nested_mappings_is_refused(children):
    with pytest.raises(ValueError, match="'x' stands in two places"):
        Hierarchy.from_dict(children)


TABLE = [["a", "x", "1"], ["b", "x", None], ["a", "y", ""], ["c", np.nan, pd.NA]]


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        pd.DataFrame(TABLE),
        np.array(TABLE, dtype=object),
        [["a", "x", "1"], ("b", "x"), ["a", "y"], ["c"], ["a", "x"]],
    ],
)
def test_equal_names_under_different_parents_of_a_table_stay_apart(table):
    hierarchy = Hierarchy.from_table(table)
    assert hierarchy.nodes == (
        *(("a",), ("b",), ("c",)),
        *(("a", "x"), ("b", "x"), ("a", "y"), ("a", "x", "1")),
    )
    assert hierarchy.to_table().tolist() == [
        ["c", None, None],
        ["b", "x", None],
        ["a", "y", None],
        ["a", "x", "1"],
    ]
    again = Hierarchy.from_table(hierarchy.to_table())
    assert set(again.nodes) == set(hierarchy.nodes)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([["a", "", "b"]], r"Row 0 .* label below a missing one: \['a', '', 'b'\]"),
        ([["a"], [None, np.nan]], "Row 1 of the table has no label"),
        (["a", "b"], "one column per level is needed"),
        ("ab", "one column per level is needed"),
        (np.array(["a", "b"]), "one column per level is needed"),
        (sparse.csr_array(np.eye(2)), "can't be sparse"),
    ],
)
def test_what_is_no_table_is_refused(table, message):
    with pytest.raises(ValueError, match=message):
        Hierarchy.from_table(table)


def test_paths_hold_the_names_from_a_root(hierarchy, dag):
    paths = dict(zip(hierarchy.nodes, hierarchy.paths, strict=True))
    for node, path in paths.items():
        assert path[-1] == node
        above = hierarchy.to_labels(hierarchy.to_indicator([[node]]))[0]
        assert set(path) == set(above)
        assert [hierarchy.levels[hierarchy.index([n])[0]] for n in path] == list(
            range(len(path))
        )
    assert hierarchy.to_table().shape == (
        len(hierarchy.leaves),
        hierarchy.levels.max() + 1,
    )
    with pytest.raises(ValueError, match="several parents"):
        dag.to_table()


def test_networkx_and_back(dag):
    graph = dag.to_networkx()
    assert list(graph.nodes) == list(dag.nodes)
    assert Hierarchy.from_networkx(graph) == dag


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_labels_are_refused(missing):
    with pytest.raises(ValueError, match=r"Edge .* lacks a label"):
        Hierarchy([("science", "physics"), (missing, "science")])
    with pytest.raises(ValueError, match="can't be a label"):
        Hierarchy([], nodes=["science", missing])
    with pytest.raises(ValueError, match="Path 1 is missing"):
        Hierarchy.from_paths(pd.Series(["a/b", missing], dtype=object))
    with pytest.raises(TypeError, match="sequence of labels, got 3"):
        Hierarchy.from_paths([3])
    with pytest.raises(ValueError, match=r"empty name in path \['a', "):
        Hierarchy.from_paths([["a", missing]])


def test_from_paths_keeps_equal_names_under_different_parents_apart():
    hierarchy = Hierarchy.from_paths(["a/x/y", "b/x"])
    assert hierarchy.nodes == ("a", "b", "a/x", "b/x", "a/x/y")
    tuples = Hierarchy.from_paths([("a", 1), ("b", 1)])
    assert tuples.nodes == (("a",), ("b",), ("a", 1), ("b", 1))


def test_cells_with_several_paths_become_collections():
    column = pd.Series(["a > b; a > c", "d", "a > b"])
    y = [[path.strip() for path in cell.split(";")] for cell in column]
    hierarchy = Hierarchy.from_paths(itertools.chain(*y), separator=" > ")
    Y = hierarchy.to_indicator(y)
    assert hierarchy.to_labels(Y, most_specific=True) == [
        ["a > b", "a > c"],
        ["d"],
        ["a > b"],
    ]


def test_what_a_binarizer_makes_has_its_columns():
    binarizer = MultiLabelBinarizer()
    Y = binarizer.fit_transform([["cat", "animal"], ["animal"], ["dog", "animal"]])
    edges = [("animal", "cat"), ("animal", "dog")]
    hierarchy = Hierarchy(edges, nodes=binarizer.classes_)
    assert hierarchy.to_labels(Y, most_specific=True) == [["cat"], ["animal"], ["dog"]]
    assert hierarchy.is_coherent(Y)


def test_from_paths_takes_another_separator_and_refuses_empty_names():
    assert Hierarchy.from_paths(["a > b"], separator=" > ").nodes == ("a", "a > b")
    with pytest.raises(ValueError, match="empty name in path 'a//b'"):
        Hierarchy.from_paths(["a//b"])


def test_from_taxonomy_reads_children_on_one_line_or_several(tmp_path):
    path = tmp_path / "taxonomy"
    text = "Root\ta\tb\nRoot\tc\na\tx\ty\n\nalone\n"
    path.write_text(text, encoding="utf8")
    hierarchy = Hierarchy.from_taxonomy(path)
    assert hierarchy.nodes == ("a", "b", "c", "alone", "x", "y")
    assert hierarchy.to_labels(hierarchy.to_indicator([["y"]])) == [["a", "y"]]


def test_from_taxonomy_makes_no_label_of_a_byte_order_mark(tmp_path):
    path = tmp_path / "taxonomy"
    path.write_text("Root\ta\na\tx\n", encoding="utf-8-sig")
    assert Hierarchy.from_taxonomy(path).nodes == ("a", "x")


LABELS = [b"x", 2.5, frozenset({1}), frozenset(), ("a", 1), (), True, np.int64(7)]


@pytest.mark.parametrize("label", LABELS, ids=repr)
def test_labels_are_of_any_hashable_type(label):
    hierarchy = Hierarchy.from_dict({"top": [label], label: [(label,)]})
    assert hierarchy == Hierarchy([("top", label), (label, (label,))])
    assert hierarchy.index([label]).tolist() == [1]
    assert label in hierarchy
    Y = hierarchy.to_indicator([[label], {(label,)}, (label for label in [label])])
    assert Y.toarray().tolist() == [[1, 1, 0], [1, 1, 1], [1, 1, 0]]
    assert hierarchy.to_labels(Y[:1]) == [["top", label]]
    assert hierarchy.to_labels(Y, most_specific=True)[1] == [(label,)]


def test_equal_numbers_of_several_types_are_one_label():
    hierarchy = Hierarchy([(3, "a"), (np.int64(3), "b"), (3.0, "c")])
    assert hierarchy.nodes == (3, "a", "b", "c")
    assert hierarchy.index(np.array([3])).tolist() == [0]


@pytest.mark.parametrize("labels", [(True, 1), (0, np.False_), (("x", 1), ("x", True))])
def test_a_truth_value_beside_its_number_is_refused(labels):
    first, second = labels
    message = "Duplicate node .* in Python it is equal to"
    for make in (
        lambda: Hierarchy([(first, "a"), (second, "b")]),
        lambda: Hierarchy([], nodes=[first, second]),
        lambda: Hierarchy([(first, "a")], nodes=[second, "a"]),
        lambda: Hierarchy.from_dict({first: ["a"], "b": [second]}),
        lambda: Hierarchy.from_paths([["a", first], ["a", second]]),
    ):
        with pytest.raises(ValueError, match=message):
            make()


@pytest.mark.parametrize("edge", [{"a", "b"}, {"a": 1, "b": 2}])
def test_edges_without_an_order_are_refused(edge):
    with pytest.raises(TypeError, match=r"must be a \(parent, child\) pair"):
        Hierarchy([edge])


def test_a_string_is_no_list_of_labels(hierarchy):
    letters = Hierarchy([], nodes=["c", "a", "t"])
    for call, what in (
        (lambda: Hierarchy([], nodes="cat"), "nodes must be a list"),
        (lambda: Hierarchy.from_paths("cat"), "paths must be a list"),
        (lambda: Hierarchy.from_paths([b"cat"]), "A path must be a string"),
        (lambda: letters.index("cat"), "labels must be a list"),
        (lambda: letters.to_indicator(["cat"]), "document 0 must be a collection"),
        (lambda: letters.to_indicator([{"a": 0}]), "document 0 must be a collection"),
        (lambda: letters.to_indicator([["a"], [["c"]]]), r"hashable, got \['c'\]"),
    ):
        with pytest.raises(TypeError, match=what):
            call()


def test_from_networkx_needs_a_directed_graph():
    graph = networkx.DiGraph([("a", "b"), ("a", "c")])
    assert Hierarchy.from_networkx(graph) == Hierarchy([("a", "b"), ("a", "c")])
    with pytest.raises(ValueError, match="directed"):
        Hierarchy.from_networkx(networkx.Graph([("a", "b")]))


def test_as_hierarchy_accepts_every_form():
    expected = Hierarchy([("a", "b")])
    graph = networkx.DiGraph([("a", "b")])
    for value in [expected, {"a": ["b"]}, [("a", "b")], graph]:
        assert as_hierarchy(value) == expected
    with pytest.raises(TypeError, match="hierarchy must be"):
        as_hierarchy("a/b")


@pytest.mark.parametrize(
    ("edges", "nodes", "error", "culprit"),
    [
        ([("r", "a"), ("a", "b"), ("b", "a")], None, ValueError, "'b' -> 'a' -> 'b'"),
        ([("a", "a")], None, ValueError, "cycle: 'a' -> 'a'"),
        ([("a", "b"), ("a", "b")], None, ValueError, "edge ('a', 'b')"),
        ([("a", "b")], ["a", "b", "a"], ValueError, "node 'a'"),
        ([("a", "b")], ["a"], ValueError, "label 'b'"),
        ([], None, ValueError, "at least one node"),
        ([("a", ["b"])], None, TypeError, "['b']"),
        ([("a", "b", "c")], None, TypeError, "('a', 'b', 'c')"),
        (["ab"], None, TypeError, "'ab'"),
    ],
)
def test_bad_graphs_name_the_culprit(edges, nodes, error, culprit):
    with pytest.raises(error) as caught:
        Hierarchy(edges, nodes=nodes)
    assert culprit in str(caught.value)


@pytest.mark.parametrize("edges", [random_tree(60, 1), random_dag(60, 2)])
def test_close_equals_walking_up_node_by_node(edges):
    hierarchy = Hierarchy(edges)
    rng = np.random.default_rng(0)
    Y = (rng.random((40, 60)) < 0.05).astype(np.int8)
    expected = np.zeros_like(Y)
    for row, node in zip(*Y.nonzero(), strict=True):
        expected[row, list(ancestors_of(hierarchy, node))] = 1
    closed = hierarchy.close(Y)
    np.testing.assert_array_equal(closed, expected)
    assert closed.dtype == np.int8
    from_csr = hierarchy.close(sparse.csr_array(Y))
    assert sparse.issparse(from_csr)
    np.testing.assert_array_equal(from_csr.toarray(), expected)
    assert hierarchy.is_coherent(closed)
    assert hierarchy.is_coherent(from_csr)
    assert not hierarchy.is_coherent(Y)
    assert not hierarchy.is_coherent(sparse.csr_array(Y))


def test_close_ignores_stored_zeros(hierarchy):
    Y = hierarchy.to_indicator([["oak"]])
    Y.data[:] = 0
    assert hierarchy.close(Y).nnz == 0


@pytest.mark.parametrize("wrong", ["cat", "0", None, np.nan])
def test_what_is_no_number_is_no_label(hierarchy, wrong):
    Y = np.zeros((2, 8), dtype=object)
    Y[1, 3] = wrong
    for method in (hierarchy.close, hierarchy.to_labels, hierarchy.prior):
        with pytest.raises(ValueError, match=r"Y holds .*, but an indicator holds"):
            method(Y)
    with pytest.raises(ValueError, match="Y holds 'cat'"):
        hierarchy.close(np.full((2, 8), "cat"))
    with pytest.raises(ValueError, match="Y holds NaN"):
        hierarchy.close(sparse.csr_array([[np.nan] + [0] * 7]))


def test_prior_needs_one_count_per_node(hierarchy):
    with pytest.raises(ValueError, match=r"counts has shape \(9,\).* 8 nodes"):
        hierarchy.prior_from_counts(np.ones(9))


@pytest.mark.parametrize(
    "y",
    [
        ["oak", "cat", "plant", "cat"],
        np.array(["oak", "cat", "plant"]),
        np.array(["oak", "cat", "plant"], dtype=object),
        pd.Series(["oak", "cat", "plant"], dtype="category"),
    ],
    ids=["list", "array", "objects", "categories"],
)
def test_encoded_names_nodes_as_label_encoder_does(hierarchy, y):
    encoded = hierarchy.encoded(y)
    for label, i in zip(y, LabelEncoder().fit_transform(y), strict=True):
        assert encoded.index([i]).tolist() == hierarchy.index([label]).tolist()
    others = [(name,) for name in hierarchy.nodes if name not in set(y)]
    assert [name for name in encoded.nodes if isinstance(name, tuple)] == others
    for before, after in zip(hierarchy.edges, encoded.edges, strict=True):
        np.testing.assert_array_equal(before, after)


def test_encoded_sorts_numbers_and_tuples_by_value():
    numbers = Hierarchy([(10, 9), (10, 2)])
    assert numbers.encoded(np.array([10, 9, 2])).nodes == (2, 1, 0)
    tuples = Hierarchy.from_paths([("a", "x"), ("b", "y")])
    leaves = [("b", "y"), ("a", "x")]
    objects = np.empty(2, dtype=object)
    objects[:] = leaves
    for y in (leaves, objects):
        assert tuples.encoded(y).nodes == ((("a",),), (("b",),), 0, 1)


def test_encoded_refuses_what_scikit_learn_cant_encode(hierarchy):
    with pytest.raises(ValueError, match="Unknown label 'cow'"):
        hierarchy.encoded(["cat", "cow"])
    with pytest.raises(ValueError, match=r"y has shape \(2, 2\)"):
        hierarchy.encoded([["cat", "dog"]] * 2)
    with pytest.raises(ValueError, match="y is empty"):
        hierarchy.encoded([])
    for labels in ("a", 1), (frozenset({1}), frozenset({2})):
        with pytest.raises(TypeError, match="have no common order"):
            Hierarchy([labels]).encoded(np.array(labels, dtype=object))


def test_a_meta_estimator_takes_the_encoded_hierarchy(hierarchy, bag, corpus):
    y = np.array(corpus[1])
    clf = HierarchicalLinearClassifier(hierarchy.encoded(y))
    bagged = BaggingClassifier(clf, n_estimators=2, random_state=0).fit(bag, y)
    assert np.mean(bagged.predict(bag) == y) > 0.9
    assert set(bagged.predict(bag)) <= set(y)


def test_indicator_and_labels_are_inverse(hierarchy):
    Y = hierarchy.to_indicator([["oak", "cat"], [], ["plant"]])
    assert Y.shape == (3, 8)
    labels = hierarchy.to_labels(Y)
    assert [set(row) for row in labels] == [
        {"oak", "tree", "plant", "cat", "animal"},
        set(),
        {"plant"},
    ]
    assert (hierarchy.to_indicator(labels) != Y).nnz == 0
    specific = hierarchy.to_labels(Y.toarray(), most_specific=True)
    assert specific == [["cat", "oak"], [], ["plant"]]


def test_most_specific_reads_unclosed_rows_as_closed(hierarchy):
    Y = np.zeros((1, 8), dtype=int)
    Y[0, hierarchy.index(["plant", "oak"])] = 1
    assert hierarchy.to_labels(Y, most_specific=True) == [["oak"]]


def test_unknown_labels_and_wrong_shapes_are_named(hierarchy):
    with pytest.raises(ValueError, match="Unknown label 'cow'"):
        hierarchy.to_indicator([["cat"], ["cow"]])
    with pytest.raises(TypeError, match="document 0 must be a collection"):
        hierarchy.to_indicator(["cat"])
    for method in (hierarchy.close, hierarchy.is_coherent, hierarchy.to_labels):
        with pytest.raises(ValueError, match="8 nodes"):
            method(np.ones((2, 7)))


def test_errors_shorten_what_they_quote(hierarchy):
    long = "x" * 2**20
    calls = [
        lambda: hierarchy.index([long]),
        lambda: hierarchy.to_indicator([["cat"], long]),
        lambda: hierarchy.close(pd.DataFrame(np.ones((1, 8)), columns=[long] * 8)),
        lambda: Hierarchy.from_dict({long: long}),
        lambda: Hierarchy.from_paths([[long, ""]]),
        lambda: Hierarchy([(long, long)]),
        lambda: Hierarchy([(long, None)]),
        lambda: Hierarchy([(long, "a")] * 2),
        lambda: Hierarchy([(long, [long])]),
        lambda: Hierarchy([long]),
        lambda: Hierarchy([("a", long)], nodes=["a"]),
        lambda: Hierarchy([], nodes=[long] * 2),
        lambda: as_hierarchy(long),
    ]
    for call in calls:
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert "xxx" in str(caught.value)
        assert len(str(caught.value)) < 500


def test_short_repr_is_the_repr_of_what_is_short():
    for value in ("cat", b"cat", ("a", 1), [1.5] * 10, {"a": 1}, frozenset({1}), None):
        assert short_repr(value) == repr(value)
    for value in (
        "'" * 999,
        [["x"] * 999] * 999,
        np.arange(9999),
        10**9999,
        {1: "x" * 99},
    ):
        assert len(short_repr(value)) <= 80


def test_is_coherent_reads_probabilities(hierarchy):
    P = np.full((1, 8), 0.5)
    assert hierarchy.is_coherent(P)
    P[0, hierarchy.index(["oak"])] = 0.6
    assert not hierarchy.is_coherent(P)


@pytest.mark.parametrize("edges", [random_tree(30, 3), random_dag(30, 4)])
def test_prior_equals_counting_child_by_child(edges):
    hierarchy = Hierarchy(edges)
    rng = np.random.default_rng(0)
    Y = hierarchy.close((rng.random((25, 30)) < 0.03).astype(int))
    count = Y.sum(axis=0)
    expected = np.zeros((30, 30))
    for parent in range(30):
        children = hierarchy.children[[parent]].indices
        total = count[children].sum()
        for child in children:
            share = count[child] / total if total else 1 / len(children)
            expected[parent, child] = share
    prior = hierarchy.prior(sparse.csr_array(Y))
    np.testing.assert_allclose(prior.toarray(), expected)
    assert np.all(np.isclose(prior.sum(axis=1), 1) | (hierarchy.children.sum(1) == 0))


def test_hundred_thousand_rows_are_closed_without_a_loop_over_them():
    hierarchy = Hierarchy(random_tree(10_000, 0))
    rng = np.random.default_rng(0)
    rows, columns = np.arange(100_000), rng.integers(10_000, size=100_000)
    Y = sparse.csr_array((np.ones(100_000), (rows, columns)), shape=(100_000, 10_000))
    closed = hierarchy.close(Y)
    assert closed.sum() == hierarchy.ancestors.sum(axis=1)[columns].sum()


def test_a_pickled_hierarchy_is_equal_with_and_without_its_closure(hierarchy):
    unused = Hierarchy.from_dict(TREE)
    assert hierarchy.ancestors.nnz == 16
    for copy in (pickle.loads(pickle.dumps(h)) for h in (hierarchy, unused)):
        assert copy == hierarchy
        assert (copy.ancestors != hierarchy.ancestors).nnz == 0


def test_equality_and_repr(hierarchy):
    assert hierarchy == Hierarchy.from_dict(
        {
            **{"animal": ["cat", "dog"]},
            **{"plant": ["tree", "herb"], "tree": ["oak", "fir"]},
        }
    )
    assert hierarchy != Hierarchy([("animal", "cat")])
    assert hash(hierarchy) == hash(Hierarchy([], nodes=hierarchy.nodes))
    assert repr(hierarchy) == (
        "Hierarchy(n_nodes=8, n_edges=6, n_levels=3, is_tree=True)"
    )
    assert "cat" in hierarchy
    assert "cow" not in hierarchy


def test_html_folds_every_inner_node_and_names_every_edge(dag):
    html = dag._repr_html_()
    assert html.count("<details") == html.count("</details>") == 4
    # d stands below both of its parents, and what is below it once.
    assert [html.count(f">{name}<") for name in "ef"] == [1, 1]
    assert html.count(">d") == 2
    risky = Hierarchy([("<b>", "&")])._repr_html_()
    assert "&lt;b&gt;" in risky
    assert "&amp;" in risky
    deep = Hierarchy([(i, i + 1) for i in range(3000)])
    assert deep._repr_html_().count("<details") == 3000


def test_children_may_be_arrays():
    children = {"a": np.array(["b", "c"]), "d": np.array([0]), "e": np.array([])}
    hierarchy = Hierarchy.from_dict(children)
    assert hierarchy.to_dict() == {"a": ["b", "c"], "d": [0], "e": []} | {
        leaf: [] for leaf in ("b", "c", 0)
    }
    with pytest.raises(TypeError, match="must be hashable"):
        Hierarchy.from_dict({"a": [["b"]]})


def test_a_subgraph_has_the_edges_between_its_nodes():
    dag = Hierarchy([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "e")])
    part = dag.subgraph(["e", "d", "c", "a"])
    assert part.nodes == ("e", "d", "c", "a")
    assert part == Hierarchy(
        [("a", "c"), ("c", "d"), ("d", "e")], nodes=["e", "d", "c", "a"]
    )
    with pytest.raises(ValueError, match="'z'"):
        dag.subgraph(["a", "z"])


def test_a_prior_and_edges_can_be_changed_without_harm(hierarchy):
    before = hierarchy.to_dict()
    prior = hierarchy.prior(hierarchy.to_indicator([["cat"]]))
    prior.eliminate_zeros()
    hierarchy.edges[1][:] = 0
    assert Hierarchy.from_dict(hierarchy.to_dict()) == Hierarchy.from_dict(before)


def test_a_tensor_is_closed(hierarchy):
    torch = pytest.importorskip("torch")
    Y = torch.zeros((1, 8), dtype=torch.int64)
    Y[0, hierarchy.index(["oak"])[0]] = 1
    closed = hierarchy.close(Y)
    assert closed.dtype == np.int64
    assert hierarchy.to_labels(closed) == [["plant", "tree", "oak"]]


def test_scalars_of_numpy_become_those_of_python():
    edges = np.array([["a", "b"], ["a", "c"]])
    assert {type(node) for node in Hierarchy(edges).nodes} == {str}
    numbers = Hierarchy([], nodes=np.array([3, 1]))
    assert {type(node) for node in numbers.nodes} == {int}
    assert 3 in numbers
    assert np.int64(3) in numbers
    time = np.timedelta64(1, "ns")
    assert Hierarchy([], nodes=[time]).nodes == (time,)


ORDERS = """
from sklearn_htc import Hierarchy
names = {"cat", "dog", "cow", "hen", "eel"}
print(Hierarchy.from_dict({"animal": names}).nodes)
print(Hierarchy({("animal", name) for name in names}).nodes)
print(Hierarchy([], nodes=names | {1, 2}).nodes)
print(Hierarchy.from_paths({f"animal/{name}" for name in names}).nodes)
"""


def test_what_is_given_as_a_set_has_the_same_order_in_every_process():
    printed = {
        subprocess.run(
            [sys.executable, "-c", ORDERS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1
    assert printed.pop().startswith("('animal', 'cat', 'cow', 'dog', 'eel', 'hen')")
