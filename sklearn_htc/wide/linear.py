"""The wide path of terms: linear models of each label, on terms scaled by relevance.

On TF-IDF of a few thousand documents no network comes near a linear model. A linear
model that leaves out what no label needs goes further still.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from sklearn_htc.data.documents import BagOfTerms, Documents, DocumentVectors
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.halving import halved
from sklearn_htc.memory import require_memory
from sklearn_htc.read_out.fitting import ReadOutFitter
from sklearn_htc.wide.base import (
    WideModel,
    WideOptions,
    WideSettings,
    mean_length,
)
from sklearn_htc.wide.limits import occurring_features, suits_linear_models
from sklearn_htc.wide.selection import WideChoice, best_choice, judge

if TYPE_CHECKING:
    from torch import Tensor

    from sklearn_htc.wide.machines import Start
    from sklearn_htc.wide.products import DocumentProducts

__all__ = [
    "LinearPath",
    "LinearSettings",
    "ScaledTerms",
    "may_be_best",
    "powers_for",
    "relevance_of",
]

# Powers of the terms' relevance to choose from, in the order in which they are tried: 0
# leaves the terms as they are.
POWERS = (0.5, 1.0, 0.0)
# Shares of ridge regression to choose from, besides none and all. The machines' scores
# are the larger ones, so that it takes three quarters to be level with them.
RIDGE_SHARES = (0.5, 0.75)
# Documents or features, whichever are fewer, that ridge regression solves for at once.
MAX_RIDGE_SIZE = 5000
# Documents times labels, which it holds as a whole (400 MB).
MAX_RIDGE_TARGETS = 5 * 10**7
# Entries of X times labels for finding out how much the relevance of terms counts.
MAX_TRIED_WORK = 3 * 10**9
# Entries of X times labels from which on torch's product is faster than scipy's by more
# than a few milliseconds. Its first use imports torch, which takes a second.
ENOUGH_FOR_TORCH = 10**7
# Held while predictions change filters of warnings.
_FILTERS = Lock()


@dataclass(frozen=True)
class LinearPath(WideModel):
    """One-vs-rest linear support vector machines, mixed with ridge regressions.

    Parameters
    ----------
    settings : LinearSettings
        What it was fitted with.
    features_ : int ndarray of shape (n_used,)
        Those that have weights, in their order: all that occur.
    feature_scale_ : ndarray of shape (n_features,), float32
        What features were multiplied by: relevance to its power, and such that the
        average document has length 1.
    coef_ : {ndarray, csr_array} of shape (n_used, n_nodes), float32 or float16
        Weights of these features as given, `feature_scale_` included; 0 where all
        training documents have the label, or none. Once `compact` has made them so they
        are sparse; or float16, and then without `feature_scale_`, so that they are
        about 1 whatever unit the features have.
    intercept_ : ndarray of shape (n_nodes,), float32
        Scores of a document without features.
    start_ : Start or None, default=None
        What the machines of other documents can start from; kept while settings are
        chosen.
    """

    settings: LinearSettings
    features_: np.ndarray = field(repr=False)
    feature_scale_: np.ndarray = field(repr=False)
    coef_: Any = field(repr=False)
    intercept_: np.ndarray = field(repr=False)
    start_: Start | None = field(repr=False, default=None)

    @property
    def start(self) -> Start | None:
        """What was kept for the machines of other documents."""
        return self.start_

    @cached_property
    def row_of_feature(self) -> np.ndarray:
        """The row of `coef_` of each feature; -1 where it has none."""
        rows = np.full(len(self.feature_scale_), -1, dtype=np.int32)
        rows[self.features_] = np.arange(len(self.features_), dtype=np.int32)
        return rows

    def scores(self, X: Any) -> np.ndarray:
        """Score every label; positive where a machine says yes."""
        if not sparse.issparse(X):
            # Otherwise a row's scores depend on where in the product it stands.
            products = X.astype(np.float64) @ self.weights()
            return products.astype(np.float32) + self.intercept_
        rows = self.row_of_feature[X.indices]
        weights = np.where(rows < 0, 0, X.data).astype(np.float32, copy=False)
        known = sparse.csr_array(
            (weights, np.maximum(rows, 0), X.indptr),
            shape=(X.shape[0], len(self.features_)),
        )
        return self._product(known) + self.intercept_

    def _product(self, X: sparse.csr_array) -> np.ndarray:
        """Multiply documents (n, n_used) by the weights.

        Few documents are multiplied by scipy, and many by torch, which may round the
        last digits in another way.
        """
        coef = self.coef_
        if sparse.issparse(coef):
            of_pruned: np.ndarray = (X @ coef).toarray()
            return of_pruned
        if coef.dtype == np.float16:
            used, columns = np.unique(X.indices, return_inverse=True)
            shape = (X.shape[0], len(used))
            X = sparse.csr_array((X.data, columns, X.indptr), shape=shape)
            coef = self.weights_of(used)
        if X.nnz * coef.shape[1] < ENOUGH_FOR_TORCH:
            product: np.ndarray = X @ coef
            return product

        from sklearn_htc.sparse_rows import SparseRows

        return (SparseRows(X) @ _as_tensor(coef)).numpy()

    def weights(self) -> Any:
        """Return the weights of features as given, as float32."""
        if self.coef_.dtype == np.float16:
            return self.weights_of(np.arange(len(self.features_)))
        return self.coef_

    def weights_of(
        self, rows: np.ndarray, labels: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the weights of some features for some labels.

        Parameters
        ----------
        rows : int ndarray of shape (n_rows,)
            Of `coef_`.
        labels : int ndarray of shape (n_labels,), default=None
            Its columns; None are all.

        Returns
        -------
        weights : ndarray of shape (n_rows, n_labels), float32
            Of features as given.
        """
        weights = self.coef_[rows if labels is None else np.ix_(rows, labels)]
        if sparse.issparse(weights):
            return weights.toarray()
        if weights.dtype == np.float16:
            scale = self.feature_scale_[self.features_[rows], None]
            return weights.astype(np.float32) * scale
        return weights

    def compact(self, weights: str, min_weight: float) -> LinearPath:
        """Store weights in half the space, or leave small ones out.

        See `WideModel.compact`.
        """
        coef, scale = self.weights(), self.feature_scale_[self.features_]
        if weights == "pruned":
            coef = sparse.csr_array(coef, copy=True)
            # With a smaller C all weights are smaller.
            least = min_weight * min(self.settings.options.C, 1.0) * scale
            least = np.repeat(least, np.diff(coef.indptr))
            coef.data[np.abs(coef.data) < least] = 0
            coef.eliminate_zeros()
        elif weights == "float16" and not sparse.issparse(coef):
            # A scale may be 0, where a feature has no weights either.
            rounded = halved(coef / np.where(scale > 0, scale, 1)[:, None])
            coef = rounded if rounded.dtype == np.float16 else coef
        return replace(self, coef_=coef, start_=None)


