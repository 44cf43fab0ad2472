import pickle
from copy import copy, deepcopy
from dataclasses import replace

import numpy as np
import pytest
import skops.io
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer

from sklearn_htc import (
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
)
from sklearn_htc.label_texts.fitting import NEW_THRESHOLD
from sklearn_htc.persistence import TRUSTED_TYPES
from sklearn_htc.two_paths import fitting, weighing
from sklearn_htc.wide import kernel
from sklearn_htc.wide.kernel import KernelPath
from tests.estimators.test_label_texts import HIERARCHY, TEXTS, TOPICS, corpus

NEW = "ferret"
BEFORE = Hierarchy.from_dict(
    {
        topic: [leaf for leaf in leaves if leaf != NEW]
        for topic, leaves in TOPICS.items()
    }
)
TRAIN, ALL, TEST = corpus(without=[NEW]), corpus(), corpus(seed=1, n=200)


def several(y):
    return [[leaf] for leaf in y]


def fitted(hierarchy=BEFORE, train=TRAIN, **parameters):
    """Return a model with thresholds, which may predict several paths."""
    model = HierarchicalLinearClassifier(
        hierarchy, decoding="threshold", random_state=0, **parameters
    )
    return model.fit(train[0], several(train[1]))


def columns(model, labels):
    probabilities = model.predict_proba(TEST[0])
    return probabilities[:, model.hierarchy_.index(labels)]


def test_renamed_nodes_predict_what_they_did():
    model = fitted()
    before = columns(model, BEFORE.nodes)
    names = {node: f"new {node}" for node in BEFORE.nodes}
    edges = [(names[p], names[c]) for p in TOPICS for c in TOPICS[p] if c != NEW]
    model.update_hierarchy(edges, names)
    after = columns(model, [names[node] for node in BEFORE.nodes])
    np.testing.assert_array_equal(after, before)
    assert {label for row in model.predict(TEST[0]) for label in row} <= set(
        names.values()
    )


def test_what_is_untouched_predicts_as_before():
    model = fitted()
    others = [node for node in BEFORE.nodes if node != "animal"]
    before = columns(model, others)
    model.update_hierarchy(HIERARCHY, X=ALL[0], y=several(ALL[1]))
    np.testing.assert_allclose(columns(model, others), before, atol=1e-6)


def test_an_added_node_is_learned_from_documents():
    model = fitted()
    model.update_hierarchy(HIERARCHY, X=ALL[0], y=several(ALL[1]))
    predicted = model.predict(TEST[0])
    hits = np.array([NEW in row for row in predicted])
    is_true = np.array(TEST[1]) == NEW
    # Of so easy documents the common threshold is high (0.83), and what was learned
    # anew is less sure than the models that it is a threshold of.
    assert hits[is_true].mean() > 0.4
    assert hits[~is_true].mean() < 0.1
    p = columns(model, [NEW])[:, 0]
    assert p[is_true].mean() > 0.7
    assert p[~is_true].mean() < 0.05
    # Its siblings have not learned that they are others.
    full = fitted(HIERARCHY, ALL)
    scores = [each.score(TEST[0], several(TEST[1])) for each in (model, full)]
    assert scores[0] > scores[1] - 0.1


def test_an_added_node_is_told_by_its_text():
    texts = {node: TEXTS[node] for node in BEFORE.nodes}
    model = fitted(label_texts=texts)
    others = [node for node in BEFORE.nodes if node != "animal"]
    before = columns(model, others)
    model.update_hierarchy(HIERARCHY, label_texts={NEW: "the ferret"})
    np.testing.assert_allclose(columns(model, others), before, atol=1e-6)
    p = columns(model, [NEW])[:, 0]
    is_true = np.array(TEST[1]) == NEW
    assert p[is_true].mean() > 3 * p[~is_true].mean()
    assert model.label_texts[NEW] == "the ferret"
    assert clone(model).fit(ALL[0], several(ALL[1])).hierarchy_ == HIERARCHY


def test_an_added_node_without_anything_is_never_predicted():
    model = fitted().update_hierarchy(HIERARCHY)
    assert not any(NEW in row for row in model.predict(TEST[0]))
    assert columns(model, [NEW]).max() < 1e-6


