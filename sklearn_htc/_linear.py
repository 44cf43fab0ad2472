"""The wide path by itself: a fast linear model that knows the hierarchy."""

from collections.abc import Iterator
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_htc._base import BaseHierarchicalClassifier
from sklearn_htc.calibration import Calibration
from sklearn_htc.held_out import held_out_folds
from sklearn_htc.planning import make_decoder, path_nodes_of
from sklearn_htc.wide import MIN_DOCUMENTS, WidePath, choose_wide_path, iter_scores
from sklearn_htc.wide_choice import SelectionData

__all__ = ["HierarchicalLinearClassifier"]


class HierarchicalLinearClassifier(BaseHierarchicalClassifier):
    """Linear support vector machines over a label hierarchy.

    One linear support vector machine a label, on features that are scaled by what they
    say about the labels; their scores are calibrated together, and decoded to label
    sets that are closed under ancestors. What is chosen is chosen on held-out
    documents: how much the relevance of a term counts, the calibration, and the
    thresholds. It is what `HTCInfoMaxClassifier` has beside its network for terms (for
    embeddings, alone or beside terms, that has a kernel method, which does better).

    Parameters
    ----------
    hierarchy : Hierarchy, dict, iterable of pairs, networkx.DiGraph or None, \
default=None
        The label hierarchy, as for `HTCInfoMaxClassifier`.
    C : float, default=1.0
        Inverse of the penalty on the weights.
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
        Share of the documents, but at most 5,000, held out at a time for the choices,
        which are cross-validated until about 2,000 have been, in 5 folds at most. Of a
        sparse X, they lose the terms that a vectorizer would not know without them. The
        machines are then trained on all documents. Below 50 documents nothing is held
        out: features stay as they are, and thresholds are 0.5.
    random_state : int, RandomState instance or None, default=None
        Held-out rows, and the order in which documents are visited. A fit repeats
        exactly with one thread (`torch.set_num_threads(1)`), otherwise but for the last
        bits of the probabilities: linear machines that are trained at the same time
        share LIBLINEAR's random generator.

    Attributes
    ----------
    hierarchy_ : Hierarchy
        The hierarchy; without edges where none was given.
    classes_ : ndarray
        `arange(n_nodes)`, the columns of an indicator; for 1-D `y`, its sorted labels.
    n_features_in_ : int
        Width of X.
    feature_names_in_ : ndarray of str
        Names of the columns of X, if it had any.
    wide_ : WidePath
        The linear models: `coef_` (n_features, n_nodes) and `intercept_` (n_nodes,).
    decoder_ : PathDecoder, PartialPathDecoder or ThresholdDecoder
        How log-odds become labels.

    See Also
    --------
    HTCInfoMaxClassifier : The same beside a network.

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

    wide_: WidePath

    _parameter_constraints = {
        "C": [Interval(Real, 0, None, closed="neither")],
        "decoding": [StrOptions({"auto", "path", "threshold"})],
        "threshold": [Interval(Real, 0, 1, closed="neither"), StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hierarchy: Any = None,
        *,
        C: float = 1.0,
        decoding: str = "auto",
        threshold: float | str = "auto",
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.hierarchy = hierarchy
        self.C = C
        self.decoding = decoding
        self.threshold = threshold
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train the model.

        Parameters
        ----------
        X : {array-like, sparse array} of shape (n_documents, n_features)
            Term weights or document embeddings.
        y : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, or array-like of shape (n_documents,)
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
        """
        self._validate_params()
        documents, target, weight = self._validate(X, y, sample_weight, True)
        if not hasattr(documents, "scaled"):
            raise ValueError("X is 3-D: a linear model needs a 2-D X.")
        rng = check_random_state(self.random_state)
        paths = path_nodes_of(self._target_encoder, target)
        single_path = self._decodes_path(paths)
        n_documents = len(weight)
        if n_documents < MIN_DOCUMENTS:
            self._calibration = Calibration(target.sum(axis=0))
            self.decoder_ = make_decoder(
                self.hierarchy_, paths if single_path else paths[:0], self.threshold
            )
            wide = WidePath(C=self.C)
        else:
            folds = held_out_folds(n_documents, self.validation_fraction, rng)
            read_out = self._read_out_of(target, weight, folds, paths)
            data = SelectionData(documents, target, weight, folds, read_out)
            choice = choose_wide_path(data, C=self.C, rng=rng)
            wide, best = choice.wide, choice.read_out
            self._calibration = best.calibration.for_counts(target.sum(axis=0))
            self.decoder_ = best.decoder
        self.wide_ = wide.refit(documents, target, weight, rng)
        return self

    def _iter_logits(self, documents: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows and calibrated log-odds."""
        for rows, scores in iter_scores(self.wide_, documents):
            yield rows, self._calibration.log_odds(scores)
