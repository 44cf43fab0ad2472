"""Choosing a wide path: each is judged by documents that it has not learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.read_out.fitting import ReadOut, ReadOutFitter, best_read_out
from sklearn_htc.wide.base import WideModel, WideSettings

if TYPE_CHECKING:
    from sklearn_htc.wide.machines import Start

__all__ = ["WideChoice", "best_choice", "judge"]


@dataclass(frozen=True)
class WideChoice:
    """Settings of a wide path, and what they give held-out documents.

    Parameters
    ----------
    settings : WideSettings
        Not fitted.
    scores : ndarray of shape (n_held_out, n_nodes), float32
        Of the documents held out, fold after fold.
    read_out : ReadOut
        Fitted to these scores.
    feature_scale : ndarray of shape (n_features,), float32
        What the first fold's training documents were multiplied by.
    starts : tuple of (Start or None), default=()
        Where models that are trained next can start from, fold by fold.
    """

    settings: WideSettings
    scores: np.ndarray
    read_out: ReadOut
    feature_scale: np.ndarray
    starts: tuple[Start | None, ...] = ()

    def fit(
        self, data: TrainingData, fold: Fold, rng: np.random.RandomState
    ) -> WideModel:
        """Fit the settings to all documents, from where the first fold's model ended.

        Parameters
        ----------
        data : TrainingData
            All documents.
        fold : Fold
            The first one.
        rng : RandomState
            Draws what is random.

        Returns
        -------
        path : WideModel
            Fitted.
        """
        start = self.starts[0] if self.starts else None
        if start is not None and fold.rows is not None:
            return self.settings.fit_from(data, rng, start.within(fold.rows))
        return self.settings.fit(data, rng)


def judge(
    settings: WideSettings,
    fits: Iterable[Callable[[], WideModel]],
    folds: Sequence[Fold],
    fitter: ReadOutFitter,
    *,
    near: WideChoice | None = None,
) -> WideChoice:
    """Fit a wide path once per fold, and read what it gives the documents held out.

    Parameters
    ----------
    settings : WideSettings
        What is judged.
    fits : iterable of callable
        For each fold, fits these settings to documents that it learns from.
    folds : sequence of Fold
        With the documents held out.
    fitter : ReadOutFitter
        For scores of all of these.
    near : WideChoice, default=None
        Similar settings, judged by it already, which makes this faster.

    Returns
    -------
    choice : WideChoice
        The settings, judged.
    """
    scores, scales, starts = [], [], []
    for fit, fold in zip(fits, folds, strict=True):
        path = fit()
        documents = fold.held_out.vectors
        scores.append(path.scores(documents.X))
        scales.append(path.feature_scale_)
        starts.append(path.start)
        # The weights of two at a time may be too much.
        del path
    together = np.concatenate(scores)
    read_out = fitter.fit(together, near=None if near is None else near.read_out)
    return WideChoice(settings, together, read_out, scales[0], tuple(starts))


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
