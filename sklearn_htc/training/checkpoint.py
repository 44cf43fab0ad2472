"""Trainings that outlive their process: the state in which each epoch begins, in files.

A fit is the same each time up to a network's training, so only that has to be kept.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from pickle import PicklingError
from time import perf_counter
from types import CodeType, FunctionType
from typing import IO, Any, Self
from warnings import warn
from zipfile import BadZipFile
from zlib import error as ZlibError

import joblib
import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping

from sklearn_htc.data.documents import Documents, DocumentsInTwoForms, DocumentVectors
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.labels import short_repr
from sklearn_htc.persistence import moved_into_place, require_skops, stamp
from sklearn_htc.training.arrays import to_numpy, to_torch
from sklearn_htc.training.callbacks.schedule import Progress
from sklearn_htc.training.net import HTCNet
from sklearn_htc.training.saving import learned_arrays, restore_learned
from sklearn_htc.training.seeding import Draws

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["Checkpoint", "KeepEpochs", "TrainingFile", "resume"]

# Which fit the files of a folder belong to.
IDENTITY = "fit.json"
# Locked by the fit that runs; the system frees it where a process dies.
LOCK = ".lock"
SUFFIX = ".epoch"
# What a process that was killed was writing.
PARTS = (f".*{SUFFIX}.*.part", f".{IDENTITY}.*.part")
# Of skorch's early stopping, all that changes while it watches, but for the weights.
WATCHED = ("misses_", "dynamic_threshold_", "best_epoch_")
# What reading a damaged file may raise.
DAMAGE = (BadZipFile, ZlibError, EOFError, KeyError, TypeError, ValueError)
# They change no more than last digits; the hierarchy is compared by itself.
IRRELEVANT = {"checkpoint", "hierarchy", "n_jobs", "verbose"}


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
        own = _identity(data, parameters)
        with _locked(folder):
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
            _refuse_another(_read_identity(path), own, folder)
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
        except UntrustedTypesFoundException:
            raise
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
    former : dict or None
        What was noted of the former training.
    draws : Draws
        Gives its batches and dropout.
    """

    def __init__(
        self,
        file: TrainingFile,
        progress: Progress,
        former: dict[str, Any] | None,
        draws: Draws,
    ) -> None:
        self.file = file
        self.former = former
        self.progress = progress
        self.draws = draws

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Set what the other callbacks have set to their start."""
        if self.former is None:
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


def resume(net: HTCNet, file: TrainingFile | None) -> dict[str, Any] | None:
    """Give a net what a former training had learned.

    Parameters
    ----------
    net : HTCNet
        As it was when that training began.
    file : TrainingFile or None
        Of the training.

    Returns
    -------
    former : dict or None
        `has_ended` and `state`; None where there was no training.

    Raises
    ------
    ValueError
        If the file is damaged, or of another network.
    """
    former = None if file is None else file.read()
    if former is None:
        return None
    try:
        restore_learned(net, former["net"])
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        assert file is not None
        raise ValueError(
            f"checkpoint: {file.path} is of another network: {error}. Delete it to "
            "begin this training anew."
        ) from error
    return former


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder, which no other process and no other fit of this one holds."""
    path = folder / LOCK
    file = _open_locked(path)
    try:
        yield
    finally:
        # Windows deletes no open file.
        with suppress(OSError):
            path.unlink()
        file.close()


def _open_locked(path: Path) -> IO[str]:
    """Open a file that nobody else has locked; the system frees it with the process."""
    while True:
        file = open(path, "a", encoding="utf8")  # noqa: SIM115 - the caller closes it.
        try:
            _lock(file.fileno())
        except (BlockingIOError, PermissionError) as error:
            file.close()
            raise ValueError(
                f"checkpoint: {path.parent} is used by another fit. Wait until that "
                "has ended, or give another folder."
            ) from error
        except OSError:
            # Those of some clusters.
            warn(
                f"checkpoint: the file system of {path.parent} has no locks. See that "
                "no other fit uses the folder.",
                # The caller of fit, past context managers and decorators.
                stacklevel=9,
            )
            return file
        if os.fstat(file.fileno()).st_nlink:
            return file
        # Whoever held it has ended meanwhile, and deleted it.
        file.close()


