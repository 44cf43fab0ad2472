"""From scores to labels, all of it fitted on held-out documents and judged by F1."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_htc.calibration import Calibration
from sklearn_htc.decoding import Decoder, PathDecoder, ThresholdDecoder
from sklearn_htc.hierarchy import Hierarchy

__all__ = ["ReadOut", "fit_read_out", "tuned_thresholds"]

# Between the one threshold that is best for micro-F1 (0) and those of each label (1).
SHARE_OF_OWN_THRESHOLD = 0.6
# The best threshold predicts at most this many times the labels that there are.
MOST_PREDICTED = 6


@dataclass
class ReadOut:
    """How scores become log-odds, and log-odds labels.

    Parameters
    ----------
    calibration : Calibration
        From scores to log-odds.
    decoder : Decoder
        From log-odds to probabilities and labels.
    micro_f1, macro_f1 : float
        Of the held-out documents; macro-F1 over the labels that they have.
    """

    calibration: Calibration
    decoder: Decoder
    micro_f1: float
    macro_f1: float

    @property
    def quality(self) -> float:
        """Sum of both."""
        return self.micro_f1 + self.macro_f1


def fit_read_out(
    scores: np.ndarray,
    target: sparse.csr_array,
    *,
    counts: np.ndarray,
    hierarchy: Hierarchy,
    path_nodes: np.ndarray,
    single_path: bool,
    threshold: float | str,
) -> ReadOut:
    """Calibrate scores, choose thresholds, and say how good the labels are.

    Parameters
    ----------
    scores : ndarray of shape (n_documents, n_nodes), float32
        Of held-out documents.
    target : csr_array of shape (n_documents, n_nodes)
        Their labels, closed under ancestors.
    counts : ndarray of shape (n_nodes,)
        Documents of each label that the scores were learned from.
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray of shape (n_paths,)
        The most specific nodes of the paths, one of which each document has; empty
        where it may have several.
    single_path : bool
        Whether one path is predicted, rather than all nodes above a threshold.
    threshold : float or "auto"
        The least probability of a predicted node; "auto" is one a node.

    Returns
    -------
    read_out : ReadOut
        Fitted.
    """
    paths = hierarchy.ancestors[path_nodes]
    calibration = Calibration(counts).fit(scores, target, path_nodes, paths)
    logits = calibration.log_odds(scores)
    decoder: Any
    if single_path:
        decoder = PathDecoder(hierarchy, path_nodes)
    elif threshold != "auto":
        decoder = ThresholdDecoder(hierarchy, threshold=float(threshold))
    else:
        probabilities = ThresholdDecoder(hierarchy).probabilities(logits)
        tuned = tuned_thresholds(probabilities, target)
        decoder = ThresholdDecoder(hierarchy, threshold=tuned)
    predicted = decoder.decide(logits)
    # By counts, since scikit-learn's F1 takes an indicator of one column for classes.
    hits, n_true, n_predicted = (
        Y.sum(axis=0) for Y in (target.multiply(predicted), target, predicted)
    )
    micro = 2 * hits.sum() / max(n_true.sum() + n_predicted.sum(), 1)
    occurs = n_true > 0
    of_label = 2 * hits[occurs] / (n_true + n_predicted)[occurs]
    macro = of_label.mean() if len(of_label) else 0.0
    return ReadOut(calibration, decoder, float(micro), float(macro))


def tuned_thresholds(probabilities: np.ndarray, target: sparse.csr_array) -> np.ndarray:
    """Choose a threshold a label, between the common one and its own.

    The common one gives the best micro-F1 on the held-out documents. For its own, a
    label needs no document: with calibrated probabilities the expected F1 of its k most
    probable documents is 2 (p_1 + ... + p_k) / (k + p_1 + ... + p_n), and the best
    threshold is half of the largest of these (Lipton et al., ECML 2014). Own thresholds
    serve the macro-F1, the common one the micro-F1.

    Parameters
    ----------
    probabilities : ndarray of shape (n_documents, n_nodes)
        Of held-out documents, calibrated.
    target : csr_array of shape (n_documents, n_nodes)
        Their labels.

    Returns
    -------
    thresholds : ndarray of shape (n_nodes,), float32
        Inside (0, 1).
    """
    own = _best_expected_f1(probabilities) / 2
    common = _best_common_threshold(probabilities, target)
    share = SHARE_OF_OWN_THRESHOLD
    return (share * own + (1 - share) * common).astype(np.float32)


def _best_expected_f1(probabilities: np.ndarray) -> np.ndarray:
    """Compute the largest expected F1 that a threshold gives each label, (n_nodes,)."""
    falling = -np.sort(-probabilities, axis=0)
    total = falling.sum(axis=0)
    n_predicted = np.arange(1, len(falling) + 1)[:, None]
    return (2 * falling.cumsum(axis=0) / (n_predicted + total)).max(axis=0)


def _best_common_threshold(
    probabilities: np.ndarray, target: sparse.csr_array
) -> float:
    """Find the threshold with the largest micro-F1; 0.5 where there is no label."""
    n_labels = target.nnz
    flat = probabilities.ravel()
    k = min(len(flat) - 1, MOST_PREDICTED * n_labels)
    if k < 1:
        return 0.5
    top = np.argpartition(-flat, k)[: k + 1]
    top = top[np.argsort(-flat[top], kind="stable")]
    hits = np.cumsum(target.toarray().ravel()[top])
    f1 = 2 * hits / (np.arange(1, k + 2) + n_labels)
    # Halfway to the next lower one, so that rounding decides nothing.
    best = int(f1[:-1].argmax())
    return float(flat[top[best : best + 2]].mean())