def test_merged_nodes_are_their_union():
    model = fitted()
    p = columns(model, ["oak", "rose"]).astype(np.float64)
    merged = TOPICS | {"animal": ["cat", "dog", "horse"], "plant": ["tree", "fern"]}
    mapping = {"oak": "tree", "rose": "tree", "cactus": None}
    model.update_hierarchy(merged, mapping)
    # A parent is at least as probable as its children.
    expected = 1 - (1 - p[:, 0]) * (1 - p[:, 1])
    np.testing.assert_allclose(columns(model, ["tree"])[:, 0], expected, rtol=1e-4)


def test_moved_nodes_keep_their_probabilities():
    model = fitted()
    before = columns(model, ["tin", "cat"])
    moved = TOPICS | {
        "animal": ["cat", "dog", "horse", "tin"],
        "metal": ["iron", "gold", "zinc"],
    }
    model.update_hierarchy(moved)
    np.testing.assert_allclose(columns(model, ["tin", "cat"]), before, atol=1e-6)
    for row in model.predict(TEST[0]):
        assert "tin" not in row or "animal" in row


def test_a_former_parent_forgets_what_has_moved():
    moved = TOPICS | {
        "animal": ["cat", "dog", "horse", "tin"],
        "metal": ["iron", "gold", "zinc"],
    }
    model = fitted().update_hierarchy(moved, X=TRAIN[0], y=several(TRAIN[1]))
    is_tin = np.array(TEST[1]) == "tin"
    had = fitted().predict(TEST[0])
    has = model.predict(TEST[0])
    n_metal = [
        sum("metal" in rows[i] for i in np.flatnonzero(is_tin)) for rows in (had, has)
    ]
    assert n_metal[1] < 0.5 * n_metal[0]


def test_a_child_is_merged_into_its_parent():
    model = fitted()
    before = columns(model, ["metal"])
    now = TOPICS | {
        "animal": ["cat", "dog", "horse"],
        "metal": ["iron", "gold", "zinc"],
    }
    model.update_hierarchy(now, {"tin": "metal"})
    np.testing.assert_allclose(columns(model, ["metal"]), before, atol=1e-6)


def test_documents_come_for_a_label_that_was_told_by_its_text():
    texts = {node: TEXTS[node] for node in BEFORE.nodes}
    model = fitted(label_texts=texts)
    model.update_hierarchy(HIERARCHY, label_texts={NEW: "weasel"})
    before = columns(model, [NEW])[:, 0]
    model.update_hierarchy(HIERARCHY, X=ALL[0], y=several(ALL[1]))
    after = columns(model, [NEW])[:, 0]
    is_true = np.array(TEST[1]) == NEW
    (new,) = HIERARCHY.index([NEW])
    with_documents = fitted(label_texts=texts)
    with_documents.update_hierarchy(HIERARCHY, X=ALL[0], y=several(ALL[1]))
    thresholds = with_documents.decoder_.threshold
    assert model.decoder_.threshold[new] == pytest.approx(thresholds[new], abs=0.02)
    assert thresholds[new] != NEW_THRESHOLD
    assert np.abs(after - before).max() > 0.01
    assert after[~is_true].mean() < 0.2 < 0.7 < after[is_true].mean()


def test_a_group_is_put_above_all():
    everything = {"all": list(TOPICS)} | TOPICS | {"animal": ["cat", "dog", "horse"]}
    model = fitted()
    before = columns(model, BEFORE.nodes)
    model.update_hierarchy(everything, X=TRAIN[0], y=several(TRAIN[1]))
    np.testing.assert_allclose(columns(model, BEFORE.nodes), before, atol=1e-6)
    assert all("all" in row for row in model.predict(TEST[0]) if row)


def test_features_of_added_labels_are_kept_for_the_next_fit():
    rng = np.random.default_rng(0)
    center = rng.normal(size=(len(HIERARCHY), 8))
    X = center[HIERARCHY.index(TRAIN[1])] + 0.1 * rng.normal(size=(len(TRAIN[1]), 8))
    of_former = center[HIERARCHY.index(BEFORE.nodes)]
    model = HTCInfoMaxClassifier(
        BEFORE, label_features=of_former, deep_path=False, random_state=0
    ).fit(X, several(TRAIN[1]))
    (new,) = HIERARCHY.index([NEW])
    given = np.zeros_like(center)
    given[new] = center[new]
    model.update_hierarchy(HIERARCHY, label_features=given)
    np.testing.assert_allclose(model.label_features.toarray(), center)
    p = model.predict_proba(center)[:, new]
    assert p.argmax() == new