@dataclass(frozen=True)
class LinearSettings(WideSettings):
    """Settings of a `LinearPath`.

    The machines have the squared hinge loss. The squared loss of ridge regression makes
    use of every document, not of support vectors alone, and does better on a few
    thousand long texts. The weights are (1 - share) times the former plus share times
    the latter.

    Parameters
    ----------
    power : float, default=0.0
        Of the relevance of the terms, by which they are multiplied.
    ridge_share : float, default=0.0
        Share of the ridge regressions.
    options : WideOptions, default=WideOptions()
        The penalty.
    """

    power: float = 0.0
    ridge_share: float = 0.0
    options: WideOptions = field(default_factory=WideOptions)

    @staticmethod
    def suits(documents: Documents, n_nodes: int) -> bool:
        """Say whether linear models can be learned; see `suits_linear_models`."""
        return suits_linear_models(documents, n_nodes)

    @classmethod
    def select(
        cls,
        data: TrainingData,
        folds: Sequence[Fold],
        fitter: ReadOutFitter,
        options: WideOptions,
        rng: np.random.RandomState,
    ) -> WideChoice:
        """Choose by held-out documents how much relevance and ridge regression count.

        See `WideSettings.select`.

        Raises
        ------
        MemoryError
            If there is too little for the weights.
        """
        _require_memory(len(occurring_features(data.vectors)), data)
        return _Trials(data, folds, fitter, cls(options=options), rng).best()

    def fit(self, data: TrainingData, rng: np.random.RandomState) -> LinearPath:
        """Learn every label by itself; see `WideSettings.fit`."""
        return self.fit_from(data, rng, None)

    def fit_from(
        self, data: TrainingData, rng: np.random.RandomState, start: Start | None
    ) -> LinearPath:
        """Learn every label by itself; see `WideSettings.fit_from`.

        Raises
        ------
        MemoryError
            If there is too little for the weights.
        """
        relevance = np.ones(data.vectors.n_features, dtype=np.float32)
        if self.power:
            relevance = relevance_of(data, rng)
        terms = ScaledTerms.of(data.vectors, relevance, self.power)
        _require_memory(len(terms.features), data)
        return self.fit_scaled(data, terms, start)

    def fit_scaled(
        self,
        data: TrainingData,
        terms: ScaledTerms,
        start: Start | None = None,
        *,
        keeps_start: bool = False,
    ) -> LinearPath:
        """Learn every label from features that are scaled.

        Parameters
        ----------
        data : TrainingData
            Documents that are vectors, and their labels.
        terms : ScaledTerms
            Of these documents.
        start : Start, default=None
            Models of some of the documents, that machines of all are trained from.
        keeps_start : bool, default=False
            Whether machines are to start from these models.

        Returns
        -------
        path : LinearPath
            Fitted.
        """
        # Scoring documents needs no torch.
        from sklearn_htc.wide.machines import Start, fit_machines
        from sklearn_htc.wide.ridge import fit_ridge

        part = terms.documents, data.target, data.sample_weight
        rows = np.arange(len(data))
        next_start = None
        if self.ridge_share == 1:
            coef, intercept, shares = fit_ridge(*part, C=self.options.C)
            if keeps_start and shares is not None:
                # Machines tell labels by 1 and -1, and not by 1 and 0.
                shares = (2 * shares).astype(np.float32, copy=False)
                next_start = Start(rows, shares, 2 * intercept - 1)
        else:
            coef, intercept, shares = fit_machines(
                *part,
                C=self.options.C,
                start=start,
                keeps_shares=keeps_start,
            )
            if shares is not None:
                next_start = Start(rows, shares, intercept.copy())
        if 0 < self.ridge_share < 1:
            ridge = fit_ridge(*part, C=self.options.C)
            for own, other in zip((coef, intercept), ridge[:2], strict=True):
                own *= 1 - self.ridge_share
                own += self.ridge_share * other
        coef *= terms.scale[terms.features, None]
        return LinearPath(
            self, terms.features, terms.scale, coef, intercept, next_start
        )


