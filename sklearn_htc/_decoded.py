"""Coherent, calibrated label sets from any classifier that gives scores."""

from collections.abc import Iterator
from numbers import Real
from typing import Any, Self

import numpy as np
from scipy import sparse
from scipy.special import logit
from sklearn.base import clone
from sklearn.utils import (
    Tags,
    check_random_state,
    get_tags,
    indexable,
)
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _num_samples

from sklearn_htc._base import BaseHierarchicalClassifier
from sklearn_htc.held_out import as_if_vectorized_apart, held_out_folds
from sklearn_htc.planning import path_nodes_of

__all__ = ["HierarchicalDecodingClassifier"]


class HierarchicalDecodingClassifier(BaseHierarchicalClassifier):
    """Decode the scores of a flat classifier along a label hierarchy.

    The classifier is trained on a part of the documents, or in turn on several; on the
    others its scores are calibrated, and decoded to one path a document or to all nodes
    above thresholds that are chosen for micro- and macro-F1. Then it is trained on all
    documents. Whatever decides by 0 or by 0.5, as scikit-learn's multilabel classifiers
    do, gains by it.

    Parameters
    ----------
    estimator : classifier
        Trained on X and a closed indicator (n_documents, n_nodes), and asked for
        `decision_function` or else `predict_proba`: OneVsRestClassifier, an
        MLPClassifier, a forest, or a Pipeline that ends in one.
    hierarchy : Hierarchy, dict, iterable of pairs, networkx.DiGraph or None, \
default=None
        The label hierarchy, as for `HTCInfoMaxClassifier`.
    decoding : {"auto", "path", "threshold"}, default="auto"
        "path" predicts the one most probable path of those in the training labels;
        "threshold" every node whose coherent probability reaches its threshold. "auto"
        is "threshold", unless every training document has one path: then one path is
        predicted, for indicators and collections only as far down as going on raises
        the expected F1, if that did better on held-out documents.
    threshold : float or "auto", default="auto"
        The least probability of a predicted node, with threshold decoding. "auto" is
        one threshold a node, chosen on held-out documents.
    validation_fraction : float, default=0.2
        Share of the documents, but at most 5,000, held out at a time for these choices.
        They are cross-validated until about 2,000 have been held out, in 5 folds at
        most.
    random_state : int, RandomState instance or None, default=None
        Held-out rows.

    Attributes
    ----------
    estimator_ : classifier
        Trained on all documents.
    hierarchy_ : Hierarchy
        The hierarchy; without edges where none was given.
    classes_ : ndarray
        `arange(n_nodes)`, the columns of an indicator; for 1-D `y`, its sorted labels.
    n_features_in_ : int
        Width of X, where the classifier knows it.
    feature_names_in_ : ndarray of str
        Names of the columns of X, where the classifier knows them.
    decoder_ : PathDecoder, PartialPathDecoder or ThresholdDecoder
        How log-odds become labels.

    See Also
    --------
    HierarchicalLinearClassifier : A linear model with the same decoding, made for it.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_htc import HierarchicalDecodingClassifier
    >>> hierarchy = {"animal": ["cat", "dog"], "plant": ["tree"]}
    >>> texts = ["the cat purrs", "the dog barks", "the tree grows"] * 20
    >>> flat = make_pipeline(
    ...     TfidfVectorizer(), OneVsRestClassifier(LogisticRegression())
    ... )
    >>> clf = HierarchicalDecodingClassifier(flat, hierarchy, random_state=0)
    >>> clf.fit(texts, [["cat"], ["dog"], ["tree"]] * 20).predict(["a dog barks"])
    [['animal', 'dog']]
    """

    _parameter_constraints = {
        "estimator": [
            HasMethods(["fit", "decision_function"]),
            HasMethods(["fit", "predict_proba"]),
        ],
        "decoding": [StrOptions({"auto", "path", "threshold"})],
        "threshold": [Interval(Real, 0, 1, closed="neither"), StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        hierarchy: Any = None,
        *,
        decoding: str = "auto",
        threshold: float | str = "auto",
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.hierarchy = hierarchy
        self.decoding = decoding
        self.threshold = threshold
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Train the classifier once a fold, choose how it is read, and train it on all.

        Parameters
        ----------
        X : array-like, sparse array or sequence of n_documents
            What the classifier reads, texts included. Of a sparse X, rows that are held
            out lose the terms that a vectorizer would not know without them; a
            vectorizer inside `estimator` sees to that by itself.
        y : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, or array-like of shape (n_documents,)
            As for `HTCInfoMaxClassifier.fit`.
        **fit_params
            Passed on to the classifier's `fit` each time, as they are: none that has a
            value a document.

        Returns
        -------
        self : HierarchicalDecodingClassifier
            Fitted.

        Raises
        ------
        ValueError
            Before any training, if a parameter, y or the hierarchy is not as
            described.
        """
        self._validate_params()
        (X,) = indexable(X)
        _, target, weight = self._validate(X, y, None, True)
        rng = check_random_state(self.random_state)
        paths = path_nodes_of(self._target_encoder, target)
        folds = held_out_folds(len(weight), self.validation_fraction, rng)
        fit_read_out = self._read_out_of(target, weight, folds, paths)
        held_out = []
        for train, valid in folds:
            learned_from, unseen = as_if_vectorized_apart(X, train, valid)
            trial = self._fit_clone(learned_from, target[train], fit_params)
            scores = _scores(trial, unseen, target.shape[1])
            # For a label without documents OneVsRestClassifier has a score of 0, which
            # is higher than that of most others.
            scores[:, target[train].sum(axis=0) == 0] = scores.min()
            held_out.append(scores)
        read_out = fit_read_out(np.concatenate(held_out))
        self._least_score = min(scores.min() for scores in held_out)
        counts = target.sum(axis=0)
        self._absent = counts == 0
        self._calibration = read_out.calibration.for_counts(counts)
        self.decoder_ = read_out.decoder
        self.estimator_ = self._fit_clone(X, target, fit_params)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _fit_clone(
        self, X: Any, target: sparse.csr_array, fit_params: dict[str, Any]
    ) -> Any:
        """Train a classifier on an indicator, and say so where it fails."""
        try:
            return clone(self.estimator).fit(X, target.toarray(), **fit_params)
        except ValueError as error:
            error.add_note(
                "The classifier was given an indicator of all nodes. Put "
                "OneVsRestClassifier around one that takes one label a document."
            )
            raise

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def _documents(self, X: Any, *, reset: bool = False) -> Any:
        """Leave X to the classifier."""
        return _AsGiven(X)

    def _iter_logits(self, documents: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield all rows at once, as the classifier may be slow to call."""
        scores = _scores(self.estimator_, documents.X, len(self.hierarchy_))
        scores[:, self._absent] = self._least_score
        yield np.arange(len(scores)), self._calibration.log_odds(scores)


class _AsGiven:
    """Documents of any form, of which only the number is known."""

    def __init__(self, X: Any) -> None:
        self.X = X
        self.lengths = np.ones(_num_samples(X), dtype=np.int64)


def _scores(estimator: Any, X: Any, n_nodes: int) -> np.ndarray:
    """Ask a fitted multilabel classifier for scores (n_documents, n_nodes)."""
    if hasattr(estimator, "decision_function"):
        scores = np.array(estimator.decision_function(X), dtype=np.float32)
        return scores.reshape(-1, n_nodes)
    probabilities = estimator.predict_proba(X)
    if isinstance(probabilities, list):
        # A forest has a pair of columns a label; one where all documents agree.
        columns = [
            pair[:, 1] if pair.shape[1] == 2 else np.full(len(pair), classes[0])
            for pair, classes in zip(probabilities, estimator.classes_, strict=True)
        ]
        probabilities = np.stack(columns, axis=1)
    # One label is two classes.
    probabilities = np.asarray(probabilities)[:, -n_nodes:]
    margin = 1e-3
    return logit(np.clip(probabilities, margin, 1 - margin)).astype(np.float32)
