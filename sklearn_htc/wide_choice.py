"""Choosing a wide path: each is judged by documents that it has not learned from."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_htc.read_out import ReadOut, best_read_out

__all__ = ["SelectionData", "WideChoice", "best_choice", "judge_wide_path"]


@dataclass
class SelectionData:
    """Documents to select a wide path by.

    Parameters
    ----------
    documents : BagOfTerms or DenseDocuments
        All documents.
    target : csr_array of shape (n_documents, n_nodes)
        Labels, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,)
        Weight of each document.
    folds : list of (int ndarray, int ndarray)
        Rows to learn from, and rows to judge by, of which a vectorizer is taken to know
        nothing.
    read_out : callable
        Takes scores of the rows held out, fold after fold, and returns the `ReadOut`
        fitted to them.
    """

    documents: Any
    target: sparse.csr_array
    sample_weight: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]
    read_out: Callable[[np.ndarray], ReadOut]


@dataclass
class WideChoice:
    """Settings of a wide path, and what they give held-out documents.

    Parameters
    ----------
    wide : WidePath or KernelPath
        With these settings, not fitted.
    scores : ndarray of shape (n_held_out, n_nodes), float32
        Of the rows held out, fold after fold.
    read_out : ReadOut
        Fitted to these scores.
    feature_scale : ndarray of shape (n_features,), float32
        What the first fold's training documents were multiplied by.
    """

    wide: Any
    scores: np.ndarray
    read_out: ReadOut
    feature_scale: np.ndarray


def judge_wide_path(
    wide: Any,
    parts: Iterable[tuple[Any, ...]],
    held_out: Sequence[Any],
    read_out: Callable[[np.ndarray], ReadOut],
) -> WideChoice:
    """Fit a wide path once a fold, and read what it gives the documents held out.

    Parameters
    ----------
    wide : WidePath or KernelPath
        With the settings to judge; it stays as it is.
    parts : iterable of tuple
        What its `fit` takes, for each fold.
    held_out : sequence of {csr_array, ndarray} of shape (n_held_out, n_features)
        The X of each fold's held-out documents.
    read_out : callable
        Takes scores of the rows held out, fold after fold, and returns the `ReadOut`
        fitted to them.

    Returns
    -------
    choice : WideChoice
        Its settings, judged.
    """
    scores, scales = [], []
    for part, X in zip(parts, held_out, strict=True):
        fitted = copy(wide).fit(*part)
        scores.append(fitted.scores(X))
        scales.append(fitted.feature_scale_)
        # The weights of two at a time may be too much.
        del fitted
    together = np.concatenate(scores)
    return WideChoice(wide, together, read_out(together), scales[0])


def best_choice(choices: Sequence[WideChoice]) -> WideChoice:
    """Choose by the read-outs.

    Parameters
    ----------
    choices : sequence of WideChoice
        Judged on the same documents, the simplest first.

    Returns
    -------
    best : WideChoice
        The first of the best.
    """
    return choices[best_read_out([choice.read_out for choice in choices])]
