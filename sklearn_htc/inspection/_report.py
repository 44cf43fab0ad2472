"""A classification report along the hierarchy, with the weakest branches first."""

from itertools import islice
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_scalar

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.inspection._display import names_of
from sklearn_htc.inspection._node_scores import NodeScores, node_scores
from sklearn_htc.labels import short_repr

__all__ = ["classification_report"]

COLUMNS = ("precision", "recall", "f1", "branch_f1", "support", "n_predicted")
INDENT = "  "


def classification_report(
    y_true: Any,
    y_pred: Any,
    hierarchy: Hierarchy,
    *,
    output: str = "text",
    max_nodes: int | None = None,
) -> Any:
    """Report precision, recall and F1 of each node, with the weakest branches first.

    A branch is a node with all its descendants, and is as good as their common
    micro-F1; labels of a table that the hierarchy lacks count there, too. Among the
    children of a node, the branch of the lowest one comes first. Nodes that occur
    neither in `y_true` nor in `y_pred` are left out.

    Parameters
    ----------
    y_true, y_pred : array-like, sparse array or sequence
        Labels in every form that the estimators take; closed upward first.
    hierarchy : Hierarchy
        The label graph. A node with several parents stands below the one from which
        the list reaches it first.
    output : {"text", "frame"}, default="text"
        Whether to return a string or a pandas.DataFrame.
    max_nodes : int, default=None
        How many nodes to list at most, from the first on; all by default.

    Returns
    -------
    report : str or pandas.DataFrame
        One line per node. The frame has the labels as its index, and the columns
        "level", "precision", "recall", "f1", "branch_f1", "support" (documents that
        have the node) and "n_predicted" (documents that it is predicted for).

    Raises
    ------
    ValueError
        If `output` is neither of these, `max_nodes` is below 1, or labels are of no
        accepted form.
    ImportError
        If `output` is "frame" and pandas is not installed.

    Examples
    --------
    >>> from sklearn_htc import Hierarchy
    >>> from sklearn_htc.inspection import classification_report
    >>> hierarchy = Hierarchy.from_dict({"animal": ["cat", "dog"]})
    >>> y_true = ["cat", "dog", "dog"]
    >>> y_pred = ["cat", "cat", "dog"]
    >>> print(classification_report(y_true, y_pred, hierarchy))
           precision    recall        f1    branch   support
    animal      1.00      1.00      1.00      0.83         3
      cat       0.50      1.00      0.67      0.67         1
      dog       1.00      0.50      0.67      0.67         2
    """
    if output not in ("text", "frame"):
        raise ValueError(f"output must be 'text' or 'frame', got {short_repr(output)}.")
    if max_nodes is not None:
        check_scalar(max_nodes, "max_nodes", Integral, min_val=1)
    scores = node_scores(y_true, y_pred, hierarchy)
    indents = dict(islice(_weakest_first(scores, hierarchy).items(), max_nodes))
    if output == "frame":
        return _as_frame(list(indents), scores, hierarchy)
    return _as_text(indents, scores, hierarchy)


def _weakest_first(scores: NodeScores, hierarchy: Hierarchy) -> dict[int, int]:
    """List the nodes that occur, each before its descendants, with their indents."""
    bounds, columns = hierarchy.children.indptr, hierarchy.children.indices

    def ordered(nodes: np.ndarray) -> list[int]:
        occurring = nodes[~np.isnan(scores.branch_f1[nodes])]
        order = np.argsort(scores.branch_f1[occurring], kind="stable")
        # The list is read from its end.
        return occurring[order[::-1]].tolist()

    to_visit = [(node, 0) for node in ordered(hierarchy.roots)]
    found = dict[int, int]()
    while to_visit:
        node, indent = to_visit.pop()
        if node not in found:
            found[node] = indent
            children = ordered(columns[bounds[node] : bounds[node + 1]])
            to_visit += [(child, indent + 1) for child in children]
    return found


def _as_frame(nodes: list[int], scores: NodeScores, hierarchy: Hierarchy) -> Any:
    from pandas import DataFrame, Index

    labels = [hierarchy.nodes[node] for node in nodes]
    columns = {"level": hierarchy.levels[nodes]}
    columns |= {name: getattr(scores, name)[nodes] for name in COLUMNS}
    index = Index(labels, tupleize_cols=False, name="label")
    return DataFrame(columns, index=index)


def _as_text(indents: dict[int, int], scores: NodeScores, hierarchy: Hierarchy) -> str:
    known = names_of(hierarchy)
    names = [f"{INDENT * indent}{known[node]}" for node, indent in indents.items()]
    width = max(map(len, names), default=0)
    heads = ("precision", "recall", "f1", "branch", "support")
    lines = [" " * width + "".join(f"{head:>10}" for head in heads)]
    for node, name in zip(indents, names, strict=True):
        values = (getattr(scores, column)[node] for column in COLUMNS[:4])
        cells = "".join(f"{value:>10.2f}" for value in values)
        lines.append(f"{name:<{width}}{cells}{scores.support[node]:>10}")
    return "\n".join(lines)