def test_parts_of_a_split_node_share_its_odds():
    model = fitted()
    before = columns(model, ["rose"])[:, 0]
    split = TOPICS | {
        "animal": ["cat", "dog", "horse"],
        "plant": ["oak", "red rose", "white rose", "fern", "cactus"],
    }
    model.update_hierarchy(split, {"rose": ["red rose", "white rose"]})
    after = columns(model, ["red rose", "white rose"])
    half = expit(logit(before.astype(np.float64)) - np.log(2))
    np.testing.assert_allclose(after, np.stack([half, half], axis=1), atol=1e-5)


SPLIT = TOPICS | {
    "animal": ["cat", "dog", "horse"],
    "plant": ["oak", "red rose", "white rose", "fern", "cactus"],
}
PARTS = ["red rose", "white rose"]
TEXTS_OF_PARTS = {"red rose": "plantword0", "white rose": "plantword1"}


def named(texts, word):
    """Say which texts have a word, and not the other part's."""
    other = {"plantword0": "plantword1", "plantword1": "plantword0"}[word]
    return np.array([word in t.split() and other not in t.split() for t in texts])


@pytest.mark.parametrize("decoding", ["threshold", "path"])
def test_texts_share_the_odds_of_a_split_node(decoding):
    texts = {node: TEXTS[node] for node in BEFORE.nodes}
    model = fitted(label_texts=texts).set_params(decoding=decoding)
    model.fit(TRAIN[0], several(TRAIN[1]))
    equal = clone(model).fit(TRAIN[0], several(TRAIN[1]))
    equal.update_hierarchy(SPLIT, {"rose": PARTS})
    model.update_hierarchy(SPLIT, {"rose": PARTS}, label_texts=TEXTS_OF_PARTS)
    p, p_equal = columns(model, PARTS), columns(equal, PARTS)
    is_rose = p_equal[:, 0] > 0.1
    for part, word in enumerate(TEXTS_OF_PARTS.values()):
        mine = named(TEST[0], word) & is_rose
        assert mine.any()
        assert (p[mine, part] > p_equal[mine, part]).all()
        assert (p[mine, 1 - part] < p_equal[mine, 1 - part]).all()
    # Both have the odds that they had together, and other nodes are as they were.
    odds, odds_equal = (each / (1 - each) for each in (p, p_equal))
    if decoding == "threshold":
        np.testing.assert_allclose(
            odds.sum(axis=1), odds_equal.sum(axis=1), rtol=1e-3, atol=1e-6
        )
    else:
        np.testing.assert_allclose(p.sum(axis=1), p_equal.sum(axis=1), atol=1e-5)
    others = ["iron", "cat", "oak"]
    np.testing.assert_allclose(
        columns(model, others), columns(equal, others), atol=1e-6
    )
    # Told once, they keep what they were told.
    model.update_hierarchy(SPLIT, label_texts=TEXTS_OF_PARTS)
    np.testing.assert_allclose(columns(model, PARTS), p, atol=1e-6)


def test_texts_of_parts_may_come_later():
    texts = {node: TEXTS[node] for node in BEFORE.nodes}
    at_once, later = fitted(label_texts=texts), fitted(label_texts=texts)
    at_once.update_hierarchy(SPLIT, {"rose": PARTS}, label_texts=TEXTS_OF_PARTS)
    later.update_hierarchy(SPLIT, {"rose": PARTS})
    equal = columns(later, PARTS)
    np.testing.assert_array_equal(equal[:, 0], equal[:, 1])
    later.update_hierarchy(SPLIT, label_texts=TEXTS_OF_PARTS)
    p = columns(later, PARTS)
    assert np.abs(p[:, 0] - p[:, 1]).max() > 0.1
    np.testing.assert_allclose(p, columns(at_once, PARTS), atol=1e-6)


