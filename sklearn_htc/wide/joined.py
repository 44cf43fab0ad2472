"""The wide path of terms and embeddings side by side: a model of each, mixed.

A kernel suits embeddings, and linear machines suit terms. A linear model of both at
once has the full rows of the embeddings to look at, label after label, and takes longer
(1.3 to 3.5 times, measured) for no better F1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np
from scipy import sparse

from sklearn_htc.data.documents import (
    BagOfTerms,
    DenseDocuments,
    Documents,
    DocumentVectors,
)
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.read_out.fitting import ReadOutFitter
from sklearn_htc.wide.base import WideModel, WideOptions, WideSettings
from sklearn_htc.wide.kernel import KernelSettings
from sklearn_htc.wide.linear import LinearSettings
from sklearn_htc.wide.selection import WideChoice, best_choice

__all__ = ["JoinedPath", "JoinedSettings", "Part", "Side"]

# Shares of the kernel path to choose from, where neither path is better alone. Scores
# are mixed in units of the calibration, in which those of both are equally far apart.
KERNEL_SHARES = (0.25, 0.5, 0.75)

Model = TypeVar("Model", WideModel, WideSettings)


@dataclass(frozen=True, eq=False)
class Side:
    """Some of the columns, which are terms or the coordinates of an embedding.

    Parameters
    ----------
    columns : int ndarray of shape (n_columns,)
        Which, in their order.
    is_embedding : bool
        Whether they are coordinates.
    """

    columns: np.ndarray = field(repr=False)
    is_embedding: bool

    def documents(self, documents: BagOfTerms) -> DocumentVectors:
        """Take these columns.

        Parameters
        ----------
        documents : BagOfTerms
            With all columns.

        Returns
        -------
        documents : DenseDocuments or BagOfTerms
            What a model of embeddings, or of terms, learns from.
        """
        own = self.read(documents.X)
        return DenseDocuments(own) if self.is_embedding else BagOfTerms(own)

    def read(self, X: sparse.csr_array) -> Any:
        """Take these columns of an array.

        Parameters
        ----------
        X : csr_array of shape (n_documents, n_features)
            With all columns.

        Returns
        -------
        own : {csr_array, ndarray} of shape (n_documents, n_columns)
            Dense where they are coordinates.
        """
        own = X[:, self.columns]
        return own.toarray() if self.is_embedding else own


@dataclass(frozen=True, eq=False)
class Part(Generic[Model]):
    """A model of one side, and what its scores are multiplied by.

    Parameters
    ----------
    side : Side
        The columns that it reads.
    model : WideModel or WideSettings
        Fitted in a `JoinedPath`, not fitted in `JoinedSettings`.
    weight : float
        What its scores are multiplied by.
    """

    side: Side
    model: Model
    weight: float


@dataclass(frozen=True, eq=False)
class JoinedPath(WideModel):
    """A weighted sum of paths, each with columns of its own.

    Parameters
    ----------
    parts : tuple of Part
        Those to add up, fitted.
    feature_scale_ : ndarray of shape (n_features,), float32
        What the features were multiplied by; 1 for those that no part reads.
    """

    parts: tuple[Part[WideModel], ...]
    feature_scale_: np.ndarray = field(repr=False)

    def scores(self, X: sparse.csr_array) -> np.ndarray:
        """Score every label by all parts together."""
        return _weighted_sum(
            (part.weight, part.model.scores(part.side.read(X))) for part in self.parts
        )

    @property
    def intercept_(self) -> np.ndarray:  # type: ignore[override]
        """Scores of a document that says nothing, (n_nodes,)."""
        return _weighted_sum(
            (part.weight, part.model.intercept_) for part in self.parts
        )

    def weights(self) -> Any:
        """Return those of all parts, one below the other."""
        parts = [np.float32(part.weight) * part.model.weights() for part in self.parts]
        if any(sparse.issparse(part) for part in parts):
            return sparse.vstack([sparse.csr_array(part) for part in parts])
        return np.vstack(parts)

    def compact(self, weights: str, min_weight: float) -> JoinedPath:
        """Make each part smaller; see `WideModel.compact`."""
        parts = (
            replace(part, model=part.model.compact(weights, min_weight))
            for part in self.parts
        )
        return replace(self, parts=tuple(parts))


@dataclass(frozen=True, eq=False)
class JoinedSettings(WideSettings):
    """Settings of a `JoinedPath`.

    Parameters
    ----------
    parts : tuple of Part
        Those to fit and add up.
    """

    parts: tuple[Part[WideSettings], ...]

    @staticmethod
    def suits(documents: Documents, n_nodes: int) -> bool:
        """Say whether there are terms and embeddings, and both can be learned from."""
        if not isinstance(documents, BagOfTerms):
            return False
        terms, embeddings = _sides(documents)
        return (
            len(terms.columns) > 0
            and len(embeddings.columns) > 0
            and LinearSettings.suits(terms.documents(documents), n_nodes)
            and KernelSettings.suits(embeddings.documents(documents), n_nodes)
        )

    @classmethod
    def select(
        cls,
        data: TrainingData,
        folds: Sequence[Fold],
        fitter: ReadOutFitter,
        options: WideOptions,
        rng: np.random.RandomState,
    ) -> WideChoice:
        """Choose a path of the terms and one of the embeddings, then how to mix them.

        See `WideSettings.select`.
        """
        return best_choice(cls.choices(data, folds, fitter, options, rng))

    @classmethod
    def choices(
        cls,
        data: TrainingData,
        folds: Sequence[Fold],
        fitter: ReadOutFitter,
        options: WideOptions,
        rng: np.random.RandomState,
    ) -> list[WideChoice]:
        """Choose a path of the terms and one of the embeddings, and list mixtures.

        Parameters
        ----------
        data, folds, fitter, options, rng
            As for `select`.

        Returns
        -------
        choices : list of WideChoice
            The terms alone, the embeddings alone, and both with shares of either.
        """
        documents = data.vectors
        assert isinstance(documents, BagOfTerms)
        sides = _sides(documents)
        scale = np.empty(documents.n_features, dtype=np.float32)
        choices = []
        kinds: tuple[Any, ...] = (LinearSettings, KernelSettings)
        for side, kind in zip(sides, kinds, strict=True):
            choice = kind.select(
                data.with_documents(side.documents(documents)),
                [fold.map_vectors(side.documents) for fold in folds],
                fitter,
                options,
                rng,
            )
            scale[side.columns] = choice.feature_scale
            choices.append(choice)
        units = [_unit(choice) for choice in choices]

        def alone(side: Side, choice: WideChoice) -> WideChoice:
            settings = cls((Part(side, choice.settings, 1.0),))
            return replace(choice, settings=settings, feature_scale=scale)

        def mixed(share: float) -> WideChoice:
            weights = (1 - share) / units[0], share / units[1]
            own = (choice.scores for choice in choices)
            scores = _weighted_sum(zip(weights, own, strict=True))
            parts = (
                Part(side, choice.settings, weight)
                for side, choice, weight in zip(sides, choices, weights, strict=True)
            )
            return WideChoice(cls(tuple(parts)), scores, fitter.fit(scores), scale)

        # The simplest models first.
        single = [alone(*pair) for pair in zip(sides, choices, strict=True)]
        return single + [mixed(share) for share in KERNEL_SHARES]

    def fit(self, data: TrainingData, rng: np.random.RandomState) -> JoinedPath:
        """Learn every part; see `WideSettings.fit`."""
        documents = data.vectors
        assert isinstance(documents, BagOfTerms)
        scale = np.ones(documents.n_features, dtype=np.float32)
        fitted = []
        for part in self.parts:
            own = data.with_documents(part.side.documents(documents))
            path = part.model.fit(own, rng)
            scale[part.side.columns] = path.feature_scale_
            fitted.append(Part(part.side, path, part.weight))
        return JoinedPath(tuple(fitted), scale)


def _weighted_sum(pairs: Iterable[tuple[float, np.ndarray]]) -> np.ndarray:
    """Add up arrays times their weights, float32."""
    return np.sum([np.float32(weight) * values for weight, values in pairs], axis=0)


def _unit(choice: WideChoice) -> float:
    """Return what the scores of a choice are divided by before they are calibrated."""
    calibration = choice.read_out.calibration
    assert calibration is not None
    return calibration.half_range_


def _sides(documents: BagOfTerms) -> tuple[Side, Side]:
    """Tell the columns of terms from those of embeddings."""
    of_embeddings = documents.embedding_columns
    of_terms = np.delete(np.arange(documents.n_features), of_embeddings)
    return Side(of_terms, is_embedding=False), Side(of_embeddings, is_embedding=True)
