"""Metrics of labels that are ranked, the most probable first."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.metrics import average_precision_score
from sklearn.utils import check_consistent_length

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.labels import short_repr
from sklearn_htc.metrics.forms import indicator_of, weight_of_documents

__all__ = [
    "document_average_precision_score",
    "label_propensities",
    "ndcg_at_k_score",
    "precision_at_k_score",
    "r_precision_score",
]

# Pairs of document and label that are ranked at a time (a few hundred MB).
BLOCK_ELEMENTS = 10**7


def document_average_precision_score(
    y_true: Any,
    y_score: ArrayLike,
    hierarchy: Hierarchy,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the mean area under the precision-recall curves of the documents.

    Parameters
    ----------
    y_true : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, or array-like of shape (n_documents,)
        Labels; documents without any are left out.
    y_score : array-like of shape (n_documents, n_nodes)
        Probabilities, or other scores that rank nodes, with one column per node.
    hierarchy : Hierarchy
        The label graph.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1.

    Returns
    -------
    area : float
        Average precision as scikit-learn computes it with `average="samples"`.

    Raises
    ------
    ValueError
        As `hierarchical_precision_recall_f1` does, or if `y_score` has another number
        of columns than the hierarchy has nodes.
    """
    true = indicator_of(y_true, hierarchy)
    hierarchy.check_columns(y_score)
    scores = np.asarray(y_score)
    check_consistent_length(true, scores)
    weight = weight_of_documents(sample_weight, true)
    labelled = np.flatnonzero((true.sum(axis=1) > 0) & (weight > 0))
    if not len(labelled):
        return 0.0
    total, size = 0.0, max(1, BLOCK_ELEMENTS // scores.shape[1])
    for start in range(0, len(labelled), size):
        rows = labelled[start : start + size]
        mean = average_precision_score(
            true[rows].toarray(),
            scores[rows],
            average="samples",
            sample_weight=weight[rows],
        )
        total += weight[rows].sum() * mean
    return float(total / weight[labelled].sum())


def precision_at_k_score(
    y_true: Any,
    ranked: ArrayLike,
    hierarchy: Hierarchy,
    *,
    k: int = 5,
    propensities: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the share of the first k labels that are right (P@k).

    With propensities (PSP@k), a correct label counts 1 / p, where p is the probability
    that it was annotated. The sum over all documents is divided by the largest sum that
    any ranking could have [1]_. So rare labels, whose annotations are more often
    missing, count more.

    Parameters
    ----------
    y_true : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, or array-like of shape (n_documents,)
        Labels.
    ranked : array-like of shape (n_documents, n_ranked) of labels
        At least k nodes per document, the most probable first, as `predict_top_k`
        returns them.
    hierarchy : Hierarchy
        The label graph.
    k : int, default=5
        How many labels are looked at.
    propensities : array-like of shape (n_nodes,), default=None
        As `label_propensities` returns them.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1.

    Returns
    -------
    precision : float
        Mean over documents; those without labels have 0.

    Raises
    ------
    ValueError
        If a label is no node or is ranked twice, fewer than k are ranked, or the
        numbers of documents differ.

    References
    ----------
    .. [1] H. Jain, Y. Prabhu and M. Varma. "Extreme Multi-label Loss Functions for
       Recommendation, Tagging, Ranking & Other Missing Label Applications". KDD 2016.

    Examples
    --------
    >>> from sklearn_htc import Hierarchy
    >>> from sklearn_htc.metrics import precision_at_k_score
    >>> hierarchy = Hierarchy.from_dict({"animal": ["cat", "dog", "cow"]})
    >>> precision_at_k_score([["cat"]], [["animal", "dog"]], hierarchy, k=2)
    0.5
    """
    gains, best = _gains(y_true, ranked, hierarchy, k, propensities)
    weight = weight_of_documents(sample_weight, gains)
    gained = weight @ gains.sum(axis=1)
    if propensities is None:
        return _share(gained, k * weight.sum())
    return _share(gained, weight @ best.sum(axis=1))


def ndcg_at_k_score(
    y_true: Any,
    ranked: ArrayLike,
    hierarchy: Hierarchy,
    *,
    k: int = 5,
    propensities: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the normalized discounted cumulative gain of the first k labels (nDCG@k).

    A right label at rank r counts 1 / log2(r + 1). The sum of a document is divided by
    that of its best ranking. With propensities (PSnDCG@k) it counts 1 / p times as
    much, and the sum over all documents is divided by that of their best rankings.

    Parameters
    ----------
    y_true : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, or array-like of shape (n_documents,)
        Labels.
    ranked : array-like of shape (n_documents, n_ranked) of labels
        At least k nodes per document, the most probable first.
    hierarchy : Hierarchy
        The label graph.
    k : int, default=5
        How many labels are looked at.
    propensities : array-like of shape (n_nodes,), default=None
        As `label_propensities` returns them.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1.

    Returns
    -------
    gain : float
        Mean over documents; those without labels have 0.

    Raises
    ------
    ValueError
        As for `precision_at_k_score`.

    Examples
    --------
    >>> from sklearn_htc import Hierarchy
    >>> from sklearn_htc.metrics import ndcg_at_k_score
    >>> hierarchy = Hierarchy.from_dict({"animal": ["cat", "dog", "cow"]})
    >>> gain = ndcg_at_k_score([["cat"]], [["dog", "cat"]], hierarchy, k=2)
    >>> print(f"{gain:.3f}")
    0.387
    """
    gains, best = _gains(y_true, ranked, hierarchy, k, propensities)
    discount = 1 / np.log2(np.arange(2, k + 2))
    gained, most = gains @ discount, best @ discount
    weight = weight_of_documents(sample_weight, gains)
    if propensities is None:
        ratio = np.divide(gained, most, out=np.zeros_like(gained), where=most > 0)
        return _share(weight @ ratio, weight.sum())
    return _share(weight @ gained, weight @ most)


def r_precision_score(
    y_true: Any,
    ranked: ArrayLike,
    hierarchy: Hierarchy,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the share of right labels among as many as a document has.

    Parameters
    ----------
    y_true : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, or array-like of shape (n_documents,)
        Labels.
    ranked : array-like of shape (n_documents, n_ranked) of labels
        Nodes, the most probable first; at least as many as any document has labels.
    hierarchy : Hierarchy
        The label graph.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1.

    Returns
    -------
    precision : float
        Mean over documents; those without labels have 0.

    Raises
    ------
    ValueError
        If a label is no node or is ranked twice, fewer are ranked than a document has,
        or the numbers of documents differ.

    Examples
    --------
    >>> from sklearn_htc import Hierarchy
    >>> from sklearn_htc.metrics import r_precision_score
    >>> hierarchy = Hierarchy.from_dict({"animal": ["cat", "dog", "cow"]})
    >>> r_precision_score([["cat"]], [["animal", "dog", "cat"]], hierarchy)
    0.5
    """
    true, columns = _read(y_true, ranked, hierarchy)
    n_true = np.diff(true.indptr)
    most = int(n_true.max(initial=0))
    if columns.shape[1] < most:
        raise ValueError(
            f"ranked has {columns.shape[1]} labels per document, but a document has "
            f"{most}. Rank at least as many, with predict_top_k(X, {most})."
        )
    hits = _hits(true, columns[:, :most])
    counted = hits * (np.arange(most) < n_true[:, None])
    weight = weight_of_documents(sample_weight, hits)
    shares = counted.sum(axis=1) / np.maximum(n_true, 1)
    return _share(weight @ shares, weight.sum())


def label_propensities(
    y_train: Any, hierarchy: Hierarchy, *, a: float = 0.55, b: float = 1.5
) -> np.ndarray:
    """Estimate how often a label that is right is there at all, by its frequency.

    p = 1 / (1 + c exp(-a log(n + b))), with c = (log N - 1) (b + 1)^a, for a label of n
    of N documents [1]_.

    Parameters
    ----------
    y_train : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, or array-like of shape (n_documents,)
        Labels of at least 3 training documents.
    hierarchy : Hierarchy
        The label graph.
    a, b : float, default=0.55 and 1.5
        What was found on Wikipedia; 0.6 and 2.6 on Amazon.

    Returns
    -------
    propensities : ndarray of shape (n_nodes,)
        In (0, 1].

    Raises
    ------
    ValueError
        If there are fewer than 3 documents, or labels are not as described.

    References
    ----------
    .. [1] H. Jain, Y. Prabhu and M. Varma. "Extreme Multi-label Loss Functions for
       Recommendation, Tagging, Ranking & Other Missing Label Applications". KDD 2016.
    """
    true = indicator_of(y_train, hierarchy)
    n_documents = true.shape[0]
    if n_documents < 3:
        raise ValueError(
            f"Propensities need at least 3 training documents, got {n_documents}."
        )
    c = (np.log(n_documents) - 1) * (b + 1) ** a
    return 1 / (1 + c * (true.sum(axis=0) + b) ** -a)


def _gains(
    y_true: Any,
    ranked: ArrayLike,
    hierarchy: Hierarchy,
    k: int,
    propensities: ArrayLike | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the first k labels count, and those of the best ranking, (n, k)."""
    true, columns = _read(y_true, ranked, hierarchy)
    if not 1 <= k <= columns.shape[1]:
        raise ValueError(
            f"k={k} must be from 1 to the number of ranked labels per document, which "
            f"is {columns.shape[1]}. Rank more, with predict_top_k(X, {k})."
        )
    worth = np.ones(len(hierarchy))
    if propensities is not None:
        worth = 1 / np.asarray(propensities, dtype=np.float64)
        if worth.shape != (len(hierarchy),):
            raise ValueError(
                f"propensities has shape {worth.shape}, but the hierarchy has "
                f"{len(hierarchy)} nodes. Compute them with label_propensities."
            )
    columns = columns[:, :k]
    best = np.zeros(columns.shape)
    for row, (start, end) in enumerate(zip(true.indptr, true.indptr[1:], strict=False)):
        own = np.sort(worth[true.indices[start:end]])[::-1][:k]
        best[row, : len(own)] = own
    return _hits(true, columns) * worth[columns], best


def _read(
    y_true: Any, ranked: Any, hierarchy: Hierarchy
) -> tuple[sparse.csr_array, np.ndarray]:
    """Check both, and return an indicator and the columns of ranked labels."""
    true = indicator_of(y_true, hierarchy)
    true.eliminate_zeros()
    if len(getattr(ranked, "shape", ())) == 2:
        # Iteration over a data frame yields its columns, or their names.
        ranked = np.asarray(ranked, dtype=object)
    labels = [list(row) for row in ranked]
    if len(labels) != true.shape[0]:
        raise ValueError(
            f"ranked has {len(labels)} rows, but y_true {true.shape[0]} documents."
        )
    lengths = {len(row) for row in labels}
    if len(lengths) != 1:
        raise ValueError(
            f"ranked needs equally many labels per document, got {short_repr(lengths)}."
        )
    flat = [label for row in labels for label in row]
    columns = hierarchy.index(flat).reshape(len(labels), -1)
    if (np.diff(np.sort(columns, axis=1), axis=1) == 0).any():
        raise ValueError("ranked has a label twice in one row. Rank each label once.")
    return true, columns


def _hits(true: sparse.csr_array, columns: np.ndarray) -> np.ndarray:
    """Tell which ranked labels (n, k) are right."""
    if not columns.size:
        return np.zeros(columns.shape, dtype=bool)
    rows = np.repeat(np.arange(len(columns)), columns.shape[1])
    is_right = np.asarray(true[rows, columns.ravel()]) > 0
    return is_right.reshape(columns.shape)


def _share(part: Any, whole: Any) -> float:
    """Divide numbers, with 0 instead of a division by zero."""
    return float(part / whole) if whole > 0 else 0.0
