"""The skorch net: bucketed batches, mixed precision, callbacks, batched prediction."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.metrics import f1_score
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping
from skorch.helper import predefined_split
from skorch.utils import to_device
from torch import Tensor
from torch.utils.data import DataLoader

from sklearn_htc.batching import BucketSampler, DocumentDataset, Documents
from sklearn_htc.decoding import Decoder
from sklearn_htc.network.model import ModelOutput

__all__ = [
    "HTCNet",
    "ValidationF1",
    "WarmupThenDecay",
    "resolve_device",
    "stopped_by_user",
]


class HTCNet(NeuralNet):
    """A skorch net whose batches are buckets of documents of similar length.

    Parameters
    ----------
    module : callable
        Makes the model.
    criterion : callable
        Makes the objective.
    mixed_precision : bool, default=False
        Whether the forward pass runs in bfloat16.
    **kwargs
        As `skorch.NeuralNet` takes them.
    """

    def __init__(
        self,
        module: Any,
        criterion: Any,
        *,
        mixed_precision: bool = False,
        **kwargs: Any,
    ) -> None:
        self.mixed_precision = mixed_precision
        super().__init__(module, criterion, train_split=None, **kwargs)

    def get_iterator(self, dataset: Any, training: bool = False) -> DataLoader:
        """Return the batches of one pass over a dataset.

        Parameters
        ----------
        dataset : DocumentDataset
            Its `__getitems__` makes a whole batch, so there is nothing to collate.
        training : bool, default=False
            Whether to shuffle.

        Returns
        -------
        iterator : DataLoader
            Gives (batch, (target, sample_weight)).
        """
        return DataLoader(
            dataset,
            batch_sampler=BucketSampler(
                dataset.lengths, self.batch_size, shuffle=training
            ),
            collate_fn=_identity,
        )

    def fit_on(
        self,
        train: DocumentDataset,
        valid: DocumentDataset | None,
        epochs: int,
        callbacks: list[Any],
    ) -> None:
        """Train for some epochs; Ctrl-C ends them early and raises nothing.

        Parameters
        ----------
        train : DocumentDataset
            What to learn from.
        valid : DocumentDataset or None
            What to score after each epoch.
        epochs : int
            Passes over `train`.
        callbacks : list of skorch callbacks, or of (name, callback)
            Those of this training alone, besides skorch's default ones.
        """
        self.callbacks = callbacks
        self.initialize_callbacks()
        self.train_split = None if valid is None else predefined_split(valid)
        self.partial_fit(train, epochs=epochs)

    def infer(self, x: dict[str, Tensor], **fit_params: Any) -> ModelOutput:
        """Run the model on a batch.

        Parameters
        ----------
        x : dict of Tensors with B rows
            What the text encoder takes.
        **fit_params
            Passed on to the model.

        Returns
        -------
        output : ModelOutput
            Logits (B, N), in full precision, and what the losses need besides.
        """
        with self._autocast():
            output = super().infer(x, **fit_params)
        if self.mixed_precision:
            output = ModelOutput(*(_full_precision(value) for value in output))
        return output

    def iter_logits(self, documents: Documents) -> Iterator[tuple[np.ndarray, Any]]:
        """Score documents batch by batch, in order of length.

        Parameters
        ----------
        documents : Documents
            Any number of documents.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents.
        logits : ndarray of shape (B, N), float32
            Log-odds of every label.
        """
        with torch.inference_mode():
            self.module_.eval()
            labels = self.module_.encode_labels()
            for rows, batch in self._batches(documents):
                logits = self.infer(batch, labels=labels).logits
                yield rows, logits.float().cpu().numpy()

    def iter_representations(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Represent documents batch by batch, in order of length.

        Parameters
        ----------
        documents : Documents
            Any number of documents.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents.
        representations : ndarray of shape (B, d), float32
            Mean text features.
        """
        with torch.inference_mode():
            self.module_.eval()
            for rows, batch in self._batches(documents):
                with self._autocast():
                    mean = self.module_.represent(**to_device(batch, self.device))
                yield rows, mean.float().cpu().numpy()

    def label_representations(self) -> np.ndarray:
        """Compute the refined label representations.

        Returns
        -------
        labels : ndarray of shape (N, d), float32
            What the structure encoder makes of the label embeddings.
        """
        with torch.inference_mode():
            self.module_.eval()
            return self.module_.encode_labels().float().cpu().numpy().copy()

    def _batches(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, dict[str, Tensor]]]:
        sampler = BucketSampler(documents.lengths, self.batch_size, shuffle=False)
        for indices in sampler:
            rows = np.asarray(indices)
            yield rows, documents.batch(rows)

    def _autocast(self) -> AbstractContextManager:
        return torch.autocast(
            torch.device(self.device).type,
            dtype=torch.bfloat16,
            enabled=self.mixed_precision,
        )


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
        """Forget the last epoch's predictions."""
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
        self.expected_.append(sparse.csr_array(target.numpy().astype(np.int64)))
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


class WarmupThenDecay(Callback):
    """Raise the learning rate over the first tenth of the steps, then lower it to 0.

    Warm-up keeps the first, large gradients of random weights in check; the decay lets
    the last epochs average over batches, which is worth more than stopping early.
    """

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
        """Set the learning rate of the step to come."""
        if not training:
            return
        self.step_ += 1
        progress = self.step_ / (self.n_steps_ + 1)
        factor = min(progress / 0.1, (1 - progress) / 0.9)
        for group in net.optimizer_.param_groups:
            group["lr"] = net.lr * factor


def stopped_by_user(net: NeuralNet, done: int, n_epochs: int) -> bool:
    """Say whether the last training ended before its time, by no rule of its own.

    Parameters
    ----------
    net : NeuralNet
        After training.
    done : int
        How many epochs it had in its history before.
    n_epochs : int
        How many epochs it was to train.

    Returns
    -------
    interrupted : bool
        False where all epochs ran, or early stopping ended the training.
    """
    complete = sum("train_batch_count" in epoch for epoch in net.history[done:])
    early = any(
        isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience
        for _, callback in net.callbacks_
    )
    return complete < n_epochs and not early


def resolve_device(device: str) -> str:
    """Turn "auto" into a device, and refuse one that is not there.

    Parameters
    ----------
    device : str
        "auto" (a CUDA device if there is one, else the CPU), or as torch names it.

    Returns
    -------
    device : str
        As torch names it.

    Raises
    ------
    ValueError
        If torch does not know the device, or can't use it here.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={device!r} can't be used here: {error} Use device='auto' or 'cpu'."
        ) from error
    return device


def _identity(batch: Any) -> Any:
    return batch


def _full_precision(value: Tensor) -> Tensor:
    return value.float() if value.dtype == torch.bfloat16 else value
