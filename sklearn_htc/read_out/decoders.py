"""From logits to coherent probabilities and to label sets."""

from typing import Protocol

import numpy as np
from scipy import sparse
from scipy.special import expit, logit, softmax

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.read_out.coherence import make_coherent
from sklearn_htc.read_out.found import Found, largest_per_row, sums_along_paths

__all__ = [
    "Decoder",
    "PartialPathDecoder",
    "PathDecoder",
    "ThresholdDecoder",
    "make_decoder",
]


class Decoder(Protocol):
    """What an estimator asks of a decoder; each works row by row."""

    hierarchy: Hierarchy

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Turn logits (n, n_nodes) into coherent probabilities (n, n_nodes)."""

    def decide(self, logits: np.ndarray) -> sparse.csr_array:
        """Turn logits (n, n_nodes) into a closed indicator (n, n_nodes)."""

    def decide_found(self, found: Found) -> sparse.csr_array:
        """Turn probabilities that a search found into a closed indicator."""


class ThresholdDecoder:
    """Any number of paths: the nodes that are probable enough, and their ancestors.

    Parameters
    ----------
    hierarchy : Hierarchy
        Along which probabilities are made coherent.
    threshold : float or ndarray of shape (n_nodes,), default=0.5
        A node is predicted where its coherent probability reaches this.
    """

    def __init__(
        self, hierarchy: Hierarchy, *, threshold: float | np.ndarray = 0.5
    ) -> None:
        self.hierarchy = hierarchy
        self.threshold = threshold

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Make the log-odds coherent and take the sigmoid.

        Parameters
        ----------
        logits : ndarray of shape (n, n_nodes)
            Log-odds.

        Returns
        -------
        probabilities : ndarray of shape (n, n_nodes)
            Inside (0, 1), P(child) <= P(parent).
        """
        return _inside_unit_interval(expit(make_coherent(logits, self.hierarchy)))

    def decide(self, logits: np.ndarray) -> sparse.csr_array:
        """Predict the nodes whose coherent probability reaches their threshold.

        Parameters
        ----------
        logits : ndarray of shape (n, n_nodes)
            Log-odds.

        Returns
        -------
        Y : csr_array of shape (n, n_nodes)
            Closed under ancestors.
        """
        threshold = np.broadcast_to(self.threshold, logits.shape[1])
        rows, nodes, coherent = self._candidates(logits, threshold)
        reaches = _inside_unit_interval(expit(coherent)) >= threshold[nodes]
        rows, nodes = rows[reaches], nodes[reaches]
        chosen = sparse.csr_array(
            (np.ones(len(rows), dtype=np.int64), (rows, nodes)), shape=logits.shape
        )
        return self.hierarchy.close(chosen)

    def decide_found(self, found: Found) -> sparse.csr_array:
        """Predict the nodes whose probability reaches their threshold.

        Parameters
        ----------
        found : Found
            Of n documents.

        Returns
        -------
        Y : csr_array of shape (n, n_nodes)
            Closed under ancestors.
        """
        threshold = np.broadcast_to(self.threshold, found.labels.shape[1])
        chosen = found.labels.copy()
        chosen.data = (chosen.data >= threshold[chosen.indices]).astype(np.int64)
        chosen.eliminate_zeros()
        return self.hierarchy.close(chosen)

    def _candidates(
        self, logits: np.ndarray, threshold: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """List the rows, nodes and coherent log-odds of all that may be predicted.

        No node reaches its threshold unless it or a descendant has such log-odds, so
        only these few and their ancestors have to be made coherent.
        """
        n_nodes = logits.shape[1]
        ancestors = self.hierarchy.ancestors
        lowest = np.minimum.reduceat(
            threshold[ancestors.indices], ancestors.indptr[:-1]
        )
        rows, nodes = np.nonzero(logits >= logit(lowest) - 0.01)
        if not len(rows):
            return rows, nodes, logits[rows, nodes]
        above = ancestors[nodes]
        n_above = np.diff(above.indptr)
        pairs, position = np.unique(
            np.repeat(rows, n_above) * n_nodes + above.indices, return_inverse=True
        )
        raised = np.full(len(pairs), -np.inf, dtype=logits.dtype)
        np.maximum.at(raised, position, np.repeat(logits[rows, nodes], n_above))
        rows, nodes = np.divmod(pairs, n_nodes)
        above = ancestors[nodes]
        lowered = np.minimum.reduceat(
            logits[np.repeat(rows, np.diff(above.indptr)), above.indices],
            above.indptr[:-1],
        )
        return rows, nodes, (lowered + raised) / 2


class PathDecoder:
    """Exactly one path: a node with all its ancestors.

    The score of a path is the sum of the logits along it; the softmax over paths is
    the distribution that independent Bernoullis with these logits have, given that
    the labels are one of the paths.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray of shape (n_paths,)
        The most specific node of each path that may be predicted.
    uniform_share : float, default=0.0
        Share of a uniform distribution over paths that is mixed in, inside [0, 1).
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        path_nodes: np.ndarray,
        *,
        uniform_share: float = 0.0,
    ) -> None:
        self.hierarchy = hierarchy
        self.path_nodes = path_nodes
        self.uniform_share = uniform_share
        self.paths = hierarchy.ancestors[path_nodes]
        # Scores are sums over the members of a path: products with float32 zeros and
        # ones, which logits of that type meet without a copy.
        self._members = self.paths.astype(np.float32)

    def _path_scores(self, logits: np.ndarray) -> np.ndarray:
        """Add the logits along each path up, (n, n_paths)."""
        return (self._members @ logits.T).T

    def path_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Compute the distribution over paths.

        Parameters
        ----------
        logits : ndarray of shape (n, n_nodes)
            Log-odds.

        Returns
        -------
        probabilities : ndarray of shape (n, n_paths)
            Rows sum to 1.
        """
        probabilities = softmax(self._path_scores(logits), axis=1)
        probabilities *= 1 - self.uniform_share
        probabilities += self.uniform_share / len(self.path_nodes)
        # Together not more than a rounding error, so that rows still sum to 1.
        return _inside_unit_interval(probabilities, 1 / len(self.path_nodes))

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Add up, for each node, the probabilities of the paths through it.

        Parameters
        ----------
        logits : ndarray of shape (n, n_nodes)
            Log-odds.

        Returns
        -------
        probabilities : ndarray of shape (n, n_nodes)
            Inside (0, 1), P(child) <= P(parent).
        """
        # A parent's sum has all terms of its child's, but rounds in another order.
        coherent = make_coherent(self._marginals(logits), self.hierarchy)
        return _inside_unit_interval(coherent)

    def _marginals(self, logits: np.ndarray) -> np.ndarray:
        """Add up the probabilities of the paths through each node, (n, n_nodes)."""
        return self.path_probabilities(logits) @ self._members

    def decide(self, logits: np.ndarray) -> sparse.csr_array:
        """Predict the most probable path.

        Parameters
        ----------
        logits : ndarray of shape (n, n_nodes)
            Log-odds.

        Returns
        -------
        Y : csr_array of shape (n, n_nodes)
            The nodes of one path per row.
        """
        return self.paths[self._path_scores(logits).argmax(axis=1)]

    def decide_found(self, found: Found) -> sparse.csr_array:
        """Predict the most probable path that was found.

        Parameters
        ----------
        found : Found
            Of n documents, with the ends of paths.

        Returns
        -------
        Y : csr_array of shape (n, n_nodes)
            The nodes of one path per row.
        """
        ends, _ = largest_per_row(found.ends, 1)
        return self.hierarchy.ancestors[ends[:, 0]]


class PartialPathDecoder(PathDecoder):
    """One path, from a root down to where going on would lower the expected F1.

    Every node on the way is worth gain (P(node) - threshold); the path, or upper part
    of a path, with the largest sum is predicted. All probabilities are those of
    `PathDecoder`.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray of shape (n_paths,)
        The most specific node of each path that a document may have.
    threshold : ndarray of shape (n_nodes,)
        The probability from which on a node does more good than harm.
    gain : ndarray of shape (n_nodes,)
        How much a node counts; only ratios matter.
    uniform_share : float, default=0.0
        As for `PathDecoder`.
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        path_nodes: np.ndarray,
        *,
        threshold: np.ndarray,
        gain: np.ndarray,
        uniform_share: float = 0.0,
    ) -> None:
        super().__init__(hierarchy, path_nodes, uniform_share=uniform_share)
        self.threshold = threshold
        self.gain = gain / gain.max()
        ends = np.unique(self.paths.indices)
        self._parts = hierarchy.ancestors[ends]
        self._part_members = self._parts.astype(np.float32)

    def decide(self, logits: np.ndarray) -> sparse.csr_array:
        """Predict the path, or upper part of one, of the largest worth.

        Parameters
        ----------
        logits : ndarray of shape (n, n_nodes)
            Log-odds.

        Returns
        -------
        Y : csr_array of shape (n, n_nodes)
            One node with its ancestors per row.
        """
        worth = self.gain * (self._marginals(logits) - self.threshold)
        return self._parts[(self._part_members @ worth.T).argmax(axis=0)]

    def decide_found(self, found: Found) -> sparse.csr_array:
        """Predict the path, or upper part of one, of the largest worth.

        Parameters
        ----------
        found : Found
            Of n documents.

        Returns
        -------
        Y : csr_array of shape (n, n_nodes)
            One node with its ancestors per row.
        """
        worth = found.labels.copy()
        worth.data = worth.data - self.threshold[worth.indices]
        worth.data *= self.gain[worth.indices]
        ends, _ = largest_per_row(sums_along_paths(worth, self.hierarchy), 1)
        return self.hierarchy.ancestors[ends[:, 0]]


def make_decoder(
    hierarchy: Hierarchy, path_nodes: np.ndarray, threshold: float | str
) -> Decoder:
    """Choose how scores become labels.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray
        The paths to choose one of; where empty, each node has to reach the threshold.
    threshold : float or "auto"
        The least probability of a predicted node; "auto" is 0.5.

    Returns
    -------
    decoder : Decoder
        With `probabilities` and `decide`.
    """
    if len(path_nodes):
        return PathDecoder(hierarchy, path_nodes)
    return ThresholdDecoder(
        hierarchy, threshold=0.5 if threshold == "auto" else float(threshold)
    )


def _inside_unit_interval(probabilities: np.ndarray, share: float = 1.0) -> np.ndarray:
    """Clip to the open interval (0, 1), which float32 sigmoids reach the ends of.

    The least value is a share of the rounding error.
    """
    margin = np.finfo(probabilities.dtype).eps
    return np.clip(probabilities, share * margin, 1 - margin)
