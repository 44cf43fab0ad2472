"""y as a table with one column per level, as hiclass takes it."""

import pickle
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from sklearn_htc import (
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
    metrics,
)
from sklearn_htc.data.targets import TargetEncoder, object_array

PATHS = {
    "cat": ("animal", "cat"),
    "dog": ("animal", "dog"),
    "oak": ("plant", "oak"),
    "rock": ("rock",),
}


def decoding(hierarchy):
    pipeline = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(MultinomialNB()))
    return HierarchicalDecodingClassifier(pipeline, hierarchy)


@pytest.fixture(
    params=[
        HierarchicalLinearClassifier,
        lambda h: HTCInfoMaxClassifier(h, max_epochs=1, random_state=0),
        decoding,
    ]
)
def clf(request):
    """Return an estimator that reads its hierarchy off y."""
    return request.param("infer")


@pytest.fixture(scope="module")
def table():
    """Return a frame of 120 texts and their paths, with an index of its own."""
    rng = np.random.RandomState(0)
    names = [list(PATHS)[i % 4] for i in range(120)]
    texts = [f"{name} {' '.join(rng.choice(list('pqrstu'), 3))}" for name in names]
    columns = [[*PATHS[name], None][:2] for name in names]
    frame = pd.DataFrame(columns, columns=["kingdom", "kind"])
    return frame.assign(text=texts).set_index(np.arange(120)[::-1])


def test_a_frame_is_answered_by_a_frame(clf, table):
    y = table[["kingdom", "kind"]]
    predicted = clf.fit(table["text"], y).predict(table["text"])
    pd.testing.assert_frame_equal(predicted, y, check_dtype=False)
    assert clf.score(table["text"], y) == 1
    wrong = y.assign(kingdom="animal", kind="cat")
    assert clf.score(table["text"], wrong) == 0.25
    assert set(clf.hierarchy_.nodes) == {
        path[:end] for path in PATHS.values() for end in (1, len(path))
    }
    proba = clf.predict_proba(table["text"])
    assert proba.shape == (120, len(clf.hierarchy_))
    again = pickle.loads(pickle.dumps(clf))
    pd.testing.assert_frame_equal(again.predict(table["text"]), predicted)


def test_a_table_of_polars_is_answered_by_one(clf, table):
    polars = pytest.importorskip("polars")
    given = polars.from_pandas(table)
    y = given[["kingdom", "kind"]]
    clf.fit(given["text"], y)
    assert clf.predict(given["text"]).equals(y)
    assert clf.score(given["text"], y) == 1
    clf.set_params(random_state=0).fit(given["text"], y)
    of_pandas = clone(clf).fit(table["text"], table[["kingdom", "kind"]])
    np.testing.assert_array_equal(
        clf.predict_proba(given["text"]), of_pandas.predict_proba(table["text"])
    )


def test_an_indicator_of_polars_is_answered_by_one(table):
    polars = pytest.importorskip("polars")
    names = ["animal", "cat", "dog"]
    kind = table["kind"].to_numpy()
    y = polars.DataFrame(
        {
            "animal": np.isin(kind, ["cat", "dog"]).astype(int),
            "cat": (kind == "cat").astype(int),
            "dog": (kind == "dog").astype(int),
        }
    )
    clf = HierarchicalLinearClassifier({"animal": ["cat", "dog"]}).fit(table["text"], y)
    predicted = clf.predict(table["text"])
    assert isinstance(predicted, polars.DataFrame)
    assert predicted.columns == names
    np.testing.assert_array_equal(predicted.to_numpy(), y.to_numpy())


@pytest.mark.parametrize("blank", ["", None, np.nan])
def test_arrays_are_answered_by_arrays(table, blank):
    y = table[["kingdom", "kind"]].to_numpy(dtype=object)
    y[pd.isna(y)] = blank
    clf = HierarchicalLinearClassifier("infer").fit(list(table["text"]), y)
    predicted = clf.predict(list(table["text"]))
    assert isinstance(predicted, np.ndarray)
    is_blank = pd.isna(y) | (y == "")
    np.testing.assert_array_equal(predicted[~is_blank], y[~is_blank])
    assert all(cell is blank or cell == blank for cell in predicted[is_blank])


