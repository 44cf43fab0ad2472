"""Files: every fitted estimator comes back the same from a pickle and from skops."""

import copy
import json
import os
import pickle
import subprocess
import sys
import zipfile
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from uuid import UUID

import networkx
import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skops.io.exceptions import UntrustedTypesFoundException

from sklearn_htc import (
    HiAGMClassifier,
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
    TokenSequenceVectorizer,
)
from sklearn_htc.metrics import SCORERS, get_scorer
from sklearn_htc.persistence import (
    TRUSTED_TYPES,
    load,
    moved_into_place,
    plain_vocabularies,
    save,
)
from tests.makers import assert_flipped_bytes_are_found

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
    "label attention": HiAGMClassifier(variant="la", head="joint", **SMALL),
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


def fitted(name, y, corpus, bag, hierarchy):
    """Fit an estimator, and return it with the documents that it has learned from."""
    clf = clone(ESTIMATORS[name])
    final = clf[-1] if name == "sequences" else clf
    final.set_params(hierarchy=hierarchy)
    X = corpus[0] if name == "sequences" else bag
    return clf.fit(X, y), X


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
    assert_comes_back(*fitted(name, target, corpus, bag, hierarchy))


def test_label_texts_come_back(corpus, hierarchy):
    # "fir" has no document; the others give way to it.
    kept = [i for i, leaf in enumerate(corpus[1]) if leaf != "fir"]
    texts = [corpus[0][i] for i in kept]
    names = {node: f"the {node}" for node in hierarchy.nodes}
    clf = HierarchicalLinearClassifier(
        hierarchy, decoding="threshold", label_texts=names, random_state=0
    ).fit(texts, [[corpus[1][i]] for i in kept])
    object.__setattr__(clf._learned.predictor.label_texts, "exclusion", 0.7)
    assert_comes_back(clf, texts)


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


