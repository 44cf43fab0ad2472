"""From scores to labels, all of it fitted on held-out documents and judged by F1."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sklearn_htc.calibration import Calibration
from sklearn_htc.decoding import (
    Decoder,
    PartialPathDecoder,
    PathDecoder,
    ThresholdDecoder,
)
from sklearn_htc.hierarchy import Hierarchy

__all__ = ["ReadOut", "best_read_out", "fit_read_out", "thresholds_and_gains"]

# How much macro-F1 counts, beside micro-F1, where thresholds are set: to choose from.
MACRO_WEIGHTS = (0.1, 0.3, 0.5, 0.7, 0.9)
# The best threshold predicts at most this many times the labels that there are.
MOST_PREDICTED = 6
# Macro-F1 of rare labels is noisy: no gain in it may cost more micro-F1 than this.
MICRO_F1_TO_SPARE = 0.001


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


def best_read_out(outs: Sequence[ReadOut]) -> int:
    """Choose the best macro-F1 among those that come near the best micro-F1.

    Parameters
    ----------
    outs : sequence of ReadOut
        Fitted and judged on the same documents, the simplest first.

    Returns
    -------
    best : int
        Position of the first of the best.
    """
    least = max(out.micro_f1 for out in outs) - MICRO_F1_TO_SPARE
    worth = [out.macro_f1 if out.micro_f1 >= least else -1.0 for out in outs]
    return int(np.argmax(worth))


def fit_read_out(
    scores: np.ndarray,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
    *,
    counts: np.ndarray,
    hierarchy: Hierarchy,
    path_nodes: np.ndarray,
    single_path: bool,
    whole_path: bool,
    threshold: float | str,
    start: ReadOut | None = None,
) -> ReadOut:
    """Calibrate scores, choose what is predicted, and say how good it is.

    Parameters
    ----------
    scores : ndarray of shape (n_documents, n_nodes), float32
        Of held-out documents.
    target : csr_array of shape (n_documents, n_nodes)
        Their labels, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,)
        How much each of them counts.
    counts : ndarray of shape (n_nodes,)
        Documents of each label that the scores were learned from.
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray of shape (n_paths,)
        The most specific nodes of the paths, one of which each document has; empty
        where it may have several.
    single_path : bool
        Whether one path is predicted, rather than all nodes above a threshold.
    whole_path : bool
        Whether that has to be a path that a document may have, and not a part of it.
    threshold : float or "auto"
        The least probability of a predicted node; "auto" is one a node.
    start : ReadOut, default=None
        Fitted to other scores of more documents: its calibration is the start of this
        one, and its thresholds are kept, since they are probabilities.

    Returns
    -------
    read_out : ReadOut
        Fitted.
    """
    paths = hierarchy.ancestors[path_nodes]
    calibration = Calibration(counts) if start is None else copy(start.calibration)
    calibration.fit(scores, target, sample_weight, path_nodes, paths)
    logits = calibration.log_odds(scores)
    decoders: list[Decoder]
    if start is not None:
        decoder = copy(start.decoder)
        if isinstance(decoder, PathDecoder):
            decoder.uniform_share = calibration.uniform_share
        decoders = [decoder]
    elif single_path:
        share = calibration.uniform_share
        decoders = [PathDecoder(hierarchy, path_nodes, uniform_share=share)]
        if not whole_path:
            probabilities = decoders[0].probabilities(logits)
            decoders += [
                PartialPathDecoder(
                    hierarchy,
                    path_nodes,
                    threshold=values,
                    gain=gain,
                    uniform_share=share,
                )
                for values, gain in thresholds_and_gains(
                    probabilities, target, sample_weight
                )
            ]
    elif threshold != "auto":
        decoders = [ThresholdDecoder(hierarchy, threshold=float(threshold))]
    else:
        probabilities = ThresholdDecoder(hierarchy).probabilities(logits)
        decoders = [
            ThresholdDecoder(hierarchy, threshold=values)
            for values, _ in thresholds_and_gains(probabilities, target, sample_weight)
        ]
    outs = []
    for decoder in decoders:
        f1 = _micro_macro_f1(target, decoder.decide(logits), sample_weight)
        outs.append(ReadOut(calibration, decoder, *f1))
    return outs[best_read_out(outs)]


def _micro_macro_f1(
    true: sparse.csr_array, predicted: sparse.csr_array, sample_weight: np.ndarray
) -> tuple[float, float]:
    """Compute both by counts, as scikit-learn takes one column for classes."""
    hits, n_true, n_predicted = (
        sample_weight @ Y for Y in (true.multiply(predicted), true, predicted)
    )
    micro = 2 * hits.sum() / ((n_true + n_predicted).sum() or 1)
    occurs = n_true > 0
    of_label = 2 * hits[occurs] / (n_true + n_predicted)[occurs]
    return float(micro), float(of_label.mean()) if len(of_label) else 0.0


def thresholds_and_gains(
    probabilities: np.ndarray, target: sparse.csr_array, sample_weight: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Say from which probability on a label is worth predicting, and how much.

    A document of probability p that is added to a label's predictions raises the
    label's F1 by (2 p - F) / (n + m), where n documents have the label and m are
    predicted: it does good where p > F / 2 (Lipton et al., ECML 2014). The same holds
    for micro-F1, with one F, n and m for all labels together. So w macro-F1 +
    (1 - w) micro-F1 rises by gain (p - threshold), up to a factor, with

        gain = w o / (n + m) + (1 - w) / (N + M)
        threshold = (w o / (n + m) F / 2 + (1 - w) / (N + M) common) / gain

    where o is the chance that the label occurs at all, scaled to a sum of 1 over
    labels. Rare labels get their own threshold, frequent ones the common one.

    With calibrated probabilities a label needs no document for its own threshold: the
    expected F1 of its k most probable documents is 2 (p_1 + ... + p_k) / (k + n), with
    n = p_1 + p_2 + ... of all documents. The common one is that of the best micro-F1.

    Parameters
    ----------
    probabilities : ndarray of shape (n_documents, n_nodes)
        Of held-out documents, calibrated.
    target : csr_array of shape (n_documents, n_nodes)
        Their labels.
    sample_weight : ndarray of shape (n_documents,)
        How many documents each of them stands for.

    Returns
    -------
    pairs : list of (ndarray of shape (n_nodes,), ndarray of shape (n_nodes,))
        Thresholds, inside (0, 1), and gains, for each w of `MACRO_WEIGHTS`.
    """
    best_f1, n_predicted, n_expected = _best_expected_f1(probabilities, sample_weight)
    common = _best_common_threshold(probabilities, target, sample_weight)
    all_predicted = float(sample_weight @ (probabilities >= common).sum(axis=1))
    occurs = -np.expm1(-n_expected)
    own_gain = occurs / occurs.sum() / (n_expected + n_predicted)
    common_gain = 1 / (n_expected.sum() + all_predicted)
    pairs = []
    for weight in MACRO_WEIGHTS:
        gain = weight * own_gain + (1 - weight) * common_gain
        share = weight * own_gain / gain
        threshold = share * best_f1 / 2 + (1 - share) * common
        pairs.append((threshold.astype(np.float32), gain.astype(np.float32)))
    return pairs


