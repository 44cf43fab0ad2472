"""Metrics of label sets over a hierarchy, beyond flat F1."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.labels import short_repr
from sklearn_htc.metrics.forms import (
    indicator_of,
    weight_of_documents,
    with_unknown_paths,
)

__all__ = [
    "coherence_score",
    "constrained_f1_score",
    "f1_score_per_level",
    "hierarchical_precision_recall_f1",
    "lca_precision_recall_f1",
    "micro_macro_f1",
    "path_accuracy_score",
]


def hierarchical_precision_recall_f1(
    y_true: Any,
    y_pred: Any,
    hierarchy: Hierarchy,
    *,
    average: str = "micro",
    sample_weight: ArrayLike | None = None,
) -> tuple[float, float, float]:
    """Compare label sets after adding all ancestors to both.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse array} of shape (n_documents, n_nodes), \
sequence of label collections, or array-like of shape (n_documents,)
        Labels; or tables with a column per level. A path of a table that the hierarchy
        does not have, as no training row has it, counts as any other: one that is true
        is never predicted.
    hierarchy : Hierarchy
        The label graph.
    average : {"micro", "macro", "samples"}, default="micro"
        "micro" counts all pairs of document and node, "macro" averages over the nodes
        that occur in `y_true` or `y_pred`, "samples" averages over documents. "micro"
        is the micro average of Kiritchenko et al. (2005) and of hiclass; "samples" is
        the macro precision and recall of hiclass.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1.

    Returns
    -------
    precision, recall, f1 : float
        0 instead of a division by zero.

    Raises
    ------
    TypeError
        If `hierarchy` is not a `Hierarchy`.
    ValueError
        If a label is not a node, an indicator has another number of columns than the
        hierarchy has nodes or holds anything but 0 and 1, the numbers of documents
        or of weights differ, a weight is negative, or `average` is unknown.
    """
    true, pred, hierarchy = with_unknown_paths(y_true, y_pred, hierarchy)
    true, pred = (hierarchy.close(Y) for Y in (true, pred))
    weight = weight_of_documents(sample_weight, true)
    precision, recall, f1 = _scores(true, pred, average, weight)
    return precision, recall, f1


def micro_macro_f1(
    y_true: sparse.csr_array,
    y_pred: sparse.csr_array,
    *,
    sample_weight: ArrayLike | None = None,
) -> tuple[float, float]:
    """Compute micro- and macro-F1 of closed indicators from one count.

    Every F1 of this package is counted so: macro-F1 is the average over the nodes that
    occur in `y_true` or in `y_pred`. A node that occurs in neither does not count, so
    it neither raises nor lowers the average. A node that occurs in one of the two alone
    has an F1 of 0.

    Parameters
    ----------
    y_true, y_pred : csr_array of shape (n_documents, n_nodes)
        0 and 1, closed under ancestors; of any dtype.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1. A node that only
        documents of weight 0 have does not occur.

    Returns
    -------
    micro, macro : float
        0 where no node occurs.

    Raises
    ------
    ValueError
        If the shapes differ, there is not one weight per document, or one is negative.

    Examples
    --------
    >>> from sklearn_htc import Hierarchy
    >>> from sklearn_htc.metrics import micro_macro_f1
    >>> hierarchy = Hierarchy.from_dict({"animal": ["cat", "dog", "cow"]})
    >>> y_true = hierarchy.to_indicator([["cat"], ["dog"]])
    >>> y_pred = hierarchy.to_indicator([["cat"], ["animal"]])
    >>> micro, macro = micro_macro_f1(y_true, y_pred)
    >>> print(f"{micro:.3f} {macro:.3f}")
    0.857 0.667
    """
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true has shape {y_true.shape}, and y_pred {y_pred.shape}: both need "
            "one row per document and one column per node."
        )
    weight = weight_of_documents(sample_weight, y_true)
    counts = _node_counts(y_true.multiply(y_pred), y_true, y_pred, weight)
    return _micro(*counts)[2], _macro(*counts)[2]


def f1_score_per_level(
    y_true: Any,
    y_pred: Any,
    hierarchy: Hierarchy,
    *,
    average: str = "micro",
    sample_weight: ArrayLike | None = None,
) -> np.ndarray:
    """Compute the F1 of each level of the hierarchy, after closing both label sets.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse array} of shape (n_documents, n_nodes), \