def test_lists_and_numbers_are_tables_where_the_hierarchy_is_read_off_them(table):
    codes = {"animal": 1, "plant": 2, "rock": 3, "cat": 10, "dog": 11, "oak": 10}
    y = [
        [codes[cell] for cell in row if cell]
        for row in table[["kingdom", "kind"]].fillna("").to_numpy().tolist()
    ]
    clf = HierarchicalLinearClassifier("infer").fit(list(table["text"]), y)
    assert clf.predict(list(table["text"][:4])).tolist() == [
        *([1, 10], [1, 11]),
        *([2, 10], [3, ""]),
    ]
    assert clf.score(list(table["text"]), y) == 1


def test_a_table_beside_a_hierarchy_of_names(table):
    hierarchy = {"animal": ["cat", "dog"], "plant": ["oak", "elm"], "rock": []}
    y = table[["kingdom", "kind"]]
    clf = HierarchicalLinearClassifier(hierarchy).fit(table["text"], y)
    assert clf.hierarchy_ == Hierarchy.from_dict(hierarchy)
    pd.testing.assert_frame_equal(clf.predict(table["text"]), y, check_dtype=False)
    truth = metrics.hierarchical_precision_recall_f1
    assert truth(y, clf.predict(table["text"]), clf.hierarchy_)[2] == 1


def test_tables_in_searches_and_cross_validation(table):
    y = table[["kingdom", "kind"]].fillna("")
    clf = HierarchicalLinearClassifier("infer")
    search = GridSearchCV(
        clf, {"C": [0.5, 1]}, scoring=metrics.get_scorer("path_accuracy"), cv=3
    ).fit(table["text"], y)
    assert search.best_score_ == 1
    predicted = cross_val_predict(clf, table["text"], y, cv=3)
    assert (predicted == y.to_numpy()).all()


def test_a_network_goes_on_with_a_table(table):
    y = table[["kingdom", "kind"]]
    clf = HTCInfoMaxClassifier("infer", max_epochs=1, warm_start=True, random_state=0)
    n_epochs = clf.fit(table["text"], y).n_iter_
    assert clf.fit(table["text"], y).n_iter_ == 2 * n_epochs
    with pytest.raises(ValueError, match="another hierarchy"):
        clf.set_params(hierarchy={"a": []}).fit(table["text"], y)


@pytest.mark.parametrize(
    ("hierarchy", "y", "settings", "message"),
    [
        (None, [["a", "x"], ["b", "y"]], {}, "hierarchy='infer'"),
        ("infer", ["a", "b"], {}, "one column per level is needed"),
        ("infer", [["a", "x"], ["", "y"]], {}, "label below a missing one"),
        ("infer", [["a", "x"], ["", ""]], {}, "Row 1 of the table has no label"),
        ("infer", [["a", "x"], ["b", "y"]], {"decoding": "threshold"}, "One path per"),
        ([("a", "x"), ("b", "x")], [["a", "x"], ["b", "x"]], {}, "several parents"),
        ({"a": ["x"]}, [["a", "x"], ["b", "x"]], {}, "Row 1 .* hierarchy does not"),
    ],
)
def test_bad_tables_are_named(hierarchy, y, settings, message):
    clf = HierarchicalLinearClassifier(hierarchy, **settings)
    y = np.array(y, dtype=object)
    with pytest.raises(ValueError, match=message):
        clf.fit(["some text", "another text"], y)


def test_a_word_that_is_no_hierarchy_is_named(table):
    clf = clone(HierarchicalLinearClassifier("guess"))
    with pytest.raises(TypeError, match=r"'infer'.*got 'guess'"):
        clf.fit(table["text"], table[["kingdom", "kind"]])


def test_pieces_need_the_hierarchy_first(table):
    y = table[["kingdom", "kind"]]
    clf = HTCInfoMaxClassifier("infer", random_state=0)
    X = TfidfVectorizer().fit_transform(table["text"])
    with pytest.raises(ValueError, match="needs all rows at once"):
        clf.partial_fit(X, y)
    clf.set_params(hierarchy=Hierarchy.from_table(y), lr=0.05)
    for _ in range(20):
        clf.partial_fit(X[:60], y[:60])
    predicted = clf.predict(X[60:])
    assert (predicted.fillna("") == y[60:].fillna("").to_numpy()).to_numpy().all()


# Rows as hiclass takes them: numbers or texts as X, and as y lists, in the order of the
# levels, or arrays with "" below the end of a path.
NUMBERS = [[0.0], [1.0], [2.0], [3.0]]
METALS = [
    ["element", "metal", "iron"],
    ["element", "metal", "gold"],
    ["element", "gas", "argon"],
    ["compound", "salt", "halite"],
]


