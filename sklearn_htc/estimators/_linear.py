"""The wide path by itself: a fast linear model that knows the hierarchy."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from sklearn_htc.data.documents import DocumentVectors
from sklearn_htc.data.held_out import make_folds, split_rows
from sklearn_htc.data.input_form import DocumentForm, InputForm
from sklearn_htc.data.label_texts import LabelDocuments, texts_of
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.estimators._base import BaseHierarchicalClassifier
from sklearn_htc.estimators._fit_task import fit_task
from sklearn_htc.estimators._label_texts import read_labels
from sklearn_htc.estimators._learned import Learned, view
from sklearn_htc.estimators._parameters import DECODING_CONSTRAINTS, WIDE_CONSTRAINTS
from sklearn_htc.label_tree.fitting import fit_label_tree, suits_label_tree
from sklearn_htc.predictor import Predictor, TwoPathPredictor
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.fitting import DecodingRule, ReadOut, ReadOutFitter
from sklearn_htc.threads import resolve_n_threads, torch_threads
from sklearn_htc.two_paths.label_texts import (
    Teaching,
    label_vectors,
    refuse_label_texts,
    with_label_texts,
    with_usual_label_texts,
)
from sklearn_htc.wide.base import MIN_DOCUMENTS, WideModel, WideOptions
from sklearn_htc.wide.linear import LinearSettings

__all__ = ["HierarchicalLinearClassifier"]


class HierarchicalLinearClassifier(BaseHierarchicalClassifier):
    """Linear support vector machines over a label hierarchy.

    There is one linear support vector machine per label, on features that are scaled by
    what they say about the labels. Their scores are calibrated together, and decoded to
    label sets that are closed under ancestors. What is chosen is chosen on held-out
    documents: how much the relevance of a term counts, the calibration, and the
    thresholds. It is what `HTCInfoMaxClassifier` has beside its network for terms. (For
    embeddings, alone or beside terms, that has a kernel method, which does better.)

    Beyond 2.5 * 10^8 weights (terms times labels) or 5 * 10^9 entries of X times labels
    a label tree takes the place of one machine per label and all documents: each
    machine learns from the documents of its label's parent alone, and gives the
    probability of the label given its parent [1]_. Where more than 128 labels have the
    same parent, or none, they are clustered [2]_, and a label's machine knows the
    documents of its cluster. `predict` and `predict_top_k` then search the tree. At
    each level they follow the 64 most probable nodes or clusters, less those whose
    probability is below 0.001 and below all thresholds; the best one is followed in any
    case. `predict_proba` computes all probabilities.

    Parameters
    ----------
    hierarchy : Hierarchy, dict, sequence of pairs, networkx.DiGraph, "infer" or None, \
default=None
        The label hierarchy, as for `HTCInfoMaxClassifier`.
    vectorizer : "auto", transformer or None, default="auto"
        What turns raw texts into numbers, as for `HTCInfoMaxClassifier`.
    label_texts : mapping of label to str, sequence of str or None, default=None
        Names or descriptions of labels, as for `HTCInfoMaxClassifier`.
    label_features : {array-like, sparse array} of shape (n_nodes, n_features) or \
