"""Precision, recall and F1 of each node, and of the branch below it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_consistent_length

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.metrics.forms import indicator_of, with_unknown_paths

__all__ = ["NodeScores", "node_scores", "probabilities_and_labels"]


@dataclass(frozen=True)
class NodeScores:
    """Scores of all nodes, each of shape (n_nodes,).

    Parameters
    ----------
    precision, recall, f1 : ndarray
        0 where nothing is predicted, or nothing is true; F1 is NaN where the node
        occurs in neither.
    branch_f1 : ndarray
        Micro-F1 of the node and all its descendants together, labels of a table that
        the hierarchy lacks among them; NaN where none occurs.
    support : ndarray of int
        Documents that have the node.
    n_predicted : ndarray of int
        Documents that the node is predicted for.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    branch_f1: np.ndarray
    support: np.ndarray
    n_predicted: np.ndarray


def node_scores(y_true: Any, y_pred: Any, hierarchy: Hierarchy) -> NodeScores:
    """Count every node's right and wrong predictions.

    Parameters
    ----------
    y_true, y_pred : array-like, sparse array or sequence
        Labels in every form that the estimators take; closed upward first.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    scores : NodeScores
        Of all nodes.
    """
    # Labels of a table that the hierarchy lacks count in the branches they are in.
    *both, wider = with_unknown_paths(y_true, y_pred, hierarchy)
    true, pred = (wider.close(Y) for Y in both)
    counts = np.stack(
        [np.asarray(Y.sum(axis=0)).ravel() for Y in (true.multiply(pred), true, pred)]
    )
    below = wider.ancestors.T[: len(hierarchy)]
    in_branches = below @ counts.T
    right, support, n_predicted = counts[:, : len(hierarchy)]
    return NodeScores(
        precision=right / np.maximum(n_predicted, 1),
        recall=right / np.maximum(support, 1),
        f1=_f1(right, support, n_predicted),
        branch_f1=_f1(*in_branches.T),
        support=support,
        n_predicted=n_predicted,
    )


def _f1(right: np.ndarray, support: np.ndarray, n_predicted: np.ndarray) -> np.ndarray:
    total = support + n_predicted
    return np.where(total > 0, 2 * right / np.maximum(total, 1), np.nan)


def probabilities_and_labels(
    y_true: Any, y_proba: Any, hierarchy: Hierarchy
) -> tuple[np.ndarray, np.ndarray]:
    """Check probabilities and labels.

    Parameters
    ----------
    y_true : array-like, sparse array or sequence
        Labels in every form that the estimators take.
    y_proba : array-like of shape (n_documents, n_nodes)
        Probabilities.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    probabilities, true : ndarray of shape (n_documents, n_nodes)
        The labels closed upward.

    Raises
    ------
    ValueError
        If labels are of no accepted form, or there is not one column per node.
    """
    if np.ndim(y_proba) == 2 and np.shape(y_proba)[1] == len(hierarchy):
        hierarchy.check_columns(y_proba)
    probabilities = np.asarray(y_proba, dtype=np.float64)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(hierarchy):
        raise ValueError(
            f"y_proba has shape {probabilities.shape}, but the hierarchy has "
            f"{len(hierarchy)} nodes: one probability per node is needed. An estimator "
            "that was fitted to 1-D y gives one per class."
        )
    if not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise ValueError("y_proba must hold probabilities, from 0 to 1.")
    true = indicator_of(y_true, hierarchy)
    check_consistent_length(true, probabilities)
    return probabilities, hierarchy.close(true).toarray()
