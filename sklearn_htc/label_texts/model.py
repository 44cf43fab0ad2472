"""Label texts beside what documents taught: from log-odds to better log-odds."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import log_expit, logit, logsumexp

from sklearn_htc.caches import ForgetsCaches
from sklearn_htc.graph import by_level
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.label_texts.exclusion import NewEnds, make_room
from sklearn_htc.label_texts.pair_features import PairFeatures, parents_log_odds
from sklearn_htc.label_texts.similarity import Similarity
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.coherence import raise_ancestors
from sklearn_htc.read_out.decoders import PathDecoder

__all__ = ["LabelTextModel", "OwnLogOdds", "along_paths"]

# Log-odds of what is never predicted.
NEVER = -20.0


@dataclass(frozen=True, eq=False)
class OwnLogOdds:
    """What the documents of labels taught, as log-odds that can stand by themselves.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    counts : ndarray of shape (n_nodes,)
        How many documents of each label were learned from.
    ends : int ndarray of shape (n_ends,)
        The most specific labels of these documents.
    paths : PathDecoder or None
        Where each document has one path: that of all paths. A label's own log-odds are
        then those of its path, and its parent's those of all paths through it.
    """

    hierarchy: Hierarchy
    counts: np.ndarray
    ends: np.ndarray
    paths: PathDecoder | None

    def features(
        self, log_odds: np.ndarray, coverage: np.ndarray, log_shares: np.ndarray
    ) -> PairFeatures:
        """Put all that is known about pairs of document and label together.

        Parameters
        ----------
        log_odds : ndarray of shape (n_documents, n_nodes)
            What the documents of labels taught.
        coverage, log_shares : ndarray of shape (n_documents, n_nodes)
            As `Similarity` gives them.

        Returns
        -------
        features : PairFeatures
            Of all pairs.
        """
        own, of_nodes = log_odds, log_odds
        if self.paths is not None:
            own = np.full_like(log_odds, NEVER)
            own[:, self.paths.path_nodes] = logit(
                self.paths.path_probabilities(log_odds)
            )
            of_nodes = logit(self.paths.probabilities(log_odds))
        parent = parents_log_odds(of_nodes, self.counts, self.hierarchy)
        return PairFeatures(own, parent, coverage, log_shares, self.ends, self.counts)


@dataclass(frozen=True, eq=False)
class LabelTextModel(ForgetsCaches):
    """Log-odds of labels without documents, and better ones of labels with few.

    Both are logistic regressions on `PairFeatures`.

    Parameters
    ----------
    similarity : Similarity
        Between documents and label texts.
    own : OwnLogOdds
        What the documents of labels taught.
    new_coef : ndarray of shape (6,)
        For labels without a document, of `PairFeatures.of_new`.
    added_coef : ndarray of shape (6,)
        The same for labels that are added later: their own log-odds count nothing.
    n_hidden : float
        From how many hidden labels at a time these were learned; 0 where none were.
    seen_coef : ndarray of shape (12,) or None
        For labels with documents, of `PairFeatures.of_seen_pairs`; None leaves them.
    path_nodes : int ndarray of shape (n_paths,)
        The most specific node of each path that may be predicted, where each document
        has one path; empty otherwise.
    wide_calibration : Calibration or None
        From scores of the wide path to log-odds that labels without documents are
        judged by, where there is a network beside it: hiding labels says nothing of a
        network, which would have to be trained again without their documents.
    exclusion : float, default=0.0
        How far the most specific labels of documents give way to labels without
        documents, where documents may have several; see `make_room`.
    """

    similarity: Similarity
    own: OwnLogOdds
    new_coef: np.ndarray
    added_coef: np.ndarray
    n_hidden: float
    seen_coef: np.ndarray | None
    path_nodes: np.ndarray
    wide_calibration: Calibration | None = None
    exclusion: float = 0.0

    @property
    def new_labels(self) -> np.ndarray:
        """Nodes that have a text, but no document."""
        nodes = self.similarity.nodes
        return nodes[self.own.counts[nodes] == 0]

    @property
    def seen_labels(self) -> np.ndarray:
        """Nodes that have a text and documents."""
        nodes = self.similarity.nodes
        return nodes[self.own.counts[nodes] > 0]

    @cached_property
    def new_ends(self) -> NewEnds:
        """The most specific labels without documents."""
        return NewEnds.of(self.new_labels, self.own.hierarchy, self.own.counts)

    def rarity(self, n_new: int) -> float:
        """Say how much rarer labels without documents are than those hidden at a time.

        How frequent they are no training document tells. There may be many more of
        them: a taxonomy has categories that nobody uses. Together they are taken to be
        no more frequent than the hidden labels were together.

        Parameters
        ----------
        n_new : int
            How many there are.

        Returns
        -------
        rarity : float
            What their log-odds are changed by, at most 0.
        """
        if not self.n_hidden or not n_new:
            return 0.0
        return float(min(0.0, np.log(self.n_hidden / n_new)))

    def adjust(
        self, log_odds: np.ndarray, X: Any, wide_scores: np.ndarray | None = None
    ) -> np.ndarray:
        """Take label texts into account.

        Parameters
        ----------
        log_odds : ndarray of shape (n_documents, n_nodes)
            What the documents of labels taught.
        X : {csr_array, ndarray} of shape (n_documents, n_features)
            The documents.
        wide_scores : ndarray of shape (n_documents, n_nodes), default=None
            Those of the wide path alone.

        Returns
        -------
        log_odds : ndarray of shape (n_documents, n_nodes), float32
            Those of labels without a text are as they were, but for two things: the
            most specific ones give way to labels without documents, and ancestors of
            these are at least as probable as they. Where each document has one path,
            all add up to log probabilities along paths.
        """
        of_wide = None
        if self.wide_calibration is not None and wide_scores is not None:
            of_wide = self.wide_calibration.log_odds(wide_scores)
        return self.adjust_by(
            log_odds,
            self.similarity.coverage(X),
            self.similarity.log_shares(X),
            of_wide=of_wide,
        )

    def adjust_by(
        self,
        log_odds: np.ndarray,
        coverage: np.ndarray,
        log_shares: np.ndarray,
        *,
        of_wide: np.ndarray | None = None,
        never: np.ndarray | None = None,
    ) -> np.ndarray:
        """Take label texts into account, of which the similarity is known.

        Parameters
        ----------
        log_odds, coverage, log_shares : ndarray of shape (n_documents, n_nodes)
            As for `OwnLogOdds.features`.
        of_wide : ndarray of shape (n_documents, n_nodes), default=None
            Log-odds that labels without documents are judged by, if others.
        never : int ndarray, default=None
            Labels to leave out.

        Returns
        -------
        log_odds : ndarray of shape (n_documents, n_nodes), float32
            As `adjust` returns them.
        """
        features = self.own.features(log_odds, coverage, log_shares)
        adjusted = np.array(features.own, dtype=np.float32)
        new, seen = self.new_labels, self.seen_labels
        if self.seen_coef is not None:
            adjusted[:, seen] = features.log_odds_of_seen(seen, self.seen_coef)
        if of_wide is not None:
            features = self.own.features(of_wide, coverage, log_shares)
        adjusted[:, new] = features.log_odds_of_new(new, self.new_coef)
        if never is not None:
            adjusted[:, never] = NEVER
        if self.own.paths is None:
            if self.exclusion and len(new):
                surprisal = self.new_ends.surprisal(adjusted[:, new])
                ends = self.own.ends
                adjusted[:, ends] = make_room(
                    adjusted[:, ends], surprisal[:, ends], self.exclusion
                )
            # They know their parents' log-odds already, and are not to be lowered by
            # parents that have learned from other children alone.
            return raise_ancestors(adjusted, new, self.own.hierarchy)
        is_new = self.own.counts[self.path_nodes] == 0
        return along_paths(
            _path_scores(adjusted[:, self.path_nodes], is_new),
            self.path_nodes,
            self.own.hierarchy,
        )


def _path_scores(log_odds: np.ndarray, is_new: np.ndarray) -> np.ndarray:
    """Return scores of paths (n, n_paths), whose softmax says how probable they are.

    A new path takes what its log-odds say of what all others have together.
    """
    scores = log_expit(log_odds)
    known = logsumexp(scores[:, ~is_new], axis=1, keepdims=True)
    scores[:, is_new] = log_odds[:, is_new] + known
    return scores


def along_paths(
    scores: np.ndarray, path_nodes: np.ndarray, hierarchy: Hierarchy
) -> np.ndarray:
    """Find log-odds of nodes that add up to given sums along paths.

    `PathDecoder` takes a softmax over these sums.

    Parameters
    ----------
    scores : ndarray of shape (n_documents, n_paths)
        The sums.
    path_nodes : int ndarray of shape (n_paths,)
        The most specific node of each path.
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    log_odds : ndarray of shape (n_documents, n_nodes), float32
        0 for nodes at which no path ends.
    """
    position = np.full(len(hierarchy), -1)
    position[path_nodes] = np.arange(len(path_nodes))
    # One row per node.
    log_odds = np.zeros((len(hierarchy), len(scores)), dtype=np.float32)
    for nodes in by_level(hierarchy.levels):
        ends = nodes[position[nodes] >= 0]
        # Their own are still 0.
        known = hierarchy.ancestors[ends] @ log_odds
        log_odds[ends] = scores[:, position[ends]].T - known
    return np.ascontiguousarray(log_odds.T)