@pytest.mark.parametrize("decoding", ["threshold", "path"])
def test_documents_of_parts_may_come_later(decoding):
    def divided(y, texts):
        is_white = named(texts, "plantword1")
        parts = [PARTS[white] for white in is_white.astype(int)]
        pairs = zip(y, parts, strict=True)
        return [part if leaf == "rose" else leaf for leaf, part in pairs]

    later = fitted().set_params(decoding=decoding).fit(TRAIN[0], several(TRAIN[1]))
    at_once = deepcopy(later)
    y = several(divided(TRAIN[1], TRAIN[0]))
    at_once.update_hierarchy(SPLIT, {"rose": PARTS}, X=TRAIN[0], y=y)
    later.update_hierarchy(SPLIT, {"rose": PARTS})
    before = columns(later, ["iron", "cat"])
    later.update_hierarchy(SPLIT, X=TRAIN[0], y=y)
    p = columns(later, PARTS)
    assert np.abs(p[:, 0] - p[:, 1]).max() > 0.5
    if decoding == "path":
        np.testing.assert_allclose(p, columns(at_once, PARTS), atol=1e-5)
    else:
        # Only at once their parent is learned anew, too.
        assert np.abs(p - columns(at_once, PARTS)).mean() < 0.02
        np.testing.assert_allclose(columns(later, ["iron", "cat"]), before, atol=1e-6)


def test_documents_tell_more_than_the_texts_that_came_before():
    texts = {node: TEXTS[node] for node in BEFORE.nodes}
    model = fitted(label_texts=texts)
    model.update_hierarchy(SPLIT, {"rose": PARTS})
    equal = columns(model, PARTS)
    # The text of one part alone says nothing about its share.
    model.update_hierarchy(SPLIT, label_texts={PARTS[0]: TEXTS_OF_PARTS[PARTS[0]]})
    np.testing.assert_allclose(columns(model, PARTS), equal, atol=1e-6)
    model.update_hierarchy(SPLIT, label_texts=TEXTS_OF_PARTS)
    told = columns(model, PARTS)
    assert np.abs(told - equal).max() > 0.1
    is_white = named(TRAIN[0], "plantword1").astype(int)
    pairs = zip(TRAIN[1], is_white, strict=True)
    y = [[PARTS[white]] if leaf == "rose" else [leaf] for leaf, white in pairs]
    model.update_hierarchy(SPLIT, X=TRAIN[0], y=y)
    learned = columns(model, PARTS)
    assert np.abs(learned - told).max() > 0.1
    threshold = model.decoder_.threshold[model.hierarchy_.index(PARTS)]
    assert (threshold != 0.5).all()


def test_documents_need_a_wide_path_to_be_learned_by():
    model = HTCInfoMaxClassifier(BEFORE, wide_path=False, max_epochs=1, random_state=0)
    model.fit(TRAIN[0][:100], several(TRAIN[1][:100]))
    with pytest.raises(ValueError, match="by a wide path, and there is none"):
        model.update_hierarchy(BEFORE, X=TRAIN[0], y=several(TRAIN[1]))


def test_texts_of_parts_need_a_fit_that_knew_some():
    with pytest.raises(ValueError, match="fitted without label texts"):
        fitted().update_hierarchy(SPLIT, {"rose": PARTS}, label_texts=TEXTS_OF_PARTS)


@pytest.mark.parametrize("gone", ["cat", "tin", "zinc"])
def test_texts_come_after_another_change(gone):
    texts = {node: TEXTS[node] for node in BEFORE.nodes}
    model = fitted(label_texts=texts)
    once = fitted(label_texts=texts)
    less = {t: [x for x in xs if x not in (gone, NEW)] for t, xs in TOPICS.items()}
    more = less | {"animal": [*less["animal"], NEW]}
    model.update_hierarchy(less)
    of_all = {node: text for node, text in TEXTS.items() if node != gone}
    model.update_hierarchy(more, label_texts=of_all)
    once.update_hierarchy(more, label_texts={NEW: TEXTS[NEW]})
    np.testing.assert_allclose(
        model.predict_proba(TEST[0]), once.predict_proba(TEST[0]), atol=1e-6
    )