@pytest.fixture(
    params=[
        lambda: HierarchicalLinearClassifier("infer", random_state=0),
        lambda: HTCInfoMaxClassifier("infer", random_state=0),
    ]
)
def like_hiclass(request):
    """Return an estimator as hiclass's examples would make one."""
    return request.param()


def test_few_numbers_and_lists(like_hiclass):
    X = np.repeat(np.eye(4), 5, axis=0)
    y = [row for row in METALS for _ in range(5)]
    predicted = like_hiclass.fit(X, y).predict(np.eye(4))
    assert predicted.tolist() == METALS
    like_hiclass.fit(NUMBERS, METALS)
    rows = {tuple(row) for row in like_hiclass.predict(NUMBERS).tolist()}
    assert rows <= set(map(tuple, METALS))


def test_texts_in_a_pipeline(like_hiclass):
    texts = [f"{' '.join(row)} sample {i}" for i in range(5) for row in METALS]
    pipeline = make_pipeline(TfidfVectorizer(), like_hiclass)
    pipeline.fit(texts, np.array(5 * METALS))
    assert pipeline.predict(texts[:4]).tolist() == METALS


def test_empty_levels_and_a_file(like_hiclass, tmp_path):
    y = np.array([["a", "", ""], ["b", "c", ""], ["b", "d", "e"]] * 5)
    X = np.tile(np.eye(3), (5, 1))
    like_hiclass.fit(X, y)
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps(like_hiclass))
    again = pickle.loads(path.read_bytes())
    assert again.predict(np.eye(3)).tolist() == y[:3].tolist()


def test_a_path_that_no_training_row_has_is_wrong_and_no_error(table):
    y = table[["kingdom", "kind"]]
    clf = HierarchicalLinearClassifier("infer").fit(table["text"], y)
    unseen = y.copy()
    unseen.iloc[:60] = np.array(["animal", "cow"])
    assert clf.score(table["text"], unseen) <= 0.5
    scorer = metrics.get_scorer("hierarchical_f1_micro")
    upper = y.copy()
    upper.iloc[:60] = np.array(["animal", ""])
    # What is unknown was not predicted, so that it is worse than a path that ended.
    assert scorer(clf, table["text"], unseen) < scorer(clf, table["text"], upper) < 1
    assert scorer(clf, table["text"], y) == 1
    accuracy = metrics.get_scorer("path_accuracy")
    assert accuracy(clf, table["text"], unseen) <= 0.5


@pytest.mark.parametrize(
    "y",
    [
        [["a", "x"], ["a", "y"], ["b"]] * 20,
        pd.DataFrame([[1, 10], [1, 11], [2, 12]] * 20, columns=["top", "low"]),
        np.array([[1, 10], [1, 11], [2, 12]] * 20),
        pd.DataFrame({"only": ["a", "b", "c"] * 20}),
    ],
)
def test_scorers_and_hierarchies_read_what_infer_reads(y):
    X = np.tile(np.eye(3), (20, 1))
    clf = HierarchicalLinearClassifier("infer", random_state=0).fit(X, y)
    assert metrics.get_scorer("path_accuracy")(clf, X, y) == 1
    with_graph = HierarchicalLinearClassifier(clf.hierarchy_, random_state=0).fit(X, y)
    np.testing.assert_array_equal(with_graph.predict(X), clf.predict(X))
    assert with_graph.score(X, y) == 1


def test_columns_keep_their_types():
    X = np.tile(np.eye(3), (20, 1))
    numbers = pd.DataFrame([[1, 10], [1, 11], [2, 12]] * 20, columns=["top", "low"])
    numbers["low"] = numbers["low"].astype("category")
    clf = HierarchicalLinearClassifier("infer", random_state=0)
    pd.testing.assert_frame_equal(clf.fit(X, numbers).predict(X), numbers)
    words = np.array([["a", "x"], ["a", "y"], ["b", ""]] * 20)
    assert clf.fit(X, words).predict(X).dtype == words.dtype


