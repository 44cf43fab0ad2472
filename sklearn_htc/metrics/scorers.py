"""Metrics as scorers for searches, and how they find the hierarchy."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.validation import check_is_fitted

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.labels import short_repr
from sklearn_htc.metrics.forms import with_unknown_labels, with_unknown_paths
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


def _lca_f1(y: Any, pred: Any, hierarchy: Hierarchy, **weight: Any) -> float:
    return lca_precision_recall_f1(y, pred, hierarchy, **weight)[2]


def _hierarchical_f1(y: Any, pred: Any, hierarchy: Hierarchy, **how: Any) -> float:
    return hierarchical_precision_recall_f1(y, pred, hierarchy, **how)[2]


# Functions of true and predicted label sets, the hierarchy and sample_weight.
MEASURES: dict[str, Callable[..., float]] = {
    "hierarchical_f1_micro": partial(_hierarchical_f1, average="micro"),
    "hierarchical_f1_macro": partial(_hierarchical_f1, average="macro"),
    "hierarchical_f1_samples": partial(_hierarchical_f1, average="samples"),
    "constrained_f1_micro": constrained_f1_score,
    "constrained_f1_macro": partial(constrained_f1_score, average="macro"),
    "path_accuracy": path_accuracy_score,
    "lca_f1": _lca_f1,
}


@dataclass
class Scorer:
    """A metric as a function of an estimator, documents and their labels.

    It holds no function, so that files of searches hold none either.

    Parameters
    ----------
    name : str
        A key of `SCORERS`.
    weight_request : bool, str or None, default=None
        Whether it asks for `sample_weight` where metadata is routed, or by which name;
        with None weights are refused there. `set_score_request` sets it.
    """

    name: str
    weight_request: bool | str | None = None

    def __call__(
        self, estimator: Any, X: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> float:
        """Score what an estimator predicts.

        Parameters
        ----------
        estimator : estimator
            Fitted, with a `hierarchy_`, or with an estimator inside that has one.
        X : {array-like, sparse array} or sequence of str
            Documents.
        y : array-like, sparse array or sequence
            Their labels, in every form that estimators take. Where the hierarchy was
            learned from y, a label that fit has not seen, as of a fold without
            documents of it, counts as one that was missed.
        sample_weight : array-like of shape (n_documents,), default=None
            How much each document counts, at least 0; by default 1.

        Returns
        -------
        score : float
            The larger, the better.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If there is no hierarchy.
        """
        classifier = classifier_in(estimator)
        hierarchy = classifier.hierarchy_
        if getattr(classifier, "hierarchy", None) is None:
            hierarchy = with_unknown_labels(y, hierarchy)
        if self.name in MEASURES:
            pred = estimator.predict(X)
            return MEASURES[self.name](y, pred, hierarchy, sample_weight=sample_weight)
        true, _, wider = with_unknown_paths(y, y, hierarchy)
        scores = node_probabilities(estimator, X)
        n_unknown = len(wider) - scores.shape[1]
        if n_unknown:
            scores = np.pad(scores, ((0, 0), (0, n_unknown)))
        return document_average_precision_score(
            true, scores, wider, sample_weight=sample_weight
        )

    def __hash__(self) -> int:
        return hash(self.name)

    def _accept_sample_weight(self) -> bool:
        """Tell scikit-learn, which asks each of several scorers."""
        return True

    def set_score_request(self, *, sample_weight: bool | str | None = None) -> Self:
        """Say whether weights are to be handed on where metadata is routed.

        Parameters
        ----------
        sample_weight : bool, str or None
            As for `set_score_request` of scikit-learn's scorers: True asks for
            weights, False leaves them out, None refuses them, and a string asks for
            them by another name.

        Returns
        -------
        self : Scorer
            The same one.

        Raises
        ------
        RuntimeError
            If `enable_metadata_routing` is not set.
        ValueError
            If `sample_weight` is none of these.
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "set_score_request needs sklearn.set_config(enable_metadata_routing="
                "True)."
            )
        # Whatever is wrong with it is said before it is kept.
        type(self)(self.name, sample_weight).get_metadata_routing()
        self.weight_request = sample_weight
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        """Return what is asked for, as scikit-learn's routers read it.

        Returns
        -------
        request : MetadataRequest
            Of the method `score`.
        """
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=self.weight_request)
        return request


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
        Takes (estimator, X, Y, sample_weight=None), with Y in every form that
        estimators take. The estimator has a `hierarchy_`, or is a Pipeline whose last
        step has one, a search such as GridSearchCV whose `best_estimator_` has one, or
        another meta-estimator whose `estimator_` has one. The scorer raises TypeError
        if there is none.

    Raises
    ------
    ValueError
        If there is no such scorer.
    """
    if name not in SCORERS:
        raise ValueError(
            f"name must be one of {tuple(SCORERS)}, got {short_repr(name)}."
        )
    # Of its own, as `set_score_request` changes it.
    return copy(SCORERS[name])


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
    NotFittedError
        If it is not fitted.
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
    if isinstance(estimator, BaseEstimator):
        check_is_fitted(estimator)
    raise TypeError(
        f"{short_repr(estimator)} has no hierarchy_, nor has the last step of a "
        "pipeline, the best_estimator_ of a search or the estimator_ of another "
        "meta-estimator in it. Score a fitted estimator of sklearn_htc, or call the "
        "function of `metrics` with the hierarchy."
    )
