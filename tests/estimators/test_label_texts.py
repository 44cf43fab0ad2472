import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_htc import (
    HiAGMClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
)

TOPICS = {
    "animal": ["cat", "dog", "horse", "ferret"],
    "plant": ["oak", "rose", "fern", "cactus"],
    "metal": ["iron", "gold", "zinc", "tin"],
}
HIERARCHY = Hierarchy.from_dict(TOPICS)
LEAVES = [leaf for leaves in TOPICS.values() for leaf in leaves]
PARENT = {leaf: topic for topic, leaves in TOPICS.items() for leaf in leaves}
WORDS = {topic: [f"{topic}word{i}" for i in range(8)] for topic in TOPICS}
TEXTS = {node: f"the {node}" for node in HIERARCHY.nodes}


def corpus(seed=0, n=360, without=()):
    """Return texts that mostly name their leaf, beside words of its topic."""
    rng = np.random.default_rng(seed)
    texts, y = [], []
    for leaf in rng.choice([leaf for leaf in LEAVES if leaf not in without], n):
        words = [*rng.choice(WORDS[PARENT[leaf]], 3), *rng.choice(list("abcdefg"), 4)]
        if rng.random() < 0.9:
            words.append(leaf)
        texts.append(" ".join(rng.permutation(words)))
        y.append(str(leaf))
    return texts, y


def linear(**parameters):
    parameters = {"label_texts": TEXTS, "random_state": 0} | parameters
    return HierarchicalLinearClassifier(HIERARCHY, **parameters)


NEW = ["ferret", "zinc"]
OLD = corpus(without=NEW)
TEST = corpus(seed=1, n=240)
IS_NEW = np.isin(TEST[1], NEW)


def test_labels_without_documents_are_found():
    model = linear().fit(OLD[0], [[leaf] for leaf in OLD[1]])
    predicted = model.predict(TEST[0])
    hits = [leaf in row for leaf, row in zip(TEST[1], predicted, strict=True)]
    assert np.mean(np.array(hits)[IS_NEW]) > 0.6
    assert np.mean(np.array(hits)[~IS_NEW]) > 0.85
    for row in predicted:
        assert HIERARCHY.is_coherent(HIERARCHY.to_indicator([row]))


def test_they_have_coherent_probabilities_and_ranks():
    model = linear().fit(OLD[0], [[leaf] for leaf in OLD[1]])
    p = model.predict_proba(TEST[0])
    for child in NEW:
        i, j = HIERARCHY.index([child, PARENT[child]])
        assert (p[:, i] <= p[:, j]).all()
        mine = np.array(TEST[1]) == child
        assert p[mine, i].mean() > 5 * p[~mine, i].mean()
    labels, _ = model.predict_top_k(TEST[0], len(HIERARCHY))
    assert set(labels[0]) == set(HIERARCHY.nodes)


def test_one_class_per_document():
    model = linear(decoding="path").fit(*OLD)
    assert set(model.classes_) == set(LEAVES)
    p = model.predict_proba(TEST[0])
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    predicted = model.predict(TEST[0])
    np.testing.assert_array_equal(predicted, model.classes_[p.argmax(axis=1)])
    assert (predicted == TEST[1])[IS_NEW].mean() > 0.6
    assert (predicted == TEST[1])[~IS_NEW].mean() > 0.8


def test_without_text_and_document_a_label_keeps_its_column():
    some = {node: text for node, text in TEXTS.items() if node != "zinc"}
    Y = HIERARCHY.to_indicator([[leaf] for leaf in OLD[1]])
    model = linear(label_texts=some).fit(OLD[0], Y)
    predicted = model.predict(TEST[0])
    assert predicted.shape[1] == len(HIERARCHY)
    zinc, ferret = HIERARCHY.index(["zinc", "ferret"])
    assert predicted[:, [zinc]].sum() == 0 < predicted[:, [ferret]].sum()


def test_features_of_labels_stand_for_texts():
    vectorizer = TfidfVectorizer().fit([*OLD[0], *TEXTS.values()])
    X, X_test = (vectorizer.transform(texts) for texts in (OLD[0], TEST[0]))
    features = vectorizer.transform([TEXTS[node] for node in HIERARCHY.nodes])
    model = linear(label_texts=None, label_features=features).fit(X, OLD[1])
    assert (model.predict(X_test) == TEST[1])[IS_NEW].mean() > 0.6
    as_array = linear(label_texts=None, label_features=features.toarray())
    as_array.fit(X, OLD[1])
    np.testing.assert_allclose(
        as_array.predict_proba(X_test), model.predict_proba(X_test), rtol=1e-5
    )


