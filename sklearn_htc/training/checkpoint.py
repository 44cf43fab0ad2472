"""Trainings that outlive their process: the state in which each epoch begins, in files.

A fit is the same each time up to a network's training, so only that has to be kept.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any, Self

from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping

from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.persistence import DAMAGE, moved_into_place, require_skops
from sklearn_htc.training.arrays import to_numpy, to_torch
from sklearn_htc.training.callbacks.schedule import Progress
from sklearn_htc.training.fit_identity import identity_of, read_identity, refuse_another
from sklearn_htc.training.folder_lock import locked
from sklearn_htc.training.net import HTCNet
from sklearn_htc.training.saving import learned_arrays, restore_learned
from sklearn_htc.training.seeding import Draws

__all__ = ["Checkpoint", "KeepEpochs", "TrainingFile", "resume"]

# Which fit the files of a folder belong to.
IDENTITY = "fit.json"
SUFFIX = ".epoch"
# What a process that was killed was writing.
PARTS = (f".*{SUFFIX}.*.part", f".{IDENTITY}.*.part")
# Of skorch's early stopping, all that changes while it watches, but for the weights.
WATCHED = ("misses_", "dynamic_threshold_", "best_epoch_")


@dataclass(frozen=True)
class Checkpoint:
    """A folder with the trainings of one fit.

    Parameters
    ----------
    folder : Path
        Where its files are.
    """

    folder: Path

    @classmethod
    @contextmanager
    def open(
        cls,
        folder: str | os.PathLike[str],
        data: TrainingData,
        parameters: Mapping[str, Any],
    ) -> Iterator[Self]:
        """Make a folder, or come back to one of the same fit, and keep others out.

        Parameters
        ----------
        folder : path-like
            Where.
        data : TrainingData
            What is learned from.
        parameters : mapping of str to value
            Of the estimator.

        Yields
        ------
        checkpoint : Checkpoint
            To train with.

        Raises
        ------
        ImportError
            If skops is not installed.
        OSError
            If the folder can't be made or read.
        ValueError
            If it holds files of another fit, and says what differs; or a damaged file.
            If another fit uses it.

        Warns
        -----
        UserWarning
            If the file system has no locks.
        """
        require_skops()
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        own = identity_of(data, parameters)
        with locked(folder):
            yield cls._of(own, folder)

    @classmethod
    def _of(cls, own: dict[str, Any], folder: Path) -> Self:
        """Come back to a folder of the fit that is described, or begin it."""
        path = folder / IDENTITY
        trainings = sorted(each.name for each in folder.glob(f"*{SUFFIX}"))
        if trainings and not path.exists():
            raise ValueError(
                f"checkpoint: {folder} holds {trainings[0]} and no {IDENTITY}, so it "
                "is no folder of a fit. Give an empty or a new folder."
            )
        if trainings:
            refuse_another(read_identity(path), own, folder)
        else:
            # A fit that has kept no training yet, such as one that failed, is no loss.
            with moved_into_place(path) as part:
                part.write_text(json.dumps(own, indent=1), encoding="utf8")
        checkpoint = cls(folder)
        checkpoint._remove(*PARTS)
        return checkpoint

    def training(self, name: str) -> "TrainingFile":
        """Name the file of a training.

        Parameters
        ----------
        name : str
            Of the training; each has another.

        Returns
        -------
        file : TrainingFile
            That may be there.
        """
        return TrainingFile(self.folder / f"{name}{SUFFIX}")

    def remove(self) -> None:
        """Delete the files of a fit that is done.

        Raises
        ------
        OSError
            If that may not be.
        """
        # The identity last, without which no training may be there.
        self._remove(f"*{SUFFIX}", *PARTS, IDENTITY)

    def _remove(self, *patterns: str) -> None:
        for path in chain(*map(self.folder.glob, patterns)):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class TrainingFile:
    """How far a training is.

    Parameters
    ----------
    path : Path
        Of the file.
    """

    path: Path

    def read(self) -> dict[str, Any] | None:
        """Read the state of a training.

        Returns
        -------
        state : dict or None
            As written; None where there is no file.

        Raises
        ------
        OSError
            If the file can't be read.
        ValueError
            If the file is damaged.
        """
        if not self.path.exists():
            return None
        skops = require_skops()
        from skops.io.exceptions import UntrustedTypesFoundException

        try:
            state: dict[str, Any] = skops.load(self.path)
            return {name: state[name] for name in ("net", "has_ended", "state")}
        except UntrustedTypesFoundException as error:
            raise ValueError(
                f"checkpoint: {self.path} was not written by fit: {error}"
            ) from error
        except DAMAGE as error:
            raise ValueError(
                f"checkpoint: {self.path} is damaged: {error}. Delete it to begin this "
                "training anew."
            ) from error

    def write(self, net: HTCNet, *, has_ended: bool, state: dict[str, Any]) -> None:
        """Write the state of a training, whole or not at all.

        Parameters
        ----------
        net : HTCNet
            With what it has learned so far.
        has_ended : bool
            Whether no epoch follows.
        state : dict
            What is noted besides.

        Raises
        ------
        OSError
            If there is no room for it.
        """
        learned = {"net": learned_arrays(net), "has_ended": has_ended, "state": state}
        with moved_into_place(self.path) as part:
            require_skops().dump(learned, part)


class KeepEpochs(Callback):
    """Write down how each epoch begins, and begin where a former training was.

    It runs after all other callbacks, so that they have begun.

    Parameters
    ----------
    file : TrainingFile
        Where.
    progress : Progress
        Of this training.
    former : dict
        What was noted of the former training; empty where there was none. It is emptied
        after use, as it holds a copy of the best weights.
    draws : Draws
        Gives its batches and dropout.
    """

    def __init__(
        self,
        file: TrainingFile,
        progress: Progress,
        former: dict[str, Any],
        draws: Draws,
    ) -> None:
        self.file = file
        self.former = former
        self.progress = progress
        self.draws = draws

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Set what the other callbacks have set to their start."""
        if not self.former:
            return
        self.draws.restore(self.former["random"])
        self.progress.step_ = self.former["step"]
        self.progress.count_from(self.former["seconds"])
        for stopping in _early_stopping(net):
            # There is one at most: callbacks of the user's are refused.
            for name in WATCHED:
                setattr(stopping, name, self.former["early_stopping"][name])
            best = self.former["early_stopping"]["best"]
            stopping.best_model_weights_ = None if best is None else to_torch(best)
        self.former.clear()

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Write the state; the epoch's entry in the history is not part of it."""
        state: dict[str, Any] = {
            "random": self.draws.state(),
            "step": self.progress.step_,
            "seconds": perf_counter() - self.progress.started,
            "early_stopping": None,
        }
        for stopping in _early_stopping(net):
            weights = stopping.best_model_weights_
            best = None if weights is None else to_numpy(dict(weights))
            noted = {name: getattr(stopping, name) for name in WATCHED}
            state["early_stopping"] = noted | {"best": best}
        entry = net.history.pop()
        try:
            self.file.write(net, has_ended=False, state=state)
        finally:
            net.history.append(entry)


def resume(net: HTCNet, file: TrainingFile | None) -> tuple[bool, dict[str, Any]]:
    """Give a net what a former training had learned.

    Parameters
    ----------
    net : HTCNet
        As it was when that training began.
    file : TrainingFile or None
        Of the training.

    Returns
    -------
    has_ended : bool
        Whether no epoch of the former training is left.
    state : dict
        What it has noted besides; empty where there was none.

    Raises
    ------
    ValueError
        If the file is damaged, or of another network.
    """
    former = None if file is None else file.read()
    if former is None:
        return False, {}
    try:
        restore_learned(net, former["net"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        assert file is not None
        raise ValueError(
            f"checkpoint: {file.path} is of another network: {error}. Delete it to "
            "begin this training anew."
        ) from error
    return former["has_ended"], former["state"]


def _early_stopping(net: NeuralNet) -> list[EarlyStopping]:
    return [each for _, each in net.callbacks_ if isinstance(each, EarlyStopping)]
