"""An early end of a training that will not pay."""

from collections.abc import Callable
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback

from sklearn_htc.training.callbacks.schedule import Progress

__all__ = ["EndUnlessUseful"]


class EndUnlessUseful(Callback):
    """Ask after each epoch, or once, whether a network is of use; end training if not.

    The history then has the answer as `is_useful`.

    Parameters
    ----------
    is_useful : callable
        Takes nothing, and returns a bool.
    progress : Progress
        Ends the training.
    share : float, default=None
        Share of the training after which to ask, once; None asks after each epoch.
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
        if len(net.history) >= net.max_epochs or self.progress.is_over:
            return
        if self.share is not None:
            # The history tells it of a training that goes on after a kill, too.
            was_asked = any("is_useful" in epoch for epoch in net.history)
            if was_asked or self.progress.fraction < self.share:
                return
        is_useful = self.is_useful()
        net.history.record("is_useful", is_useful)
        if not is_useful:
            self.progress.end()