def _lock(descriptor: int) -> None:
    """Lock a file, or raise where another has."""
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _early_stopping(net: NeuralNet) -> list[EarlyStopping]:
    return [each for _, each in net.callbacks_ if isinstance(each, EarlyStopping)]


def _identity(data: TrainingData, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Say which fit it is, in a form that JSON has."""
    hierarchy = data.hierarchy
    return {
        **stamp(),
        "documents": joblib.hash(_arrays_of(data.documents)),
        "labels": joblib.hash(_arrays(data.target)),
        "sample_weight": joblib.hash(np.asarray(data.sample_weight)),
        "hierarchy": joblib.hash(
            [list(map(str, hierarchy.nodes)), np.asarray(hierarchy.edges).tolist()]
        ),
        "parameters": {
            name: _described(value)
            for name, value in sorted(parameters.items())
            if name not in IRRELEVANT
        },
    }


def _described(value: Any, within: tuple[FunctionType, ...] = ()) -> Any:
    """Give a parameter a form that JSON has, and that tells it from others.

    `within` are functions that are being described: one may hold itself.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        # JSON has no such numbers, and NaN is equal to none.
        return str(value)
    if isinstance(value, (bool, int, float, str, type(None))):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, (list, tuple)):
        return [_described(each, within) for each in value]
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False).items()
        own = {name: _described(each, within) for name, each in sorted(parameters)}
        return {"class": _described(type(value)), **own}
    if isinstance(value, FunctionType):
        # The address that its text has is another one in each process.
        name = f"{value.__module__}.{value.__qualname__}"
        if value in within:
            return name
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        held = [value.__defaults__, value.__kwdefaults__, cells]
        code = _described_code(value.__code__)
        code += [_described(each, (*within, value)) for each in held]
        return [name, joblib.hash(code)]
    try:
        return joblib.hash(value)
    except (AttributeError, TypeError, PicklingError) as error:
        raise ValueError(
            f"checkpoint can't tell {short_repr(value)} from other values of its "
            "parameter, as it can't be pickled. Use an object or a function that can."
        ) from error


def _described_code(code: CodeType) -> list[Any]:
    """List what a function does, but for the places where it stands in its file."""
    constants: list[Any] = []
    for each in code.co_consts:
        if isinstance(each, CodeType):
            constants.append(_described_code(each))
        elif isinstance(each, frozenset):
            # Its order is another one in each process.
            constants.append(sorted(map(repr, each)))
        else:
            constants.append(repr(each))
    return [code.co_code, code.co_names, constants]


def _arrays_of(documents: Documents) -> list[Any]:
    """List the arrays that hold documents; those made when asked for are left out."""
    forms: list[Any] = [documents]
    if isinstance(documents, DocumentsInTwoForms):
        forms = [documents.encoder_input]
        if isinstance(documents._vectors, DocumentVectors):
            forms.append(documents._vectors)
    return [_arrays(form.X) for form in forms]


def _arrays(X: Any) -> Any:
    if not sparse.issparse(X):
        return np.asarray(X)
    X = sparse.csr_array(X)
    return [X.shape, X.indptr.astype(np.int64), X.indices.astype(np.int64), X.data]


def _read_identity(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf8"))
        return {**found, "parameters": dict(found["parameters"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"checkpoint: {path} is damaged: {error}. Delete the folder to fit anew."
        ) from error


def _refuse_another(found: dict[str, Any], own: dict[str, Any], folder: Path) -> None:
    """Refuse a folder of another fit, and say what differs."""
    ours, theirs = own.pop("parameters"), found["parameters"]
    differ = [name for name, value in own.items() if found.get(name) != value]
    differ += [
        f"{name} (there {theirs.get(name)!r}, now {ours.get(name)!r})"
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]
    if differ:
        raise ValueError(
            f"checkpoint: {folder} is of another fit. These differ: "
            f"{', '.join(differ)}. Give another folder, or delete this one."
        )
