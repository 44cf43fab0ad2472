"""What happens around steps and epochs: schedule, clipping, held-out F1, an end."""

from time import perf_counter
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics import f1_score
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping
from torch.nn.utils import get_total_norm
from tqdm.auto import tqdm

from sklearn_htc.decoding import Decoder

__all__ = [
    "ClipGradientNorm",
    "Progress",
    "ProgressBar",
    "StopOutOfTime",
    "ValidationF1",
    "WarmupThenDecay",
    "early_stopping",
]

BAR_FORMAT = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}"


def early_stopping(
    decoder: Decoder, *, scoring: str, patience: int
) -> list[tuple[str, Callback]]:
    """Make the callbacks that watch a score and restore the best weights.

    Parameters
    ----------
    decoder : Decoder
        As prediction will use it.
    scoring : {"f1_micro", "f1_macro", "loss"}
        What to watch on the validation documents.
    patience : int
        Epochs without improvement before training stops.

    Returns
    -------
    callbacks : list of (name, callback)
        In the order in which they have to run.
    """
    stopping = EarlyStopping(
        monitor=f"valid_{scoring}",
        patience=patience,
        lower_is_better=scoring == "loss",
        load_best=True,
    )
    if scoring == "loss":
        return [("early_stopping", stopping)]
    score = ValidationF1(decoder, scoring.removeprefix("f1_"))
    return [("valid_f1", score), ("early_stopping", stopping)]


class ValidationF1(Callback):
    """Decode the validation documents after each epoch and record their F1.

    Parameters
    ----------
    decoder : Decoder
        As prediction will use it.
    average : {"micro", "macro"}
        Over labels.
    """

    def __init__(self, decoder: Decoder, average: str) -> None:
        self.decoder = decoder
        self.average = average

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Start with no predictions."""
        self.expected_: list[sparse.csr_array] = []
        self.predicted_: list[sparse.csr_array] = []

    def on_batch_end(
        self,
        net: NeuralNet,
        batch: Any = None,
        training: bool | None = None,
        y_pred: Any = None,
        **kwargs: Any,
    ) -> None:
        """Keep what was predicted for a validation batch."""
        if training:
            return
        target, _ = batch[1]
        self.expected_.append(sparse.csr_array(target.cpu().numpy().astype(np.int64)))
        logits = y_pred.logits.float().cpu().numpy()
        self.predicted_.append(self.decoder.decide(logits))

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Score the epoch."""
        score = f1_score(
            sparse.vstack(self.expected_, format="csr"),
            sparse.vstack(self.predicted_, format="csr"),
            average=self.average,
            zero_division=0,
        )
        net.history.record(f"valid_f1_{self.average}", float(score))
        self.expected_, self.predicted_ = [], []


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

    @property
    def is_out_of_time(self) -> bool:
        """Whether the time budget is spent."""
        return self._time_fraction >= 1

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
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_batch_begin(
        self, net: NeuralNet, training: bool | None = None, **kwargs: Any
    ) -> None:
        """Set the learning rate of the step to come."""
        if not training:
            return
        # Neither the first nor the last step is one of rate 0.
        fraction = self.progress.fraction * (1 - 1 / (self.progress.n_steps_ + 1))
        factor = min(fraction / 0.1, (1 - fraction) / 0.9)
        for group in net.optimizer_.param_groups:
            group["lr"] = net.lr * factor


class StopOutOfTime(Callback):
    """End a training within an epoch, when the time budget is spent.

    Parameters
    ----------
    progress : Progress
        Knows the budget.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_batch_end(
        self, net: NeuralNet, training: bool | None = None, **kwargs: Any
    ) -> None:
        """Ask for no further batch of this epoch; it is still scored."""
        if training and self.progress.is_out_of_time:
            net.end_epoch()

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """End training, as skorch's early stopping does it."""
        if self.progress.is_out_of_time:
            raise KeyboardInterrupt


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


class ClipGradientNorm(Callback):
    """Scale each step's gradient down to a largest norm; sparse gradients too.

    Parameters
    ----------
    max_norm : float
        Largest norm of all gradients together.
    """

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm

    def on_grad_computed(
        self, net: NeuralNet, named_parameters: Any = None, **kwargs: Any
    ) -> None:
        """Scale the gradients, without asking the device for their norm."""
        gradients = []
        for _, weight in named_parameters:
            if weight.grad is None:
                continue
            if weight.grad.is_sparse:
                weight.grad = weight.grad.coalesce()
                gradients.append(weight.grad.values())
            else:
                gradients.append(weight.grad)
        norm = get_total_norm(gradients)
        factor = (self.max_norm / (norm + 1e-6)).clamp(max=1)
        for gradient in gradients:
            gradient.mul_(factor)