def test_numbers_have_one_type_whether_paths_end_early_or_not():
    X = np.tile(np.eye(3), (20, 1))
    whole = np.array([[1, 10], [1, 11], [2, 12]] * 20)
    ending = Hierarchy.from_table([[1, 10], [1, 11], [2, 12], [2]])
    for y in (whole, whole.astype(np.int8), whole.astype(float)):
        clf = HierarchicalLinearClassifier("infer", random_state=0).fit(X, y)
        predicted = clf.predict(X)
        assert predicted.dtype == y.dtype
        np.testing.assert_array_equal(predicted, y)
        # A path that ends early, however it has come about.
        above = clf.hierarchy_.index([(2,)])
        early = np.zeros((1, 5), dtype=np.int64)
        early[0, above] = 1
        for targets in (
            TargetEncoder.fit(y, "infer"),
            TargetEncoder.fit(pd.DataFrame(y), ending),
        ):
            row = np.asarray(targets.inverse_transform(sparse.csr_array(early)))
            np.testing.assert_array_equal(row, [[2.0, np.nan]])
            assert row.dtype == np.float64


def test_whole_numbers_that_float64_lacks_stay_whole():
    large = 2**53 + 1
    y = pd.DataFrame([[large, 1], [large - 1, 1]])
    clf = HierarchicalLinearClassifier("infer").fit(np.eye(2), y)
    assert {path[0] for path in clf.hierarchy_.nodes} == {large, large - 1}
    assert set(clf.predict(np.eye(2))[0]) <= {large, large - 1}
    early = sparse.csr_array([[int(path == (large,)) for path in clf.hierarchy_.nodes]])
    row = TargetEncoder.fit(y, "infer").inverse_transform(early).to_numpy()
    assert row[0, 0] == large
    assert pd.isna(row[0, 1])


def test_categories_come_back_with_all_of_theirs_in_order():
    X = np.tile(np.eye(3), (20, 1))
    y = pd.DataFrame([["a", "x"], ["a", "y"], ["b", "z"]] * 20, columns=["top", "low"])
    kind = pd.CategoricalDtype(["z", "unused", "y", "x"], ordered=True)
    y["low"] = y["low"].astype(kind)
    clf = HierarchicalLinearClassifier("infer", random_state=0).fit(X, y)
    predicted = pickle.loads(pickle.dumps(clf)).predict(X)
    pd.testing.assert_frame_equal(predicted, y)
    now = Hierarchy.from_table([["a", "x"], ["a", "new"], ["b", "z"]])
    clf.update_hierarchy(now, {("a", "y"): ("a", "new")})
    assert clf.predict(X)["low"].tolist() == ["x", "new", "z"] * 20


def test_cells_and_types_of_polars_stay_as_they_are():
    polars = pytest.importorskip("polars")
    X = np.tile(np.eye(3), (20, 1))
    days = [date(2020, 1, 1), None, date(2021, 1, 1)] * 20
    y = polars.DataFrame(
        {
            "year": polars.Series([2020, 2019, 2021] * 20, dtype=polars.Int16),
            "place": polars.Series(
                ["b", "a", "b"] * 20, dtype=polars.Enum(["b", "a", "c"])
            ),
            "kind": polars.Series(["q", None, "q"] * 20, dtype=polars.Categorical),
            "day": days,
        }
    )
    clf = HierarchicalLinearClassifier("infer", random_state=0).fit(X, y)
    assert (2020, "b", "q", date(2020, 1, 1)) in clf.hierarchy_
    predicted = clf.predict(X)
    assert predicted.schema == y.schema
    assert predicted.equals(y)
    assert clf.score(X, y) == 1
    large = polars.DataFrame({"top": [2**53, 2**53 + 1], "low": [1, None]})
    assert len(Hierarchy.from_table(large)) == 3


def test_a_path_per_document_is_a_table():
    X = np.tile(np.eye(3), (20, 1))
    rows = [["a", "x"], ["a", "y"], ["b"]] * 20
    for y in (pd.Series(rows), object_array(rows), [tuple(row) for row in rows]):
        clf = HierarchicalLinearClassifier("infer", random_state=0).fit(X, y)
        assert clf.predict(X).tolist() == [["a", "x"], ["a", "y"], ["b", ""]] * 20
        assert clf.score(X, y) == 1
        assert metrics.get_scorer("path_accuracy")(clf, X, y) == 1


def test_tuples_with_missing_cells_are_rows():
    X = np.tile(np.eye(3), (20, 1))
    y = [("a", "x"), ("a", "y"), ("b", None)] * 20
    clf = HierarchicalLinearClassifier("infer", random_state=0).fit(X, y)
    assert metrics.get_scorer("path_accuracy")(clf, X, y) == 1


