"""How far a training is, the learning rate that goes with it, and an end in time."""

from time import perf_counter
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback

__all__ = ["Progress", "StopWhenOver", "WarmupThenDecay"]


class Progress(Callback):
    """How far a training is: in steps, or in time where that is further.

    Parameters
    ----------
    time_budget : float or None
        Seconds that the training may take, counted from now.
    """

    def __init__(self, time_budget: float | None) -> None:
        self.time_budget = time_budget
        self.started = perf_counter()
        self.is_ended = False

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Start anew: a warm start runs through the whole schedule again."""
        self.step_ = 0

    def on_epoch_begin(
        self, net: NeuralNet, dataset_train: Any = None, **kwargs: Any
    ) -> None:
        """Count the steps of the whole training."""
        self.n_steps_ = net.max_epochs * -(-len(dataset_train) // net.batch_size)

    def on_batch_begin(
        self, net: NeuralNet, training: bool | None = None, **kwargs: Any
    ) -> None:
        """Count a step."""
        self.step_ += bool(training)

    @property
    def fraction(self) -> float:
        """Share of the training that is over with the step at hand, in [0, 1]."""
        return min(1.0, max(self.step_ / self.n_steps_, self._time_fraction))

    def reserve(self, seconds: float) -> None:
        """Leave time for what is to follow the training.

        Parameters
        ----------
        seconds : float
            What to take off the time budget, if there is one.
        """
        if self.time_budget is not None:
            self.time_budget = max(self.time_budget - seconds, 1e-9)

    def count_from(self, seconds: float) -> None:
        """Count time that a former process has spent.

        Parameters
        ----------
        seconds : float
            How much; where more has been spent since, that counts.
        """
        self.started = min(self.started, perf_counter() - seconds)

    def end(self) -> None:
        """Let the training end after the epoch at hand."""
        self.is_ended = True

    @property
    def is_out_of_time(self) -> bool:
        """Whether the time budget is spent."""
        return self._time_fraction >= 1

    @property
    def is_over(self) -> bool:
        """Whether no epoch is to follow."""
        return self.is_ended or self.is_out_of_time

    @property
    def _time_fraction(self) -> float:
        if self.time_budget is None:
            return 0.0
        return (perf_counter() - self.started) / self.time_budget


class WarmupThenDecay(Callback):
    """Raise the learning rate over the first tenth of a training, then lower it to 0.

    Warm-up keeps the first, large gradients of random weights in check; the decay lets
    the last epochs average over batches, which is worth more than stopping early. With
    a time budget the decay ends with the budget, so that the last model is the best.

    Parameters
    ----------
    progress : Progress
        Runs before this callback.
    peak : float, default=1.0
        Share of the largest learning rates that is reached.
    """

    def __init__(self, progress: Progress, *, peak: float = 1.0) -> None:
        self.progress = progress
        self.peak = peak

    def on_batch_begin(
        self, net: NeuralNet, training: bool | None = None, **kwargs: Any
    ) -> None:
        """Set the learning rate of the step to come."""
        if not training:
            return
        # Neither the first nor the last step is one of rate 0.
        fraction = self.progress.fraction * (1 - 1 / (self.progress.n_steps_ + 1))
        factor = self.peak * min(fraction / 0.1, (1 - fraction) / 0.9)
        for group in net.optimizer_.param_groups:
            # A pretrained encoder has a rate of its own.
            group["lr"] = group.get("largest_lr", net.lr) * factor


class StopWhenOver(Callback):
    """End a training: within an epoch when the time budget is spent, or after one.

    Parameters
    ----------
    progress : Progress
        Knows when it is over.

    Attributes
    ----------
    has_ended : bool
        Whether it was this that ended the training.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.has_ended = False

    def on_batch_end(
        self, net: NeuralNet, training: bool | None = None, **kwargs: Any
    ) -> None:
        """Ask for no further batch of this epoch; it is still scored."""
        if training and self.progress.is_out_of_time:
            net.end_epoch()

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """End training, as skorch's early stopping does it."""
        if net.agree(self.progress.is_over):
            self.has_ended = True
            raise KeyboardInterrupt