def test_a_text_comes_later_for_a_class_without_documents():
    texts = {node: TEXTS[node] for node in BEFORE.nodes}
    model = HierarchicalLinearClassifier(BEFORE, label_texts=texts, random_state=0)
    model.fit(*TRAIN).update_hierarchy(HIERARCHY)
    assert NEW not in model.classes_
    model.update_hierarchy(HIERARCHY, label_texts={NEW: TEXTS[NEW]})
    assert NEW in model.classes_
    is_true = np.array(TEST[1]) == NEW
    p = model.predict_proba(TEST[0])[:, list(model.classes_).index(NEW)]
    assert p[is_true].mean() > 3 * p[~is_true].mean()
    before = model.predict_proba(TEST[0])
    # It was told already.
    model.update_hierarchy(HIERARCHY, label_texts=TEXTS)
    np.testing.assert_allclose(model.predict_proba(TEST[0]), before, atol=1e-6)


def test_one_class_per_document():
    model = HierarchicalLinearClassifier(BEFORE, random_state=0).fit(*TRAIN)
    before = model.predict_proba(TEST[0])
    names = {"cat": "feline", "oak": "tree", "rose": "tree"}
    now = TOPICS | {
        "animal": ["feline", "dog", "horse"],
        "plant": ["tree", "fern", "cactus"],
    }
    model.update_hierarchy(now, names)
    p = model.predict_proba(TEST[0])
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    former = list(BEFORE.leaves)
    position = {BEFORE.nodes[leaf]: i for i, leaf in enumerate(former)}
    classes = sorted(position)
    for new, olds in (("feline", ["cat"]), ("tree", ["oak", "rose"]), ("tin", ["tin"])):
        expected = before[:, [classes.index(old) for old in olds]].sum(axis=1)
        column = p[:, list(model.classes_).index(new)]
        np.testing.assert_allclose(column, expected, rtol=1e-4)


def test_a_class_is_added():
    model = HierarchicalLinearClassifier(BEFORE, random_state=0).fit(*TRAIN)
    model.update_hierarchy(HIERARCHY, X=ALL[0], y=ALL[1])
    assert NEW in model.classes_
    is_true = np.array(TEST[1]) == NEW
    predicted = model.predict(TEST[0])
    assert (predicted == NEW)[is_true].mean() > 0.6
    assert (predicted == TEST[1])[~is_true].mean() > 0.8


def test_texts_share_the_odds_of_a_split_node_beside_documents_of_others():
    def parts_of(**given):
        texts = {node: TEXTS[node] for node in BEFORE.nodes}
        model = HierarchicalLinearClassifier(
            BEFORE, label_texts=texts, decoding="path", random_state=0
        ).fit(TRAIN[0], several(TRAIN[1]))
        model.update_hierarchy(
            SPLIT, {"rose": PARTS}, label_texts=TEXTS_OF_PARTS, **given
        )
        return columns(model, PARTS)

    others = [i for i, name in enumerate(TRAIN[1]) if name != "rose"]
    X, y = [TRAIN[0][i] for i in others], several([TRAIN[1][i] for i in others])
    np.testing.assert_allclose(parts_of(X=X, y=y), parts_of(), atol=1e-6)


@pytest.mark.parametrize("as_labels", [True, False])
def test_paths_that_end_above_others_are_told_apart(as_labels):
    def documents(words):
        return [f"{words} w{i % 7}" for i in range(60)]

    def targets(names):
        return names if as_labels else several(names)

    known = ["cat", "dog", "oak"]
    X = [text for name in known for text in documents(name)]
    y = [name for name in known for _ in range(60)]
    # One that knows the words of documents that come later.
    vectorizer = HashingVectorizer(n_features=2**12, alternate_sign=False)
    model = HierarchicalLinearClassifier(
        Hierarchy([], nodes=known),
        vectorizer=vectorizer,
        decoding="path",
        random_state=0,
    ).fit(X, targets(y))
    # A group above former labels, and a branch of its own.
    now = {"animal": ["cat", "dog"], "plant": ["oak"], "bird": ["duck", "owl"]}
    added = {"zoo": "animal", "bird": "bird", "bird duck": "duck", "bird owl": "owl"}
    more = [text for words in added for text in documents(words)]
    labels = [name for name in added.values() for _ in range(60)]
    model.update_hierarchy(now, X=X + more, y=targets(y + labels))
    asked = {name: name for name in known} | added
    for words, name in asked.items():
        (found,) = model.predict([f"{words} w3"])
        assert (found if as_labels else found[-1]) == name


