"""What is confused with what among siblings, where a path takes a wrong turn."""

from collections.abc import Hashable
from typing import Any, Self

import numpy as np

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.inspection._display import LabelDisplay, axes, names_of
from sklearn_htc.labels import short_repr
from sklearn_htc.metrics.forms import as_indicators

__all__ = ["SiblingConfusionDisplay"]


class SiblingConfusionDisplay(LabelDisplay):
    """A confusion matrix of the children of one node, or of the roots.

    It counts documents that have one of the children, one of which is predicted: rows
    are true, columns predicted. A document with several counts once for each pair of a
    child that was missed and one that is wrong, and once for each that is right.

    Parameters
    ----------
    matrix : ndarray of shape (n_children, n_children)
        Documents.
    names : list of str
        Of the children.

    Attributes
    ----------
    image_ : matplotlib.image.AxesImage
        Shares of each row.
    texts_ : list of matplotlib.text.Text
        Documents, where there are any.
    ax_, figure_ : matplotlib artists
        What it was drawn on last.
    """

    def __init__(self, matrix: np.ndarray, names: list[str]) -> None:
        self.matrix = matrix
        self.names = names

    @classmethod
    def from_predictions(  # type: ignore[override]
        cls,
        y_true: Any,
        y_pred: Any,
        hierarchy: Hierarchy,
        *,
        parent: Hashable = None,
        ax: Any = None,
    ) -> Self:
        """Count wrong turns, and draw.

        Parameters
        ----------
        y_true, y_pred : array-like, sparse array or sequence
            Labels in every form that the estimators take; closed upward first.
        hierarchy : Hierarchy
            The label graph.
        parent : label, default=None
            Whose children are told apart; None takes the roots.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SiblingConfusionDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If labels are of no accepted form, or `parent` has no children.
        """
        children = hierarchy.roots
        if parent is not None:
            row = hierarchy.children[hierarchy.index([parent])]
            children = np.sort(row.indices)
            if not len(children):
                raise ValueError(f"{short_repr(parent)} has no children to tell apart.")
        true, pred = (
            hierarchy.close(Y)[:, children].astype(np.int64)
            for Y in as_indicators(y_true, y_pred, hierarchy)
        )
        right = true.multiply(pred)
        missed, wrong = true - right, pred - right
        matrix = (missed.T @ wrong).toarray()
        matrix[np.diag_indices_from(matrix)] += np.asarray(right.sum(axis=0)).ravel()
        names = names_of(hierarchy)
        return cls(matrix, [names[child] for child in children]).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw shares of each row as colours, and documents as numbers.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SiblingConfusionDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        n = len(self.names)
        side = min(4 + 0.3 * n, 14)
        ax = axes(ax, figsize=(side, side))
        shares = self.matrix / np.maximum(self.matrix.sum(axis=1, keepdims=True), 1)
        self.image_ = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        self.texts_ = [
            ax.text(
                j,
                i,
                str(self.matrix[i, j]),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if shares[i, j] > 0.5 else "black",
            )
            for i, j in zip(*np.nonzero(self.matrix), strict=True)
        ]
        ax.set_xticks(range(n), self.names, rotation=90)
        ax.set_yticks(range(n), self.names)
        ax.set(xlabel="Predicted", ylabel="True")
        return self._drawn_on(ax)