def _best_expected_f1(
    probabilities: np.ndarray, sample_weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the largest expected F1 that a threshold gives each label.

    With it come the number of documents that it predicts, and the number that have
    the label, as expected; all of shape (n_nodes,).
    """
    n_nodes = probabilities.shape[1]
    best_f1, n_predicted = np.empty(n_nodes), np.empty(n_nodes)
    total = sample_weight @ probabilities
    for node in range(n_nodes):
        order = np.argsort(-probabilities[:, node])
        weight = sample_weight[order]
        predicted = weight.cumsum()
        expected = 2 * (weight * probabilities[order, node]).cumsum()
        expected /= predicted + total[node]
        best = expected.argmax()
        best_f1[node], n_predicted[node] = expected[best], predicted[best]
    return best_f1, n_predicted, total


def _best_common_threshold(
    probabilities: np.ndarray, target: sparse.csr_array, sample_weight: np.ndarray
) -> float:
    """Find the threshold with the largest micro-F1; 0.5 where there is no label."""
    n_labels = sample_weight @ target.sum(axis=1)
    flat = probabilities.ravel()
    k = min(len(flat) - 1, MOST_PREDICTED * target.nnz)
    if k < 1:
        return 0.5
    top = np.argpartition(-flat, k)[: k + 1]
    top = top[np.argsort(-flat[top], kind="stable")]
    weight = sample_weight[top // probabilities.shape[1]]
    hits = np.cumsum(weight * target.toarray().ravel()[top])
    f1 = 2 * hits / (np.cumsum(weight) + n_labels)
    # Halfway to the next lower one, so that rounding decides nothing.
    best = int(f1[:-1].argmax())
    return float(flat[top[best : best + 2]].mean())