def _require_memory(n_terms: int, data: TrainingData) -> None:
    n_nodes = data.target.shape[1]
    require_memory(
        4 * n_terms * n_nodes,
        f"A linear model of {n_nodes} labels and {n_terms} terms",
        "Take fewer terms (max_features or min_df of the vectorizer).",
    )


@dataclass(frozen=True, eq=False)
class ScaledTerms:
    """Documents whose features are multiplied by a power of their relevance.

    Parameters
    ----------
    features : int ndarray of shape (n_used,)
        Those that occur.
    scale : ndarray of shape (n_features,), float32
        What they are multiplied by, such that the average document has length 1.
    documents : DocumentProducts
        With X of shape (n_documents, n_used).
    """

    features: np.ndarray
    scale: np.ndarray
    documents: DocumentProducts

    @classmethod
    def of(
        cls, documents: DocumentVectors, relevance: np.ndarray, power: float
    ) -> ScaledTerms:
        """Scale documents.

        Parameters
        ----------
        documents : DocumentVectors
            Any.
        relevance : ndarray of shape (n_features,)
            As `relevance_of` gives it.
        power : float
            Of the relevance.

        Returns
        -------
        terms : ScaledTerms
            Of these documents.
        """
        from sklearn_htc.wide.products import DocumentProducts

        used = occurring_features(documents)
        scale = relevance**power
        scale /= mean_length(documents.scaled(scale).X)
        X = documents.scaled(scale).X[:, used].astype(np.float32, copy=False)
        return cls(used, scale, DocumentProducts(X))


