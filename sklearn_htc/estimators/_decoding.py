"""Coherent, calibrated label sets from any classifier that gives scores."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.special import logit
from sklearn.base import clone
from sklearn.utils import Tags, check_random_state, get_tags

from sklearn_htc._sklearn_compat import HasMethods
from sklearn_htc.data.documents import OpaqueDocuments
from sklearn_htc.data.held_out import make_folds, split_rows
from sklearn_htc.data.input_form import DocumentForm, InputForm
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.estimators._base import BaseHierarchicalClassifier
from sklearn_htc.estimators._learned import Learned, view
from sklearn_htc.estimators._parameters import DECODING_CONSTRAINTS
from sklearn_htc.predictor import Predictor
from sklearn_htc.read_out.fitting import DecodingRule, ReadOutFitter
from sklearn_htc.wide.base import WidePath

__all__ = ["HierarchicalDecodingClassifier"]


class HierarchicalDecodingClassifier(BaseHierarchicalClassifier):
    """Decode the scores of a flat classifier along a label hierarchy.

    The classifier is trained on a part of the documents, or in turn on several. On the
    others its scores are calibrated, and decoded to one path per document or to all
    nodes above thresholds that are chosen for micro- and macro-F1. Then it is trained
    on all documents. Any classifier that decides by 0 or by 0.5 gains by it, as
    scikit-learn's multilabel classifiers do.

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
        one threshold per node, chosen on held-out documents.
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
        **DECODING_CONSTRAINTS,
    }

    estimator_ = view("predictor.wide.estimator", "Trained on all documents.")

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
        """Train the classifier once per fold, choose the read-out, and train on all.

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
        self._require_y(y)
        documents = OpaqueDocuments(X)
        form = InputForm.of_targets(
            DocumentForm("opaque", "auto", None, None, None), y, self.hierarchy
        )
        data = form.training_data(documents, y, None)
        rule = DecodingRule.resolve(
            self.decoding,
            self.threshold,
            data.path_nodes,
            is_multilabel=form.targets.is_multilabel,
        )
        rng = check_random_state(self.random_state)
        rows = split_rows(len(data), self.validation_fraction, rng)
        folds = make_folds(data, rows)
        held_out = []
        for fold in folds:
            trial = self._fit_clone(fold.learned_from, fit_params)
            unseen: Any = fold.held_out.documents
            scores = _scores(trial, unseen.X, len(data.hierarchy))
            # For a label without documents OneVsRestClassifier has a score of 0, which
            # is higher than that of most others.
            scores[:, fold.learned_from.counts == 0] = scores.min()
            held_out.append(scores)
        fitter = ReadOutFitter.of_folds(folds, rule)
        read_out = fitter.fit(np.concatenate(held_out)).for_counts(data.counts)
        wide = WrappedClassifier(
            self._fit_clone(data, fit_params),
            data.counts == 0,
            min(scores.min() for scores in held_out),
        )
        seen = replace(
            form.documents,
            n_features=getattr(wide.estimator, "n_features_in_", None),
            feature_names=getattr(wide.estimator, "feature_names_in_", None),
        )
        predictor = Predictor(wide, None, 0.0, read_out)
        self._learned = Learned(replace(form, documents=seen), predictor)
        return self

    def _fit_clone(self, data: TrainingData, fit_params: dict[str, Any]) -> Any:
        """Train a classifier on an indicator, and say so where it fails."""
        try:
            documents: Any = data.documents
            target = data.target.toarray()
            return clone(self.estimator).fit(documents.X, target, **fit_params)
        except ValueError as error:
            error.add_note(
                "The classifier was given an indicator of all nodes. Put "
                "OneVsRestClassifier around one that takes one label a document."
            )
            raise

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags


@dataclass(frozen=True)
class WrappedClassifier(WidePath):
    """A classifier of the user's as a wide path.

    Parameters
    ----------
    estimator : classifier
        Fitted to an indicator of all nodes.
    is_absent : bool ndarray of shape (n_nodes,)
        Which labels had no document.
    least_score : float
        What these get.
    """

    estimator: Any
    is_absent: np.ndarray
    least_score: float

    def scores(self, X: Any) -> np.ndarray:
        """Ask the classifier for scores of every label."""
        scores = _scores(self.estimator, X, len(self.is_absent))
        scores[:, self.is_absent] = self.least_score
        return scores

    def weights(self) -> np.ndarray:
        """Refuse: what a classifier of the user's knows is its own."""
        raise NotImplementedError

    def iter_scores(self, documents: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Score all documents at once, as the classifier may be slow to call."""
        yield np.arange(len(documents)), self.scores(documents.X)


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