None, default=None
        The same for numeric X, as for `HTCInfoMaxClassifier`.
    C : float, default=1.0
        What the penalties on the weights of all linear models are divided by.
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
        Share of the documents, but at most 5,000, held out at a time for the choices,
        which are cross-validated until about 2,000 have been, in 5 folds at most. Of a
        sparse X, they lose the terms that a vectorizer would not know without them. The
        machines are then trained on all documents. Below 50 documents nothing is held
        out: features stay as they are, and thresholds are 0.5.
    n_jobs : int or None, default=None
        Number of threads of `fit`; -1 is all processors. None means
        `torch.get_num_threads()`, and 1 inside a worker of a parallel search.
    random_state : int, RandomState instance or None, default=None
        Held-out rows, and what is drawn to find out how relevant terms are. A fit
        repeats exactly with the same number of threads.

    Attributes
    ----------
    hierarchy_ : Hierarchy
        The hierarchy; without edges where none was given.
    classes_ : ndarray
        `arange(n_nodes)`, the columns of an indicator; for 1-D `y`, its sorted labels.
    multilabel_ : bool
        False where fit was given 1-D `y`: `predict_proba` has a column per class. True
        otherwise: one per node.
    n_features_in_ : int
        Width of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if it had any.
    wide_ : LinearPath or LabelTree
        The linear models; `coef_` (n_features, n_nodes) and `intercept_` (n_nodes,) of
        a `LinearPath`.
    vectorizer_ : transformer
        What turned raw texts into numbers. Only where X held texts.
    decoder_ : PathDecoder, PartialPathDecoder or ThresholdDecoder
        How log-odds become labels.

    See Also
    --------
    HTCInfoMaxClassifier : The same beside a network.

    References
    ----------
    .. [1] K. Jasinska, K. Dembczynski, R. Busa-Fekete, K. Pfannschmidt, T. Klerx and
       E. Hüllermeier. "Extreme F-measure Maximization using Sparse Probability
       Estimates". ICML 2016.
    .. [2] Y. Prabhu, A. Kag, S. Harsola, R. Agrawal and M. Varma. "Parabel: Partitioned
       Label Trees for Extreme Classification". WWW 2018.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_htc import HierarchicalLinearClassifier
    >>> hierarchy = {"animal": ["cat", "dog"], "plant": ["tree"]}
    >>> texts = ["the cat purrs", "the dog barks", "the tree grows"] * 20
    >>> clf = make_pipeline(TfidfVectorizer(), HierarchicalLinearClassifier(hierarchy))
    >>> clf.fit(texts, [["cat"], ["dog"], ["tree"]] * 20).predict(["a dog barks"])
    [['animal', 'dog']]
    """

    wide_ = view("predictor.wide", "The linear models.")

    _parameter_constraints = {**DECODING_CONSTRAINTS, **WIDE_CONSTRAINTS}

    def __init__(
        self,
        hierarchy: Any = None,
        *,
        vectorizer: Any = "auto",
        label_texts: Any = None,
        label_features: Any = None,
        C: float = 1.0,
        decoding: str = "auto",
        threshold: float | str = "auto",
        validation_fraction: float = 0.2,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.hierarchy = hierarchy
        self.vectorizer = vectorizer
        self.label_texts = label_texts
        self.label_features = label_features
        self.C = C
        self.decoding = decoding
        self.threshold = threshold
        self.validation_fraction = validation_fraction
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_task(max_subtasks=0)
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train the model.

        Parameters
        ----------
        X : sequence of str, or {array-like, sparse array} of shape (n_documents, \
n_features)
            Raw texts, term weights or document embeddings.
        y : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, array-like of shape (n_documents,), or table (n_documents, n_levels)
            As for `HTCInfoMaxClassifier.fit`.
        sample_weight : array-like of shape (n_documents,), default=None
            Weight of each document in the loss, not negative; only their ratios matter.

        Returns
        -------
        self : HierarchicalLinearClassifier
            Fitted.

        Raises
        ------
        ValueError
            Before any training, if a parameter, X, y or the hierarchy is not as
            described.
        TypeError
            If the hierarchy is of no accepted type.
        MemoryError
            Before any training, if weights have no room.
        """
        self._validate_params()
        self._require_y(y)
        document_form, documents = DocumentForm.learn(
            X,
            "auto",
            None,
            self.vectorizer,
            label_texts=texts_of(self.label_texts),
            sample_weight=sample_weight,
        )
        if not isinstance(documents, DocumentVectors):
            raise ValueError("X is 3-D: a linear model needs a 2-D X.")
        form = InputForm.of_targets(document_form, y, self.hierarchy)
        form, labels = read_labels(form, self)
        data = form.training_data(documents, y, sample_weight)
        rule = DecodingRule.resolve(
            self.decoding,
            self.threshold,
            data.path_nodes,
            form.targets,
        )
        options = WideOptions(C=float(self.C))
        rng = check_random_state(self.random_state)
        with torch_threads(resolve_n_threads(self.n_jobs)):
            predictor = self._fit_predictor(data, labels, rule, options, rng)
        self._learned = Learned(form, predictor)
        return self

    def _fit_predictor(
        self,
        data: TrainingData,
        labels: LabelDocuments | None,
        rule: DecodingRule,
        options: WideOptions,
        rng: np.random.RandomState,
    ) -> Predictor:
        """Learn a label tree, or every label from all documents."""
        if not suits_label_tree(data):
            return self._fit_one_vs_rest(data, labels, rule, options, rng)
        if labels is not None:
            refuse_label_texts(data)
        return fit_label_tree(data, rule, options, self.validation_fraction, rng)

    def _fit_one_vs_rest(
        self,
        data: TrainingData,
        labels: LabelDocuments | None,
        rule: DecodingRule,
        options: WideOptions,
        rng: np.random.RandomState,
    ) -> Predictor:
        """Learn every label from all documents."""
        if len(data) < MIN_DOCUMENTS:
            wide: WideModel = LinearSettings(options=options).fit(data, rng)
            decoder = rule.plain_decoder(data.hierarchy, data.path_nodes)
            read_out = ReadOut(Calibration(data.counts), decoder)
            predictor = TwoPathPredictor(wide, None, 0.0, read_out)
            if labels is None:
                return predictor
            vectors = label_vectors(labels, None)
            return with_usual_label_texts(predictor, data, vectors, rule, rng)
        folds = make_folds(data, split_rows(len(data), self.validation_fraction, rng))
        fitter = ReadOutFitter.of_folds(folds, rule)
        choice = LinearSettings.select(data, folds, fitter, options, rng)
        if labels is None:
            read_out = choice.read_out.for_counts(data.counts)
            wide = choice.fit(data, folds[0], rng)
            return TwoPathPredictor(wide, None, 0.0, read_out)
        teaching, choice = Teaching.choose(labels, None, choice, folds, fitter, rng)
        read_out = choice.read_out.for_counts(teaching.counts_of(data))
        wide = teaching.fit(choice, data, folds, rng)
        predictor = TwoPathPredictor(wide, None, 0.0, read_out)
        return with_label_texts(predictor, data, teaching, choice, folds, rule, rng)