def test_strings_that_may_be_paths_are_not_split_by_guess():
    with pytest.raises(ValueError, match=r"'a/x'.*split"):
        HierarchicalLinearClassifier("infer").fit(np.eye(2), pd.Series(["a/x", "b/y"]))


def test_other_columns_are_refused(table):
    y = table[["kingdom", "kind"]]
    clf = HierarchicalLinearClassifier("infer").fit(table["text"], y)
    predicted = clf.predict(table["text"])
    scorer = metrics.get_scorer("hierarchical_f1_micro")
    truth = metrics.hierarchical_precision_recall_f1
    message = "same columns in the same order"
    for other in (y[["kind", "kingdom"]], y.assign(more="x"), y[["kingdom"]]):
        with pytest.raises(ValueError, match=message):
            clf.score(table["text"], other)
        with pytest.raises(ValueError, match=message):
            scorer(clf, table["text"], other)
        with pytest.raises(ValueError, match=message):
            truth(other, predicted, clf.hierarchy_)
    # Arrays have no names.
    assert clf.score(table["text"], y.to_numpy(dtype=object)) == 1


def test_an_indicator_is_no_table():
    X, Y = np.tile(np.eye(3), (20, 1)), np.tile(np.eye(3, dtype=int), (20, 1))
    with pytest.raises(ValueError, match="nothing but 0 and 1"):
        HierarchicalLinearClassifier("infer").fit(X, Y)


def test_a_piece_needs_a_column_for_every_level():
    X = np.tile(np.eye(3), (20, 1))
    y = np.array([["a", "x"], ["a", "y"], ["b", ""]] * 20)
    hierarchy = Hierarchy.from_table([["a", "x", "1"], ["a", "y"], ["b"]])
    clf = HTCInfoMaxClassifier(hierarchy)
    with pytest.raises(ValueError, match="2 columns, but the hierarchy has 3 levels"):
        clf.partial_fit(X, y)


def test_a_warm_start_refuses_to_read_another_hierarchy(table):
    y = table[["kingdom", "kind"]]
    hierarchy = Hierarchy.from_table(y)
    clf = HTCInfoMaxClassifier(hierarchy, max_epochs=1, warm_start=True)
    clf.fit(table["text"], y).set_params(hierarchy="infer")
    with pytest.raises(ValueError, match="another hierarchy"):
        clf.fit(table["text"], y)


def test_labels_longer_than_those_of_fit_come_back_whole():
    X = np.tile(np.eye(3), (20, 1))
    y = np.array([["animal", "cat"], ["animal", "dog"], ["plant", "oak"]] * 20)
    clf = HierarchicalLinearClassifier("infer", random_state=0).fit(X, y)
    now = Hierarchy.from_table(
        [["animal", "cat"], ["animal", "wolfhound"], ["plant", "oak"]]
    )
    clf.update_hierarchy(now, {("animal", "dog"): ("animal", "wolfhound")})
    predicted = clf.predict(X[1:2])
    assert predicted.tolist() == [["animal", "wolfhound"]]
    assert predicted.dtype.kind == "U"


def test_a_path_that_ends_before_truth_values_has_none():
    encoder = TargetEncoder.fit(
        pd.DataFrame({"team": ["a", "b"] * 2, "urgent": [True, False, False, True]}),
        "infer",
    )
    indicator = encoder.hierarchy.to_indicator([[("a",)], [("a", True)]])
    table = encoder.inverse_transform(indicator)
    assert table["urgent"].tolist() == [None, True]
    whole = encoder.inverse_transform(indicator[1:])
    assert whole["urgent"].dtype == bool


def test_texts_of_labels_below_the_last_column_are_refused(table):
    hierarchy = Hierarchy.from_table([["a", "x", "deep"], ["a", "y"], ["b"]])
    y = np.array([["a", "x"], ["a", "y"], ["b", ""]] * 20, dtype=object)
    texts = ["one", "two", "three"] * 20
    label_texts = {("a", "x", "deep"): "submarine", ("a", "y"): "two"}
    clf = HierarchicalLinearClassifier(hierarchy, label_texts=label_texts)
    with pytest.raises(ValueError, match="is on level 3, but the table has 2 columns"):
        clf.fit(texts, y)
    assert clf.set_params(label_texts={("a", "y"): "two"}).fit(texts, y)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 1 has none")