def test_a_network_stays_and_says_nothing_of_added_nodes():
    model = HTCInfoMaxClassifier(
        BEFORE,
        decoding="threshold",
        deep_path=True,
        dimension=8,
        max_epochs=2,
        random_state=0,
    ).fit(TRAIN[0], several(TRAIN[1]))
    before = columns(model, ["iron", "oak"])
    model.update_hierarchy(HIERARCHY, X=ALL[0], y=several(ALL[1]))
    np.testing.assert_allclose(columns(model, ["iron", "oak"]), before, atol=1e-6)
    assert model.transform(TEST[0]).shape == (200, 8)
    assert model.label_embeddings_.shape == (len(HIERARCHY), 8)
    with pytest.raises(ValueError, match="Fit anew"):
        model.partial_fit(ALL[0], several(ALL[1]))


def test_added_nodes_beside_a_network_are_read_out_as_without_it(monkeypatch):
    def heavy(*args, **kwargs):
        weighed = weighing.weigh(*args, **kwargs)
        # As of sums, which are further apart.
        of_sum = copy(weighed.read_out.calibration)
        of_sum.half_range_ *= 3
        read_out = replace(weighed.read_out, calibration=of_sum)
        return replace(weighed, weight=3.0, read_out=read_out)

    monkeypatch.setattr(weighing, "ENOUGH_TO_WEIGH", 1)
    monkeypatch.setattr(fitting, "weigh", heavy)
    settings = {"decoding": "threshold", "dimension": 8, "max_epochs": 2}
    alone, beside = (
        HTCInfoMaxClassifier(BEFORE, deep_path=deep, random_state=0, **settings).fit(
            TRAIN[0], several(TRAIN[1])
        )
        for deep in (False, True)
    )
    assert beside.deep_weight_ == 3
    for model in (alone, beside):
        model.update_hierarchy(HIERARCHY, X=ALL[0], y=several(ALL[1]))
    np.testing.assert_allclose(*(columns(m, [NEW]) for m in (alone, beside)), atol=0.02)


def test_changes_follow_one_another_and_survive_files():
    model = fitted()
    model.update_hierarchy(HIERARCHY, X=ALL[0], y=several(ALL[1]))
    before = columns(model, [NEW, "iron"])
    now = TOPICS | {"animal": ["cat", "dog", "horse", "polecat"]}
    model.update_hierarchy(now, {NEW: "polecat"})
    np.testing.assert_allclose(columns(model, ["polecat", "iron"]), before, atol=1e-6)
    expected = model.predict_proba(TEST[0])
    for back in (
        pickle.loads(pickle.dumps(model)),
        skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES),
    ):
        np.testing.assert_array_equal(back.predict_proba(TEST[0]), expected)
    with pytest.raises(ValueError, match="Fit anew to explain"):
        model.explain(TEST[0][:1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([("a", "b"), ("b", "a")],), "cycle"),
        ((None,), "give the whole hierarchy"),
        (("infer",), "give the whole hierarchy"),
        ((HIERARCHY, {"fish": "cat"}), "'fish', which was not a node"),
        ((HIERARCHY, {"cat": "fish"}), "'fish', which is not a node of the new"),
        ((HIERARCHY, None, ALL[0]), "X and y belong together"),
        ((HIERARCHY, None, ALL[0], several(ALL[1])[:5]), "inconsistent"),
        ((HIERARCHY, None, ["a"], [["fish"]]), "'fish'"),
        ((HIERARCHY, None, ["a ferret"], [[NEW]]), "as counterexamples"),
        ((HIERARCHY, None, ["a"], ["cat"]), "earlier it was given as"),
        (({"a": ["b"]},), "No former node is in the new hierarchy"),
    ],
)
def test_bad_changes_change_nothing(arguments, message):
    model = fitted()
    before, learned = columns(model, BEFORE.nodes), model._learned
    with pytest.raises(ValueError, match=message):
        model.update_hierarchy(*arguments)
    assert model._learned is learned
    assert model.hierarchy is BEFORE
    np.testing.assert_array_equal(columns(model, BEFORE.nodes), before)


