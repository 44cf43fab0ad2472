"""An early end of a training that will not pay."""

from collections.abc import Callable
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback

from sklearn_htc.training.callbacks.schedule import Progress

__all__ = ["EndUnlessUseful"]


class EndUnlessUseful(Callback):
    """Ask after each epoch whether the network is of use, and end training if not.

    Then the last epoch has `is_useful` in the history, which is False.

    Parameters
    ----------
    is_useful : callable
        Takes nothing, and returns a bool.
    progress : Progress
        Ends the training.
    """

    def __init__(self, is_useful: Callable[[], bool], progress: Progress) -> None:
        self.is_useful = is_useful
        self.progress = progress

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Decide; the last epoch ends the training anyway."""
        if len(net.history) < net.max_epochs and not self.is_useful():
            net.history.record("is_useful", False)
            self.progress.end()