class _Trials:
    """The search for the best settings, on some folds.

    Ridge regression, where it is possible, is the faster one to find the power with.
    """

    def __init__(
        self,
        data: TrainingData,
        folds: Sequence[Fold],
        fitter: ReadOutFitter,
        plain: LinearSettings,
        rng: np.random.RandomState,
    ) -> None:
        self.folds = folds
        self.fitter = fitter
        self.plain = plain
        self.rng = rng
        documents = data.vectors
        n_nodes = data.target.shape[1]
        self.powers = powers_for(documents)
        self.most = max(len(fold.learned_from) for fold in folds)
        self.with_ridge = (
            min(self.most, documents.n_features) <= MAX_RIDGE_SIZE
            and self.most * n_nodes <= MAX_RIDGE_TARGETS
        )
        # To find the power with; at least one document.
        work = max(1, documents.n_entries * n_nodes)
        self.enough = len(data) * MAX_TRIED_WORK // work + 1

    def best(self) -> WideChoice:
        """Choose the power, then the share of ridge regression."""
        with_few = len(self.powers) > 1 and self.enough < self.most
        parts = self._parts(self.enough if with_few else self.most)
        share = float(self.with_ridge)
        first, terms = self._best_power(share, parts)
        settings: Any = first.settings
        if with_few:
            few, parts = parts, self._parts(self.most)
            starts = (
                None if start is None else start.within(part.rows)
                for start, part in zip(first.starts, few, strict=True)
            )
            first = replace(first, starts=tuple(starts))
            terms = [part.scaled(settings.power) for part in parts]
            first = self._tried(settings, parts, terms, first)
        if not self.with_ridge:
            return first
        settings = replace(settings, ridge_share=0.0)
        machines = self._tried(settings, parts, terms, first)
        ridge = replace(first, starts=())
        mixtures = (self._mixed(machines, ridge, share) for share in RIDGE_SHARES)
        return best_choice([machines, *mixtures, ridge])

    def _best_power(
        self, ridge_share: float, parts: list[_Part]
    ) -> tuple[WideChoice, list[ScaledTerms]]:
        """Find the power; return documents scaled by it too, for ridge regressions."""
        tried: dict[float, WideChoice] = {}
        last: WideChoice | None = None
        best = kept = np.nan
        starts: tuple[Start | None, ...] = ()
        terms: list[ScaledTerms] = []
        for power in self.powers:
            if not may_be_best(power, best):
                break
            settings = replace(self.plain, power=power, ridge_share=ridge_share)
            own = [part.scaled(power) for part in parts]
            last = self._tried(settings, parts, own, last)
            # What others can start from takes much memory, as scaled documents do.
            tried[power] = replace(last, starts=())
            found: Any = best_choice([tried[each] for each in sorted(tried)])
            best = found.settings.power
            if self.with_ridge and best == power:
                kept, starts, terms = power, last.starts, own
            del own
        assert last is not None
        if not self.with_ridge:
            # Machines on terms of any power are a start for those of another.
            return replace(tried[best], starts=last.starts), []
        if kept != best:
            # What comes near the best micro-F1 may change with the last one tried.
            starts = (None,) * len(parts)
            terms = [part.scaled(best) for part in parts]
        return replace(tried[best], starts=starts), terms

    def _parts(self, most: int) -> list[_Part]:
        return [_Part.of(fold.learned_from, most, self.rng) for fold in self.folds]

    def _tried(
        self,
        settings: LinearSettings,
        parts: list[_Part],
        terms: list[ScaledTerms],
        near: WideChoice | None,
    ) -> WideChoice:
        starts = near.starts if near is not None else (None,) * len(parts)
        fits = (
            partial(settings.fit_scaled, part.data, own, start, keeps_start=True)
            for part, own, start in zip(parts, terms, starts, strict=True)
        )
        return judge(settings, fits, self.folds, self.fitter, near=near)

    def _mixed(
        self, machines: WideChoice, ridge: WideChoice, ridge_share: float
    ) -> WideChoice:
        """Judge a mixture of models, whose scores are the mixture of their scores."""
        scores = np.float32(1 - ridge_share) * machines.scores
        scores += np.float32(ridge_share) * ridge.scores
        plain: Any = ridge.settings
        return WideChoice(
            replace(plain, ridge_share=ridge_share),
            scores,
            self.fitter.fit(scores, near=machines.read_out),
            ridge.feature_scale,
            machines.starts,
        )