def test_classes_that_are_all_gone_are_refused():
    model = HierarchicalLinearClassifier(BEFORE, random_state=0).fit(*TRAIN)
    with pytest.raises(ValueError, match="No path that could be predicted is left"):
        model.update_hierarchy({"animal": ["pig"], "plant": ["elm"], "metal": ["lead"]})
    with pytest.raises(ValueError, match="earlier it was given as"):
        model.update_hierarchy(HIERARCHY, None, ["a"], [["cat"]])


def test_texts_without_a_fit_that_knew_some_are_refused():
    with pytest.raises(ValueError, match="fitted without label texts"):
        fitted().update_hierarchy(HIERARCHY, label_texts={NEW: "the ferret"})
    with pytest.raises(ValueError, match="which is not a node"):
        fitted().update_hierarchy(HIERARCHY, label_texts={"fish": "a fish"})


def test_merged_nodes_are_not_learned_from_a_few_documents():
    # Where every node is touched nothing tells that these are all documents.
    rng = np.random.default_rng(0)
    leaves = rng.choice(list("abcd"), 200).tolist()
    texts = [f"word{leaf} w{rng.integers(20)}" for leaf in leaves]
    model = HierarchicalLinearClassifier(
        Hierarchy([], nodes=list("abcd")), decoding="threshold", random_state=0
    ).fit(texts, several(leaves))
    union = clone(model).fit(texts, several(leaves))
    today = Hierarchy([], nodes=["ab", "cd"])
    mapping = {"a": "ab", "b": "ab", "c": "cd", "d": "cd"}
    union.update_hierarchy(today, mapping)
    model.update_hierarchy(today, mapping, X=texts[:4], y=[["ab"], ["cd"]] * 2)
    np.testing.assert_allclose(
        model.predict_proba(texts), union.predict_proba(texts), atol=1e-6
    )


def test_a_label_that_was_an_ancestor_alone_can_not_become_a_class():
    model = HierarchicalLinearClassifier(BEFORE, random_state=0).fit(*TRAIN)
    before = model.predict_proba(TEST[0])
    texts, y = TRAIN
    with pytest.raises(ValueError, match="'animal' as the most specific label"):
        model.update_hierarchy(BEFORE, X=texts, y=["animal", *y[1:]])
    np.testing.assert_array_equal(model.predict_proba(TEST[0]), before)


def test_features_of_a_split_node_are_none_of_its_parts():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 8)).astype(np.float32)
    y = rng.choice(list("abc"), 200)
    X[np.arange(200), np.searchsorted(list("abc"), y)] += 4
    features = np.eye(3, 8)
    model = HierarchicalLinearClassifier(
        Hierarchy([], nodes=list("abc")),
        label_features=features,
        decoding="threshold",
        random_state=0,
    ).fit(X, several(y))
    model.update_hierarchy(
        Hierarchy([], nodes=["a", "b1", "b2", "c"]), {"b": ["b1", "b2"]}
    )
    carried = model.get_params()["label_features"].toarray()
    expected = [features[0], np.zeros(8), np.zeros(8), features[2]]
    np.testing.assert_array_equal(carried, expected)


def test_added_nodes_have_as_many_landmarks_as_their_documents_allow(monkeypatch):
    monkeypatch.setattr(kernel, "MAX_LANDMARKS", 90)
    monkeypatch.setattr(kernel, "N_TRIED", 100)

    words = TfidfVectorizer(max_features=30).fit(ALL[0])

    def embeddings(train):
        return words.transform(train[0]).toarray()

    model = HTCInfoMaxClassifier(BEFORE, deep_path=False, random_state=0)
    model.fit(embeddings(TRAIN), TRAIN[1])
    assert isinstance(model.wide_, KernelPath)
    assert len(model.wide_.landmarks_) < 60
    some = corpus(seed=2, n=80)
    model.update_hierarchy(HIERARCHY, X=embeddings(some), y=some[1])
    assert len(model._learned.predictor.anew.wide.landmarks_) == len(some[0])
