"""F1 by level, and F1 by how many training documents a label had."""

from typing import Any, Self

import numpy as np

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.inspection._display import LabelDisplay, axes
from sklearn_htc.inspection._node_scores import node_scores
from sklearn_htc.metrics import micro_macro_f1
from sklearn_htc.metrics.forms import with_unknown_paths

__all__ = ["LevelF1Display", "SupportF1Display"]


class LevelF1Display(LabelDisplay):
    """Micro- and macro-F1 of the nodes of each level.

    Parameters
    ----------
    micro, macro : ndarray of shape (n_levels,)
        Of each level; NaN where no node of it occurs.

    Attributes
    ----------
    bars_ : list of two matplotlib.container.BarContainer
        Of micro-F1, and of macro-F1.
    ax_, figure_ : matplotlib artists
        What it was drawn on last.

    See Also
    --------
    SupportF1Display : By number of training documents.
    """

    def __init__(self, micro: np.ndarray, macro: np.ndarray) -> None:
        self.micro = micro
        self.macro = macro

    @classmethod
    def from_predictions(  # type: ignore[override]
        cls, y_true: Any, y_pred: Any, hierarchy: Hierarchy, *, ax: Any = None
    ) -> Self:
        """Score predictions, and draw.

        Parameters
        ----------
        y_true, y_pred : array-like, sparse array or sequence
            Labels in every form that the estimators take; closed upward first.
        hierarchy : Hierarchy
            The label graph.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LevelF1Display
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If labels are of no accepted form.
        """
        true, pred, wider = with_unknown_paths(y_true, y_pred, hierarchy)
        true, pred = (wider.close(Y) for Y in (true, pred))
        n_levels = wider.levels.max() + 1
        pairs = []
        for level in range(n_levels):
            own = np.flatnonzero(wider.levels == level)
            occurs = true[:, own].nnz + pred[:, own].nnz > 0
            pairs.append(
                micro_macro_f1(true[:, own], pred[:, own])
                if occurs
                else (np.nan, np.nan)
            )
        micro, macro = np.array(pairs).T
        return cls(micro, macro).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw two bars per level.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LevelF1Display
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes(ax)
        levels = np.arange(len(self.micro))
        self.bars_ = [
            ax.bar(levels + shift, values, width=0.38, label=name)
            for shift, values, name in (
                (-0.2, self.micro, "micro-F1"),
                (0.2, self.macro, "macro-F1"),
            )
        ]
        for bars in self.bars_:
            ax.bar_label(bars, fmt="%.2f")
        ax.set(xlabel="Level", ylabel="F1", xticks=levels, ylim=(0, 1.08))
        ax.legend(loc="lower left")
        return self._drawn_on(ax)


class SupportF1Display(LabelDisplay):
    """F1 of each node, by its number of documents.

    Parameters
    ----------
    support : int ndarray of shape (n_nodes,)
        Documents of each node.
    f1 : ndarray of shape (n_nodes,)
        Of each node; NaN where it does not occur.

    Attributes
    ----------
    points_ : matplotlib.collections.PathCollection
        One point per node.
    line_ : matplotlib.lines.Line2D
        Mean F1 of nodes with 1, 2 to 3, 4 to 7, ... documents.
    ax_, figure_ : matplotlib artists
        What it was drawn on last.

    See Also
    --------
    LevelF1Display : By level.
    """

    def __init__(self, support: np.ndarray, f1: np.ndarray) -> None:
        self.support = support
        self.f1 = f1

    @classmethod
    def from_predictions(  # type: ignore[override]
        cls,
        y_true: Any,
        y_pred: Any,
        hierarchy: Hierarchy,
        *,
        support: np.ndarray | None = None,
        ax: Any = None,
    ) -> Self:
        """Score predictions, and draw.

        Parameters
        ----------
        y_true, y_pred : array-like, sparse array or sequence
            Labels in every form that the estimators take; closed upward first.
        hierarchy : Hierarchy
            The label graph.
        support : array-like of shape (n_nodes,), default=None
            Number of training documents of each node; by default the documents of
            `y_true` are counted.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SupportF1Display
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If labels are of no accepted form, or there is not one number per node.
        """
        scores = node_scores(y_true, y_pred, hierarchy)
        counts = scores.support if support is None else np.asarray(support)
        if counts.shape != (len(hierarchy),):
            raise ValueError(
                f"support has shape {counts.shape}, but the hierarchy has "
                f"{len(hierarchy)} nodes: one number per node is needed."
            )
        return cls(counts, scores.f1).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw a point per node, and the mean over nodes of a similar number.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SupportF1Display
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes(ax)
        shown = ~np.isnan(self.f1) & (self.support > 0)
        support, f1 = self.support[shown], self.f1[shown]
        self.points_ = ax.scatter(support, f1, s=12, alpha=0.4, label="a label")
        octave = np.floor(np.log2(support)).astype(int)
        octaves = np.unique(octave)
        means = [f1[octave == each].mean() for each in octaves]
        (self.line_,) = ax.plot(
            2.0 ** (octaves + 0.5), means, color="C1", marker="o", label="mean"
        )
        ax.set(xscale="log", xlabel="Documents", ylabel="F1", ylim=(-0.03, 1.03))
        ax.legend(loc="lower right")
        return self._drawn_on(ax)