def test_a_row_of_nan_is_no_text():
    rng = np.random.default_rng(0)
    center = rng.normal(size=(len(HIERARCHY), 20))
    rows = HIERARCHY.index(OLD[1])
    X = center[rows] + 0.3 * rng.normal(size=(len(rows), 20))
    features = center.copy()
    zinc, ferret = HIERARCHY.index(["zinc", "ferret"])
    features[zinc] = np.nan
    model = HTCInfoMaxClassifier(
        HIERARCHY, label_features=features, deep_path=False, random_state=0
    ).fit(X, [[leaf] for leaf in OLD[1]])
    p = model.predict_proba(center[[zinc, ferret]])
    assert p[0, zinc] < 0.05 < 0.3 < p[1, ferret]


@pytest.mark.parametrize(
    "model",
    [
        HTCInfoMaxClassifier(HIERARCHY, max_epochs=2, dimension=8, deep_path=True),
        HTCInfoMaxClassifier(HIERARCHY, max_epochs=2, dimension=8, wide_path=False),
        HiAGMClassifier(HIERARCHY, text_encoder="bag", max_epochs=2, dimension=8),
    ],
    ids=["beside", "alone", "hiagm"],
)
def test_networks_take_them_too(model):
    model = clone(model).set_params(label_texts=TEXTS, random_state=0)
    p = model.fit(OLD[0], [[leaf] for leaf in OLD[1]]).predict_proba(TEST[0])
    i = HIERARCHY.index(["ferret"])[0]
    mine = np.array(TEST[1]) == "ferret"
    assert p[mine, i].mean() > 3 * p[~mine, i].mean()


def test_a_handful_of_documents():
    texts, y = corpus(n=30, without=NEW)
    model = linear().fit(texts, [[leaf] for leaf in y])
    i = HIERARCHY.index(["zinc"])[0]
    p = model.predict_proba(["a zinc b metalword1", "a b metalword1"])[:, i]
    assert p[0] > 2 * p[1]


def test_a_fit_repeats_and_survives_a_pickle():
    models = [linear().fit(*OLD) for _ in range(2)]
    first, second = (model.predict_proba(TEST[0]) for model in models)
    np.testing.assert_array_equal(first, second)
    back = pickle.loads(pickle.dumps(models[0]))
    np.testing.assert_array_equal(back.predict_proba(TEST[0]), first)


def test_terms_of_texts_are_known_before_any_document_has_them():
    model = linear().fit(*OLD)
    assert "ferret" in model.vectorizer_.get_feature_names_out()
    i = list(model.classes_).index("ferret")
    p = model.predict_proba(["animalword1 ferret", "animalword1 cat"])
    assert p[0, i] > 3 * p[1, i]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({**TEXTS, "fish": "a fish"}, "'fish', which is not a node"),
        ({**TEXTS, "cat": None}, r"label_texts\['cat'\] is missing"),
        ({**TEXTS, "cat": float("nan")}, r"label_texts\['cat'\] is missing"),
        ({**TEXTS, "cat": " "}, r"label_texts\['cat'\] is missing"),
        ({**TEXTS, "cat": 3}, r"label_texts\['cat'\] is 3, and not a string"),
        (["a", "b"], "has 2 texts, but the hierarchy has 15 nodes"),
        (pd.Series(["a", "b"], index=["cat", "cat"]), "Duplicate label of label_texts"),
        ("cat", "Give a mapping"),
        (3, "Give a mapping"),
    ],
)
def test_bad_texts_are_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        linear(label_texts=texts).fit(*OLD)


def test_a_sequence_of_texts_has_the_order_of_nodes():
    in_order = [TEXTS[node] for node in HIERARCHY.nodes]
    same = [linear(label_texts=texts).fit(*OLD) for texts in (TEXTS, in_order)]
    np.testing.assert_array_equal(*(model.predict_proba(TEST[0]) for model in same))


X = np.random.default_rng(0).normal(size=(len(OLD[0]), 5))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.ones((3, 5)), "has 3 rows, but the hierarchy has 15 nodes"),
        (np.ones((15, 4)), "has 4 features, but X has 5"),
        (np.zeros((15, 5)), "no row with numbers"),
        (np.where(np.eye(15, 5) > 0, np.nan, 1), "has NaN among its numbers"),
        (sparse.csr_array(np.full((15, 5), np.inf)), "infinity"),
    ],
)
def test_bad_features_are_refused(features, message):
    model = linear(label_texts=None, label_features=features)
    with pytest.raises(ValueError, match=message):
        model.fit(X, OLD[1])


