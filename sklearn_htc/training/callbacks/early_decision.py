"""An early end of a training that will not pay."""

import math
from collections.abc import Callable
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback

from sklearn_htc.training.callbacks.schedule import Progress

__all__ = ["EndUnlessUseful"]


class EndUnlessUseful(Callback):
    """Ask after epochs whether the network is of use, and end training if not.

    Then the last epoch has `is_useful` in the history, which is False.

    Parameters
    ----------
    is_useful : callable
        Takes nothing, and returns a bool.
    progress : Progress
        Ends the training.
    share : float, default=None
        It is asked once, after this share of the epochs; None asks after each.
    """

    def __init__(
        self,
        is_useful: Callable[[], bool],
        progress: Progress,
        share: float | None = None,
    ) -> None:
        self.is_useful = is_useful
        self.progress = progress
        self.share = share

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Decide; the last epoch ends the training anyway."""
        n_done, n_epochs = len(net.history), net.max_epochs
        is_due = self.share is None or n_done == math.ceil(self.share * n_epochs)
        if is_due and n_done < n_epochs and not self.is_useful():
            net.history.record("is_useful", False)
            self.progress.end()
