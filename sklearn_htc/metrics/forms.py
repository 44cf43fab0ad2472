"""Labels in every form that estimators take, as indicators, for all metrics."""

from collections.abc import Hashable, Iterable
from itertools import chain
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_consistent_length

from sklearn_htc._sklearn_compat import check_sample_weight
from sklearn_htc.data import targets
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.labels import short_repr
from sklearn_htc.level_tables import as_rows, paths_of, refuse_other_columns

__all__ = [
    "as_indicators",
    "indicator_of",
    "weight_of_documents",
    "with_unknown_labels",
    "with_unknown_paths",
]

Path = tuple[Hashable, ...]


def indicator_of(Y: Any, hierarchy: Hierarchy) -> sparse.csr_array:
    """Return labels of every form as 0 and 1. An indicator is not closed.

    A path of a table that the hierarchy does not have counts as far down as it is
    known: rows of a test may have paths that no training row has.
    """
    _require_hierarchy(hierarchy)
    Y = targets.as_known_container(Y)
    kind = targets.kind_of(Y, hierarchy)
    if kind == "labels":
        labels = targets.as_labels(Y, hierarchy).tolist()
        return hierarchy.to_indicator([label] for label in labels)
    if kind == "collections":
        return hierarchy.to_indicator(targets.as_collections(Y))
    if kind == "table":
        paths = paths_of(as_rows(Y))
        wider, columns = _with_paths(hierarchy, paths)
        return _indicator_of_paths(paths, wider, columns)[:, : len(hierarchy)]
    matrix = targets.as_indicator(Y, hierarchy)
    # A comparison sorts the indices of a sparse array, which are those of the caller.
    copied = sparse.csr_array(matrix, copy=True)
    return sparse.csr_array((copied != 0).astype(np.int64))


