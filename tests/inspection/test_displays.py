"""Displays: the numbers in what is drawn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_htc import HierarchicalLinearClassifier, Hierarchy, HTCInfoMaxClassifier
from sklearn_htc.inspection import (
    CoverageDisplay,
    HierarchyDisplay,
    HistoryDisplay,
    LabelSpaceDisplay,
    LevelF1Display,
    ReliabilityDisplay,
    SiblingConfusionDisplay,
    SupportF1Display,
)
from sklearn_htc.metrics import f1_score_per_level
from tests.conftest import random_tree

pyplot = pytest.importorskip("matplotlib.pyplot")

# animal: cat, dog; plant: tree (oak, fir), herb.
TRUE = [["cat"], ["cat"], ["dog"], ["oak"], ["fir"], ["fir"], ["herb"], ["cat"]]
PREDICTED = [["cat"], ["dog"], ["dog"], ["oak"], ["oak"], ["tree"], ["cat"], []]


@pytest.fixture(autouse=True)
def _no_windows():
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


@pytest.fixture
def pair(hierarchy):
    """Return closed indicators of true and predicted labels."""
    return tuple(hierarchy.to_indicator(rows) for rows in (TRUE, PREDICTED))


def test_f1_by_level_is_that_of_its_columns(hierarchy, pair):
    display = LevelF1Display.from_predictions(TRUE, PREDICTED, hierarchy)
    for level in range(3):
        own = hierarchy.levels == level
        for bars, average in zip(display.bars_, ("micro", "macro"), strict=True):
            expected = f1_score(
                pair[0][:, own], pair[1][:, own], average=average, zero_division=0
            )
            assert bars[level].get_height() == pytest.approx(expected)


def test_f1_by_support_has_a_point_per_label_that_occurs(hierarchy, pair):
    display = SupportF1Display.from_predictions(*pair, hierarchy)
    f1 = f1_score(*(Y.toarray() for Y in pair), average=None, zero_division=0)
    support = pair[0].sum(axis=0)
    offsets = np.asarray(display.points_.get_offsets())
    expected = [(n, f) for n, f in zip(support, f1, strict=True) if n]
    assert sorted(map(tuple, offsets.tolist())) == sorted(expected)
    of_two = f1[(support >= 2) & (support <= 3)].mean()
    at = dict(zip(*display.line_.get_data(), strict=True))
    assert at[2**1.5] == pytest.approx(of_two)
    trained = SupportF1Display.from_predictions(
        *pair, hierarchy, support=10 * np.arange(1, 9)
    )
    assert np.asarray(trained.points_.get_offsets())[:, 0].max() == 80
    with pytest.raises(ValueError, match="one number per node"):
        SupportF1Display.from_predictions(*pair, hierarchy, support=[1, 2])


def test_boxes_are_as_high_as_their_share_and_lie_beside_their_parent(hierarchy, pair):
    display = HierarchyDisplay.from_predictions(*pair, hierarchy)
    boxes = dict(zip(display.nodes_.tolist(), display.boxes_.get_paths(), strict=True))
    support = pair[0].sum(axis=0)
    assert set(boxes) == set(np.flatnonzero(support).tolist())
    extents = {node: path.get_extents() for node, path in boxes.items()}
    for node, box in extents.items():
        assert box.height == pytest.approx(support[node] / 8)
        assert box.x0 == hierarchy.levels[node]
        for parent in hierarchy.parents[[node]].indices:
            above = extents[parent]
            assert above.y0 - 1e-9 <= box.y0
            assert box.y1 <= above.y1 + 1e-9
    f1 = f1_score(*(Y.toarray() for Y in pair), average=None, zero_division=0)
    np.testing.assert_allclose(display.boxes_.get_array(), f1[display.nodes_])
    assert {text.get_text() for text in display.texts_} >= {"animal (4)", "fir (2)"}


def test_long_names_end_with_their_box():
    hierarchy = Hierarchy.from_dict({"x" * 200: ["y" * 200], "z": []})
    display = HierarchyDisplay.from_labels([["y" * 200], ["z"]], hierarchy)
    assert len(display.texts_) == 3
    for node, text in zip(display.nodes_, display.texts_, strict=True):
        level = hierarchy.levels[node]
        (left, low), (right, high) = display.ax_.transData.inverted().transform(
            text.get_clip_box()
        )
        np.testing.assert_allclose([left, right], [level, level + 1], atol=1e-9)
        assert abs(high - low) == pytest.approx(0.5)
        assert text.get_clip_on()


def test_a_thousand_nodes_do_not_overlap():
    hierarchy = Hierarchy(random_tree(1000, seed=0))
    rng = np.random.default_rng(0)
    leaves = rng.choice(hierarchy.leaves, 3000)
    y = [[hierarchy.nodes[leaf]] for leaf in leaves]
    display = HierarchyDisplay.from_labels(y, hierarchy)
    assert len(display.nodes_) > 500
    for level in range(hierarchy.levels.max() + 1):
        boxes = sorted(
            (path.get_extents().y0, path.get_extents().y1)
            for node, path in zip(
                display.nodes_, display.boxes_.get_paths(), strict=True
            )
            if hierarchy.levels[node] == level
        )
        ends = [end for _, end in boxes]
        starts = [start for start, _ in boxes[1:]]
        assert all(a <= b + 1e-9 for a, b in zip(ends, starts, strict=False))
        assert ends[-1] <= 1 + 1e-9


def test_a_node_with_two_parents_stands_beside_one(dag):
    display = HierarchyDisplay.from_labels([["d"], ["e"], ["f"]], dag)
    assert len(display.nodes_) == 6
    assert len(display.boxes_.get_paths()) == 6


def test_reliability_is_the_share_of_true_labels_in_each_bin(hierarchy, pair):
    rng = np.random.default_rng(0)
    p = rng.random((8, 8))
    display = ReliabilityDisplay.from_predictions(TRUE, p, hierarchy, n_bins=4)
    for level, line in enumerate(display.lines_):
        own = hierarchy.levels == level
        values, labels = p[:, own].ravel(), pair[0].toarray()[:, own].ravel()
        expected = []
        for low in (0, 0.25, 0.5, 0.75):
            inside = (values >= low) & (values < low + 0.25)
            if inside.any():
                expected.append((values[inside].mean(), labels[inside].mean()))
        np.testing.assert_allclose(line.get_xydata(), expected)


def test_siblings_are_confused_where_one_stands_for_the_other(hierarchy):
    roots = SiblingConfusionDisplay.from_predictions(TRUE, PREDICTED, hierarchy)
    assert roots.names == ["animal", "plant"]
    # herb was taken for a cat; the last cat has no prediction.
    np.testing.assert_array_equal(roots.matrix, [[3, 0], [1, 3]])
    animals = SiblingConfusionDisplay.from_predictions(
        TRUE, PREDICTED, hierarchy, parent="animal"
    )
    np.testing.assert_array_equal(animals.matrix, [[1, 1], [0, 1]])
    assert sorted(text.get_text() for text in animals.texts_) == ["1", "1", "1"]
    np.testing.assert_allclose(animals.image_.get_array()[0], [0.5, 0.5])
    with pytest.raises(ValueError, match="'cat' has no children"):
        SiblingConfusionDisplay.from_predictions(
            TRUE, PREDICTED, hierarchy, parent="cat"
        )


def test_coverage_takes_the_most_certain_documents_first():
    hierarchy = Hierarchy.from_dict({"a": [], "b": []})
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.45, 0.55]])
    y = ["a", "a", "a", "b"]
    display = CoverageDisplay.from_predictions(y, p, hierarchy)
    coverage, precision = display.lines_[0].get_data()
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3, 3 / 4])


def test_history_has_a_line_per_loss_and_score(hierarchy, corpus, bag, indicator):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, max_epochs=3, early_stopping=True, random_state=0
    ).fit(bag, indicator)
    display = HistoryDisplay.from_estimator(clf)
    assert set(display.lines_) == {"train_loss", "valid_loss", "valid_f1_micro"}
    for name, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        np.testing.assert_allclose(line.get_ydata(), clf.history_[:, name])
    alone = clf.set_params(wide_path="auto", deep_path=False).fit(bag, indicator)
    with pytest.raises(ValueError, match="No network was trained"):
        HistoryDisplay.from_estimator(alone)


def test_label_space_has_a_point_per_label(hierarchy, bag, indicator):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, max_epochs=1, random_state=0
    ).fit(bag, indicator)
    display = LabelSpaceDisplay.from_estimator(clf)
    offsets = np.asarray(display.points_.get_offsets())
    np.testing.assert_allclose(offsets, display.positions, rtol=1e-6)
    # The two directions in which labels differ most: the best picture of distances.
    centered = clf.label_embeddings_ - clf.label_embeddings_.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centered, full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    np.testing.assert_allclose(
        offsets @ offsets.T, expected @ expected.T, atol=1e-4 * sizes[0] ** 2
    )
    colours = display.points_.get_array()
    roots = [hierarchy.index([n])[0] for n in ("animal", "plant")]
    for label, colour in zip(hierarchy.nodes, colours, strict=True):
        above = hierarchy.ancestors[hierarchy.index([label])].indices
        assert colour == next(root for root in roots if root in above)
    with pytest.raises(ValueError, match="n_components=2"):
        LabelSpaceDisplay.from_estimator(clf, reducer=FunctionTransformer())


def test_label_space_of_one_label_is_a_point(bag):
    one = HTCInfoMaxClassifier(
        Hierarchy([], nodes=["a"]), wide_path=False, max_epochs=1, random_state=0
    ).fit(bag, [["a"]] * bag.shape[0])
    assert LabelSpaceDisplay.from_estimator(one).positions.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    "kind",
    [
        HierarchyDisplay,
        LevelF1Display,
        SupportF1Display,
        SiblingConfusionDisplay,
        ReliabilityDisplay,
        CoverageDisplay,
    ],
)
def test_from_an_estimator_is_from_its_predictions(
    hierarchy, corpus, bag, indicator, kind
):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(bag, indicator)
    pipeline = make_pipeline(FunctionTransformer(accept_sparse=True), clf)
    ax = pyplot.subplots()[1]
    display = kind.from_estimator(pipeline, bag, indicator, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    of_probabilities = kind in (ReliabilityDisplay, CoverageDisplay)
    method = clf.predict_proba if of_probabilities else clf.predict
    other = kind.from_predictions(indicator, method(bag), hierarchy)
    assert other.ax_ is not ax
    numbers = {
        name: value
        for name, value in vars(display).items()
        if not name.endswith("_") and name not in ("hierarchy", "names")
    }
    assert numbers
    for name, value in numbers.items():
        theirs = getattr(other, name)
        is_list = isinstance(value, list)
        for own, their in (
            zip(value, theirs, strict=True) if is_list else [(value, theirs)]
        ):
            np.testing.assert_array_equal(own, their)
    again = pyplot.subplots()[1]
    assert display.plot(again) is display
    assert display.ax_ is again


@pytest.mark.parametrize("kind", [ReliabilityDisplay, CoverageDisplay])
def test_probabilities_of_classes_become_those_of_nodes(hierarchy, corpus, bag, kind):
    y = [name if i % 3 else "animal" for i, name in enumerate(corpus[1])]
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(bag, y)
    of_nodes = np.zeros((100, 8))
    for label, column in zip(clf.classes_, clf.predict_proba(bag).T, strict=True):
        above = hierarchy.ancestors[hierarchy.index([label])].indices
        of_nodes[:, above] += column[:, None]
    expected = kind.from_predictions(y, np.minimum(of_nodes, 1), hierarchy)
    found = kind.from_estimator(clf, bag, y)
    for own, theirs in zip(found.lines_, expected.lines_, strict=True):
        np.testing.assert_allclose(own.get_xydata(), theirs.get_xydata(), atol=1e-6)


def test_a_history_with_gaps_is_drawn(hierarchy, bag, indicator):
    clf = HTCInfoMaxClassifier(
        hierarchy, wide_path=False, max_epochs=2, early_stopping=True, random_state=0
    ).fit(bag, indicator)
    clf.partial_fit(bag, indicator)
    lines = HistoryDisplay.from_estimator(make_pipeline(clf)).lines_
    assert np.isnan(lines["valid_loss"].get_ydata()).tolist() == [False, False, True]
    assert not np.isnan(lines["train_loss"].get_ydata()).any()
    for unfitted in (HTCInfoMaxClassifier(), make_pipeline(HTCInfoMaxClassifier())):
        with pytest.raises(NotFittedError):
            HistoryDisplay.from_estimator(unfitted)


def test_numbers_that_are_no_probabilities_are_refused(hierarchy):
    p = np.full((8, 8), 0.5)
    for wrong in (p + 1, np.where(p > 0, np.nan, p)):
        with pytest.raises(ValueError, match="probabilities, from 0 to 1"):
            ReliabilityDisplay.from_predictions(TRUE, wrong, hierarchy)
    with pytest.raises(ValueError, match="n_bins"):
        ReliabilityDisplay.from_predictions(TRUE, p, hierarchy, n_bins=0)
    frame = pd.DataFrame(p, columns=list(hierarchy.nodes)[::-1])
    with pytest.raises(ValueError, match="in another order"):
        CoverageDisplay.from_predictions(TRUE, frame, hierarchy)


def test_probabilities_of_classes_are_refused(hierarchy):
    for kind in (ReliabilityDisplay, CoverageDisplay):
        with pytest.raises(ValueError, match="one probability per node"):
            kind.from_predictions(TRUE, np.ones((8, 5)), hierarchy)


def test_a_missing_package_is_named(hierarchy, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"sklearn-htc\[plots\]"):
        LevelF1Display.from_predictions(TRUE, PREDICTED, hierarchy)


def test_f1_by_level_counts_unknown_paths_as_the_metric_does():
    known = Hierarchy.from_table([["animal", "cat"], ["animal", "dog"]])
    true = np.array([["animal", "cow"], ["fungus", "x"], ["animal", "cat"]] * 2)
    true = np.column_stack([true, [""] * 5 + ["lion"]])
    pred = np.array([["animal", "cat", ""]] * 6)
    display = LevelF1Display.from_predictions(true, pred, known)
    for average in ("micro", "macro"):
        np.testing.assert_allclose(
            getattr(display, average),
            f1_score_per_level(true, pred, known, average=average),
        )


def test_what_has_no_network_has_no_history_and_no_label_space():
    hierarchy = Hierarchy.from_dict({"a": ["b", "c"]})
    clf = HierarchicalLinearClassifier(hierarchy).fit(np.eye(2), ["b", "c"])
    with pytest.raises(ValueError, match="LinearClassifier trains no network"):
        HistoryDisplay.from_estimator(clf)
    with pytest.raises(AttributeError, match="LinearClassifier represents no labels"):
        LabelSpaceDisplay.from_estimator(clf)