@dataclass(frozen=True, eq=False)
class _Part:
    """Documents of a fold that are fitted to.

    Parameters
    ----------
    data : TrainingData
        The documents.
    rows : int ndarray of shape (n_documents,)
        Which of the fold's documents they are.
    relevance : ndarray of shape (n_features,), float32
        Of their terms.
    """

    data: TrainingData
    rows: np.ndarray
    relevance: np.ndarray

    @classmethod
    def of(cls, data: TrainingData, most: int, rng: np.random.RandomState) -> _Part:
        """Draw at most so many documents, and find out how relevant their terms are."""
        rows = np.arange(len(data))
        if most < len(data):
            rows = rng.permutation(len(data))[:most]
            data = data.take(rows)
        return cls(data, rows, relevance_of(data, rng))

    def scaled(self, power: float) -> ScaledTerms:
        """Scale the documents by a power of the relevance."""
        return ScaledTerms.of(self.data.vectors, self.relevance, power)


def _as_tensor(weights: np.ndarray) -> Tensor:
    """Let torch read weights, which joblib may have mapped from a file."""
    import torch

    if weights.flags.writeable:
        return torch.from_numpy(weights)
    # They are not written to here. Threads share one list of filters.
    with _FILTERS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*NumPy array is not writable")
        return torch.from_numpy(weights)


def powers_for(documents: DocumentVectors) -> tuple[float, ...]:
    """List the powers of the features' relevance to choose from.

    Parameters
    ----------
    documents : DocumentVectors
        Those to learn from.

    Returns
    -------
    powers : tuple of float
        In the order in which they are tried. 0 alone for embeddings, whose coordinates
        are no terms.
    """
    return POWERS if isinstance(documents, BagOfTerms) else (0.0,)


def may_be_best(power: float, best: float) -> bool:
    """Say whether a power may do better than those that were tried before it.

    Along the powers there is one peak (on all of six data sets): if the way from the
    middle to one end leads up, there is nothing to gain at the other.

    Parameters
    ----------
    power : float
        The next of those that `powers_for` lists.
    best : float
        The best one before; NaN where there is none.

    Returns
    -------
    may_be : bool
        False for 0 where 1 is better than 0.5.
    """
    return not (power == 0 and best == 1)


def relevance_of(data: TrainingData, rng: np.random.RandomState) -> np.ndarray:
    """Say how much each feature tells about the labels.

    Parameters
    ----------
    data : TrainingData
        Documents that are vectors, and their labels.
    rng : RandomState
        Draws what is random.

    Returns
    -------
    relevance : ndarray of shape (n_features,), float32
        `term_relevance`; 1 for embeddings, whose coordinates are no terms.
    """
    documents = data.vectors
    if not isinstance(documents, BagOfTerms):
        return np.ones(documents.n_features, dtype=np.float32)
    from sklearn_htc.wide.term_relevance import term_relevance

    return term_relevance(documents.X, data.target, data.sample_weight, rng)
