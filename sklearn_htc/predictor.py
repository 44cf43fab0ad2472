"""What estimators ask for predictions, and its usual form: two paths, read together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse

from sklearn_htc.data.documents import Documents
from sklearn_htc.label_texts.model import LabelTextModel
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.decoders import Decoder, PathDecoder
from sklearn_htc.read_out.fitting import ReadOut
from sklearn_htc.wide.base import WideModel, WidePath

if TYPE_CHECKING:
    from sklearn_htc.training.deep import DeepModel

__all__ = [
    "Judged",
    "LogOddsPredictor",
    "Predictor",
    "TwoPathPredictor",
    "levels_of",
    "top_of",
]


@dataclass(frozen=True)
class Judged:
    """All that is said about some documents.

    Parameters
    ----------
    rows : int ndarray of shape (B,)
        Which documents.
    deep : ndarray of shape (B, n_nodes) or None
        What the network adds to scores, or its log-odds where it is alone; None where
        it has no weight.
    probabilities : ndarray of shape (B, n_nodes)
        Of all nodes.
    of_paths : ndarray of shape (B, n_paths) or None
        Of whole paths, where one is predicted.
    decided : csr_array of shape (B, n_nodes)
        What is predicted, closed under ancestors.
    """

    rows: np.ndarray
    deep: np.ndarray | None
    probabilities: np.ndarray
    of_paths: np.ndarray | None
    decided: sparse.csr_array


class Predictor(ABC):
    """What a fitted estimator asks for labels and probabilities.

    Attributes
    ----------
    wide : WidePath, LabelTree or None
        Shallow models, if there are any.
    deep : DeepModel or None
        The network, if there is one.
    deep_weight : float
        How much it counts beside the wide path.
    read_out : ReadOut
        From scores or probabilities to labels.
    """

    wide: Any
    deep: DeepModel | None
    deep_weight: float
    read_out: ReadOut

    @abstractmethod
    def iter_decisions(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, sparse.csr_array]]:
        """Predict labels batch by batch.

        Parameters
        ----------
        documents : Documents
            Of the form that was learned from.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents; each comes once.
        decided : csr_array of shape (B, n_nodes)
            Closed under ancestors.
        """

    @abstractmethod
    def iter_probabilities(
        self, documents: Documents, *, of_paths: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Compute probabilities batch by batch.

        Parameters
        ----------
        documents : Documents
            Of the form that was learned from.
        of_paths : bool
            Whether they are those of the paths, where one path is predicted, rather
            than those of the nodes.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents; each comes once.
        probabilities : ndarray of shape (B, n_nodes) or (B, n_paths)
            Inside (0, 1).
        """

    @abstractmethod
    def iter_top(
        self, documents: Documents, k: int, *, of_paths: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Find the most probable nodes or paths batch by batch.

        Parameters
        ----------
        documents : Documents
            Of the form that was learned from.
        k : int
            How many.
        of_paths : bool
            As for `iter_probabilities`.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents; each comes once.
        columns : int ndarray of shape (B, k)
            The most probable first, ancestors before equally probable descendants.
        probabilities : ndarray of shape (B, k)
            As `iter_probabilities` gives them.
        """

    @abstractmethod
    def compact(self, weights: str, min_weight: float) -> Self:
        """Make a smaller predictor that says about the same.

        Parameters
        ----------
        weights : {"float32", "float16", "pruned"}
            How weights are stored.
        min_weight : float
            As for `WideModel.compact`.

        Returns
        -------
        predictor : Predictor
            A new one, which learns nothing more.
        """

    @abstractmethod
    def iter_judged(self, documents: Documents) -> Iterator[Judged]:
        """Say all about documents, batch by batch.

        Parameters
        ----------
        documents : Documents
            Of the form that was learned from.

        Yields
        ------
        judged : Judged
            Of some documents; each comes once.
        """


class LogOddsPredictor(Predictor):
    """A predictor that computes log-odds of all labels, and decodes them."""

    @property
    @abstractmethod
    def origin(self) -> TwoPathPredictor:
        """What was fitted, before any change of its hierarchy."""

    @abstractmethod
    def iter_log_odds(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Compute log-odds batch by batch.

        Parameters
        ----------
        documents : Documents
            Of the form that was learned from.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents; each comes once.
        log_odds : ndarray of shape (B, n_nodes), float32
            What the decoder reads.
        """

    def iter_decisions(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, sparse.csr_array]]:
        """Decode the log-odds of all labels; see `Predictor.iter_decisions`."""
        for rows, log_odds in self.iter_log_odds(documents):
            yield rows, self.read_out.decoder.decide(log_odds)

    def iter_probabilities(
        self, documents: Documents, *, of_paths: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Decode the log-odds of all labels; see `Predictor.iter_probabilities`."""
        decoder = self.read_out.decoder
        if of_paths and isinstance(decoder, PathDecoder):
            decode = decoder.path_probabilities
        else:
            decode = decoder.probabilities
        for rows, log_odds in self.iter_log_odds(documents):
            yield rows, decode(log_odds)

    def iter_top(
        self, documents: Documents, k: int, *, of_paths: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Choose among the probabilities of all labels; see `Predictor.iter_top`."""
        levels = levels_of(self.read_out.decoder, of_paths=of_paths)
        for rows, values in self.iter_probabilities(documents, of_paths=of_paths):
            yield rows, *top_of(values, k, levels)

    def iter_judged(self, documents: Documents) -> Iterator[Judged]:
        """Decode the log-odds of all labels; see `Predictor.iter_judged`."""
        for rows, log_odds in self.iter_log_odds(documents):
            yield self._judged(rows, log_odds, None)

    def _judged(
        self, rows: np.ndarray, log_odds: np.ndarray, deep: np.ndarray | None
    ) -> Judged:
        """Decode log-odds (B, n_nodes), of which `deep` is what a network adds."""
        decoder, of_paths = self.read_out.decoder, None
        if isinstance(decoder, PathDecoder):
            of_paths = decoder.path_probabilities(log_odds)
        probabilities = decoder.probabilities(log_odds)
        return Judged(rows, deep, probabilities, of_paths, decoder.decide(log_odds))


@dataclass(frozen=True)
class TwoPathPredictor(LogOddsPredictor):
    """A wide path, a deep path, or both added up, and how their scores are read.

    Parameters
    ----------
    wide : WidePath or None
        The wide path, if there is one.
    deep : DeepModel or None
        The network, if there is one.
    deep_weight : float
        What the deep path's scores are multiplied by before those of the wide path are
        added. Where there is no wide path the network alone decides.
    read_out : ReadOut
        From scores to labels.
    label_texts : LabelTextModel or None, default=None
        What label texts add to the log-odds.
    wide_calibration : Calibration or None, default=None
        Of the wide path's scores alone, where the network's are added to them: nodes
        that are learned anew later have a wide path alone.
    """

    wide: WidePath | None
    deep: DeepModel | None
    deep_weight: float
    read_out: ReadOut
    label_texts: LabelTextModel | None = None
    wide_calibration: Calibration | None = None

    @property
    def origin(self) -> TwoPathPredictor:
        """The predictor itself, as it has not changed."""
        return self

    def iter_judged(self, documents: Documents) -> Iterator[Judged]:
        """Decode the log-odds of all labels; see `Predictor.iter_judged`."""
        for rows, wide, deep in self._iter_parts(documents):
            yield self._judged(rows, self._log_odds(documents, rows, wide, deep), deep)

    def compact(self, weights: str, min_weight: float) -> Self:
        """Leave out what only training needs; see `Predictor.compact`."""
        wide, deep = self.wide, self.deep
        if isinstance(wide, WideModel):
            wide = wide.compact(weights, min_weight)
            deep = deep if self.deep_weight else None
        if deep is not None:
            deep = deep.compact(weights)
        return replace(self, wide=wide, deep=deep)

    def _iter_parts(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None, np.ndarray | None]]:
        """Score documents by each path, batch by batch.

        Yields rows (B,); scores of the wide path (B, n_nodes), or None; what the
        network adds to them (B, n_nodes), or its log-odds where it is alone; None
        where it has no weight.
        """
        read = documents.encoder_input
        if self.wide is None:
            assert self.deep is not None
            assert read is not None
            for rows, logits in self.deep.iter_logits(read):
                yield rows, None, logits
        elif self.deep is None or not self.deep_weight:
            for rows, scores in self.wide.iter_scores(documents):
                yield rows, scores, None
        else:
            assert read is not None
            # Made when they are asked for, and then kept.
            vectors = documents.vectors
            assert vectors is not None
            for rows, deep in self.deep.iter_scores(read):
                yield rows, self.wide.scores(vectors.X[rows]), self.deep_weight * deep

    def iter_log_odds(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read scores of both paths out; see `LogOddsPredictor.iter_log_odds`."""
        for rows, wide, deep in self._iter_parts(documents):
            yield rows, self._log_odds(documents, rows, wide, deep)

    def _log_odds(
        self,
        documents: Documents,
        rows: np.ndarray,
        wide: np.ndarray | None,
        deep: np.ndarray | None,
    ) -> np.ndarray:
        """Read the scores of some documents (B,) out, as log-odds (B, n_nodes)."""
        log_odds = self.read_out.log_odds(_sum_of_parts(wide, deep))
        if self.label_texts is None:
            return log_odds
        vectors = documents.vectors
        assert vectors is not None
        return self.label_texts.adjust(log_odds, vectors.X[rows], wide)


def top_of(
    values: np.ndarray, k: int, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """List the columns of the k largest values of each row, the largest first.

    Parameters
    ----------
    values : ndarray of shape (n, n_columns)
        At least k columns.
    k : int
        How many.
    levels : ndarray of shape (n_columns,)
        Of equal values those of a lower level come first.

    Returns
    -------
    columns : int ndarray of shape (n, k)
        Where they are.
    largest : ndarray of shape (n, k)
        The values.
    """
    top = np.argpartition(-values, k - 1, axis=1)[:, :k]
    # Where several have the last of these values, the partition takes any of them.
    least = np.take_along_axis(values, top, axis=1).min(axis=1)
    n_reaching = np.count_nonzero(values >= least[:, None], axis=1)
    for row in np.flatnonzero(n_reaching > k):
        reaching = np.flatnonzero(values[row] >= least[row])
        order = np.lexsort((levels[reaching], -values[row, reaching]))
        top[row] = reaching[order[:k]]
    best = np.take_along_axis(values, top, axis=1)
    order = np.lexsort((levels[top], -best), axis=1)
    columns = np.take_along_axis(top, order, axis=1)
    return columns, np.take_along_axis(best, order, axis=1)


def levels_of(decoder: Decoder, *, of_paths: bool) -> np.ndarray:
    """Return what puts ancestors before equally probable descendants.

    Parameters
    ----------
    decoder : Decoder
        Of a hierarchy.
    of_paths : bool
        Whether the columns are whole paths, none of which is above another.

    Returns
    -------
    levels : int ndarray of shape (n_nodes,) or (n_paths,)
        The level of each column.
    """
    if of_paths and isinstance(decoder, PathDecoder):
        return np.zeros(len(decoder.path_nodes), dtype=np.int64)
    return decoder.hierarchy.levels


def _sum_of_parts(wide: np.ndarray | None, deep: np.ndarray | None) -> np.ndarray:
    """Add up the scores (B, n_nodes) of one or both paths."""
    if wide is None:
        assert deep is not None
        return deep
    return wide if deep is None else wide + deep.astype(wide.dtype)
