"""What every wide path is: settings that can be fitted, and a model that scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sklearn_htc.caches import ForgetsCaches
from sklearn_htc.data.documents import Documents, sum_of_squares
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.read_out.fitting import ReadOutFitter

if TYPE_CHECKING:
    from sklearn_htc.wide.machines import Start
    from sklearn_htc.wide.selection import WideChoice

__all__ = [
    "MIN_DOCUMENTS",
    "WideModel",
    "WideOptions",
    "WidePath",
    "WideSettings",
    "mean_length",
]

# With fewer documents there is too little to hold out.
MIN_DOCUMENTS = 50
# Documents scored at a time.
BATCH_SIZE = 1024


@dataclass(frozen=True)
class WideOptions:
    """What the user says about every wide path.

    Parameters
    ----------
    C : float, default=1.0
        What the penalties on weights are divided by.
    """

    C: float = 1.0


class WidePath(ABC):
    """What scores documents beside the network, or in its place."""

    @abstractmethod
    def scores(self, X: Any) -> np.ndarray:
        """Score every label.

        Parameters
        ----------
        X : {csr_array, ndarray} of shape (n_documents, n_features)
            Documents.

        Returns
        -------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Higher where a label is more likely.
        """

    def iter_scores(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Score documents batch by batch, in their order.

        Parameters
        ----------
        documents : Documents
            Any documents that have a form as vectors.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents.
        scores : ndarray of shape (B, n_nodes), float32
            As `scores` gives them.
        """
        vectors = documents.vectors
        assert vectors is not None
        n_documents = len(documents)
        for start in range(0, n_documents, BATCH_SIZE):
            rows = np.arange(start, min(start + BATCH_SIZE, n_documents))
            yield rows, self.scores(vectors.X[rows])


class WideModel(ForgetsCaches, WidePath):
    """A wide path that was fitted by `WideSettings`.

    Attributes
    ----------
    feature_scale_ : ndarray of shape (n_features,), float32
        What features were multiplied by, such that the average document has length 1.
    intercept_ : ndarray of shape (n_nodes,), float32
        Scores of a document that says nothing.
    """

    feature_scale_: np.ndarray
    intercept_: np.ndarray

    @abstractmethod
    def weights(self) -> Any:
        """Return what labels differ by, {ndarray, csr_array} (n_weights, n_nodes)."""

    @abstractmethod
    def compact(self, weights: str, min_weight: float) -> Self:
        """Make a smaller model that predicts about the same.

        Parameters
        ----------
        weights : {"float32", "float16", "pruned"}
            How weights are stored; "pruned" leaves small ones out.
        min_weight : float
            Those of terms that are left out are smaller, in units of a document of
            length 1; times C where that is below 1.

        Returns
        -------
        model : WideModel
            A new one.
        """

    @property
    def start(self) -> Start | None:
        """What machines of other documents can start from, where that was kept."""
        return None


class WideSettings(ABC):
    """Settings of a wide path that is not fitted."""

    @staticmethod
    @abstractmethod
    def suits(documents: Documents, n_nodes: int) -> bool:
        """Say whether such a path can be learned from documents in reasonable time.

        Parameters
        ----------
        documents : Documents
            Those to learn from.
        n_nodes : int
            Number of labels.

        Returns
        -------
        suits : bool
            False for documents of another form too.
        """

    @classmethod
    @abstractmethod
    def select(
        cls,
        data: TrainingData,
        folds: Sequence[Fold],
        fitter: ReadOutFitter,
        options: WideOptions,
        rng: np.random.RandomState,
    ) -> WideChoice:
        """Choose among settings by held-out documents.

        Parameters
        ----------
        data : TrainingData
            All documents.
        folds : sequence of Fold
            Documents to learn from, and to judge by.
        fitter : ReadOutFitter
            For scores of the folds' held-out documents.
        options : WideOptions
            What the user says.
        rng : RandomState
            Draws what is random.

        Returns
        -------
        choice : WideChoice
            The best.
        """

    @abstractmethod
    def fit(self, data: TrainingData, rng: np.random.RandomState) -> WideModel:
        """Learn every label.

        Parameters
        ----------
        data : TrainingData
            Documents that are vectors, and their labels.
        rng : RandomState
            Draws what is random.

        Returns
        -------
        path : WideModel
            Fitted.
        """

    def fit_from(
        self, data: TrainingData, rng: np.random.RandomState, start: Start | None
    ) -> WideModel:
        """Learn every label, from where a model of some of the documents ended.

        Parameters
        ----------
        data : TrainingData
            Documents that are vectors, and their labels.
        rng : RandomState
            Draws what is random.
        start : Start or None
            Where there is one; most paths make no use of it.

        Returns
        -------
        path : WideModel
            Fitted.
        """
        return self.fit(data, rng)


def mean_length(X: Any) -> np.float32:
    """Compute the root mean square of the rows' lengths.

    Parameters
    ----------
    X : csr_array or ndarray of shape (n_documents, n_features)
        Documents.

    Returns
    -------
    length : float32
        1 where all rows are empty.
    """
    return np.float32(np.sqrt(sum_of_squares(X) / X.shape[0]) or 1)
