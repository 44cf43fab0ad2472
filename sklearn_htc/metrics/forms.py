"""Labels in every form that estimators take, as indicators, for all metrics."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_consistent_length

from sklearn_htc.data import targets
from sklearn_htc.hierarchy import Hierarchy

__all__ = ["as_indicators", "indicator_of"]


def indicator_of(Y: Any, hierarchy: Hierarchy) -> sparse.csr_array:
    """Return labels of every form as 0 and 1. An indicator is not closed."""
    Y = targets.as_known_container(Y)
    kind = targets.kind_of(Y, hierarchy)
    if kind == "labels":
        labels = targets.as_labels(Y, hierarchy).tolist()
        return hierarchy.to_indicator([label] for label in labels)
    if kind == "collections":
        return hierarchy.to_indicator(targets.as_collections(Y))
    if kind == "table":
        return targets.table_indicator(Y, hierarchy, known_part=True)
    matrix = targets.as_indicator(Y, hierarchy)
    return sparse.csr_array((sparse.csr_array(matrix) != 0).astype(np.int64))


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
    ValueError
        If either is of no such form, or there is another number of documents.
    """
    true, pred = indicator_of(y_true, hierarchy), indicator_of(y_pred, hierarchy)
    check_consistent_length(true, pred)
    return true, pred
