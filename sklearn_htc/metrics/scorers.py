"""Metrics as scorers for searches, and how they find the hierarchy."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.labels import short_repr
from sklearn_htc.metrics.label_sets import (
    constrained_f1_score,
    hierarchical_precision_recall_f1,
    lca_precision_recall_f1,
    path_accuracy_score,
)
from sklearn_htc.metrics.ranking import document_average_precision_score

__all__ = [
    "SCORERS",
    "Scorer",
    "classifier_in",
    "get_scorer",
    "hierarchy_of",
    "node_probabilities",
]


def node_probabilities(estimator: Any, X: Any) -> np.ndarray:
    """Predict one probability per node, in whatever form fit was given y.

    Parameters
    ----------
    estimator : estimator
        Fitted, with a `hierarchy_`; or a Pipeline or a search with one inside.
    X : {array-like, sparse array} or sequence of str
        Documents.

    Returns
    -------
    probabilities : ndarray of shape (n_documents, n_nodes)
        Where fit was given 1-D y (`multilabel_` is False), those of the classes at and
        below each node.
    """
    classifier = classifier_in(estimator)
    scores = np.asarray(estimator.predict_proba(X))
    if getattr(classifier, "multilabel_", True):
        return scores
    # Columns are classes, of which a document has one: their probabilities add up.
    hierarchy = classifier.hierarchy_
    classes = hierarchy.index(np.asarray(classifier.classes_).tolist())
    return np.minimum(scores @ hierarchy.ancestors[classes], 1)


def _lca_f1(y: Any, pred: Any, hierarchy: Hierarchy) -> float:
    return lca_precision_recall_f1(y, pred, hierarchy)[2]


def _hierarchical_f1(y: Any, pred: Any, hierarchy: Hierarchy, average: str) -> float:
    return hierarchical_precision_recall_f1(y, pred, hierarchy, average=average)[2]


# Functions of true and predicted label sets.
MEASURES: dict[str, Callable[[Any, Any, Hierarchy], float]] = {
    "hierarchical_f1_micro": partial(_hierarchical_f1, average="micro"),
    "hierarchical_f1_macro": partial(_hierarchical_f1, average="macro"),
    "hierarchical_f1_samples": partial(_hierarchical_f1, average="samples"),
    "constrained_f1_micro": constrained_f1_score,
    "constrained_f1_macro": partial(constrained_f1_score, average="macro"),
    "path_accuracy": path_accuracy_score,
    "lca_f1": _lca_f1,
}


@dataclass(frozen=True)
class Scorer:
    """A metric as a function of an estimator, documents and their labels.

    It consists of its name alone, so that files of searches hold no functions.

    Parameters
    ----------
    name : str
        A key of `SCORERS`.
    """

    name: str

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score what an estimator predicts.

        Parameters
        ----------
        estimator : estimator
            Fitted, with a `hierarchy_`, or with an estimator inside that has one.
        X : {array-like, sparse array} or sequence of str
            Documents.
        y : array-like, sparse array or sequence
            Their labels, in every form that estimators take.

        Returns
        -------
        score : float
            The larger, the better.

        Raises
        ------
        TypeError
            If there is no hierarchy.
        """
        hierarchy = hierarchy_of(estimator)
        if self.name in MEASURES:
            return MEASURES[self.name](y, estimator.predict(X), hierarchy)
        probabilities = node_probabilities(estimator, X)
        return document_average_precision_score(y, probabilities, hierarchy)


SCORERS = {name: Scorer(name) for name in (*MEASURES, "document_average_precision")}
"""Scorers by name: functions of an estimator, documents and their labels."""


def get_scorer(name: str) -> Scorer:
    """Return a scorer for GridSearchCV, cross_val_score and the like.

    Parameters
    ----------
    name : str
        A key of `SCORERS`: "hierarchical_f1_micro", "hierarchical_f1_macro",
        "hierarchical_f1_samples", "constrained_f1_micro", "constrained_f1_macro",
        "path_accuracy", "lca_f1" or "document_average_precision".

    Returns
    -------
    scorer : Scorer
        Takes (estimator, X, Y), with Y in every form that estimators take. The
        estimator has a `hierarchy_`, or is a Pipeline whose last step has one, a
        search such as GridSearchCV whose `best_estimator_` has one, or another
        meta-estimator whose `estimator_` has one. The scorer raises TypeError if there
        is none.

    Raises
    ------
    ValueError
        If there is no such scorer.
    """
    if name not in SCORERS:
        raise ValueError(
            f"name must be one of {tuple(SCORERS)}, got {short_repr(name)}."
        )
    return SCORERS[name]


def hierarchy_of(estimator: Any) -> Hierarchy:
    """Find the hierarchy of a fitted estimator, inside pipelines and searches too.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    hierarchy : Hierarchy
        Its `hierarchy_`, or that of the estimator inside it.

    Raises
    ------
    TypeError
        If there is none.
    """
    return classifier_in(estimator).hierarchy_


def classifier_in(estimator: Any) -> Any:
    """Find the estimator with a hierarchy inside pipelines, searches and the like.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    classifier : estimator
        With a `hierarchy_`.

    Raises
    ------
    TypeError
        If there is none.
    """
    inner = estimator
    while inner is not None:
        if hasattr(inner, "hierarchy_"):
            return inner
        if isinstance(inner, Pipeline):
            inner = inner[-1]
        else:
            inner = getattr(
                inner, "best_estimator_", getattr(inner, "estimator_", None)
            )
    raise TypeError(
        f"{short_repr(estimator)} has no hierarchy_, nor has the last step of a "
        "pipeline, the best_estimator_ of a search or the estimator_ of another "
        "meta-estimator in it. Score a fitted estimator of sklearn_htc, or call the "
        "function of `metrics` with the hierarchy."
    )
