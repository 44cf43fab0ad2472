"""Readers for hierarchical text data in files."""

import gzip
import json
import lzma
from collections.abc import Iterator
from os import PathLike, fspath
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.labels import short_repr

__all__ = ["read_hiagm", "read_jsonl"]


def read_jsonl(
    path: str | PathLike[str], hierarchy: Hierarchy | str | PathLike[str]
) -> Bunch:
    """Read documents with their labels from JSON lines.

    Parameters
    ----------
    path : path-like
        One JSON object per line, with `text` (str), `labels` (list of nodes) and, if
        the data are split, `split` (str, or null for none). UTF-8, with or without a
        byte order mark; compressed if its name ends in .xz or .gz.
    hierarchy : Hierarchy or path-like
        The label graph, or a file as `Hierarchy.from_taxonomy` reads it.

    Returns
    -------
    bunch : Bunch
        - data : list of str. The documents.
        - target : csr_array of shape (n_documents, n_nodes). Indicator, closed.
        - hierarchy : Hierarchy.
        - target_names : list of str. `hierarchy.nodes`.
        - split : ndarray of str. The split of each document, "" where it has none.
        - DESCR : str. Where the data come from.

    Raises
    ------
    ValueError
        If a line is not such an object, or a label is not a node. The error names the
        line.
    """
    return _read(path, hierarchy, text_key="text", labels_key="labels")


def read_hiagm(
    path: str | PathLike[str], hierarchy: Hierarchy | str | PathLike[str]
) -> Bunch:
    """Read documents as HiAGM's preprocessing writes them.

    Parameters
    ----------
    path : path-like
        One JSON object per line, with `token` (list of str) and `label` (list of
        nodes). UTF-8, with or without a byte order mark; compressed if its name ends in
        .xz or .gz.
    hierarchy : Hierarchy or path-like
        The label graph, or HiAGM's taxonomy file.

    Returns
    -------
    bunch : Bunch
        As `read_jsonl`; the tokens of a document are joined by spaces.

    Raises
    ------
    ValueError
        If a line is not such an object, or a label is not a node. The error names the
        line.
    """
    return _read(path, hierarchy, text_key="token", labels_key="label")


def _read(path: Any, hierarchy: Any, *, text_key: str, labels_key: str) -> Bunch:
    if not isinstance(hierarchy, Hierarchy):
        hierarchy = Hierarchy.from_taxonomy(hierarchy)
    data, labels, split = [], [], []
    for number, line in _numbered_lines(path):
        try:
            record = json.loads(line)
            data.append(_text(record, text_key))
            labels.append(_labels(record, labels_key))
            split.append(_split(record))
            hierarchy.index(labels[-1])
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{fspath(path)}, line {number}: {type(error).__name__}: {error}"
            ) from error
    return Bunch(
        data=data,
        target=hierarchy.to_indicator(labels),
        hierarchy=hierarchy,
        target_names=list(hierarchy.nodes),
        split=np.array(split, dtype=str),
        DESCR=f"{len(data)} documents from {fspath(path)}; {hierarchy!r}.",
    )


def _text(record: Any, key: str) -> str:
    if not isinstance(record, dict):
        raise TypeError(f"a JSON object is needed, got {short_repr(record)}.")
    text = record.get(key)
    if isinstance(text, str):
        return text
    if isinstance(text, list) and all(isinstance(token, str) for token in text):
        return " ".join(text)
    raise TypeError(
        f"{key!r} must be a string or a list of strings, got {_value(record, key)}."
    )


def _labels(record: dict[str, Any], key: str) -> list[Any]:
    labels = record.get(key)
    if not isinstance(labels, list):
        raise TypeError(f"{key!r} must be a list of labels, got {_value(record, key)}.")
    return labels


def _split(record: dict[str, Any]) -> str:
    split = record.get("split")
    if split is not None and not isinstance(split, str):
        raise TypeError(f"'split' must be a string or null, got {short_repr(split)}.")
    return split or ""


def _value(record: dict[str, Any], key: str) -> str:
    return short_repr(record[key]) if key in record else "nothing"


def _numbered_lines(path: Any) -> Iterator[tuple[int, str]]:
    name = fspath(path)
    opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(name[-3:], open)
    with opener(name, "rt", encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line
