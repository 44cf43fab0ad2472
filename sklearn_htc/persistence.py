"""Files of fitted estimators: written whole or not at all, and read without risk."""

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, is_dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from secrets import token_hex
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile
from zlib import error as ZlibError

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_htc.hierarchy import as_hierarchy

__all__ = ["TRUSTED_TYPES", "load", "save"]

# Of what fitted estimators are made of; one higher wherever older files can't be read.
FORMAT = 4
# Beside what skops writes.
STAMP = "sklearn_htc.json"
MAX_STAMP = 1000
# What reading a file raises that is damaged, or is another one. A flipped bit may say
# that a member is encrypted, for example, or compressed in another way.
DAMAGE = (
    AttributeError,
    BadZipFile,
    EOFError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    ZlibError,
)

TRUSTED_TYPES = [
    "scipy.sparse._csr.csr_array",
    "sklearn_htc.data.input_form.DocumentForm",
    "sklearn_htc.data.input_form.InputForm",
    "sklearn_htc.data.label_terms.LabelTermVectorizer",
    "sklearn_htc.data.targets.TargetEncoder",
    "sklearn_htc.estimators._decoding.HierarchicalDecodingClassifier",
    "sklearn_htc.estimators._hiagm.HiAGMClassifier",
    "sklearn_htc.estimators._htcinfomax.HTCInfoMaxClassifier",
    "sklearn_htc.estimators._learned.Learned",
    "sklearn_htc.estimators._learned.NetworkLearned",
    "sklearn_htc.estimators._linear.HierarchicalLinearClassifier",
    "sklearn_htc.hierarchy.Hierarchy",
    "sklearn_htc.label_texts.compatibility.Compatibility",
    "sklearn_htc.label_texts.model.LabelTextModel",
    "sklearn_htc.label_texts.model.OwnLogOdds",
    "sklearn_htc.label_texts.sides.Sides",
    "sklearn_htc.label_texts.similarity.Similarity",
    "sklearn_htc.label_tree.predictor.TreePredictor",
    "sklearn_htc.label_tree.routing.Routing",
    "sklearn_htc.label_tree.tree.LabelTree",
    "sklearn_htc.label_tree.weights.TreeWeights",
    "sklearn_htc.persistence.Pairs",
    "sklearn_htc.predictor.TwoPathPredictor",
    "sklearn_htc.preprocessing.TokenSequenceVectorizer",
    "sklearn_htc.pretrained.SubwordTokenizer",
    "sklearn_htc.read_out.calibration.Calibration",
    "sklearn_htc.read_out.decoders.PartialPathDecoder",
    "sklearn_htc.read_out.decoders.PathDecoder",
    "sklearn_htc.read_out.decoders.ThresholdDecoder",
    "sklearn_htc.read_out.fitting.ReadOut",
    "sklearn_htc.training.deep.DeepModel",
    "sklearn_htc.training.embedder.Embedder",
    "sklearn_htc.training.plan.LabelCounts",
    "sklearn_htc.training.rowwise_adam.RowwiseAdam",
    "sklearn_htc.updating.predictor.LearnedAnew",
    "sklearn_htc.updating.predictor.ToldByTexts",
    "sklearn_htc.updating.predictor.UpdatedPredictor",
    "sklearn_htc.updating.sources.Sources",
    "sklearn_htc.wide.base.WideOptions",
    "sklearn_htc.wide.joined.JoinedPath",
    "sklearn_htc.wide.joined.JoinedSettings",
    "sklearn_htc.wide.joined.Part",
    "sklearn_htc.wide.joined.Side",
    "sklearn_htc.wide.kernel.KernelPath",
    "sklearn_htc.wide.kernel.KernelSettings",
    "sklearn_htc.wide.linear.LinearPath",
    "sklearn_htc.wide.linear.LinearSettings",
    "sklearn_htc.wide.wrapped.WrappedClassifier",
]
"""Names of all types that a fitted estimator of the package is made of.

`skops.io.load(file, trusted=TRUSTED_TYPES)` loads it where labels are text, numbers,
truth values, bytes or tuples of them. Other types that the user has brought, such as a
callback, another optimizer or a classifier inside, have to be added.
"""


# Beside an estimator of the package: what searches and other meta-estimators are made
# of, and labels that are no text. skops leaves them to its callers. Nothing that calls
# a function may be among them, such as `functools.partial` or a scorer of scikit-learn:
# a forged file could have it call `fit` of a pipeline, whose cache executes code.
TRUSTED_BESIDE = (
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "datetime.timezone",
    "decimal.Decimal",
    "fractions.Fraction",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
    "sklearn.model_selection._split.GroupKFold",
    "sklearn.model_selection._split.GroupShuffleSplit",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.LeaveOneGroupOut",
    "sklearn.model_selection._split.LeaveOneOut",
    "sklearn.model_selection._split.PredefinedSplit",
    "sklearn.model_selection._split.RepeatedKFold",
    "sklearn.model_selection._split.RepeatedStratifiedKFold",
    "sklearn.model_selection._split.ShuffleSplit",
    "sklearn.model_selection._split.StratifiedGroupKFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.model_selection._split.StratifiedShuffleSplit",
    "sklearn.model_selection._split.TimeSeriesSplit",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch",
    "sklearn_htc.metrics.scorers.Scorer",
    "uuid.UUID",
)


