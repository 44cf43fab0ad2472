"""The embedded data set: what it holds, its cache, and folding."""

import errno
import gzip
import json

import numpy as np
import pytest

from sklearn_htc.datasets import _api_docs, load_api_docs


@pytest.fixture
def small_package(tmp_path, monkeypatch):
    """Put a package of three modules in the place of the real ones."""
    root = tmp_path / "package"
    text = '"""{} of a {} that is long enough to be a document by itself."""'
    sources = {
        "public.py": "def f():\n    " + text.format("Function", "module"),
        "_hidden.py": "class C:\n    "
        + text.format("Class", "module")
        + "\n    def m(self):\n        "
        + text.format("Method", "class"),
        "sub/__init__.py": "if True:\n    def g():\n        "
        + text.format("Branch", "package"),
        "sub/tests/test_x.py": "def t():\n    " + text.format("Test", "package"),
        "_private/x.py": "def p():\n    " + text.format("Private", "package"),
        "broken.py": "def f(:",
        "short.py": 'def f():\n    """Too short."""',
    }
    for name, source in sources.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf8")
    monkeypatch.setattr(_api_docs, "PACKAGES", {"package": "numpy"})
    monkeypatch.setattr(_api_docs, "_package_root", lambda package: root)
    monkeypatch.setattr(_api_docs, "MIN_DOCUMENTS", 1)
    return tmp_path


def test_documents_are_labelled_with_their_place(small_package):
    bunch = load_api_docs(data_home=small_package)
    labels = bunch.hierarchy.to_labels(bunch.target, most_specific=True)
    found = {
        text.split()[0]: label
        for text, (label,) in zip(bunch.data, labels, strict=True)
    }
    assert found == {
        "Function": "package/public",
        "Class": "package",
        "Method": "package",
        "Branch": "package/sub",
    }


def test_rare_nodes_are_folded_into_their_parents(monkeypatch):
    monkeypatch.setattr(_api_docs, "MIN_DOCUMENTS", 2)
    paths = [("a", "x", "1"), ("a", "x", "2"), ("a", "y", "1"), ("b",)]
    folded = [("a", "x"), ("a", "x"), ("a",), ("b",)]
    assert _api_docs._fold_rare(paths) == folded


def test_the_cache_serves_the_same_versions_and_survives_damage(
    small_package, monkeypatch
):
    first = load_api_docs(data_home=small_package)
    cache = small_package / "sklearn_htc" / "api_docs.json.gz"
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]

    with monkeypatch.context() as patch:
        patch.setattr(_api_docs, "_read_packages", lambda: pytest.fail("read again"))
        assert load_api_docs(data_home=small_package).data == first.data

    whole = cache.read_bytes()
    garbled = whole[:30] + bytes(byte ^ 255 for byte in whole[30:])
    for damaged in (whole[:20], garbled, gzip.compress(b"[]"), b""):
        cache.write_bytes(damaged)
        assert load_api_docs(data_home=small_package).data == first.data

    stale = {"versions": "other", "records": []}
    with gzip.open(cache, "wt", encoding="utf8") as file:
        json.dump(stale, file)
    assert load_api_docs(data_home=small_package).data == first.data


def test_a_full_disk_costs_the_cache_alone(small_package, monkeypatch):
    def full(content, file):
        file.write("[")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(_api_docs.json, "dump", full)
        bunch = load_api_docs(data_home=small_package)
    assert len(bunch.data) == 4
    assert not list((small_package / "sklearn_htc").iterdir())
    assert load_api_docs(data_home=small_package).data == bunch.data


def test_a_data_home_that_cant_be_made_costs_the_cache_alone(small_package):
    (small_package / "file").write_text("")
    bunch = load_api_docs(data_home=small_package / "file" / "home")
    assert len(bunch.data) == 4


def test_real_packages_give_a_hierarchical_data_set():
    bunch = load_api_docs()
    assert bunch.target.shape == (len(bunch.data), len(bunch.hierarchy))
    assert len(bunch.data) > 8_000
    assert 100 < len(bunch.target_names) < 200
    assert bunch.hierarchy.is_tree
    assert bunch.hierarchy.levels.max() == 2
    assert bunch.hierarchy.is_coherent(bunch.target)
    specific = bunch.hierarchy.most_specific(bunch.target)
    assert (np.diff(specific.indptr) == 1).all()
    rare = np.asarray(bunch.target.sum(axis=0)).ravel()[bunch.hierarchy.levels > 0]
    assert rare.min() >= 20
    assert f"{len(bunch.data)} documents" in bunch.DESCR
