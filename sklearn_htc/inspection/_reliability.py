"""Reliability: how often labels of a probability are true, level by level."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.utils import check_scalar

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.inspection._display import LabelDisplay, axes
from sklearn_htc.inspection._node_scores import probabilities_and_labels
from sklearn_htc.metrics.scorers import node_probabilities

__all__ = ["ReliabilityDisplay"]


class ReliabilityDisplay(LabelDisplay):
    """A reliability curve per level: the nearer to the diagonal, the better calibrated.

    Parameters
    ----------
    curves : list of (ndarray, ndarray), length n_levels
        Mean probability, and share of true labels, of the pairs of document and label
        in each bin that has any.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        One per level.
    ax_, figure_ : matplotlib artists
        What it was drawn on last.
    """

    def __init__(self, curves: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self.curves = curves

    @classmethod
    def from_predictions(  # type: ignore[override]
        cls,
        y_true: Any,
        y_proba: Any,
        hierarchy: Hierarchy,
        *,
        n_bins: int = 10,
        ax: Any = None,
    ) -> Self:
        """Compare probabilities with shares, and draw.

        Parameters
        ----------
        y_true : array-like, sparse array or sequence
            Labels in every form that the estimators take; closed upward first.
        y_proba : array-like of shape (n_documents, n_nodes)
            Probabilities, as `predict_proba` gives them for indicators.
        hierarchy : Hierarchy
            The label graph.
        n_bins : int, default=10
            Bins of equal width.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ReliabilityDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If labels are of no accepted form, or there is not one column per node.
        """
        check_scalar(n_bins, "n_bins", Integral, min_val=1)
        probabilities, true = probabilities_and_labels(y_true, y_proba, hierarchy)
        curves = []
        for level in range(hierarchy.levels.max() + 1):
            own = hierarchy.levels == level
            pairs = true[:, own].ravel(), probabilities[:, own].ravel()
            share, mean = calibration_curve(*pairs, pos_label=1, n_bins=n_bins)
            curves.append((mean, share))
        return cls(curves).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw a line per level, and the diagonal.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ReliabilityDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes(ax)
        ax.plot([0, 1], [0, 1], color="grey", linestyle=":", label="calibrated")
        self.lines_ = [
            ax.plot(p, share, marker="o", markersize=4, label=f"level {level}")[0]
            for level, (p, share) in enumerate(self.curves)
        ]
        ax.set(xlabel="Mean probability", ylabel="Share of true labels", aspect="equal")
        ax.legend(loc="upper left")
        return self._drawn_on(ax)

    @staticmethod
    def _predicted(estimator: Any, X: Any, y: Any) -> Any:
        return node_probabilities(estimator, X)
