"""Thresholds per label that raise micro- and macro-F1 together."""

from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["thresholds_and_gains"]

# How much macro-F1 counts, beside micro-F1, where thresholds are set: to choose from.
MACRO_WEIGHTS = (0.1, 0.3, 0.5, 0.7, 0.9)
# The best threshold predicts at most this many times the labels that there are.
MOST_PREDICTED = 6


def thresholds_and_gains(
    probabilities: np.ndarray | sparse.csr_array,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
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
    probabilities : {ndarray, csr_array} of shape (n_documents, n_nodes)
        Of held-out documents, calibrated. Those that are not stored count as 0.
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
    probabilities: Any, sample_weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the largest expected F1 that a threshold gives each label.

    With it come the number of documents that it predicts, and the number that have
    the label, as expected; all of shape (n_nodes,).
    """
    n_nodes = probabilities.shape[1]
    best_f1, n_predicted = np.zeros(n_nodes), np.ones(n_nodes)
    total = sample_weight @ probabilities
    is_sparse = sparse.issparse(probabilities)
    by_label: Any = sparse.csc_array(probabilities) if is_sparse else probabilities
    for node in range(n_nodes):
        if is_sparse:
            entries = slice(*by_label.indptr[node : node + 2])
            values, rows = by_label.data[entries], by_label.indices[entries]
        else:
            values, rows = by_label[:, node], slice(None)
        if not len(values):
            continue
        weight = sample_weight[rows]
        order = np.argsort(-values)
        weight = weight[order]
        predicted = weight.cumsum()
        expected = 2 * (weight * values[order]).cumsum()
        expected /= predicted + total[node]
        best = expected.argmax()
        best_f1[node], n_predicted[node] = expected[best], predicted[best]
    return best_f1, n_predicted, total


def _best_common_threshold(
    probabilities: Any,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
) -> float:
    """Find the threshold with the largest micro-F1; 0.5 where there is no label."""
    n_labels = sample_weight @ target.sum(axis=1)
    is_sparse = sparse.issparse(probabilities)
    flat = probabilities.data if is_sparse else probabilities.ravel()
    k = min(len(flat) - 1, MOST_PREDICTED * target.nnz)
    if k < 1:
        return 0.5
    top = np.argpartition(-flat, k)[: k + 1]
    top = top[np.argsort(-flat[top], kind="stable")]
    if is_sparse:
        rows = np.searchsorted(probabilities.indptr, top, side="right") - 1
        has = target[rows, probabilities.indices[top]]
    else:
        rows = top // probabilities.shape[1]
        has = target.toarray().ravel()[top]
    weight = sample_weight[rows]
    hits = np.cumsum(weight * has)
    f1 = 2 * hits / (np.cumsum(weight) + n_labels)
    # Equal probabilities are predicted all or none.
    is_last = flat[top[:-1]] > flat[top[1:]]
    best = int(np.where(is_last, f1[:-1], -1).argmax())
    # Halfway to the next lower one, so that rounding decides nothing.
    return float(flat[top[best : best + 2]].mean())
