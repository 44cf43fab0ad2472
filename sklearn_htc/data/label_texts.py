"""The texts or features of labels, as a user gives them, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils import check_array

from sklearn_htc.data.documents import Documents
from sklearn_htc.data.texts import is_sequence
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.labels import are_misplaced, is_missing, refuse_duplicates, short_repr

__all__ = ["LabelDocuments", "read_label_features", "read_label_texts", "texts_of"]


@dataclass(frozen=True, eq=False)
class LabelDocuments:
    """Texts of labels, in the form of X.

    Parameters
    ----------
    nodes : int ndarray of shape (n_labels,)
        Nodes that have a text, sorted.
    documents : Documents
        One per node.
    """

    nodes: np.ndarray
    documents: Documents


def read_label_texts(
    label_texts: Any, hierarchy: Hierarchy
) -> tuple[np.ndarray, list[str]]:
    """Check texts of labels.

    Parameters
    ----------
    label_texts : mapping of label to str, Series, or sequence of str
        Texts of some labels, or of all in the order of `hierarchy.nodes`.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    nodes : int ndarray of shape (n_labels,)
        Nodes that have a text, sorted.
    texts : list of str
        Theirs.

    Raises
    ------
    ValueError
        If a label is no node or comes twice, a text is missing, empty or no string, or
        a sequence is of another length than the hierarchy.
    """
    pairs = _pairs(label_texts)
    if not _is_mapping(label_texts):
        if len(pairs) != len(hierarchy):
            raise ValueError(
                f"label_texts has {len(pairs)} texts, but the hierarchy has "
                f"{len(hierarchy)} nodes. Give one per node, in the order of "
                "hierarchy.nodes, or a mapping from label to text."
            )
        pairs = [(hierarchy.nodes[i], text) for i, text in pairs]
    for label, _ in pairs:
        if label not in hierarchy:
            raise ValueError(
                f"label_texts has a text for {short_repr(label)}, which is not a node "
                "of the hierarchy. Remove it, or add the node."
            )
    nodes = hierarchy.index([label for label, _ in pairs])
    order = np.argsort(nodes)
    return nodes[order], [pairs[i][1] for i in order]


def texts_of(label_texts: Any) -> list[str]:
    """List texts of labels, whatever the labels are.

    Parameters
    ----------
    label_texts : mapping of label to str, Series, sequence of str, or None
        As for `read_label_texts`; None has none.

    Returns
    -------
    texts : list of str
        The texts.

    Raises
    ------
    ValueError
        If a text is missing, empty or no string, or a label comes twice.
    """
    return [] if label_texts is None else [text for _, text in _pairs(label_texts)]


def read_label_features(
    label_features: ArrayLike, hierarchy: Hierarchy
) -> tuple[np.ndarray, Any]:
    """Check features of labels.

    Parameters
    ----------
    label_features : {array-like, sparse array} of shape (n_nodes, n_features)
        In the columns of X. A row of NaN, or of zeros, says that there are none.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    nodes : int ndarray of shape (n_labels,)
        Nodes that have features, sorted.
    features : {ndarray, csr_array} of shape (n_labels, n_features)
        Theirs.

    Raises
    ------
    ValueError
        If there is not one row per node, or a row has both numbers and NaN.
    """
    rows = getattr(label_features, "index", None)
    # A list has a method of that name.
    named = [] if rows is None or callable(rows) else list(rows)
    if named and are_misplaced(named, hierarchy.nodes):
        raise ValueError(
            "The rows of label_features are named otherwise than hierarchy.nodes, or "
            "in another order. Try label_features.reindex(list(hierarchy.nodes)), or "
            "label_features.to_numpy() where they are in the order of hierarchy.nodes."
        )
    given = check_array(
        label_features,
        accept_sparse="csr",
        ensure_all_finite="allow-nan",
        input_name="label_features",
    )
    if given.shape[0] != len(hierarchy):
        raise ValueError(
            f"label_features has {given.shape[0]} rows, but the hierarchy has "
            f"{len(hierarchy)} nodes. Give one row per node, in the order of "
            "hierarchy.nodes."
        )
    if sparse.issparse(given):
        given = sparse.csr_array(given, copy=True)
        given.eliminate_zeros()
        n_stored = np.diff(given.indptr)
        rows = np.repeat(np.arange(len(n_stored)), n_stored)
        n_nan = np.bincount(rows[np.isnan(given.data)], minlength=len(n_stored))
        partly = np.flatnonzero((n_nan > 0) & (n_nan < given.shape[1]))
        has_some = (n_stored > 0) & (n_nan == 0)
    else:
        is_nan = np.isnan(given)
        partly = np.flatnonzero(is_nan.any(axis=1) & ~is_nan.all(axis=1))
        has_some = ~is_nan.any(axis=1) & np.any(given != 0, axis=1)
    if len(partly):
        raise ValueError(
            f"label_features of {short_repr(hierarchy.nodes[partly[0]])} has NaN among "
            "its numbers. Give all of them, or a row of zeros for a label without "
            "features."
        )
    nodes = np.flatnonzero(has_some)
    return nodes, given[nodes]


def _is_mapping(label_texts: Any) -> bool:
    # A Series of pandas is one too, but its index may hold a label twice.
    return isinstance(label_texts, Mapping) or hasattr(label_texts, "items")


def _pairs(label_texts: Any) -> list[tuple[Any, str]]:
    """List labels and texts; in place of labels, positions in a sequence."""
    if not (is_sequence(label_texts) or _is_mapping(label_texts)):
        raise ValueError(
            f"label_texts is {short_repr(label_texts)}. Give a mapping from label to "
            "text, or a sequence with one text per node."
        )
    items = label_texts.items() if _is_mapping(label_texts) else enumerate(label_texts)
    pairs = list(items)
    refuse_duplicates([label for label, _ in pairs], "label of label_texts")
    for label, text in pairs:
        _check_text(label, text)
    return pairs


def _check_text(label: Any, text: Any) -> None:
    if isinstance(text, str) and text.strip():
        return
    if is_missing(text) or isinstance(text, str):
        raise ValueError(
            f"label_texts[{short_repr(label)}] is missing, {text!r}. Give a mapping "
            "that leaves labels without text out."
        )
    raise ValueError(
        f"label_texts[{short_repr(label)}] is {short_repr(text)}, and not a string."
    )
