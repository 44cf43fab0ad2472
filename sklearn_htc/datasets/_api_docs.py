"""Data without a download: docstrings of packages, labelled with their module."""

import ast
import gzip
import json
import os
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from sklearn.datasets import get_data_home
from sklearn.utils import Bunch

from sklearn_htc.hierarchy import Hierarchy

__all__ = ["load_api_docs"]

# Each package to import, and the distribution that it comes with.
PACKAGES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
}
MIN_WORDS = 10
MIN_DOCUMENTS = 20
DEPTH = 3

DESCRIPTION = """\
Docstrings of numpy, scipy, scikit-learn and torch
--------------------------------------------------

Each document is the docstring of a function, method or class of the installed packages;
its label is its place in the package tree, as a path: package, subpackage, module. The
files are read as text, nothing of them is imported or run.

- Left out: tests, files below a directory whose name starts with an underscore,
  docstrings of fewer than {min_words} words, and repetitions.
- A module whose name starts with an underscore counts as part of its package.
- A node with fewer than {min_documents} documents is folded into its parent.

Here: {n_documents} documents, {n_nodes} nodes on {n_levels} levels, one path per
document, {n_words:.0f} words each on average. Other versions have other documents;
these are {versions}.
"""


def load_api_docs(*, data_home: str | os.PathLike[str] | None = None) -> Bunch:
    """Load docstrings of numpy, scipy, scikit-learn and torch, labelled by module.

    A hierarchical text data set without a download: about 11,000 documents and 140
    nodes on 3 levels, imbalanced, one path per document. A document may stop at an
    inner node. The first call parses the packages' files, some 20 seconds of compute,
    and keeps the result. Where it can't be kept, on a full disk for example, the data
    are returned all the same, and every call parses anew.

    Parameters
    ----------
    data_home : path-like, default=None
        Where the result is kept; scikit-learn's data folder by default
        (`sklearn.datasets.get_data_home`).

    Returns
    -------
    bunch : Bunch
        - data : list of str. The documents.
        - target : csr_array of shape (n_documents, n_nodes). Indicator, closed.
        - hierarchy : Hierarchy. Nodes are paths such as "scipy/stats".
        - target_names : list of str. `hierarchy.nodes`.
        - DESCR : str. How the data were made.

    Examples
    --------
    >>> from sklearn_htc.datasets import load_api_docs
    >>> docs = load_api_docs()
    >>> docs.hierarchy.is_tree
    True
    """
    records = _read_cached(data_home)
    texts = [text for text, _ in records]
    paths = _fold_rare([tuple(place[:DEPTH]) for _, place in records])
    names = ["/".join(path) for path in paths]
    hierarchy = Hierarchy.from_paths(sorted(set(names)))
    description = DESCRIPTION.format(
        min_words=MIN_WORDS,
        min_documents=MIN_DOCUMENTS,
        n_documents=len(texts),
        n_nodes=len(hierarchy),
        n_levels=hierarchy.levels.max() + 1,
        n_words=sum(len(text.split()) for text in texts) / len(texts),
        versions=_versions(),
    )
    return Bunch(
        data=texts,
        target=hierarchy.to_indicator([name] for name in names),
        hierarchy=hierarchy,
        target_names=list(hierarchy.nodes),
        DESCR=description,
    )


def _versions() -> str:
    return ", ".join(f"{name} {version(name)}" for name in PACKAGES.values())


def _read_cached(data_home: Any) -> list[tuple[str, list[str]]]:
    """Return (text, place) records, from the cache if it is of the same versions."""
    try:
        path = Path(get_data_home(data_home)) / "sklearn_htc" / "api_docs.json.gz"
    except OSError:
        # The folder can't be created: the result is not kept.
        return _read_packages()
    try:
        with gzip.open(path, "rt", encoding="utf8") as file:
            cache = json.load(file)
        if cache["versions"] == _versions():
            return cache["records"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error):
        # No cache, or a damaged one: it is made again.
        pass
    records = _read_packages()
    _write_beside({"versions": _versions(), "records": records}, path)
    return records


def _write_beside(content: Any, path: Path) -> None:
    """Write a cache file whole or not at all. A failure is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
    except OSError:
        return
    try:
        with (
            os.fdopen(handle, "wb") as raw,
            gzip.open(raw, "wt", encoding="utf8") as file,
        ):
            json.dump(content, file)
        os.replace(temporary, path)
    except OSError:
        # A full disk, for example.
        pass
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def _read_packages() -> list[tuple[str, list[str]]]:
    files = [
        (path, [package, *path.relative_to(root).with_suffix("").parts])
        for package in PACKAGES
        for root in [_package_root(package)]
        for path in sorted(root.rglob("*.py"))
    ]
    wanted = [(path, place) for path, place in files if _is_public(place)]
    texts = Parallel(n_jobs=-1, batch_size=50)(
        delayed(_docstrings)(path) for path, _ in wanted
    )
    records: dict[str, list[str]] = {}
    for (_, place), found in zip(wanted, texts, strict=True):
        if place[-1].startswith("_"):
            place = place[:-1]
        for text in found:
            records.setdefault(text, place)
    return list(records.items())


def _package_root(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"load_api_docs reads the files of {package}: install it.")
    return Path(spec.submodule_search_locations[0])


def _is_public(place: list[str]) -> bool:
    """Tell whether a file counts, by its package, directories and name."""
    private = any(part.startswith("_") for part in place[:-1])
    return not private and not {"tests", "test", "conftest"} & set(place)


def _docstrings(path: Path) -> list[str]:
    """Return the docstrings in a file that are long enough."""
    source = path.read_text(encoding="utf8", errors="replace")
    try:
        tree = ast.parse(source)
    except SyntaxError:
        # Written for another version of Python.
        return []
    found = (ast.get_docstring(node) for node in _definitions(tree.body))
    return [text for text in found if text and len(text.split()) >= MIN_WORDS]


def _definitions(
    body: list[ast.stmt],
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yield the functions, classes and methods that an import would define."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node
        if isinstance(node, (ast.ClassDef, ast.If, ast.Try, ast.With)):
            yield from _definitions(node.body)
        if isinstance(node, (ast.If, ast.Try)):
            yield from _definitions(node.orelse)


def _fold_rare(paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Cut paths until every node below the packages has enough documents."""
    while True:
        count = Counter(path[:end] for path in paths for end in range(1, len(path) + 1))
        folded = [
            path[:-1] if len(path) > 1 and count[path] < MIN_DOCUMENTS else path
            for path in paths
        ]
        if folded == paths:
            return paths
        paths = folded
