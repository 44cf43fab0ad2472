"""What all displays share: matplotlib, axes, and the way from an estimator."""

from typing import Any, Self

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.metrics.scorers import hierarchy_of

__all__ = ["Display", "LabelDisplay", "axes", "names_of"]


def axes(ax: Any = None, **sizes: Any) -> Any:
    """Return axes to draw on.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None makes a figure.
    **sizes
        Of `matplotlib.pyplot.subplots`.

    Returns
    -------
    ax : matplotlib.axes.Axes
        As given, or new.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Displays need matplotlib: pip install 'sklearn-htc[plots]'."
        ) from error
    return pyplot.subplots(layout="constrained", **sizes)[1]


def names_of(hierarchy: Hierarchy) -> list[str]:
    """Return what to write at each node.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.

    Returns
    -------
    names : list of str, length n_nodes
        Of a node that is named by its path, the last part.
    """
    if hierarchy.is_tree:
        return [str(path[-1]) for path in hierarchy.paths]
    return [str(node) for node in hierarchy.nodes]


class Display:
    """A picture that can be drawn more than once.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        What it was drawn on last.
    figure_ : matplotlib.figure.Figure
        The figure of these.
    """

    ax_: Any
    figure_: Any

    def _drawn_on(self, ax: Any) -> Self:
        self.ax_, self.figure_ = ax, ax.figure
        return self


class LabelDisplay(Display):
    """A display of true and predicted label sets."""

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, ax: Any = None, **parameters: Any
    ) -> Self:
        """Let an estimator predict, and draw.

        Parameters
        ----------
        estimator : estimator
            Fitted, with a `hierarchy_`; or a Pipeline or a search with one inside.
        X : {array-like, sparse array} or sequence of str
            Documents that it has not learned from.
        y : array-like, sparse array or sequence
            Their labels, in every form that the estimators take.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        **parameters
            Those of `from_predictions`.

        Returns
        -------
        display : Display
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If there is no hierarchy.
        ValueError
            If X or y is of no accepted form.
        """
        hierarchy, predicted = hierarchy_of(estimator), cls._predicted(estimator, X, y)
        return cls.from_predictions(y, predicted, hierarchy, ax=ax, **parameters)

    @classmethod
    def from_predictions(
        cls, y_true: Any, y_pred: Any, hierarchy: Hierarchy, **parameters: Any
    ) -> Self:
        """Draw predictions; subclasses say of what form."""
        raise NotImplementedError

    @staticmethod
    def _predicted(estimator: Any, X: Any, y: Any) -> Any:
        return estimator.predict(X)