sequence of label collections, or array-like of shape (n_documents,)
        Labels.
    hierarchy : Hierarchy
        The label graph; the roots have level 0.
    average : {"micro", "macro", "samples"}, default="micro"
        As for `hierarchical_precision_recall_f1`.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1.

    Returns
    -------
    f1 : ndarray of shape (n_levels,)
        The F1 of the nodes of each level. Where a path of a table goes deeper than the
        hierarchy, as no training row did, there are more levels than it has.

    Raises
    ------
    ValueError
        As `hierarchical_precision_recall_f1` does.
    """
    true, pred, wider = with_unknown_paths(y_true, y_pred, hierarchy)
    true, pred = (wider.close(Y) for Y in (true, pred))
    n_levels = wider.levels.max() + 1
    columns = [np.flatnonzero(wider.levels == level) for level in range(n_levels)]
    weight = weight_of_documents(sample_weight, true)
    scores = [_scores(true[:, own], pred[:, own], average, weight) for own in columns]
    return np.array([f1 for _, _, f1 in scores])


def constrained_f1_score(
    y_true: Any,
    y_pred: Any,
    hierarchy: Hierarchy,
    *,
    average: str = "micro",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute C-micro- or C-macro-F1: a node is right only if all its ancestors are.

    A predicted node is right only if the node and all its ancestors are predicted and
    true (Yu et al., "Constrained Sequence-to-Tree Generation for Hierarchical Text
    Classification", SIGIR 2022). Indicators are not closed, so incoherent predictions
    score less.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse array} of shape (n_documents, n_nodes), \
sequence of label collections, or array-like of shape (n_documents,)
        Labels.
    hierarchy : Hierarchy
        The label graph.
    average : {"micro", "macro"}, default="micro"
        "micro" counts all pairs of document and node, "macro" averages over the nodes
        that occur in `y_true` or `y_pred`.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1.

    Returns
    -------
    f1 : float
        At most the plain F1, and equal to it if no prediction has a wrong ancestor.

    Raises
    ------
    ValueError
        As `hierarchical_precision_recall_f1` does.
    """
    if average not in ("micro", "macro"):
        raise ValueError(
            f"average must be 'micro' or 'macro', got {short_repr(average)}."
        )
    true, pred, hierarchy = with_unknown_paths(y_true, y_pred, hierarchy)
    right = true.multiply(pred).tocsr()
    n_right = sparse.csr_array((right @ hierarchy.ancestors.T) * right)
    n_needed = np.diff(hierarchy.ancestors.indptr)
    n_right.data = (n_right.data == n_needed[n_right.indices]).astype(np.int64)
    weight = weight_of_documents(sample_weight, true)
    return _scores(true, pred, average, weight, hits=n_right)[2]


def coherence_score(
    y_pred: Any, hierarchy: Hierarchy, *, sample_weight: ArrayLike | None = None
) -> float:
    """Compute the share of documents whose labels are closed under ancestors.

    Parameters
    ----------
    y_pred : {array-like, sparse array} of shape (n_documents, n_nodes)
        An indicator. Other forms of labels imply ancestors, and are always coherent.
    hierarchy : Hierarchy
        The label graph.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1.

    Returns
    -------
    share : float
        1 if every prediction is coherent.

    Raises
    ------
    ValueError
        As `hierarchical_precision_recall_f1` does.
    """
    pred = indicator_of(y_pred, hierarchy)
    missing = sparse.csr_array(hierarchy.close(pred) - pred)
    weight = weight_of_documents(sample_weight, pred)
    # Of no documents none is incoherent.
    return 1.0 - float(_ratio(weight @ (missing.sum(axis=1) > 0), weight.sum()))


