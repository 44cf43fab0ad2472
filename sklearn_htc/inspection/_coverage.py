"""Coverage against precision: how much can be automated at which quality."""

from typing import Any, Self

import numpy as np

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.inspection._display import LabelDisplay, axes
from sklearn_htc.inspection._node_scores import probabilities_and_labels
from sklearn_htc.metrics.scorers import node_probabilities

__all__ = ["CoverageDisplay"]


class CoverageDisplay(LabelDisplay):
    """Precision among the most certain documents, against how many these are.

    A document is as certain as its most probable node of a level. If only the documents
    above some probability are labelled automatically, their share of all documents is
    the coverage, and the share of right labels among them is the precision. A document
    without a label on a level has no right one there.

    Parameters
    ----------
    precision : list of ndarray of shape (n_documents,)
        Of the 1, 2, ... most certain documents, on each level.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        One per level.
    ax_, figure_ : matplotlib artists
        What it was drawn on last.
    """

    def __init__(self, precision: list[np.ndarray]) -> None:
        self.precision = precision

    @classmethod
    def from_predictions(  # type: ignore[override]
        cls, y_true: Any, y_proba: Any, hierarchy: Hierarchy, *, ax: Any = None
    ) -> Self:
        """Order documents by their certainty, and draw.

        Parameters
        ----------
        y_true : array-like, sparse array or sequence
            Labels in every form that the estimators take; closed upward first.
        y_proba : array-like of shape (n_documents, n_nodes)
            Probabilities, as `predict_proba` gives them for indicators.
        hierarchy : Hierarchy
            The label graph.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : CoverageDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If labels are of no accepted form, or there is not one column per node.
        """
        probabilities, true = probabilities_and_labels(y_true, y_proba, hierarchy)
        precision = []
        for level in range(hierarchy.levels.max() + 1):
            own = np.flatnonzero(hierarchy.levels == level)
            best = probabilities[:, own].argmax(axis=1)
            rows = np.arange(len(best))
            certain_first = np.argsort(-probabilities[rows, own[best]], kind="stable")
            is_right = true[rows, own[best]][certain_first]
            precision.append(np.cumsum(is_right) / np.arange(1, len(best) + 1))
        return cls(precision).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw a line per level.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : CoverageDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes(ax)
        self.lines_ = []
        for level, values in enumerate(self.precision):
            coverage = np.arange(1, len(values) + 1) / max(len(values), 1)
            self.lines_ += ax.plot(coverage, values, label=f"level {level}")
        ax.set(xlabel="Coverage", ylabel="Precision", xlim=(0, 1), ylim=(0, 1.03))
        ax.legend(loc="lower left")
        return self._drawn_on(ax)

    @staticmethod
    def _predicted(estimator: Any, X: Any, y: Any) -> Any:
        return node_probabilities(estimator, X)
