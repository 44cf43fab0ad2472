"""Files: every fitted estimator comes back the same from a pickle and from skops."""

import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sklearn_htc import (
    HiAGMClassifier,
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
    TokenSequenceVectorizer,
)
from sklearn_htc.persistence import TRUSTED_TYPES

SMALL = {"dimension": 8, "max_epochs": 2, "random_state": 0}
FLAT = OneVsRestClassifier(LogisticRegression())
ESTIMATORS = {
    "bag": HTCInfoMaxClassifier(wide_path=False, **SMALL),
    "both paths": HTCInfoMaxClassifier(deep_path=True, **SMALL),
    "wide path": HTCInfoMaxClassifier(deep_path=False, **SMALL),
    "sequences": make_pipeline(
        TokenSequenceVectorizer(max_length=8),
        HTCInfoMaxClassifier(
            text_encoder="bigru", structure_encoder="treelstm", **SMALL
        ),
    ),
    "text propagation": HiAGMClassifier(variant="tp", **SMALL),
    "linear": HierarchicalLinearClassifier(random_state=0),
    "decoding": HierarchicalDecodingClassifier(FLAT, random_state=0),
}


def with_embeddings(bag):
    """Return terms beside coordinates of an embedding."""
    rng = np.random.default_rng(0)
    return sparse.csr_array(sparse.hstack([bag, rng.normal(size=(bag.shape[0], 16))]))


def targets(corpus, hierarchy):
    """Return the labels in five forms."""
    names = corpus[1]
    paths = dict(zip(hierarchy.nodes, hierarchy.paths, strict=True))
    return {
        "indicator": hierarchy.to_indicator([name] for name in names),
        "labels": names,
        "frame": pd.DataFrame(
            hierarchy.to_indicator([name] for name in names).toarray(),
            columns=list(hierarchy.nodes),
        ),
        "table": pd.DataFrame(
            [[*path, pd.NA, pd.NA][:3] for path in map(paths.get, names)],
            columns=["first", "second", "third"],
            dtype="string",
        ),
        "several": [[name, "cat"] if i % 3 else [] for i, name in enumerate(names)],
    }


@pytest.fixture(params=["indicator", "labels", "frame", "table", "several"])
def target(request, corpus, hierarchy):
    """Return labels in each form."""
    return targets(corpus, hierarchy)[request.param]


def assert_comes_back(clf, X):
    """Check both ways to a file and back."""
    expected = clf.predict_proba(X)
    of_pickle = pickle.loads(pickle.dumps(clf))
    of_skops = skops.io.loads(skops.io.dumps(clf), trusted=TRUSTED_TYPES)
    for loaded in (of_pickle, of_skops):
        np.testing.assert_array_equal(loaded.predict_proba(X), expected)
        assert type(loaded.predict(X)) is type(clf.predict(X))


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_every_estimator_comes_back_the_same(name, corpus, bag, hierarchy, target):
    clf = ESTIMATORS[name]
    final = clf[-1] if name == "sequences" else clf
    final.set_params(hierarchy=hierarchy)
    X = corpus[0] if name == "sequences" else bag
    assert_comes_back(clf.fit(X, target), X)


@pytest.mark.parametrize(
    "labels",
    [[True, False], [b"a", b"b"], [("a",), ("a", 1)], [1.5, 2.5], [10, 20]],
    ids=str,
)
def test_labels_of_every_plain_type_come_back(labels, bag):
    hierarchy = Hierarchy([], nodes=labels)
    y = [labels[i % 2] for i in range(100)]
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(bag, y)
    assert_comes_back(clf, bag)
    loaded = skops.io.loads(skops.io.dumps(clf), trusted=TRUSTED_TYPES)
    assert loaded.hierarchy_ == hierarchy
    assert loaded.predict(bag).tolist() == clf.predict(bag).tolist()
    assert loaded.score(bag, y) == clf.score(bag, y)


@pytest.mark.parametrize("form", ["embeddings", "terms beside embeddings"])
def test_every_wide_path_comes_back_the_same(form, bag, hierarchy, target):
    X = bag.toarray() if form == "embeddings" else with_embeddings(bag)
    clf = HTCInfoMaxClassifier(hierarchy, **SMALL).fit(X, target)
    kind = {"embeddings": "KernelPath", "terms beside embeddings": "JoinedPath"}[form]
    assert type(clf.wide_).__name__ == kind
    assert_comes_back(clf, X)


@pytest.mark.parametrize("text_encoder", ["bag", "bigru"])
def test_training_goes_on_after_a_file(text_encoder, corpus, bag, indicator, hierarchy):
    X = bag
    if text_encoder == "bigru":
        X = TokenSequenceVectorizer(max_length=8).fit_transform(corpus[0])
    clf = HTCInfoMaxClassifier(
        hierarchy, text_encoder=text_encoder, wide_path=False, **SMALL
    ).fit(X, indicator)
    loaded = skops.io.loads(skops.io.dumps(clf), trusted=TRUSTED_TYPES)
    for each in (clf, loaded):
        each.partial_fit(X, indicator)
    assert loaded.history_[0]["train_loss"] == clf.history_[0]["train_loss"]
    expected = clf.predict_proba(X)
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)


def test_a_network_of_another_device_runs_on_the_cpu(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, **SMALL)
    expected = clf.fit(bag, indicator).predict_proba(bag)
    clf.net_.device = "cuda:77"
    data = pickle.dumps(clf)
    with pytest.warns(UserWarning, match="trained on 'cuda:77'"):
        loaded = pickle.loads(data)
    np.testing.assert_array_equal(loaded.predict_proba(bag), expected)


def test_a_file_holds_no_training_documents(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, **SMALL)
    few = pickle.dumps(clf.fit(bag, indicator))
    rows = np.tile(np.arange(100), 20)
    many = pickle.dumps(clf.fit(bag[rows], indicator[rows]))
    assert len(many) < 1.2 * len(few)


def test_loading_draws_nothing_from_the_callers_generator(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=False, **SMALL)
    data = pickle.dumps(clf.fit(bag, indicator))
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    pickle.loads(data)
    assert torch.rand(1) == expected
