"""A progress bar over a whole training."""

from time import perf_counter
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback
from tqdm.auto import tqdm

from sklearn_htc.training.callbacks.schedule import Progress

__all__ = ["ProgressBar"]

BAR_FORMAT = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}"


class ProgressBar(Callback):
    """One bar over a whole training, with the loss and the time that remains.

    Parameters
    ----------
    progress : Progress
        What the bar shows, so that a time budget is part of the time that remains.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Show an empty bar."""
        self.moved_ = perf_counter()
        self.bar_ = tqdm(total=100, unit="%", bar_format=BAR_FORMAT, leave=False)

    def on_batch_end(self, net: NeuralNet, loss: Any = None, **kwargs: Any) -> None:
        """Move the bar, unless it was moved just now: reading the loss takes time."""
        if perf_counter() - self.moved_ < 0.2:
            return
        self.moved_ = perf_counter()
        self.bar_.n = 100 * self.progress.fraction
        epoch = f"{len(net.history)}/{net.max_epochs}"
        self.bar_.set_postfix(epoch=epoch, loss=f"{loss.item():.3g}")

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Take the bar away."""
        self.bar_.close()
