"""The one object that fit stores and predict asks: two paths and how they are read."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sklearn_htc.data.documents import Documents
from sklearn_htc.read_out.decoders import PathDecoder
from sklearn_htc.read_out.fitting import ReadOut
from sklearn_htc.training.deep import DeepModel
from sklearn_htc.wide.base import WidePath

__all__ = ["Predictor", "sum_of_parts"]


@dataclass(frozen=True)
class Predictor:
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
    """

    wide: WidePath | None
    deep: DeepModel | None
    deep_weight: float
    read_out: ReadOut

    def iter_log_odds(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Score documents batch by batch.

        Parameters
        ----------
        documents : Documents
            Of the form that was learned from.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents; each comes once.
        log_odds : ndarray of shape (B, n_nodes), float32
            Of every label.
        """
        for rows, scores in self._iter_scores(documents):
            yield rows, self.read_out.log_odds(scores)

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
        decoder = self.read_out.decoder
        if of_paths and isinstance(decoder, PathDecoder):
            decode = decoder.path_probabilities
        else:
            decode = decoder.probabilities
        for rows, log_odds in self.iter_log_odds(documents):
            yield rows, decode(log_odds)

    def iter_parts(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, np.ndarray | None, np.ndarray | None]]:
        """Score documents by each path, batch by batch.

        Parameters
        ----------
        documents : Documents
            Of the form that was learned from.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents; each comes once.
        wide : ndarray of shape (B, n_nodes), float32, or None
            Scores of the wide path, if there is one.
        deep : ndarray of shape (B, n_nodes), float32, or None
            What the network adds to them, or its log-odds where it is alone; None where
            it has no weight.
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

    def _iter_scores(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for rows, wide, deep in self.iter_parts(documents):
            yield rows, sum_of_parts(wide, deep)


def sum_of_parts(wide: np.ndarray | None, deep: np.ndarray | None) -> np.ndarray:
    """Add up what `Predictor.iter_parts` gives.

    Parameters
    ----------
    wide, deep : ndarray of shape (B, n_nodes) or None
        Scores of either path; at least one of them.

    Returns
    -------
    scores : ndarray of shape (B, n_nodes)
        What the read-out reads.
    """
    if wide is None:
        assert deep is not None
        return deep
    return wide if deep is None else wide + deep.astype(wide.dtype)
