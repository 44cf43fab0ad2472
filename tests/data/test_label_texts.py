import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_htc import Hierarchy
from sklearn_htc.data.label_texts import read_label_features, read_label_texts, texts_of

HIERARCHY = Hierarchy([("a", "b"), ("a", "c")])


def test_a_mapping_is_sorted_by_node():
    nodes, texts = read_label_texts({"c": "see", "a": "ay"}, HIERARCHY)
    assert [HIERARCHY.nodes[node] for node in nodes] == ["a", "c"]
    assert texts == ["ay", "see"]
    assert sorted(texts_of({"c": "see", "a": "ay"})) == ["ay", "see"]
    assert texts_of(None) == []


def test_a_sequence_has_a_text_per_node_in_any_form():
    texts = ["ay", "bee", "see"]
    expected = read_label_texts(texts, HIERARCHY)[1]
    assert expected == texts
    assert read_label_texts(np.array(texts), HIERARCHY)[1] == texts
    polars = pytest.importorskip("polars")
    assert read_label_texts(polars.Series(texts), HIERARCHY)[1] == texts


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_rows_without_numbers_are_left_out(kind):
    features = kind(np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]]))
    nodes, own = read_label_features(features, HIERARCHY)
    assert nodes.tolist() == [0, 2]
    own = own.toarray() if sparse.issparse(own) else own
    np.testing.assert_array_equal(own, [[1, 0], [0, 2]])


def test_zeros_that_are_stored_are_no_numbers():
    features = sparse.csr_array(([0.0, 1.0], ([0, 1], [0, 0])), shape=(3, 2))
    assert read_label_features(features, HIERARCHY)[0].tolist() == [1]
    assert features.nnz == 2


def test_a_row_of_nan_has_no_features_in_a_sparse_array_either():
    features = np.array([[1.0, 2.0], [np.nan, np.nan], [3.0, 0.0]])
    hierarchy = Hierarchy([], nodes=["a", "b", "c"])
    nodes, some = read_label_features(sparse.csr_array(features), hierarchy)
    assert nodes.tolist() == [0, 2]
    np.testing.assert_array_equal(some.toarray(), features[[0, 2]])
    features[1, 0] = 0
    with pytest.raises(ValueError, match="'b' has NaN among its numbers"):
        read_label_features(sparse.csr_array(features), hierarchy)


def test_named_rows_have_the_order_of_the_nodes():
    hierarchy = Hierarchy([], nodes=["a", "b"])
    features = pd.DataFrame(np.eye(2), index=["b", "a"])
    with pytest.raises(ValueError, match="reindex"):
        read_label_features(features, hierarchy)
    nodes, given = read_label_features(features.loc[["a", "b"]], hierarchy)
    assert nodes.tolist() == [0, 1]
    np.testing.assert_array_equal(given, [[0, 1], [1, 0]])
    _, given = read_label_features(pd.DataFrame(np.eye(2)), hierarchy)
    np.testing.assert_array_equal(given, np.eye(2))


def test_numbers_are_names_of_rows_where_nodes_are_called_so():
    hierarchy = Hierarchy.from_dict({2: [0, 1]})
    features = pd.DataFrame(np.eye(3))
    with pytest.raises(ValueError, match="to_numpy"):
        read_label_features(features, hierarchy)
    named = features.set_axis(list(hierarchy.nodes))
    assert read_label_features(named, hierarchy)[0].tolist() == [0, 1, 2]
    other = Hierarchy([], nodes=["a", "b", "c"])
    assert read_label_features(features, other)[0].tolist() == [0, 1, 2]
