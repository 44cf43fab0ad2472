"""What the user says about the network, and about its training, as one object each."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

import numpy as np
from skorch.callbacks import Callback
from torch.optim import Optimizer

from sklearn_htc.data.input_form import DocumentForm
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.labels import short_repr
from sklearn_htc.pretrained import load_configuration
from sklearn_htc.training.devices import has_fast_bfloat16, resolve_device
from sklearn_htc.training.processes import Processes

__all__ = ["NetworkSettings", "TrainingSettings"]

T = TypeVar("T")


@dataclass(frozen=True)
class NetworkSettings:
    """What the network is; all fields are parameters of `HTCInfoMaxClassifier`.

    `variant` is that of `HiAGMClassifier`. After `resolve` no field is "auto".
    """

    variant: str
    text_encoder: str
    structure_encoder: str | None
    head: str
    mutual_information: bool
    label_prior: str | None
    prior_matching: str
    mutual_information_weight: float
    label_prior_weight: float
    recursive_regularization: float
    loss: str
    loss_reduction: str
    dimension: int | str
    embedding_size: int
    embedding_weights: Any
    embedding_dropout: float
    text_dropout: float
    node_dropout: float
    classifier_dropout: float
    pretrained: str | None
    freeze_word_embeddings: bool
    gradient_checkpointing: bool
    lora: Any
    # Of the pretrained encoder, if there is one.
    configuration: dict[str, Any] | None

    @classmethod
    def of(cls, parameters: Mapping[str, Any], **fixed: Any) -> Self:
        """Pick the fields out of an estimator's parameters.

        Parameters
        ----------
        parameters : mapping of str to value
            An estimator's `get_params(deep=False)`.
        **fixed
            Fields that are no parameters of this estimator.

        Returns
        -------
        settings : NetworkSettings
            Not resolved.

        Raises
        ------
        ImportError, ValueError
            If there is no pretrained encoder where one is asked for.
        """
        configuration = None
        if parameters["text_encoder"] == "transformer":
            configuration = load_configuration(parameters["pretrained"])
        return cls(**_picked(cls, parameters, {"configuration": configuration} | fixed))

    @property
    def size(self) -> int:
        """Size d of text features and label representations."""
        if self.dimension != "auto":
            return int(self.dimension)
        return 128 if self.configuration is None else self.configuration["hidden_size"]

    def resolve(
        self, form: DocumentForm, path_nodes: np.ndarray, *, single_path: bool
    ) -> Self:
        """Settle what depends on the data; refuse what contradicts them or itself.

        Parameters
        ----------
        form : DocumentForm
            Of the training documents.
        path_nodes : int ndarray
            The paths of the training documents; empty where one has none or several.
        single_path : bool
            Whether one path is predicted. A threshold needs probabilities of nodes,
            which the loss of whole paths does not teach.

        Returns
        -------
        settings : NetworkSettings
            With the text encoder, the loss, and embeddings of a checked shape.

        Raises
        ------
        ValueError
            If settings contradict each other or the training data.
        """
        one_path = len(path_nodes) > 0
        loss = self.loss
        if loss == "auto":
            loss = "path" if one_path and single_path else "zlpr"
        if loss == "path" and not one_path:
            raise ValueError(
                "loss='path' needs exactly one path per document, but a training row "
                "has none or several. Use loss='zlpr' or 'binary_cross_entropy'."
            )
        if self.variant == "tp" and self.structure_encoder is None:
            raise ValueError(
                "variant='tp' needs a structure encoder, which is what propagates "
                "text. Use structure_encoder='gcn' or 'treelstm'."
            )
        if self.variant == "tp" and self.head == "mean_pooling":
            raise ValueError(
                "variant='tp' with head='mean_pooling': text propagation gives every "
                "label a text of its own. Use head='labelwise'."
            )
        halves = self.structure_encoder == "treelstm"
        if self.size % 2 and (halves or form.text_encoder == "bigru"):
            raise ValueError(
                f"dimension={self.size} must be even: two directions share it."
            )
        # torch's recurrent layers take no integers of numpy.
        size = int(self.embedding_size)
        weights = self.embedding_weights
        if weights is not None:
            weights = self._checked_embeddings(weights, form)
            size = weights.shape[1]
        return replace(
            self,
            text_encoder=form.text_encoder,
            dimension=self.size,
            loss=loss,
            embedding_size=size,
            embedding_weights=weights,
        )

    def _checked_embeddings(self, weights: Any, form: DocumentForm) -> np.ndarray:
        """Return pretrained embeddings as float32, if they fit the embedding layer."""
        weights = np.asarray(weights, dtype=np.float64)
        if form.text_encoder == "bag":
            shape = (form.width, self.size)
            rows = "one row per column of X, and `dimension` columns"
        elif form.text_encoder in ("bigru", "rcnn"):
            size = weights.shape[1] if weights.ndim == 2 else self.embedding_size
            shape = ((form.n_tokens or 0) + 1, size)
            rows = "one row per token id, 0 included"
        else:
            raise ValueError(
                "embedding_weights need an encoder with an embedding layer: 'bag', "
                f"'bigru' or 'rcnn', not {form.text_encoder!r}."
            )
        if weights.shape != shape:
            raise ValueError(
                f"embedding_weights has shape {weights.shape}, but {shape} is needed: "
                f"{rows}."
            )
        with np.errstate(over="ignore"):
            single = weights.astype(np.float32)
        if np.isinf(single).any():
            row = int(np.flatnonzero(np.isinf(single).any(axis=1))[0])
            raise ValueError(
                f"embedding_weights has infinity, or a number too large for float32, "
                f"in row {row}. Use NaN for rows that start at random."
            )
        return single


@dataclass(frozen=True)
class TrainingSettings:
    """How the network is trained; all fields are parameters of the estimators.

    `device` is resolved to what torch calls it, and `mixed_precision` to True, False
    or "training". `fine_tunes` says whether a pretrained encoder is trained, and
    `processes` which processes train the network, if there are several.
    """

    optimizer: Any
    lr: float
    encoder_lr: float
    layer_decay: float
    gradient_accumulation: int
    gradient_clip: float | None
    max_epochs: int | str
    batch_size: int | str
    early_stopping: bool
    patience: int
    scoring: str
    callbacks: Any
    device: str
    mixed_precision: bool | str
    verbose: int
    fine_tunes: bool
    processes: Processes | None

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """Pick the fields out of an estimator's parameters.

        Parameters
        ----------
        parameters : mapping of str to value
            An estimator's `get_params(deep=False)`.

        Returns
        -------
        settings : TrainingSettings
            With the device resolved.

        Raises
        ------
        ImportError
            If `accelerate` is asked for and not installed.
        ValueError
            If the device is not there, several processes have a time budget, a callback
            is not one of skorch's or monitors what is not measured, or the optimizer is
            not one of torch's.
        """
        _refuse_other_callbacks(
            parameters["callbacks"], early_stopping=parameters["early_stopping"]
        )
        optimizer = parameters["optimizer"]
        if isinstance(optimizer, type) and not issubclass(optimizer, Optimizer):
            raise ValueError(
                f"optimizer={optimizer.__name__} is no torch.optim.Optimizer. Give a "
                "subclass, or a function that makes one from parameters."
            )
        device, processes = parameters["device"], None
        if device == "accelerate":
            together = Processes()
            device = together.device
            if together.n_processes > 1:
                processes = together
                _refuse_time_budget(parameters["time_budget"])
        device = resolve_device(device)
        fine_tunes = parameters["text_encoder"] == "transformer"
        mixed = parameters["mixed_precision"]
        if mixed == "auto":
            # Predictions stay precise: so they don't depend on the rows beside them.
            mixed = "training" if fine_tunes and has_fast_bfloat16(device) else False
        fixed = {
            "device": device,
            "mixed_precision": mixed,
            "fine_tunes": fine_tunes,
            "processes": processes,
        }
        if processes is not None and processes.rank:
            # The main process speaks for all.
            fixed["verbose"] = 0
        if not fine_tunes:
            fixed["gradient_accumulation"] = 1
        return cls(**_picked(cls, parameters, fixed))

    @property
    def rank(self) -> int:
        """Which process this is; 0 is the main one, or the only one."""
        return 0 if self.processes is None else self.processes.rank

    def agree(self, value: T) -> T:
        """Take the main process's value where several train one network.

        Parameters
        ----------
        value : object
            Of this process; it can be pickled.

        Returns
        -------
        value : object
            Of the main process.
        """
        return value if self.processes is None else self.processes.agree(value)

    def refuse_other(self, data: TrainingData) -> None:
        """Refuse documents that are not those of the main process.

        Parameters
        ----------
        data : TrainingData
            Of this process.

        Raises
        ------
        ValueError
            As `Processes.refuse_other` does.
        """
        if self.processes is not None:
            self.processes.refuse_other(data)

    def batch_size_for(self, n_documents: int) -> int:
        """Return the number of documents per step.

        Parameters
        ----------
        n_documents : int
            Documents to learn from.

        Returns
        -------
        batch_size : int
            As given, or what suits so many documents.
        """
        if not isinstance(self.batch_size, str):
            return self.batch_size
        # Small data need the same number of steps, so they get smaller ones.
        return int(np.clip(n_documents // 16, 8, 64 if self.fine_tunes else 128))

    def n_epochs_for(self, n_documents: int, *, is_beside: bool) -> int:
        """Return the number of passes over the training documents.

        Parameters
        ----------
        n_documents : int
            Documents to learn from.
        is_beside : bool
            Whether a wide path stands beside the network, which leaves less to learn.

        Returns
        -------
        n_epochs : int
            As given, or what suits so many documents: 4 of a pretrained encoder, which
            has little left to learn, 5 beside a wide path, otherwise 10; more where
            they are less than 100 steps.
        """
        if not isinstance(self.max_epochs, str):
            return self.max_epochs
        least = 4 if self.fine_tunes else 5 if is_beside else 10
        steps_per_epoch = -(-n_documents // self.batch_size_for(n_documents))
        return max(least, -(-100 // steps_per_epoch))


def _refuse_other_callbacks(callbacks: Any, *, early_stopping: bool) -> None:
    """Refuse what skorch can't call, and what monitors what is not measured."""
    for i, entry in enumerate(callbacks or ()):
        is_pair = isinstance(entry, tuple) and len(entry) == 2
        callback = entry[1] if is_pair else entry
        is_class = isinstance(callback, type) and issubclass(callback, Callback)
        if not is_class and not isinstance(callback, Callback):
            raise ValueError(
                f"callbacks[{i}] is {short_repr(entry)}. Give a skorch Callback, or a "
                "pair of a name and one. Callbacks of scikit-learn go into "
                "set_callbacks."
            )
        monitor = getattr(callback() if is_class else callback, "monitor", None)
        is_of_held_out = monitor in ("valid_loss", "valid_loss_best")
        if is_of_held_out and not early_stopping:
            raise ValueError(
                f"callbacks[{i}] monitors {monitor!r}, but no document is held out to "
                "measure it. Use early_stopping=True, or monitor='train_loss'."
            )


def _refuse_time_budget(time_budget: float | None) -> None:
    if time_budget is not None:
        raise ValueError(
            f"time_budget={time_budget} with several processes: each of them would end "
            "at a time of its own. Use time_budget=None and max_epochs."
        )


def _picked(
    cls: Any, parameters: Mapping[str, Any], fixed: Mapping[str, Any]
) -> dict[str, Any]:
    names = (field.name for field in fields(cls))
    return {name: fixed[name] if name in fixed else parameters[name] for name in names}
