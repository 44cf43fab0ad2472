"""How a network's training went: losses and scores, epoch by epoch."""

from typing import Any, Self

import numpy as np

from sklearn_htc.inspection._display import Display, axes
from sklearn_htc.metrics.scorers import classifier_in

__all__ = ["HistoryDisplay"]


class HistoryDisplay(Display):
    """Losses and scores over the epochs of a network.

    Parameters
    ----------
    values : dict of str to ndarray of shape (n_epochs,)
        By the names in `history_`: "train_loss", "valid_f1_micro" and the like.

    Attributes
    ----------
    lines_ : dict of str to matplotlib.lines.Line2D
        One per name.
    ax_, figure_ : matplotlib artists
        What it was drawn on last; scores have an axis of their own, to the right.
    """

    def __init__(self, values: dict[str, np.ndarray]) -> None:
        self.values = values

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Read the history of a fitted estimator, and draw.

        Parameters
        ----------
        estimator : HTCInfoMaxClassifier, HiAGMClassifier or Pipeline
            Fitted, with a network.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : HistoryDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is not an estimator of this package.
        ValueError
            If no network was trained.
        """
        classifier = classifier_in(estimator)
        if not hasattr(classifier, "history_"):
            raise ValueError(
                f"{type(classifier).__name__} trains no network, so it has no history. "
                "HTCInfoMaxClassifier and HiAGMClassifier have one."
            )
        epochs = list(classifier.history_)
        # An epoch that was interrupted has fewer of them than others.
        names = dict.fromkeys(
            name
            for epoch in epochs
            for name in epoch
            if name.startswith(("train_", "valid_"))
            and not name.endswith(("_best", "_count"))
        )
        if not names:
            raise ValueError(
                "No network was trained, so there is no history: deep_path='auto' "
                "trains one from about 500 documents on."
            )
        values = {
            name: np.array([epoch.get(name, np.nan) for epoch in epochs])
            for name in names
        }
        return cls(values).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw a line per loss and per score.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : HistoryDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes(ax)
        scores = [name for name in self.values if not name.endswith("loss")]
        right = ax.twinx() if scores else ax
        self.lines_ = {}
        for i, (name, values) in enumerate(self.values.items()):
            side = right if name in scores else ax
            (self.lines_[name],) = side.plot(
                np.arange(1, len(values) + 1), values, f"C{i}", marker="o", label=name
            )
        ax.set(xlabel="Epoch", ylabel="Loss")
        if scores:
            right.set(ylabel="F1", ylim=(0, 1))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend(handles=list(self.lines_.values()))
        return self._drawn_on(ax)
