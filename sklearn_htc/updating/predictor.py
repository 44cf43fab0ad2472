"""A former predictor under a changed hierarchy, and what was learned anew beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import log_softmax, logit, logsumexp, softmax

from sklearn_htc.data.documents import Documents
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.label_texts.model import NEVER, along_paths
from sklearn_htc.label_texts.pair_features import PairFeatures, parents_log_odds
from sklearn_htc.label_texts.similarity import Similarity
from sklearn_htc.predictor import LogOddsPredictor, TwoPathPredictor
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.coherence import make_coherent, raise_ancestors
from sklearn_htc.read_out.decoders import PathDecoder
from sklearn_htc.read_out.fitting import ReadOut
from sklearn_htc.updating.sources import Sources
from sklearn_htc.wide.base import WideModel

if TYPE_CHECKING:
    from sklearn_htc.training.deep import DeepModel

__all__ = ["LearnedAnew", "ToldByTexts", "UpdatedPredictor"]


@dataclass(frozen=True, eq=False)
class LearnedAnew:
    """A model of the nodes that have changed, from documents given with the change.

    Where each document has one path, it tells which ones end at a node.

    Parameters
    ----------
    nodes : int ndarray of shape (n_learned,)
        Which.
    hierarchy : Hierarchy
        Of these nodes alone, in their order; without edges if each document has
        one path.
    wide : WideModel
        Scores them.
    calibration : Calibration
        From scores to log-odds: that of the former model.
    """

    nodes: np.ndarray
    hierarchy: Hierarchy
    wide: WideModel
    calibration: Calibration

    def log_odds(self, X: Any) -> np.ndarray:
        """Compute log-odds of the nodes, coherent along the edges among them.

        Parameters
        ----------
        X : {csr_array, ndarray} of shape (n_documents, n_features)
            Documents.

        Returns
        -------
        log_odds : ndarray of shape (n_documents, n_learned), float32
            In the order of `nodes`.
        """
        log_odds = self.calibration.log_odds(self.wide.scores(X))
        return make_coherent(log_odds, self.hierarchy)


@dataclass(frozen=True, eq=False)
class ToldByTexts:
    """Nodes that have a text, and no document of their own.

    Parameters
    ----------
    nodes : int ndarray of shape (n_told,)
        Which.
    similarity : Similarity
        Between documents and their texts.
    coef : ndarray of shape (6,)
        As `LabelTextModel.added_coef`, with their rarity.
    counts : ndarray of shape (n_nodes,)
        About how many documents of each node were learned from.
    """

    nodes: np.ndarray
    similarity: Similarity
    coef: np.ndarray
    counts: np.ndarray

    def log_odds(
        self, own: np.ndarray, of_nodes: np.ndarray, hierarchy: Hierarchy, X: Any
    ) -> np.ndarray:
        """Compute log-odds of the nodes.

        Parameters
        ----------
        own : ndarray of shape (n_documents, n_nodes)
            Log-odds of every other node by itself; rivals.
        of_nodes : ndarray of shape (n_documents, n_nodes)
            Log-odds of all that may be parents.
        hierarchy : Hierarchy
            The label graph.
        X : {csr_array, ndarray} of shape (n_documents, n_features)
            Documents.

        Returns
        -------
        log_odds : ndarray of shape (n_documents, n_told), float32
            In the order of `nodes`.
        """
        leaves = hierarchy.leaves
        features = PairFeatures(
            own,
            parents_log_odds(of_nodes, self.counts, hierarchy),
            self.similarity.coverage(X),
            self.similarity.log_shares(X),
            leaves[self.counts[leaves] > 0],
            self.counts,
        )
        return features.log_odds_of_new(self.nodes, self.coef)


@dataclass(frozen=True, eq=False)
class UpdatedPredictor(LogOddsPredictor):
    """A former predictor, read as one of another hierarchy.

    A node that goes on from one former node has its log-odds. One that several were
    merged into has those of their union: 1 - (1 - p_1) (1 - p_2) ..., or the sum where
    each document has one path. Parts that a node was split into have equal shares of
    its odds, or those that their texts tell, until documents tell more.

    Parameters
    ----------
    former : LogOddsPredictor
        Before the change.
    sources : Sources
        Which of its nodes each node goes on from.
    anew : LearnedAnew or None
        Nodes learned from documents.
    told : ToldByTexts or None
        Nodes that have a text alone.
    divided : ToldByTexts or None
        Parts of split nodes that have a text, and no documents.
    read_out : ReadOut
        With a decoder for the hierarchy of today, and no calibration.
    counts : ndarray of shape (n_nodes,)
        About how many documents of each node were learned from.
    fresh : int ndarray
        Nodes of which the former predictor knew nothing, and documents or texts tell.
    has_text : bool ndarray of shape (n_nodes,)
        Which nodes have a text that is known.
    parts : int ndarray of shape (n_nodes,)
        Equal for the parts of one split node that were not learned from documents
        before this change; -1 for other nodes.
    """

    former: LogOddsPredictor
    sources: Sources
    anew: LearnedAnew | None
    told: ToldByTexts | None
    divided: ToldByTexts | None
    read_out: ReadOut
    counts: np.ndarray
    fresh: np.ndarray
    has_text: np.ndarray
    parts: np.ndarray

    @property
    def parts_left(self) -> np.ndarray:
        """`parts`, but for those that this change has learned from documents."""
        parts = self.parts.copy()
        if self.anew is not None:
            parts[self.anew.nodes] = -1
        return parts

    @property
    def origin(self) -> TwoPathPredictor:
        """What was fitted, before any change of its hierarchy."""
        return self.former.origin

    def compact(self, weights: str, min_weight: float) -> UpdatedPredictor:
        """Make both models smaller; see `Predictor.compact`."""
        anew = self.anew
        if anew is not None:
            anew = replace(anew, wide=anew.wide.compact(weights, min_weight))
        return replace(self, former=self.former.compact(weights, min_weight), anew=anew)

    @property
    def wide(self) -> Any:
        """The former wide path."""
        return self.former.wide

    @property
    def deep(self) -> DeepModel | None:  # type: ignore[override]
        """The former network."""
        return self.former.deep

    @property
    def deep_weight(self) -> float:  # type: ignore[override]
        """How much it counts."""
        return self.former.deep_weight

    def carry_over(self, values: np.ndarray) -> np.ndarray:
        """Carry what the nodes at the fit have over to those of today.

        Parameters
        ----------
        values : ndarray of shape (n_fitted, d)
            One row per node at the fit.

        Returns
        -------
        carried : ndarray of shape (n_nodes, d)
            Of merged nodes the mean, of added ones zeros.
        """
        if isinstance(self.former, UpdatedPredictor):
            values = self.former.carry_over(values)
        total = self.sources.matrix.astype(values.dtype) @ values
        share = np.maximum(self.sources.counts, 1)[:, None].astype(values.dtype)
        carried: np.ndarray = total / share
        return carried

    def iter_log_odds(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Change the former log-odds; see `LogOddsPredictor.iter_log_odds`."""
        vectors = documents.vectors
        decoder = self.read_out.decoder
        for rows, former in self.former.iter_log_odds(documents):
            X = None if vectors is None else vectors.X[rows]
            if isinstance(decoder, PathDecoder):
                yield rows, self._along_paths(former, X, decoder)
            else:
                yield rows, self._along_nodes(former, X)

    def _along_nodes(self, former: np.ndarray, X: Any) -> np.ndarray:
        """Give nodes their log-odds, (n_documents, n_nodes)."""
        matrix = self.sources.most_general
        counts = np.diff(matrix.indptr)
        log_odds = np.full((len(former), len(counts)), NEVER, dtype=np.float32)
        # Coherent ones, so that no change of a relative changes them later.
        former = make_coherent(former, self.sources.former)
        former -= np.log(self.sources.n_parts).astype(np.float32)
        same = np.flatnonzero(counts == 1)
        log_odds[:, same] = former[:, matrix[same].indices]
        for node in np.flatnonzero(counts > 1):
            log_odds[:, node] = _union(former[:, matrix[[node]].indices])
        if self.anew is not None:
            log_odds[:, self.anew.nodes] = self.anew.log_odds(X)
            # A parent that was not learned anew meets its new children halfway.
            added = np.intersect1d(self.anew.nodes, self.fresh)
            parent = parents_log_odds(log_odds, self.counts, self.sources.hierarchy)
            own = log_odds[:, added]
            log_odds[:, added] = (own + np.minimum(own, parent[:, added])) / 2
        if self.divided is not None:
            log_odds[:, self.divided.nodes] += self._shares(log_odds, log_odds, X)
        if self.told is not None:
            log_odds[:, self.told.nodes] = self.told.log_odds(
                log_odds, log_odds, self.sources.hierarchy, X
            )
        everything = np.arange(len(counts))
        return raise_ancestors(log_odds, everything, self.sources.hierarchy)

    def _along_paths(
        self, former: np.ndarray, X: Any, decoder: PathDecoder
    ) -> np.ndarray:
        """Give nodes log-odds that add up along the paths of today."""
        before = self.former.read_out.decoder
        assert isinstance(before, PathDecoder)
        # Each at least a rounding error above 0, so that sums have logarithms.
        p = before.path_probabilities(former)
        p /= self.sources.n_parts[before.path_nodes].astype(p.dtype)
        own = self.sources.matrix[decoder.path_nodes][:, before.path_nodes]
        with np.errstate(divide="ignore"):
            scores = np.log(p @ own.astype(p.dtype).T)
        scores[:, np.diff(own.indptr) == 0] = NEVER
        is_new = np.isin(decoder.path_nodes, self.fresh)
        log_odds = np.full((len(former), len(self.sources.counts)), NEVER, np.float32)
        log_odds[:, decoder.path_nodes] = _logit(np.exp(scores))
        if self.anew is not None:
            log_odds[:, self.anew.nodes] = self.anew.log_odds(X)
        if self.told is not None or self.divided is not None:
            seen = decoder.paths[~is_new].astype(np.float32)
            of_nodes = _logit(softmax(scores[:, ~is_new], axis=1) @ seen)
        if self.divided is not None:
            shares = np.zeros_like(log_odds)
            shares[:, self.divided.nodes] = self._shares(log_odds, of_nodes, X)
            scores += shares[:, decoder.path_nodes]
            log_odds[:, decoder.path_nodes] += shares[:, decoder.path_nodes]
        if self.told is not None:
            log_odds[:, self.told.nodes] = self.told.log_odds(
                log_odds, of_nodes, self.sources.hierarchy, X
            )
        known = logsumexp(scores[:, ~is_new], axis=1, keepdims=True)
        scores[:, is_new] = log_odds[:, decoder.path_nodes[is_new]] + known
        return along_paths(
            log_softmax(scores, axis=1), decoder.path_nodes, self.sources.hierarchy
        )

    def _shares(self, own: np.ndarray, of_nodes: np.ndarray, X: Any) -> np.ndarray:
        """Say what texts change about parts that have equal shares of a node.

        Returns logarithms (n_documents, n_divided). Among the parts of a node that have
        a text, shares are proportional to the odds that their texts tell.
        """
        assert self.divided is not None
        hierarchy, nodes = self.sources.hierarchy, self.divided.nodes
        log_odds = self.divided.log_odds(own, of_nodes, hierarchy, X)
        split = self.parts[nodes]
        for node in np.unique(split):
            parts = np.flatnonzero(split == node)
            log_odds[:, parts] = log_softmax(log_odds[:, parts], axis=1)
            log_odds[:, parts] += np.log(len(parts))
        return log_odds


def _union(log_odds: np.ndarray) -> np.ndarray:
    """Return log-odds (n,) of having any of some labels (n, n_merged)."""
    # Of having none the logarithm is minus this sum.
    none = np.logaddexp(0, log_odds.astype(np.float64)).sum(axis=1)
    none = np.maximum(none, np.finfo(np.float64).tiny)
    union: np.ndarray = none + np.log(-np.expm1(-none))
    return union


def _logit(probabilities: np.ndarray) -> np.ndarray:
    """Return log-odds of probabilities that may round to 0 or 1."""
    margin = np.finfo(np.float32).eps
    odds: np.ndarray = logit(np.clip(probabilities, margin, 1 - margin))
    return odds
