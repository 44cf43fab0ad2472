"""Coherent, calibrated label sets from any classifier that gives scores."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.validation import has_fit_parameter

from sklearn_htc._sklearn_compat import HasMethods
from sklearn_htc.data.documents import OpaqueDocuments
from sklearn_htc.data.held_out import make_folds, split_rows
from sklearn_htc.data.input_form import DocumentForm, InputForm
from sklearn_htc.data.texts import (
    OpaqueTexts,
    holds_texts,
    reads_texts,
    refuse_no_documents,
    vectorized,
)
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.estimators._base import BaseHierarchicalClassifier
from sklearn_htc.estimators._fit_task import fit_task
from sklearn_htc.estimators._learned import Learned, view
from sklearn_htc.estimators._parameters import DECODING_CONSTRAINTS
from sklearn_htc.memory import require_memory
from sklearn_htc.predictor import TwoPathPredictor
from sklearn_htc.read_out.fitting import DecodingRule, ReadOutFitter
from sklearn_htc.wide.wrapped import WrappedClassifier, scores_of

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
    hierarchy : Hierarchy, dict, sequence of pairs, networkx.DiGraph, "infer" or None, \
default=None
        The label hierarchy, as for `HTCInfoMaxClassifier`.
    vectorizer : "auto", transformer or None, default="auto"
        What turns raw texts into numbers, where X is a sequence of strings; fitted
        inside each fold. "auto" is as for `HTCInfoMaxClassifier`, unless `estimator`
        reads texts by itself: because it is a Pipeline, or has one inside, or says so
        in its tags. With None `estimator` gets the texts.
    decoding : {"auto", "path", "threshold"}, default="auto"
        "path" predicts the one most probable path of those in the training labels;
        "threshold" every node whose coherent probability reaches its threshold. "auto"
        is "threshold", unless every training document has one path: then it is "path",
        or, for indicators and collections, the path or upper part of a path with the
        highest expected F1, if that did better on held-out documents.
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
    multilabel_ : bool
        False where fit was given 1-D `y`: `predict_proba` has a column per class. True
        otherwise: one per node.
    n_features_in_ : int
        Width of X, where the classifier knows it.
    feature_names_in_ : ndarray of str
        Names of the columns of X, where the classifier knows them.
    vectorizer_ : transformer
        What turned raw texts into numbers. Only where X held texts.
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
        vectorizer: Any = "auto",
        decoding: str = "auto",
        threshold: float | str = "auto",
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.hierarchy = hierarchy
        self.vectorizer = vectorizer
        self.decoding = decoding
        self.threshold = threshold
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    @fit_task(max_subtasks=0)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Train the classifier once per fold, choose the read-out, and train on all.

        Parameters
        ----------
        X : array-like, sparse array or sequence of n_documents
            What the classifier reads, texts included. Of a sparse X, rows that are held
            out lose the terms that a vectorizer would not know without them; a
            vectorizer inside `estimator` sees to that by itself.
        y : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, array-like of shape (n_documents,), or table (n_documents, n_levels)
            As for `HTCInfoMaxClassifier.fit`.
        sample_weight : array-like of shape (n_documents,), default=None
            Weight of each document, not negative; only their ratios matter. Handed to
            the classifier, which must accept it, and heeded where scores are calibrated
            and thresholds chosen.
        **fit_params
            Passed on to the classifier's `fit` each time, as they are: none that has
            one value per document.

        Returns
        -------
        self : HierarchicalDecodingClassifier
            Fitted.

        Raises
        ------
        ValueError
            Before any training, if a parameter, y, the weights or the hierarchy is not
            as described.
        TypeError
            If the classifier does not accept `sample_weight`.
        MemoryError
            If an indicator of all documents and nodes has no room.
        """
        self._validate_params()
        self._require_y(y)
        documents, vectorizer = self._read(X, sample_weight)
        # What the classifier knows of X follows when it is fitted.
        document_form = DocumentForm.of_opaque(X, None, vectorizer)
        form = InputForm.of_targets(document_form, y, self.hierarchy)
        data = form.training_data(documents, y, sample_weight)
        n_documents, n_nodes = data.target.shape
        require_memory(
            data.target.dtype.itemsize * n_documents * n_nodes,
            f"An indicator of {n_documents} documents and {n_nodes} nodes",
            "HierarchicalLinearClassifier needs none.",
        )
        rule = DecodingRule.resolve(
            self.decoding,
            self.threshold,
            data.path_nodes,
            form.targets,
        )
        rng = check_random_state(self.random_state)
        folds = make_folds(data, split_rows(len(data), self.validation_fraction, rng))
        train = partial(
            _fit_clone,
            self.estimator,
            is_weighted=sample_weight is not None,
            fit_params=fit_params,
        )
        held_out = [_held_out_scores(train(fold.learned_from), fold) for fold in folds]
        fitter = ReadOutFitter.of_folds(folds, rule)
        read_out = fitter.fit(np.concatenate(held_out)).for_counts(data.counts)
        least_score = min(scores.min() for scores in held_out)
        wide = WrappedClassifier(train(data), data.counts == 0, least_score)
        seen = DocumentForm.of_opaque(X, wide.estimator, vectorizer)
        form = replace(form, documents=seen)
        self._learned = Learned(form, TwoPathPredictor(wide, None, 0.0, read_out))
        return self

    def _read(self, X: Any, sample_weight: Any) -> tuple[OpaqueDocuments, Any]:
        """Return documents as the classifier reads them, and the vectorizer of texts.

        It is None where X holds no texts, or the classifier reads them by itself.
        """
        refuse_no_documents(X)
        vectorizer = self.vectorizer
        if vectorizer is None or not holds_texts(X):
            return OpaqueDocuments(X), None
        if isinstance(vectorizer, str) and reads_texts(self.estimator):
            return OpaqueDocuments(X), None
        matrix, texts = vectorized(X, vectorizer, "auto", sample_weight=sample_weight)
        return OpaqueTexts(matrix, texts), texts.vectorizer

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        tags.input_tags.string |= self.vectorizer is not None
        return tags