def test_what_does_not_suit_x_is_refused():
    with pytest.raises(ValueError, match="label_texts needs raw texts"):
        linear().fit(X, OLD[1])
    features = np.ones((15, 5))
    with pytest.raises(ValueError, match="label_features needs a numeric X"):
        linear(label_texts=None, label_features=features).fit(*OLD)
    with pytest.raises(ValueError, match="both given"):
        linear(label_features=features).fit(*OLD)
    with pytest.raises(ValueError, match="X holds sequences"):
        HTCInfoMaxClassifier(HIERARCHY, label_texts=TEXTS, text_encoder="bigru").fit(
            *OLD
        )
    with pytest.raises(ValueError, match="partial_fit learns nothing"):
        HTCInfoMaxClassifier(
            HIERARCHY, label_features=features, wide_path=False
        ).partial_fit(X, [[leaf] for leaf in OLD[1]])


def test_probabilities_of_new_labels_are_calibrated():
    names = [f"name{i}" for i in range(60)]
    rng = np.random.default_rng(0)
    own = rng.integers(0, 60, 3000)
    # A third of the documents don't have their label's name.
    words = ["and", "but", "for", "nor", "yet", "so"]
    texts = [
        " ".join([*rng.choice(words, 3), names[i] if rng.random() < 0.7 else "or"])
        for i in own
    ]
    train = np.flatnonzero(own[:1800] >= 12)
    model = HierarchicalLinearClassifier(
        Hierarchy([], nodes=names),
        label_texts={name: name for name in names},
        decoding="threshold",
        random_state=0,
    ).fit([texts[i] for i in train], [[names[own[i]]] for i in train])
    p = model.predict_proba(texts[1800:])[:, :12]
    truth = own[1800:, None] == np.arange(12)
    assert 0.6 < truth.sum() / p.sum() < 1.6
    for low, high in ((0.01, 0.5), (0.5, 1)):
        some = (p >= low) & (p < high)
        if some.sum() > 30:
            assert abs(p[some].mean() - truth[some].mean()) < 0.2


def test_a_network_goes_on_but_not_with_new_labels():
    model = HTCInfoMaxClassifier(
        HIERARCHY,
        label_texts=TEXTS,
        deep_path=True,
        dimension=8,
        max_epochs=1,
        loss="zlpr",
        random_state=0,
    ).fit(OLD[0], [[leaf] for leaf in OLD[1]])
    model.partial_fit(OLD[0], [[leaf] for leaf in OLD[1]])
    with pytest.raises(ValueError, match="had no document at the first fit"):
        model.partial_fit(TEST[0], [[leaf] for leaf in TEST[1]])


def test_without_any_text_nothing_changes():
    plain = linear(label_texts=None).fit(*OLD).predict_proba(TEST[0])
    empty = linear(label_texts={}).fit(*OLD).predict_proba(TEST[0])
    np.testing.assert_array_equal(plain, empty)


def test_frames_as_the_output_of_all_transformers_change_nothing(monkeypatch):
    expected = linear().fit(*OLD)
    with config_context(transform_output="pandas"):
        other = linear().fit(*OLD)
        found = other.predict_proba(TEST[0])
        network = HTCInfoMaxClassifier(
            HIERARCHY, text_encoder="bigru", dimension=8, max_epochs=1, random_state=0
        )
        assert network.fit(*OLD).predict_proba(TEST[0]).shape == (240, len(LEAVES) - 2)
    np.testing.assert_array_equal(found, expected.predict_proba(TEST[0]))


def test_columns_of_label_features_are_those_of_x():
    vectorizer = TfidfVectorizer().fit([*OLD[0], *TEXTS.values()])
    names = vectorizer.get_feature_names_out()
    X = pd.DataFrame(vectorizer.transform(OLD[0]).toarray(), columns=names)
    of_labels = vectorizer.transform(TEXTS.values()).toarray()
    features = pd.DataFrame(of_labels, columns=names, index=list(TEXTS))
    y = [[leaf] for leaf in OLD[1]]
    turned = linear(label_texts=None, label_features=features[names[::-1]])
    with pytest.raises(ValueError, match="columns of label_features are named"):
        turned.fit(X, y)
    linear(label_texts=None, label_features=features).fit(X, y)