def path_accuracy_score(
    y_true: Any,
    y_pred: Any,
    hierarchy: Hierarchy,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the share of true paths that are predicted exactly.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse array} of shape (n_documents, n_nodes), \
sequence of label collections, or array-like of shape (n_documents,)
        Labels; closed before they are compared. A path is a most specific node with
        its ancestors; it is predicted exactly if the prediction goes no deeper.
    hierarchy : Hierarchy
        The label graph.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1.

    Returns
    -------
    accuracy : float
        Over all true paths of all documents; 0 if there is none.

    Raises
    ------
    ValueError
        As `hierarchical_precision_recall_f1` does.
    """
    true, pred, hierarchy = with_unknown_paths(y_true, y_pred, hierarchy)
    true, pred = (hierarchy.most_specific(hierarchy.close(Y)) for Y in (true, pred))
    weight = weight_of_documents(sample_weight, true)
    n_exact, n_true = (Y.sum(axis=1) for Y in (true.multiply(pred), true))
    return float(_ratio(weight @ n_exact, weight @ n_true))


def lca_precision_recall_f1(
    y_true: Any,
    y_pred: Any,
    hierarchy: Hierarchy,
    *,
    sample_weight: ArrayLike | None = None,
) -> tuple[float, float, float]:
    """Compare label sets after adding the paths to lowest common ancestors.

    If all ancestors are added, an error at a node with many ancestors costs less than
    one at a node with few. Kosmopoulos et al. ("Evaluation measures for hierarchical
    classification", 2015) add fewer nodes: each most specific label is joined to the
    nearest label of the other set through their lowest common ancestor, and the nodes
    on the path up to that ancestor are added to its own set. Of several lowest common
    ancestors, which only nodes with several parents can have, the nearest one joins
    them. Nodes without a common ancestor meet in a virtual root above all roots.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse array} of shape (n_documents, n_nodes), \
sequence of label collections, or array-like of shape (n_documents,)
        Labels.
    hierarchy : Hierarchy
        The label graph.
    sample_weight : array-like of shape (n_documents,), default=None
        How much each document counts, at least 0; by default 1.

    Returns
    -------
    precision, recall, f1 : float
        Averages over documents. A document without labels in both has 1. 0 if there is
        no document.

    Raises
    ------
    ValueError
        As `hierarchical_precision_recall_f1` does.
    """
    true, pred, hierarchy = with_unknown_paths(y_true, y_pred, hierarchy)
    true, pred = (hierarchy.most_specific(hierarchy.close(Y)) for Y in (true, pred))
    weight = weight_of_documents(sample_weight, true)
    if not weight.any():
        return 0.0, 0.0, 0.0
    ways = _Ways(hierarchy)
    triples = []
    for row in range(true.shape[0]):
        t, p = (Y.indices[Y.indptr[row] : Y.indptr[row + 1]] for Y in (true, pred))
        t_ways, p_ways = ways.joined(t.tolist(), p.tolist())
        if not t_ways and not p_ways:
            triples.append((1.0, 1.0, 1.0))
            continue
        hits = len(t_ways & p_ways)
        precision, recall = _ratio(hits, len(p_ways)), _ratio(hits, len(t_ways))
        f1 = _ratio(2 * hits, len(t_ways) + len(p_ways))
        triples.append((float(precision), float(recall), float(f1)))
    means = np.average(triples, axis=0, weights=weight)
    return float(means[0]), float(means[1]), float(means[2])


class _Ways:
    """Paths from nodes up to common ancestors; -1 is the virtual root."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        parents = hierarchy.parents
        self.parents = [
            parents.indices[start:stop].tolist() or [-1]
            for start, stop in zip(parents.indptr, parents.indptr[1:], strict=False)
        ]
        self._up: dict[int, dict[int, int]] = {}

    def up(self, node: int) -> dict[int, int]:
        """Return the distance to each ancestor in edges, with 0 for the node itself."""
        if node not in self._up:
            distances, reached = {node: 0}, [node]
            while reached:
                above = []
                for child in reached:
                    for parent in self.parents[child] if child >= 0 else []:
                        if parent not in distances:
                            distances[parent] = distances[child] + 1
                            above.append(parent)
                reached = above
            self._up[node] = distances
        return self._up[node]

    def way(self, node: int, ancestor: int) -> set[int]:
        """Return the nodes of a shortest path, both ends included."""
        nodes = {node}
        while node != ancestor:
            node = min(
                (p for p in self.parents[node] if ancestor in self.up(p)),
                key=lambda p: (self.up(p)[ancestor], p),
            )
            nodes.add(node)
        return nodes

    def meetings(self, node: int, other: int) -> set[int]:
        """Return the lowest common ancestors of two nodes."""
        common = self.up(node).keys() & self.up(other).keys()
        above = (parent for a in common if a >= 0 for parent in self.parents[a])
        return set(common).difference(above)

    def joined(self, true: list[int], pred: list[int]) -> tuple[set[int], set[int]]:
        """Return both sets with the paths that join each node to the nearest other."""
        sets = (set(true), set(pred))
        if not true or not pred:
            return sets
        for nodes, others, own in ((true, pred, 0), (pred, true, 1)):
            for node in nodes:
                _, other, common = min(
                    (self.up(node)[a] + self.up(o)[a], o, a)
                    for o in others
                    for a in self.meetings(node, o)
                )
                sets[own].update(self.way(node, common))
                sets[1 - own].update(self.way(other, common))
        return sets