def _fit_clone(
    estimator: Any, data: TrainingData, *, is_weighted: bool, fit_params: dict[str, Any]
) -> Any:
    """Train a classifier on an indicator, and say so where it fails."""
    documents = data.documents
    assert isinstance(documents, OpaqueDocuments)
    estimator = clone(estimator)
    weight = data.sample_weight if is_weighted else None
    try:
        return _fit(estimator, documents.X, data.target.toarray(), weight, fit_params)
    except ValueError as error:
        last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        if not isinstance(last, OneVsRestClassifier):
            error.add_note(
                "The classifier was given an indicator of all nodes. Put "
                "OneVsRestClassifier around one that takes one label per document."
            )
        raise


def _fit(
    estimator: Any,
    X: Any,
    Y: np.ndarray,
    weight: np.ndarray | None,
    fit_params: dict[str, Any],
) -> Any:
    """Fit a classifier; of a Pipeline, the last step gets the weights."""
    if weight is None:
        return estimator.fit(X, Y, **fit_params)
    if get_config()["enable_metadata_routing"]:
        return estimator.fit(X, Y, sample_weight=weight, **fit_params)
    machine = estimator
    while isinstance(machine, (Pipeline, OneVsRestClassifier)):
        is_pipeline = isinstance(machine, Pipeline)
        machine = machine[-1] if is_pipeline else machine.estimator
    if not has_fit_parameter(machine, "sample_weight"):
        raise TypeError(
            f"{type(machine).__name__} does not accept sample_weight. Leave the "
            "weights out, or choose another classifier. One that hands them on to "
            "another does so with sklearn.set_config(enable_metadata_routing=True), "
            "where that one asks for them: set_fit_request(sample_weight=True)."
        )
    if isinstance(estimator, Pipeline):
        return _fit_pipeline(estimator, X, Y, weight, fit_params)
    if not isinstance(estimator, OneVsRestClassifier):
        return estimator.fit(X, Y, sample_weight=weight, **fit_params)
    with _weights_reach(machine, estimator):
        return estimator.fit(X, Y, sample_weight=weight, **fit_params)


def _fit_pipeline(
    pipeline: Pipeline,
    X: Any,
    Y: np.ndarray,
    weight: np.ndarray,
    fit_params: dict[str, Any],
) -> Pipeline:
    """Fit all steps but the last, then the last with weights.

    `fit` hands weights on only to a step that is named, and to none that hands them on
    itself, such as OneVsRestClassifier.
    """
    prefix = f"{pipeline.steps[-1][0]}__"
    of_last, of_others = {}, {}
    for name, value in fit_params.items():
        if name.startswith(prefix):
            of_last[name.removeprefix(prefix)] = value
        else:
            of_others[name] = value
    before = pipeline[:-1]
    if len(before):
        X = before.fit_transform(X, Y, **of_others)
        # With a memory, those that are fitted are copies.
        pipeline.steps[:-1] = before.steps
    _fit(pipeline[-1], X, Y, weight, of_last)
    return pipeline


@contextmanager
def _weights_reach(machine: Any, one_vs_rest: OneVsRestClassifier) -> Iterator[None]:
    """Let OneVsRestClassifier hand weights on, which it does by routing alone."""
    with config_context(enable_metadata_routing=True):
        # As without routing, no step before the last gets weights.
        for part in one_vs_rest.get_params(deep=True).values():
            if hasattr(part, "set_fit_request") and has_fit_parameter(
                part, "sample_weight"
            ):
                part.set_fit_request(sample_weight=False)
        while hasattr(machine, "set_fit_request"):
            machine.set_fit_request(sample_weight=True)
            machine = getattr(machine, "estimator", None)
        yield


def _held_out_scores(trial: Any, fold: Fold) -> np.ndarray:
    """Score the held-out documents of a fold by a classifier of the others."""
    documents = fold.held_out.documents
    assert isinstance(documents, OpaqueDocuments)
    scores = scores_of(trial, documents.X, len(fold.held_out.hierarchy))
    # For a label without documents OneVsRestClassifier has a score of 0, which is
    # higher than that of most others.
    scores[:, fold.learned_from.counts == 0] = scores.min()
    return scores