class OtherFormatError(ValueError):
    """An estimator of a version whose estimators are made of other parts."""


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator, or a pipeline that holds one, into a file.

    The file is written beside its place, and moved there when it is complete. Whatever
    happens meanwhile, at `path` is the former file or the new one, whole.

    Parameters
    ----------
    estimator : estimator
        Any that skops writes: those of this package and of scikit-learn, and pipelines
        and searches of them.
    path : path-like
        Of the file, such as "model.skops". A file that is there is replaced, on
        POSIX even if it is read-only: only the folder has to be writable.

    Raises
    ------
    ImportError
        If skops is not installed.
    OSError
        If the folder is missing or full, or may not be written to.

    See Also
    --------
    load : Read it.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_htc import HierarchicalLinearClassifier
    >>> from sklearn_htc.persistence import load, save
    >>> texts = ["the cat purrs", "the dog barks", "the tree grows"] * 20
    >>> hierarchy = {"animal": ["cat", "dog"], "plant": ["tree"]}
    >>> clf = HierarchicalLinearClassifier(hierarchy)
    >>> clf = clf.fit(texts, ["cat", "dog", "tree"] * 20)
    >>> with TemporaryDirectory() as folder:
    ...     save(clf, Path(folder, "model.skops"))
    ...     load(Path(folder, "model.skops")).predict(["a dog barks"])
    array(['dog'], dtype='<U4')
    """
    dump = require_skops().dump
    with plain_vocabularies(estimator), moved_into_place(path) as part:
        # What skops says of each term takes 400 bytes, and little when compressed.
        dump(estimator, part, compression=ZIP_DEFLATED, compresslevel=1)
        with ZipFile(part, "a") as archive:
            archive.writestr(STAMP, json.dumps(stamp()))


def load(path: str | os.PathLike[str], *, trusted: Iterable[str] = ()) -> Any:
    """Read an estimator from a file, without executing code from it.

    Parameters
    ----------
    path : path-like
        Of a file that `save` or skops has written.
    trusted : iterable of str, default=()
        Names of other types that may be made: "module.Name". Those of this package, of
        searches and of most estimators of scikit-learn are trusted without. Before you
        name decision trees, functions, or scorers of scikit-learn, be sure that you
        know where the file comes from: a forged one may end the process or execute
        code.

    Returns
    -------
    estimator : estimator
        As it was saved.

    Raises
    ------
    ImportError
        If skops is not installed.
    OSError
        If the file is missing or can't be read.
    ValueError
        If it is no file of `save` or skops, or was written by a version of the package
        whose estimators are made of other parts; it says which.
    skops.io.exceptions.UntrustedTypesFoundException
        If the file holds types that are not trusted; it says which.
    """
    read = require_skops().load
    from skops.io.exceptions import UntrustedTypesFoundException

    path = Path(path)
    try:
        with ZipFile(path) as archive:
            if STAMP in archive.namelist():
                with archive.open(STAMP) as file:
                    written = json.loads(file.read(MAX_STAMP))
                refuse_other_format(written, f"The estimator in {path}")
        return read(path, trusted=[*TRUSTED_TYPES, *TRUSTED_BESIDE, *trusted])
    except UntrustedTypesFoundException as error:
        error.add_note(
            "If you know where the file comes from, give their names: load(path, "
            "trusted=[...])."
        )
        raise
    except OtherFormatError:
        raise
    except DAMAGE as error:
        raise ValueError(
            f"{path} is no file of sklearn_htc.persistence.save, or is damaged: "
            f"{error}."
        ) from error


@contextmanager
def moved_into_place(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file beside its place, and move it there when it is complete.

    Parameters
    ----------
    path : path-like
        The place. A file that is there is replaced.

    Yields
    ------
    part : Path
        What to write to. It is deleted where that fails.

    Raises
    ------
    OSError
        If the folder is missing or full, or may not be written to.
    """
    # A link goes on pointing to the file.
    path = Path(path).resolve()
    # In the same folder, as only there a file can be moved in one step.
    part = path.with_name(f".{path.name}.{token_hex(4)}.part")
    # The system takes from the permissions what the user wants it to.
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        mode = None
        with suppress(FileNotFoundError):
            mode = path.stat().st_mode & 0o777
            # What only its owner may read is hidden from the start.
            part.chmod(mode | stat.S_IWUSR)
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        if mode is not None:
            part.chmod(mode)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    if sys.platform != "win32":
        # Only now a failure of power can't undo the move.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            # Some file systems of networks refuse that; the file is in its place.
            with suppress(OSError):
                os.fsync(folder)
        finally:
            os.close(folder)


