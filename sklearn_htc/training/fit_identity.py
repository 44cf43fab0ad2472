"""Which fit it is: data and parameters, told from others in any process."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from pickle import PicklingError
from types import CodeType, FunctionType
from typing import Any

import joblib
import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from sklearn_htc.data.documents import Documents, DocumentsInTwoForms, DocumentVectors
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.labels import short_repr
from sklearn_htc.persistence import stamp

__all__ = ["described", "identity_of", "read_identity", "refuse_another"]

# They change no more than last digits; the hierarchy is compared by itself.
IRRELEVANT = {"checkpoint", "hierarchy", "n_jobs", "verbose"}


def identity_of(data: TrainingData, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Say which fit it is, in a form that JSON has.

    Parameters
    ----------
    data : TrainingData
        What is learned from.
    parameters : mapping of str to value
        Of the estimator.

    Returns
    -------
    identity : dict
        Equal for equal fits, in any process.

    Raises
    ------
    ValueError
        If a parameter can't be told from others.
    """
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
            name: described(value)
            for name, value in sorted(parameters.items())
            if name not in IRRELEVANT
        },
    }


def described(value: Any, within: tuple[FunctionType, ...] = ()) -> Any:
    """Give a parameter a form that JSON has, and that tells it from others.

    Parameters
    ----------
    value : Any
        Of the parameter.
    within : tuple of functions, default=()
        Those that are being described: one may hold itself.

    Returns
    -------
    described : Any
        Equal for equal values, in any process.

    Raises
    ------
    ValueError
        If the value can't be pickled.
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
        return [described(each, within) for each in value]
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False).items()
        own = {name: described(each, within) for name, each in sorted(parameters)}
        return {"class": described(type(value)), **own}
    if isinstance(value, FunctionType):
        # The address that its text has is another one in each process.
        name = f"{value.__module__}.{value.__qualname__}"
        if value in within:
            return name
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        held = [value.__defaults__, value.__kwdefaults__, cells]
        code = _described_code(value.__code__)
        code += [described(each, (*within, value)) for each in held]
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


def read_identity(path: Path) -> dict[str, Any]:
    """Read which fit a folder is of.

    Parameters
    ----------
    path : Path
        Of the file.

    Returns
    -------
    identity : dict
        As it was written.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf8"))
        return {**found, "parameters": dict(found["parameters"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"checkpoint: {path} is damaged: {error}. Delete the folder to fit anew."
        ) from error


def refuse_another(found: dict[str, Any], own: dict[str, Any], folder: Path) -> None:
    """Refuse a folder of another fit, and say what differs.

    Parameters
    ----------
    found, own : dict
        Which fit the folder is of, and which one is to go on there.
    folder : Path
        The folder.

    Raises
    ------
    ValueError
        If they differ.
    """
    ours, theirs = own["parameters"], found["parameters"]
    differ = [
        name
        for name, value in own.items()
        if name != "parameters" and found.get(name) != value
    ]
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
