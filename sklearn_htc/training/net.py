"""The skorch net: bucketed batches, mixed precision, batched prediction."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from skorch.helper import predefined_split
from skorch.utils import to_device
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from sklearn_htc.data.documents import EncoderInput
from sklearn_htc.network.hierarchical_model import ModelOutput
from sklearn_htc.network.randomness import generator_on
from sklearn_htc.training.batches import BucketSampler, DeviceLoader, DocumentDataset
from sklearn_htc.training.callbacks.schedule import StopWhenOver
from sklearn_htc.training.processes import Processes

__all__ = ["HTCNet", "stopped_by_user"]

T = TypeVar("T")

# Logits, or text features, of a batch of predictions: 64 MiB of float32.
PREDICTION_ELEMENTS = 2**24
PREDICTION_DOCUMENTS = 1024
# Seconds after which a prediction is long enough for a progress bar.
BAR_DELAY = 1


class HTCNet(NeuralNet):
    """A skorch net whose batches are buckets of documents of similar length.

    Parameters
    ----------
    module : callable
        Makes the model.
    criterion : callable
        Makes the objective.
    mixed_precision : bool or "training", default=False
        Whether forward passes run in bfloat16, or those of training do.
    progress_bar : bool, default=False
        Whether long predictions show a bar.
    encoder_lr : float, default=2e-4
        Largest learning rate of a pretrained encoder.
    layer_decay : float, default=1.0
        What that is multiplied by from each of its layers to the one below.
    gradient_accumulation : int, default=1
        Number of pieces in which a batch of sequences is learned from.
    **kwargs
        As `skorch.NeuralNet` takes them.
    """

    def __init__(
        self,
        module: Any,
        criterion: Any,
        *,
        mixed_precision: bool | str = False,
        progress_bar: bool = False,
        encoder_lr: float = 2e-4,
        layer_decay: float = 1.0,
        gradient_accumulation: int = 1,
        **kwargs: Any,
    ) -> None:
        self.encoder_lr = encoder_lr
        self.layer_decay = layer_decay
        self.gradient_accumulation = gradient_accumulation
        self.mixed_precision = mixed_precision
        self.progress_bar = progress_bar
        self.processes_: Processes | None = None
        super().__init__(module, criterion, train_split=None, **kwargs)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return the batches of one pass over a dataset.

        Parameters
        ----------
        dataset : DocumentDataset
            Its `__getitems__` makes a whole batch, so there is nothing to collate.
        training : bool, default=False
            Whether to shuffle.

        Returns
        -------
        iterator : iterable
            Gives (batch, (target, sample_weight)), on a GPU made ahead and copied.
        """
        size = self.batch_size if training else self._prediction_batch_size(dataset)
        # Of this thread; on a GPU batches are made in another one.
        generator = generator_on(torch.device("cpu"))
        processes = self.processes_ if training else None
        if processes is not None and generator is not None:
            # All draw the same batches, whatever each draws besides.
            state = processes.agree(generator.get_state())
            generator = torch.Generator()
            generator.set_state(state)
        sampler = BucketSampler(
            dataset.lengths,
            size,
            shuffle=training,
            generator=generator,
            share=None if processes is None else processes.share,
        )
        batches = DataLoader(
            dataset,
            batch_sampler=sampler,
            collate_fn=_identity,
            generator=generator,
        )
        if torch.device(self.device).type == "cpu":
            return batches
        return DeviceLoader(batches, self.device)

    def run_single_epoch(
        self,
        iterator: Any,
        training: bool,
        prefix: str,
        step_fn: Any,
        **fit_params: Any,
    ) -> None:
        """Run the batches of one pass, until `end_epoch` is called.

        Until the end of the pass the history holds losses as tensors, since reading
        one makes the host wait for the device.

        Parameters
        ----------
        iterator : iterable or None
            Gives batches; None runs none.
        training : bool
            Whether this pass trains.
        prefix : str
            Of the names in the history.
        step_fn : callable
            Takes a batch and returns `loss` and `y_pred`.
        **fit_params
            Passed on to `step_fn`.
        """
        if iterator is None:
            return
        self.epoch_ended_ = False
        name, n_batches = f"{prefix}_loss", 0
        try:
            for batch in iterator:
                self.notify("on_batch_begin", batch=batch, training=training)
                step = step_fn(batch, **fit_params)
                self.history.record_batch(name, step["loss"].detach())
                _, (_, sample_weight) = batch
                self.history.record_batch(f"{prefix}_batch_size", len(sample_weight))
                self.notify("on_batch_end", batch=batch, training=training, **step)
                n_batches += 1
                if self.epoch_ended_:
                    break
        finally:
            # Also after Ctrl-C, as the history is kept and may be written to a file.
            records = [r for r in self.history[-1]["batches"] if name in r]
            losses = torch.stack([r[name] for r in records]).tolist() if records else []
            for record, loss in zip(records, losses, strict=True):
                record[name] = loss
        self.history.record(f"{prefix}_batch_count", n_batches)

    def agree(self, value: T) -> T:
        """Take the main process's value where several train the network.

        Parameters
        ----------
        value : object
            Of this process; it can be pickled.

        Returns
        -------
        value : object
            Of the main process.
        """
        return value if self.processes_ is None else self.processes_.agree(value)

    def end_epoch(self) -> None:
        """Let the pass at hand take no further batch."""
        self.epoch_ended_ = True

    def fit_on(
        self,
        train: DocumentDataset,
        valid: DocumentDataset | None,
        epochs: int,
        callbacks: list[Any],
        processes: Processes | None = None,
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
        processes : Processes, default=None
            Those that train it together; None where it is this one alone.
        """
        self.processes_ = processes
        self.callbacks = callbacks
        self.initialize_callbacks()
        self.train_split = None if valid is None else predefined_split(valid)
        try:
            self.partial_fit(train, epochs=epochs)
        finally:
            # The net outlives the training data and the processes, also in a pickle.
            self.train_split = self.processes_ = None

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute the loss of a batch and its gradients, all at once or piece by piece.

        Where several processes train the network, `batch` is this one's share, and the
        loss and the gradients are averaged over all shares. Negatives of the mutual
        information come from the same share.

        Parameters
        ----------
        batch : tuple
            A dict of Tensors with B rows, and (target, sample_weight).
        **fit_params
            Passed on to the model.

        Returns
        -------
        step : dict
            `loss`, the mean over the batch; and `y_pred`, None where there are several
            pieces.
        """
        if self.gradient_accumulation == 1:
            step: dict[str, Any] = super().train_step_single(batch, **fit_params)
        else:
            step = self._step_in_pieces(batch, **fit_params)
        if self.processes_ is not None:
            _, (_, sample_weight) = batch
            weights = (w for _, w in self.get_all_learnable_params() if w.requires_grad)
            loss = step["loss"].detach()
            step["loss"] = self.processes_.average(weights, loss, len(sample_weight))
        return step

    def _step_in_pieces(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute the loss of a batch and its gradients, piece by piece."""
        inputs, (target, weight) = batch
        n_documents, total = len(weight), 0.0
        size = -(-n_documents // self.gradient_accumulation)
        for start in range(0, n_documents, size):
            rows = slice(start, start + size)
            piece = {name: value[rows] for name, value in inputs.items()}
            labels = target[rows], weight[rows]
            self._set_training(True)
            loss = self.get_loss(
                self.infer(piece, **fit_params), labels, X=piece, training=True
            )
            share = len(labels[1]) / n_documents
            (share * loss).backward()
            total += share * loss.detach()
        return {"loss": total, "y_pred": None}

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
        mixed = self._is_mixed
        with self._autocast():
            output = super().infer(x, **fit_params)
        if mixed:
            output = ModelOutput(*(_full_precision(value) for value in output))
        return output

    def iter_logits(self, documents: EncoderInput) -> Iterator[tuple[np.ndarray, Any]]:
        """Score documents batch by batch, in order of length.

        Parameters
        ----------
        documents : EncoderInput
            Any number of documents.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents.
        logits : ndarray of shape (B, N), float32
            Log-odds of every label.
        """
        self.module_.eval()
        # Not around the whole loop: the caller has its own mode between two batches.
        with torch.inference_mode():
            labels = self.module_.encode_labels()
        for rows, batch in self._batches(documents):
            with torch.inference_mode():
                logits = self.infer(batch, labels=labels).logits
            yield rows, logits.float().cpu().numpy()

    def iter_representations(
        self, documents: EncoderInput
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Represent documents batch by batch, in order of length.

        Parameters
        ----------
        documents : EncoderInput
            Any number of documents.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents.
        representations : ndarray of shape (B, d), float32
            Mean text features.
        """
        self.module_.eval()
        for rows, batch in self._batches(documents):
            with torch.inference_mode(), self._autocast():
                mean = self.module_.represent(**to_device(batch, self.device))
            yield rows, mean.float().cpu().numpy()

    def label_representations(self) -> np.ndarray:
        """Compute the refined label representations.

        Returns
        -------
        labels : ndarray of shape (N, d), float32
            What the structure encoder makes of the label embeddings; of shape (0, d)
            where it reads texts.
        """
        with torch.inference_mode():
            self.module_.eval()
            return self.module_.encode_labels().float().cpu().numpy().copy()

    def _batches(
        self, documents: EncoderInput
    ) -> Iterator[tuple[np.ndarray, dict[str, Tensor]]]:
        """Fetch all documents, with a bar if it takes more than a moment."""
        size = self._prediction_batch_size(documents)
        with tqdm(
            total=len(documents.lengths),
            unit=" documents",
            delay=BAR_DELAY,
            leave=False,
            disable=not self.progress_bar,
        ) as bar:
            for indices in BucketSampler(documents.lengths, size, shuffle=False):
                rows = np.asarray(indices)
                yield rows, documents.batch(rows)
                bar.update(len(rows))

    def _prediction_batch_size(self, documents: EncoderInput | DocumentDataset) -> int:
        """Return how many documents keep the device busy within little memory."""
        width = self.module_.prediction_width(int(documents.lengths.max(initial=1)))
        return int(np.clip(PREDICTION_ELEMENTS // width, 1, PREDICTION_DOCUMENTS))

    @property
    def _is_mixed(self) -> bool:
        """Whether the forward pass at hand runs in bfloat16."""
        if self.mixed_precision == "training":
            return self.module_.training
        return bool(self.mixed_precision)

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(
            torch.device(self.device).type,
            dtype=torch.bfloat16,
            enabled=self._is_mixed,
        )


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
        False where all epochs ran, or early stopping or the time ended the training.
    """
    # skorch notes how long an epoch took at its very end, when it is scored.
    complete = sum("dur" in epoch for epoch in net.history[done:])
    by_rule = any(
        callback.misses_ == callback.patience
        if isinstance(callback, EarlyStopping)
        else isinstance(callback, StopWhenOver) and callback.has_ended
        for _, callback in net.callbacks_
    )
    return complete < n_epochs and not by_rule


def _identity(batch: Any) -> Any:
    return batch


def _full_precision(value: Tensor) -> Tensor:
    return value.float() if value.dtype == torch.bfloat16 else value