def as_indicators(
    y_true: Any, y_pred: Any, hierarchy: Hierarchy
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Return true and predicted labels of every form as 0 and 1.

    Parameters
    ----------
    y_true, y_pred : array-like, sparse array or sequence
        Labels in every form that the estimators take.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    true, pred : csr_array of shape (n_documents, n_nodes)
        An indicator is not closed.

    Raises
    ------
    TypeError
        If `hierarchy` is not a Hierarchy.
    ValueError
        If either is of no such form, there is another number of documents, or they are
        data frames of paths with other columns.
    """
    _require_hierarchy(hierarchy)
    _refuse_other_columns(y_true, y_pred, hierarchy)
    true, pred = indicator_of(y_true, hierarchy), indicator_of(y_pred, hierarchy)
    check_consistent_length(true, pred)
    return true, pred


def with_unknown_paths(
    y_true: Any, y_pred: Any, hierarchy: Hierarchy
) -> tuple[sparse.csr_array, sparse.csr_array, Hierarchy]:
    """Return labels as 0 and 1, of paths of tables that the hierarchy lacks, too.

    Parameters
    ----------
    y_true, y_pred : array-like, sparse array or sequence
        Labels in every form that the estimators take.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    true, pred : csr_array of shape (n_documents, n_nodes + n_unknown)
        An indicator is not closed.
    hierarchy : Hierarchy
        The label graph with the unknown paths, whose nodes come last.

    Raises
    ------
    TypeError, ValueError
        As `as_indicators` does.
    """
    _require_hierarchy(hierarchy)
    both = [targets.as_known_container(Y) for Y in (y_true, y_pred)]
    _refuse_other_columns(both[0], both[1], hierarchy)
    paths = [
        paths_of(as_rows(Y)) if targets.kind_of(Y, hierarchy) == "table" else None
        for Y in both
    ]
    tables = [each for each in paths if each is not None]
    if not tables:
        return *as_indicators(y_true, y_pred, hierarchy), hierarchy
    wider, columns = _with_paths(hierarchy, chain(*tables))
    indicators = []
    for Y, own in zip(both, paths, strict=True):
        if own is None:
            narrow = sparse.csr_array(indicator_of(Y, hierarchy))
            shape = narrow.shape[0], len(wider)
            parts = narrow.data, narrow.indices, narrow.indptr
            indicators.append(sparse.csr_array(parts, shape=shape))
        else:
            indicators.append(_indicator_of_paths(own, wider, columns))
    check_consistent_length(*indicators)
    return *indicators, wider


def with_unknown_labels(y_true: Any, hierarchy: Hierarchy) -> Hierarchy:
    """Add the labels that the hierarchy lacks, as further roots.

    Parameters
    ----------
    y_true : array-like, sparse array or sequence
        Labels in every form that the estimators take. Of a table nothing is added: see
        `with_unknown_paths`.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    wider : Hierarchy
        The same nodes in their order, and the others behind them.
    """
    Y = targets.as_known_container(y_true)
    kind = targets.kind_of(Y, hierarchy)
    if kind == "labels":
        labels = iter(targets.as_labels(Y, hierarchy).tolist())
    elif kind == "collections":
        labels = targets.labels_in(targets.as_collections(Y))
    else:
        return hierarchy
    unknown = [label for label in dict.fromkeys(labels) if label not in hierarchy]
    if not unknown:
        return hierarchy
    above, below = (ends.tolist() for ends in hierarchy.edges)
    return _hierarchy_of([*hierarchy.nodes, *unknown], above, below)


def weight_of_documents(sample_weight: Any, Y: sparse.csr_array) -> np.ndarray:
    """Check the weights of the rows of Y, all of which may be 0; None are ones."""
    if sample_weight is None:
        # There may be no rows.
        return np.ones(Y.shape[0])
    weight: np.ndarray = check_sample_weight(
        sample_weight,
        Y,
        dtype=np.float64,
        ensure_non_negative=True,
        allow_all_zero_weights=True,
    )
    return weight


def _require_hierarchy(hierarchy: Any) -> None:
    if not isinstance(hierarchy, Hierarchy):
        raise TypeError(
            f"hierarchy must be a Hierarchy, got {short_repr(hierarchy)}. A fitted "
            "estimator has it as hierarchy_; Hierarchy.from_dict and Hierarchy(edges) "
            "make one."
        )


def _refuse_other_columns(y_true: Any, y_pred: Any, hierarchy: Hierarchy) -> None:
    """Refuse two data frames of paths whose columns differ; arrays have no names."""
    names, others = (list(getattr(Y, "columns", ())) for Y in (y_true, y_pred))
    # What kind they are takes a look at every cell, and mostly columns are the same.
    may_differ = names and others and names != others
    if may_differ and all(
        targets.kind_of(Y, hierarchy) == "table" for Y in (y_true, y_pred)
    ):
        refuse_other_columns(names, y_pred)


def _with_paths(
    hierarchy: Hierarchy, paths: Iterable[Path]
) -> tuple[Hierarchy, dict[Path, int]]:
    """Add paths to a tree, and say which column each path from a root has."""
    columns = {path: column for column, path in enumerate(hierarchy.paths)}
    nodes = list(hierarchy.nodes)
    above, below = (ends.tolist() for ends in hierarchy.edges)
    for path in paths:
        for end in range(1, len(path) + 1):
            part = path[:end]
            if part in columns:
                continue
            columns[part] = len(nodes)
            if end > 1:
                above.append(columns[part[:-1]])
                below.append(len(nodes))
            # The names of paths may be those of other nodes.
            nodes.append(("unknown path", part))
    if len(nodes) == len(hierarchy):
        return hierarchy, columns
    return _hierarchy_of(nodes, above, below), columns


def _hierarchy_of(
    nodes: list[Hashable], above: list[int], below: list[int]
) -> Hierarchy:
    """Make a hierarchy of edges that are given by the positions of their nodes."""
    edges = [(nodes[i], nodes[j]) for i, j in zip(above, below, strict=True)]
    return Hierarchy(edges, nodes=nodes)


def _indicator_of_paths(
    paths: list[Path], hierarchy: Hierarchy, columns: dict[Path, int]
) -> sparse.csr_array:
    """Return a row of 0 and 1 per path, with all above its end."""
    return hierarchy.to_indicator([hierarchy.nodes[columns[path]]] for path in paths)