@pytest.mark.parametrize("hierarchy", ["infer", {"a": ["x"], "b": ["y"]}])
def test_a_table_of_strings_of_any_width_is_answered_by_labels(hierarchy):
    y = np.array([["a", "x"], ["b", "y"]] * 30, dtype=np.dtypes.StringDType())
    X = np.tile(np.eye(2), (30, 1))
    clf = HierarchicalLinearClassifier(hierarchy).fit(X, y)
    np.testing.assert_array_equal(clf.predict(X), y.astype(object))
    assert clf.score(X, y) == 1


THREE = np.tile(np.eye(3), (20, 1))


def test_tuples_that_are_labels_are_labels_in_every_container():
    y = [("a", "b"), ("a", "c"), ("d",)] * 20
    hierarchy = Hierarchy.from_table(y[:3])
    for each in (y, object_array(y), pd.Series(y)):
        clf = HierarchicalLinearClassifier(hierarchy).fit(THREE, each)
        predicted = clf.predict(THREE)
        assert predicted.shape == (60,)
        assert clf.score(THREE, predicted) == 1


@pytest.mark.parametrize(
    ("y", "label"),
    [
        ([1, 2, 3], 2.5),
        ([1, 2, 3], "7"),
        (["a", "b", "c"], 7),
        ([True, False, True], "no"),
        (np.array([1, 2, 3], dtype=np.int8), 300),
    ],
)
@pytest.mark.parametrize("library", ["pandas", "numpy", "polars"])
def test_a_label_that_a_type_can_not_hold_is_not_changed(y, label, library):
    frame = pd.DataFrame({"q": np.tile(np.array(y), 20)})
    if library == "polars":
        frame = pytest.importorskip("polars").from_pandas(frame)
    Y = frame.to_numpy() if library == "numpy" else frame
    clf = HierarchicalLinearClassifier("infer", random_state=0).fit(THREE, Y)
    last = clf.hierarchy_.nodes[-1]
    rows = [*clf.hierarchy_.nodes[:-1], (label,)]
    clf.update_hierarchy(Hierarchy.from_table(rows), {last: (label,)})
    for X in (THREE, THREE[2:3], THREE[:1]):
        cells = np.asarray(clf.predict(X), dtype=object).ravel().tolist()
        for cell in cells:
            assert (cell,) in clf.hierarchy_


def test_columns_of_a_frame_have_no_type_in_common():
    mixed = pd.DataFrame({"a": [2**60 + 1, 2**60 + 3, 2**60 + 5], "b": [0.5, 1, 2]})
    assert {path[0] for path in Hierarchy.from_table(mixed).nodes} == set(mixed["a"])
    categories = pd.DataFrame(
        {"a": pd.Categorical([1, 2, 1] * 20), "b": pd.Categorical([3, None, 4] * 20)}
    )
    clf = HierarchicalLinearClassifier("infer", random_state=0)
    predicted = clf.fit(THREE, categories).predict(THREE)
    assert set(clf.hierarchy_.nodes) == {(1,), (2,), (1, 3), (1, 4)}
    pd.testing.assert_frame_equal(predicted, categories)


def test_types_of_arrow_are_read():
    pyarrow = pytest.importorskip("pyarrow")
    words = pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
    y = pd.DataFrame(
        {
            "a": pd.array(["x", "y", "x"] * 20, dtype=pd.ArrowDtype(words)),
            "b": pd.array(["u", "v", "w"] * 20, dtype="string[pyarrow]"),
        }
    )
    clf = HierarchicalLinearClassifier("infer", random_state=0).fit(THREE, y)
    assert clf.predict(THREE).to_numpy().tolist() == y.to_numpy().tolist()


def test_tables_and_indicators_may_be_compared(table):
    y = table[["kingdom", "kind"]]
    hierarchy = Hierarchy.from_table(y)
    rows = [[tuple(x for x in row if x)] for row in y.fillna("").to_numpy()]
    nodes = pd.Index(list(hierarchy.nodes), tupleize_cols=False)
    indicator = pd.DataFrame(hierarchy.to_indicator(rows).toarray(), columns=nodes)
    assert metrics.path_accuracy_score(y, indicator, hierarchy) == 1
    assert metrics.path_accuracy_score(indicator, y, hierarchy) == 1
    clf = HierarchicalLinearClassifier("infer").fit(table["text"], y)
    # An array may have a level more that no path needs.
    wider = np.column_stack([y.fillna("").to_numpy(dtype=object), [""] * 120])
    assert clf.score(table["text"], wider) == 1
    named_by_position = y.set_axis([0, 1], axis=1)
    assert clf.score(table["text"], named_by_position) == 1