def _scores(
    true: sparse.csr_array,
    pred: sparse.csr_array,
    average: str,
    weight: np.ndarray,
    *,
    hits: sparse.csr_array | None = None,
) -> tuple[float, float, float]:
    """Return precision, recall and F1 of documents that have weights.

    `hits` are the predicted nodes that count as right, by default all true ones.
    """
    if average not in ("micro", "macro", "samples"):
        raise ValueError(
            f"average must be 'micro', 'macro' or 'samples', got {short_repr(average)}."
        )
    if hits is None:
        hits = true.multiply(pred)
    if average == "samples":
        n_hits, n_true, n_pred = (Y.sum(axis=1) for Y in (hits, true, pred))
        return _means(n_hits, n_true, n_pred, weight)
    counts = _node_counts(hits, true, pred, weight)
    return _micro(*counts) if average == "micro" else _macro(*counts)


def _node_counts(
    hits: sparse.csr_array,
    true: sparse.csr_array,
    pred: sparse.csr_array,
    weight: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum the weights of the documents of each node."""
    return weight @ hits, weight @ true, weight @ pred


def _micro(
    n_hits: np.ndarray, n_true: np.ndarray, n_pred: np.ndarray
) -> tuple[float, float, float]:
    """Return precision, recall and F1 of all nodes together."""
    return _means(*(np.array([n.sum()]) for n in (n_hits, n_true, n_pred)))


def _macro(
    n_hits: np.ndarray, n_true: np.ndarray, n_pred: np.ndarray
) -> tuple[float, float, float]:
    """Return the means of precision, recall and F1 over the nodes that occur."""
    occurs = n_true + n_pred > 0
    return _means(n_hits[occurs], n_true[occurs], n_pred[occurs])


def _means(
    n_hits: np.ndarray,
    n_true: np.ndarray,
    n_pred: np.ndarray,
    weight: np.ndarray | None = None,
) -> tuple[float, float, float]:
    """Return the means of precision, recall and F1, weighted or not."""
    if not (len(n_hits) if weight is None else weight.any()):
        return 0.0, 0.0, 0.0
    ratios = (
        _ratio(n_hits, n_pred),
        _ratio(n_hits, n_true),
        _ratio(2 * n_hits, n_true + n_pred),
    )
    precision, recall, f1 = (np.average(ratio, weights=weight) for ratio in ratios)
    return float(precision), float(recall), float(f1)


def _ratio(numerator: Any, denominator: Any) -> Any:
    """Divide, with 0 instead of a division by zero."""
    return np.divide(
        numerator,
        denominator,
        out=np.zeros(np.shape(numerator)),
        where=np.asarray(denominator) > 0,
    )