@cache
def stamp() -> dict[str, Any]:
    """Say what a fitted estimator was made by.

    Returns
    -------
    stamp : dict
        `format`, an int, and `version`, a str.
    """
    return {"format": FORMAT, "version": package_version()}


def package_version() -> str:
    """Return the version of the package.

    Returns
    -------
    version : str
        "unknown" where it is used without having been installed.
    """
    try:
        return version("sklearn-htc")
    except PackageNotFoundError:
        return "unknown"


def refuse_other_format(written: Mapping[str, Any] | None, what: str) -> None:
    """Refuse an estimator that is made of other parts than those of this version.

    Parameters
    ----------
    written : mapping or None
        Its `stamp`; None where it has none, as before there were stamps.
    what : str
        What it is, for the error.

    Raises
    ------
    OtherFormatError
        If its format is not `FORMAT`.
    """
    found = {"format": 0, "version": "0.1.0.dev"} if written is None else written
    if found["format"] != FORMAT:
        raise OtherFormatError(
            f"{what} was fitted by sklearn_htc {found['version']}, whose fitted "
            f"estimators have format {found['format']}. This is sklearn_htc "
            f"{stamp()['version']}, with format {FORMAT}. Use that version, or fit the "
            "estimator anew."
        )


@contextmanager
def plain_vocabularies(estimator: Any) -> Iterator[None]:
    """Let vectorizers number terms by Python's integers for a while.

    Where scikit-learn has left terms out, it numbers the others by NumPy's. Each of
    these would become a file of its own inside the archive.

    Parameters
    ----------
    estimator : estimator
        Whose vectorizers have plain vocabularies meanwhile.

    Yields
    ------
    None
        The former vocabularies come back.
    """
    former = [(each, each.vocabulary_) for each in _vectorizers(estimator, set())]
    for vectorizer, vocabulary in former:
        vectorizer.vocabulary_ = {term: int(i) for term, i in vocabulary.items()}
    try:
        yield
    finally:
        for vectorizer, vocabulary in former:
            vectorizer.vocabulary_ = vocabulary


def _vectorizers(part: Any, seen: set[int]) -> Iterator[Any]:
    """Find all whose terms have NumPy's integers as numbers."""
    if id(part) in seen:
        return
    seen.add(id(part))
    if isinstance(part, (list, tuple)):
        inside: Iterable[Any] = part
    elif isinstance(part, Mapping):
        inside = part.values()
    elif isinstance(part, BaseEstimator) or is_dataclass(part):
        own = getattr(part, "__dict__", {})
        inside = own.values()
        vocabulary = own.get("vocabulary_")
        if isinstance(vocabulary, dict) and all(
            isinstance(i, (int, np.integer)) for i in vocabulary.values()
        ):
            yield part
    else:
        return
    for each in inside:
        yield from _vectorizers(each, seen)


@dataclass(frozen=True)
class Pairs:
    """A dict with keys that JSON lacks, as skops writes keys in JSON.

    Parameters
    ----------
    keys, values : list
        Of the dict, in its order.
    """

    keys: list[Any]
    values: list[Any]


def as_pairs(value: Any) -> Any:
    """Write dicts whose keys are not all text as `Pairs`, and a graph as a `Hierarchy`.

    Parameters
    ----------
    value : Any
        A dict, with other dicts inside, or something else. Graphs of networkx refer to
        themselves, which skops can't write.

    Returns
    -------
    value : Any
        The same where nothing has to be written in another way.
    """
    if hasattr(value, "is_directed"):
        return as_hierarchy(value)
    if type(value) is not dict:
        return value
    inside = {key: as_pairs(each) for key, each in value.items()}
    if all(type(key) is str for key in value):
        return inside
    return Pairs(list(inside), list(inside.values()))


def from_pairs(value: Any) -> Any:
    """Undo `as_pairs`.

    Parameters
    ----------
    value : Any
        What it returned.

    Returns
    -------
    value : Any
        What it was given; the `Hierarchy` in the place of a graph.
    """
    if isinstance(value, Pairs):
        value = dict(zip(value.keys, value.values, strict=True))
    if type(value) is not dict:
        return value
    return {key: from_pairs(each) for key, each in value.items()}


def require_skops() -> Any:
    """Import what reads and writes files without executing code from them.

    Returns
    -------
    io : module
        `skops.io`.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "Files of estimators need skops: pip install 'sklearn-htc[files]'."
        ) from error
    return skops.io
