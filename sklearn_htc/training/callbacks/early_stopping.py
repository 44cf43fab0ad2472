"""Early stopping on the F1 of held-out documents, decoded as prediction will be."""

from typing import Any

import numpy as np
from scipy import sparse
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping

from sklearn_htc.metrics import micro_macro_f1
from sklearn_htc.read_out.decoders import Decoder

__all__ = ["AgreeOn", "ValidationF1", "early_stopping"]


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
    watched = [
        ("agreement", AgreeOn(f"valid_{scoring}")),
        ("early_stopping", stopping),
    ]
    if scoring == "loss":
        return watched
    score = ValidationF1(decoder, scoring.removeprefix("f1_"))
    return [("valid_f1", score), *watched]


class AgreeOn(Callback):
    """Let all processes that train a network see the main one's score.

    Where their last bits differ, one would stop while the others wait for it.

    Parameters
    ----------
    name : str
        Of the score in the history.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Replace the score of this epoch."""
        net.history.record(self.name, net.agree(net.history[-1, self.name]))


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
        self.weights_: list[np.ndarray] = []

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
        target, weight = batch[1]
        self.weights_.append(weight.cpu().numpy())
        self.expected_.append(sparse.csr_array(target.cpu().numpy().astype(np.int64)))
        logits = y_pred.logits.float().cpu().numpy()
        self.predicted_.append(self.decoder.decide(logits))

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Score the epoch."""
        micro, macro = micro_macro_f1(
            sparse.vstack(self.expected_, format="csr"),
            sparse.vstack(self.predicted_, format="csr"),
            sample_weight=np.concatenate(self.weights_),
        )
        score = micro if self.average == "micro" else macro
        net.history.record(f"valid_f1_{self.average}", score)
        self.expected_, self.predicted_, self.weights_ = [], [], []
