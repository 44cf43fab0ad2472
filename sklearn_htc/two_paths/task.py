"""All that a fit of both paths starts from, as one object."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from skorch.callbacks import Callback

from sklearn_htc._sklearn_compat import calling_modules
from sklearn_htc.data.documents import DocumentVectors
from sklearn_htc.data.label_texts import LabelDocuments
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.read_out.fitting import DecodingRule
from sklearn_htc.training.callbacks.schedule import Progress
from sklearn_htc.training.checkpoint import Checkpoint, TrainingFile
from sklearn_htc.training.deep import DeepModel, TrainingReport
from sklearn_htc.training.plan import LabelCounts
from sklearn_htc.training.seeding import Draws
from sklearn_htc.training.settings import NetworkSettings, TrainingSettings
from sklearn_htc.wide.base import WideOptions

__all__ = ["Task", "TwoPathSettings", "pass_on_ctrl_c"]


@dataclass(frozen=True)
class TwoPathSettings:
    """What the user says about both paths.

    Parameters
    ----------
    network : NetworkSettings
        What the network is, resolved.
    training : TrainingSettings
        How it is trained.
    wide : WideOptions
        How the wide path is trained.
    wide_path : bool or "auto"
        Whether there is one.
    deep_path : bool or "auto"
        Whether there is a network beside it; "auto" where it helps.
    validation_fraction : float
        Share of the documents that is held out at a time.
    rule : DecodingRule
        What is predicted.
    """

    network: NetworkSettings
    training: TrainingSettings
    wide: WideOptions
    wide_path: bool | str
    deep_path: bool | str
    validation_fraction: float
    rule: DecodingRule


@dataclass(frozen=True)
class Task:
    """What is learned, from what, and in which time.

    Parameters
    ----------
    data : TrainingData
        All documents.
    settings : TwoPathSettings
        What the user says.
    progress : Progress
        Since when, and how much time there is.
    rng : RandomState
        Draws what is random.
    n_tokens : int or None
        Size of the vocabulary of token ids, for sequence encoders.
    rows : list of (int ndarray, int ndarray)
        Rows to learn from and rows held out, fold by fold; empty where none are.
    labels : LabelDocuments or None
        Label texts, if there are any.
    checkpoint : Checkpoint or None
        Keeps how far trainings are.
    """

    data: TrainingData
    settings: TwoPathSettings
    progress: Progress
    rng: np.random.RandomState
    n_tokens: int | None
    rows: list[tuple[np.ndarray, np.ndarray]]
    labels: LabelDocuments | None
    checkpoint: Checkpoint | None

    @property
    def fine_tunes(self) -> bool:
        """Whether the network is a pretrained encoder."""
        return self.settings.network.pretrained is not None

    def train(
        self,
        *,
        is_beside: bool,
        feature_scale: np.ndarray | None = None,
        watch: Callable[[DeepModel], Callback] | None = None,
    ) -> tuple[DeepModel, TrainingReport]:
        """Train a network, on the rows that the first fold learns from.

        Parameters
        ----------
        is_beside : bool
            Whether a wide path stands beside the network.
        feature_scale : ndarray of shape (n_features,), default=None
            What a wide path's machines multiply features by, and the network too if it
            reads the same ones.
        watch : callable, default=None
            From the network to a callback that runs besides the user's own.

        Returns
        -------
        deep : DeepModel
            Trained.
        report : TrainingReport
            How it went.

        Raises
        ------
        KeyboardInterrupt
            If the user presses Ctrl-C while another estimator has called `fit`.
        """
        data, settings = self.data, self.settings
        training = settings.training
        draws = Draws(self.rng, training.device)
        rows = self.rows[0] if self.rows else (np.arange(len(data)), None)
        if not isinstance(data.encoder_input, DocumentVectors):
            feature_scale = None
        deep = DeepModel.build(
            settings.network,
            training,
            data,
            LabelCounts.of(data.target[rows[0]], data.sample_weight[rows[0]]),
            draws,
            n_tokens=self.n_tokens,
            feature_scale=feature_scale,
        )
        if watch is not None:
            callbacks = [*(training.callbacks or []), watch(deep)]
            training = replace(training, callbacks=callbacks)
        report = deep.fit(
            training,
            data,
            draws,
            self.progress,
            rows=rows,
            decoder=settings.rule.plain_decoder(data.hierarchy, data.path_nodes),
            is_beside=is_beside,
            file=self._file("training"),
        )
        pass_on_ctrl_c(report)
        return deep, report

    def may_finish(self, report: TrainingReport) -> bool:
        """Say whether a network is to learn from the documents held out, too.

        Parameters
        ----------
        report : TrainingReport
            How its training went.

        Returns
        -------
        may : bool
            True for a pretrained encoder, unless the user has ended its training, looks
            at held-out documents to end it, or has no more time.
        """
        is_ended = report.is_interrupted or self.progress.is_over
        return (
            self.fine_tunes
            and not is_ended
            and not self.settings.training.early_stopping
        )

    def finish(self, deep: DeepModel, report: TrainingReport) -> TrainingReport:
        """Train a network for one more epoch, with the documents held out before.

        Parameters
        ----------
        deep : DeepModel
            Trained, and weighed.
        report : TrainingReport
            How its training went.

        Returns
        -------
        report : TrainingReport
            How all of it went.

        Raises
        ------
        KeyboardInterrupt
            As in `train`.
        """
        training = self.settings.training
        draws = Draws(self.rng, training.device)
        last = deep.finish(
            training, self.data, draws, self.progress, self._file("last_epoch")
        )
        pass_on_ctrl_c(last)
        return replace(
            last,
            n_epochs=report.n_epochs + last.n_epochs,
            n_done=report.n_done + last.n_done,
            n_steps=report.n_steps + last.n_steps,
            saw_all=report.saw_all,
        )

    def _file(self, name: str) -> TrainingFile | None:
        """Name the file of a training, where there are any."""
        return None if self.checkpoint is None else self.checkpoint.training(name)


def pass_on_ctrl_c(report: TrainingReport) -> None:
    """Let Ctrl-C end a search, or whatever has called `fit`, too.

    Parameters
    ----------
    report : TrainingReport
        How a training went.

    Raises
    ------
    KeyboardInterrupt
        If the user has ended it, and another estimator has asked for it.
    """
    if report.is_interrupted and calling_modules():
        raise KeyboardInterrupt
