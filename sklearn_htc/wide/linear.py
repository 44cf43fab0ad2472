"""The wide path of terms: linear models of each label, on terms scaled by relevance.

On TF-IDF of a few thousand documents no network comes near a linear model. A linear
model that leaves out what no label needs goes further still.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch.nn import functional

from sklearn_htc.data.documents import BagOfTerms, Documents
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.read_out.fitting import ReadOutFitter
from sklearn_htc.wide.base import (
    WideModel,
    WideOptions,
    WideSettings,
    mean_length,
)
from sklearn_htc.wide.limits import occurring_features, suits_linear_models
from sklearn_htc.wide.machines import fit_machines
from sklearn_htc.wide.ridge import fit_ridge
from sklearn_htc.wide.selection import WideChoice, best_choice, judge
from sklearn_htc.wide.term_relevance import term_relevance

__all__ = ["LinearPath", "LinearSettings", "relevance_of"]

# Powers of the terms' relevance to choose from: 0 leaves the terms as they are.
POWERS = (0.0, 0.5, 1.0)
# Shares of ridge regression to choose from, besides none and all. The machines' scores
# are the larger ones, so that it takes three quarters to be level with them.
RIDGE_SHARES = (0.5, 0.75)
# Documents or features, whichever are fewer, that ridge regression solves for at once.
MAX_RIDGE_SIZE = 5000
# Documents times labels, which it holds as a whole (400 MB).
MAX_RIDGE_TARGETS = 5 * 10**7
# Entries of X times labels for finding out how much the relevance of terms counts.
MAX_TRIED_WORK = 3 * 10**9


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
    coef_ : ndarray of shape (n_used, n_nodes), float32
        Weights of these features as given, `feature_scale_` included; 0 where all
        training documents have the label, or none.
    intercept_ : ndarray of shape (n_nodes,), float32
        Scores of a document without features.
    """

    settings: "LinearSettings"
    features_: np.ndarray = field(repr=False)
    feature_scale_: np.ndarray = field(repr=False)
    coef_: np.ndarray = field(repr=False)
    intercept_: np.ndarray = field(repr=False)

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
            products = X.astype(np.float64) @ self.coef_
            return products.astype(np.float32) + self.intercept_
        with warnings.catch_warnings():
            # Weights that joblib maps from a file are not written to here.
            warnings.filterwarnings("ignore", ".*NumPy array is not writable")
            coef = torch.from_numpy(self.coef_)
        rows = self.row_of_feature[X.indices]
        weights = np.where(rows < 0, 0, X.data).astype(np.float32, copy=False)
        # Five times as fast as scipy's product.
        products = functional.embedding_bag(
            torch.from_numpy(np.maximum(rows, 0).astype(np.int64)),
            coef,
            torch.from_numpy(X.indptr.astype(np.int64)),
            mode="sum",
            per_sample_weights=torch.from_numpy(weights),
            include_last_offset=True,
        )
        return products.numpy() + self.intercept_

    def weights(self) -> np.ndarray:
        """Return `coef_`."""
        return self.coef_


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
        The penalty, and the number of threads.
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
        """
        return _Trials(data, folds, fitter, cls(options=options), rng).best()

    def fit(self, data: TrainingData, rng: np.random.RandomState) -> LinearPath:
        """Learn every label by itself; see `WideSettings.fit`."""
        relevance = np.ones(data.vectors.n_features, dtype=np.float32)
        if self.power:
            relevance = relevance_of(data, rng)
        return self.fit_scaled(data, relevance)

    def fit_scaled(self, data: TrainingData, relevance: np.ndarray) -> LinearPath:
        """Learn every label from features of known relevance.

        Parameters
        ----------
        data : TrainingData
            Documents that are vectors, and their labels.
        relevance : ndarray of shape (n_features,)
            As `relevance_of` gives it.

        Returns
        -------
        path : LinearPath
            Fitted.
        """
        documents = data.vectors
        used = occurring_features(documents)
        scale = relevance**self.power
        scale /= mean_length(documents.scaled(scale).X[:, used])
        X = documents.scaled(scale).X[:, used].astype(np.float32, copy=False)
        part = X, data.target, data.sample_weight
        if self.ridge_share == 1:
            coef, intercept = fit_ridge(*part, C=self.options.C)
        else:
            coef, intercept = fit_machines(
                *part, C=self.options.C, n_threads=self.options.n_threads
            )
        if 0 < self.ridge_share < 1:
            ridge = fit_ridge(*part, C=self.options.C)
            for own, other in zip((coef, intercept), ridge, strict=True):
                own *= 1 - self.ridge_share
                own += self.ridge_share * other
        coef *= scale[used, None]
        return LinearPath(self, used, scale, coef, intercept)


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
        self.powers = POWERS if isinstance(documents, BagOfTerms) else POWERS[:1]
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
        tried: list[WideChoice] = []
        for power in self.powers:
            near = tried[-1] if tried else None
            tried.append(self._tried(power, share, parts, near))
        first = best_choice(tried)
        settings: Any = first.settings
        power = settings.power
        if with_few:
            parts = self._parts(self.most)
            first = self._tried(power, share, parts, first)
        if not self.with_ridge:
            return first
        machines, ridge = self._tried(power, 0.0, parts, first), first
        mixtures = (self._mixed(machines, ridge, share) for share in RIDGE_SHARES)
        return best_choice([machines, *mixtures, ridge])

    def _parts(self, most: int) -> list[tuple[TrainingData, np.ndarray]]:
        return [self._part(fold.learned_from, most) for fold in self.folds]

    def _part(self, data: TrainingData, most: int) -> tuple[TrainingData, np.ndarray]:
        """Return documents to fit to, and the relevance of their terms."""
        if most < len(data):
            data = data.take(self.rng.permutation(len(data))[:most])
        return data, relevance_of(data, self.rng)

    def _tried(
        self,
        power: float,
        ridge_share: float,
        parts: list[tuple[TrainingData, np.ndarray]],
        near: WideChoice | None,
    ) -> WideChoice:
        settings = replace(self.plain, power=power, ridge_share=ridge_share)
        fits = (partial(settings.fit_scaled, *part) for part in parts)
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
        )


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
    return term_relevance(documents.X, data.target, data.sample_weight, rng)