@pytest.fixture
def clf(corpus, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    return clf.fit(corpus[0], [[name] for name in corpus[1]])


def test_a_saved_pipeline_is_loaded(corpus, hierarchy, bag, tmp_path):
    pipeline = make_pipeline(
        TfidfVectorizer(), HierarchicalLinearClassifier(hierarchy, random_state=0)
    ).fit(*corpus)
    save(pipeline, tmp_path / "model.skops")
    loaded = load(str(tmp_path / "model.skops"))
    expected = pipeline.predict_proba(corpus[0])
    np.testing.assert_array_equal(loaded.predict_proba(corpus[0]), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["model.skops"]


@pytest.mark.parametrize("place", ["pipeline", "union", "own", "inside"])
def test_a_vocabulary_is_not_a_file_per_term(place, corpus, hierarchy, tmp_path):
    # Where some are left out, scikit-learn numbers terms by NumPy integers.
    vectorizer = TfidfVectorizer(max_features=20)
    inner = HierarchicalLinearClassifier(hierarchy, random_state=0)
    clf = {
        "pipeline": make_pipeline(vectorizer, inner),
        "union": make_pipeline(make_union(vectorizer), inner),
        "own": clone(inner).set_params(vectorizer=vectorizer),
        "inside": HierarchicalDecodingClassifier(
            OneVsRestClassifier(make_pipeline(vectorizer, LogisticRegression())),
            hierarchy,
            vectorizer=None,
        ),
    }[place].fit(*corpus)
    expected = clf.predict_proba(corpus[0])
    save(clf, tmp_path / "model.skops")
    with zipfile.ZipFile(tmp_path / "model.skops") as archive:
        sizes = [each.file_size for each in archive.infolist()]
    n_arrays_of_one_number = sum(size == 136 for size in sizes)
    assert n_arrays_of_one_number < 20
    loaded = load(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict_proba(corpus[0]), expected)


def test_a_failed_save_keeps_the_former_file(clf, monkeypatch, tmp_path):
    path = tmp_path / "model.skops"
    save(clf, path)
    former = path.read_bytes()

    def full(handle):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(clone(clf), path)
    assert path.read_bytes() == former
    assert list(tmp_path.iterdir()) == [path]


def searches(hierarchy, y):
    """Yield searches and other meta-estimators around a linear model."""
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    encoded = clone(clf).set_params(hierarchy=hierarchy.encoded(y))
    C = {"C": [0.5, 1]}
    yield GridSearchCV(clf, C, cv=2)
    yield GridSearchCV(clf, C, cv=KFold(2, shuffle=True, random_state=0))
    yield HalvingGridSearchCV(clf, C, cv=2, min_resources=40)
    both = {name: get_scorer(name) for name in ("path_accuracy", "lca_f1")}
    yield GridSearchCV(clf, C, cv=2, scoring=both, refit="lca_f1")
    for method in ("sigmoid", "isotonic"):
        yield CalibratedClassifierCV(clf, cv=2, method=method)
    yield CalibratedClassifierCV(encoded, cv=2, method="temperature")
    yield VotingClassifier([("a", encoded), ("b", encoded)], voting="soft")
    yield HierarchicalDecodingClassifier(MLPClassifier(max_iter=2), hierarchy)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_searches_and_other_meta_estimators_are_loaded(corpus, hierarchy, tmp_path):
    texts, y = corpus
    X = TfidfVectorizer().fit_transform(texts)
    for estimator in searches(hierarchy, y):
        save(estimator.fit(X, y), tmp_path / "model.skops")
        loaded = load(tmp_path / "model.skops")
        np.testing.assert_array_equal(
            loaded.predict_proba(X), estimator.predict_proba(X)
        )


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_are_loaded(name, corpus, hierarchy, tmp_path):
    X, y = TfidfVectorizer().fit_transform(corpus[0]), corpus[1]
    clf = HierarchicalLinearClassifier(hierarchy)
    search = GridSearchCV(clf, {"C": [1]}, scoring=get_scorer(name), cv=2)
    save(search.fit(X, y), tmp_path / "model.skops")
    assert load(tmp_path / "model.skops").score(X, y) == search.score(X, y)


@pytest.mark.parametrize(
    "label",
    [
        date(2020, 1, 1),
        datetime(2020, 1, 1),
        Decimal("0.1"),
        Fraction(1, 3),
        UUID(int=1),
    ],
)
def test_labels_that_are_no_text_are_loaded(label, tmp_path):
    clf = HierarchicalLinearClassifier(Hierarchy([(label, "below")]))
    clf.fit(np.eye(2), [[label], ["below"]])
    save(clf, tmp_path / "model.skops")
    assert load(tmp_path / "model.skops").hierarchy_ == clf.hierarchy_


def test_types_of_the_user_have_to_be_trusted(clf, tmp_path):
    path = tmp_path / "model.skops"
    save(make_pipeline(FunctionTransformer(as_lower), clf), path)
    with pytest.raises(UntrustedTypesFoundException, match="as_lower") as refused:
        load(path)
    assert "trusted=[...]" in refused.value.__notes__[0]
    name = f"{as_lower.__module__}.as_lower"
    assert load(path, trusted=[name]).steps[0][1].func is as_lower


def as_lower(texts):
    return [text.lower() for text in texts]


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "model.skops"
    if content is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("something", "else")
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="no file of sklearn_htc"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.skops")


def test_flipped_bytes_and_forged_stamps_are_refused(clf, tmp_path):
    path = tmp_path / "model.skops"
    save(clf, path)
    assert_flipped_bytes_are_found(
        path, lambda: load(path).wide_.coef_.tobytes(), "is no file of"
    )
    for stamp in ("{}", "[]", "7", "{"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("sklearn_htc.json", stamp)
        with pytest.raises(ValueError, match="is damaged"):
            load(path)


def test_mlflow_keeps_an_estimator(clf, corpus, tmp_path):
    sklearn_flavour = pytest.importorskip("mlflow.sklearn")
    from mlflow import pyfunc

    folder = str(tmp_path / "model")
    sklearn_flavour.save_model(
        clf, folder, serialization_format="skops", skops_trusted_types=TRUSTED_TYPES
    )
    expected = clf.predict(corpus[0])
    for load_model in (sklearn_flavour.load_model, pyfunc.load_model):
        assert load_model(folder).predict(corpus[0]) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="has no such permissions")
def test_a_file_keeps_its_permissions_and_links(clf, tmp_path):
    path, link = tmp_path / "model.skops", tmp_path / "link.skops"
    save(clf, path)
    path.chmod(0o600)
    link.symlink_to(path)
    save(clone(clf), link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert load(path).get_params()["random_state"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="has no such permissions")
def test_a_file_that_may_not_be_written_is_replaced_by_another(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"before")
    path.chmod(0o440)
    with moved_into_place(path) as part:
        # Who isn't the superuser could not write it otherwise.
        assert part.stat().st_mode & 0o777 == 0o640
        part.write_bytes(b"after")
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o440


def test_saving_changes_no_vectorizer(corpus, hierarchy, tmp_path):
    clf = make_pipeline(
        TfidfVectorizer(max_features=20), HierarchicalLinearClassifier(hierarchy)
    ).fit(*corpus)
    vocabulary = clf[0].vocabulary_
    save(clf, tmp_path / "model.skops")
    assert clf[0].vocabulary_ is vocabulary

    class Weights(FunctionTransformer):
        vocabulary_ = None

    own = Weights()
    own.vocabulary_ = {"a": 0.73}
    with plain_vocabularies(own):
        assert own.vocabulary_ == {"a": 0.73}


def test_estimators_of_another_format_are_refused(clf, monkeypatch, tmp_path):
    path = tmp_path / "model.skops"
    monkeypatch.setattr(
        "sklearn_htc.persistence.stamp", lambda: {"format": 7, "version": "3.2"}
    )
    monkeypatch.setattr(
        "sklearn_htc.estimators._base.stamp", lambda: {"format": 7, "version": "3.2"}
    )
    save(clf, path)
    pickled = pickle.dumps(clf)
    monkeypatch.undo()
    message = "fitted by sklearn_htc 3.2, whose fitted estimators have format 7"
    with pytest.raises(ValueError, match=message):
        load(path)
    with pytest.raises(ValueError, match=message):
        pickle.loads(pickled)
    # Parameters alone are the same in all formats.
    clf.__setstate__({"C": 2.0, "_saved_by": {"format": 7, "version": "3.2"}})
    assert clf.C == 2


def test_estimators_from_before_there_were_formats_are_refused(clf):
    state = clf.__getstate__()
    del state["_saved_by"]
    with pytest.raises(ValueError, match="format 0"):
        clone(clf).__setstate__(state)


SAVE_AND_KILL = """
import os, pickle, random, signal, sys, time
from sklearn_htc.persistence import load, save

assert "torch" not in sys.modules
folder, n_kills = sys.argv[1], int(sys.argv[2])
with open(f"{folder}/models.pickle", "rb") as file:
    models, texts, expected = pickle.load(file)
path = f"{folder}/model.skops"
save(models[0], path)
start = time.perf_counter()
for _ in range(3):
    save(models[0], path)
longest = (time.perf_counter() - start) / 3 * 2
random.seed(0)
for _ in range(n_kills):
    child = os.fork()
    if not child:
        while True:
            for model in models:
                save(model, path)
    time.sleep(random.uniform(0, longest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = load(path).predict_proba(texts)
    assert any((found == each).all() for each in expected)
print(len([name for name in os.listdir(folder) if name.endswith(".part")]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_killed_saves_leave_a_whole_file(clf, corpus, tmp_path):
    texts = corpus[0][:5]
    other = clone(clf).set_params(C=0.1).fit(corpus[0], [[name] for name in corpus[1]])
    models = [clf, other]
    expected = [model.predict_proba(texts) for model in models]
    (tmp_path / "models.pickle").write_bytes(pickle.dumps((models, texts, expected)))
    command = [sys.executable, "-c", SAVE_AND_KILL, str(tmp_path), "100"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Some were killed while they wrote.
    assert int(done.stdout) > 0


def test_labels_that_are_no_text_may_be_keys_of_parameters(clf, corpus, tmp_path):
    table = np.array([["animal", "cat"], ["animal", "dog"], ["plant", "oak"]] * 30)
    texts = ["the cat", "a dog", "an oak"] * 30
    label_texts = {("animal", "cat"): "cat", ("plant", "oak"): "oak"}
    estimators = [
        HierarchicalLinearClassifier("infer", label_texts=label_texts),
        HTCInfoMaxClassifier("infer", label_texts=label_texts, **SMALL),
    ]
    for estimator in estimators:
        fitted = estimator.fit(texts, table)
        save(fitted, tmp_path / "model.skops")
        for back in (
            load(tmp_path / "model.skops"),
            pickle.loads(pickle.dumps(fitted)),
        ):
            assert back.label_texts == label_texts
            np.testing.assert_array_equal(back.predict(texts), fitted.predict(texts))
    hierarchy = {("a",): {("a", "b"): None}, True: [False], "c": {"d": [2]}}
    clf = HierarchicalLinearClassifier(hierarchy)
    y = [[("a", "b")], [False], ["d"]] * 30
    save(clf.fit(texts, y), tmp_path / "model.skops")
    back = load(tmp_path / "model.skops")
    assert back.hierarchy == hierarchy
    assert list(map(type, back.hierarchy)) == list(map(type, hierarchy))
    assert clf.hierarchy is hierarchy


def test_a_graph_as_hierarchy_comes_back_as_one(corpus, tmp_path):
    texts, names = corpus
    known = Hierarchy.from_dict({"all": sorted(set(names))})
    for estimator in (
        HierarchicalLinearClassifier(known.to_networkx()),
        HTCInfoMaxClassifier(known.to_networkx(), **SMALL),
    ):
        fitted = estimator.fit(texts, names)
        save(fitted, tmp_path / "model.skops")
        back = load(tmp_path / "model.skops")
        assert back.hierarchy == known
        np.testing.assert_array_equal(back.predict(texts), fitted.predict(texts))


def test_a_graph_that_is_no_hierarchy_can_be_copied():
    for graph in (networkx.DiGraph([(1, 2), (2, 1)]), networkx.Graph([(1, 2)])):
        clf = HierarchicalLinearClassifier(graph)
        assert isinstance(copy.deepcopy(clf).hierarchy, networkx.Graph)
        pickle.dumps(clf)


def test_no_file_can_call_functions_unless_they_are_named(tmp_path):
    # A forged file could make a dict whose "type of keys" is such a call.
    scorer = make_scorer(accuracy_score, response_method=["fit"])
    pipeline = make_pipeline(StandardScaler(), memory=str(tmp_path / "cache"))
    call = partial(scorer, pipeline, np.eye(2), np.zeros(2))
    skops.io.dump([{"key": 1}, [call]], tmp_path / "raw.skops")
    with (
        zipfile.ZipFile(tmp_path / "raw.skops") as raw,
        zipfile.ZipFile(tmp_path / "forged.skops", "w") as forged,
    ):
        for name in raw.namelist():
            content = raw.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                first, second = schema["content"]
                first["key_types"] = second
                schema["content"] = [first]
                content = json.dumps(schema)
            forged.writestr(name, content)
    with pytest.raises(UntrustedTypesFoundException, match="partial"):
        load(tmp_path / "forged.skops")
    assert not (tmp_path / "cache").exists()
