"""Training both paths, and choosing how much the deep one counts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import logit

from sklearn_htc.data.held_out import make_folds, split_rows
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.predictor import Predictor
from sklearn_htc.read_out.fitting import DecodingRule, ReadOut, ReadOutFitter
from sklearn_htc.training.callbacks.schedule import Progress
from sklearn_htc.training.deep import DeepModel, TrainingReport
from sklearn_htc.training.plan import LabelCounts
from sklearn_htc.training.seeding import Draws
from sklearn_htc.training.settings import NetworkSettings, TrainingSettings
from sklearn_htc.wide.base import WideOptions
from sklearn_htc.wide.kinds import find_kind
from sklearn_htc.wide.selection import WideChoice

__all__ = ["TwoPathSettings", "fit_two_paths"]

# What the log-odds of the deep path, beyond those of the labels' shares, are multiplied
# by before they are added to those of the wide path.
DEEP_WEIGHTS = (0.0, 0.15, 0.5, 1.5)
# Fewer documents can't tell whether it does good; of so few it has learned too little.
ENOUGH_TO_WEIGH = 100


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
    validation_fraction : float
        Share of the documents that is held out at a time.
    rule : DecodingRule
        What is predicted.
    """

    network: NetworkSettings
    training: TrainingSettings
    wide: WideOptions
    wide_path: bool | str
    validation_fraction: float
    rule: DecodingRule


def fit_two_paths(
    data: TrainingData,
    settings: TwoPathSettings,
    progress: Progress,
    rng: np.random.RandomState,
    *,
    n_tokens: int | None,
) -> tuple[Predictor, TrainingReport]:
    """Choose and fit a wide path, train the network beside it, and weigh the network.

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

    Returns
    -------
    predictor : Predictor
        With the network alone where no wide path is wanted, or possible.
    report : TrainingReport
        How the network's training went.

    Raises
    ------
    ValueError
        Before any training, if there is no wide path where one has to be, or too few
        documents to hold some out.
    """
    kind = find_kind(data.documents, len(data.hierarchy), settings.wide_path)
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    if kind is not None or settings.training.early_stopping:
        rows = split_rows(len(data), settings.validation_fraction, rng)
    choice, wide, folds = None, None, []
    if kind is not None:
        folds = make_folds(data, rows)
        fitter = ReadOutFitter.of_folds(folds, settings.rule)
        choice = kind.select(data, folds, fitter, settings.wide, rng)
        # With the held-out documents too: what was chosen on them stays.
        wide = choice.settings.fit(data, rng)
    plain = settings.rule.plain_decoder(data.hierarchy, data.path_nodes)
    train = rows[0][0] if rows else np.arange(len(data))
    draws = Draws(rng, settings.training.device)
    deep = DeepModel.build(
        settings.network,
        settings.training,
        data,
        LabelCounts.of(data.target[train]),
        draws,
        n_tokens=n_tokens,
        feature_scale=None if choice is None else choice.feature_scale,
    )
    report = deep.fit(
        settings.training,
        data,
        draws,
        progress,
        rows=(train, rows[0][1] if rows else None),
        decoder=plain,
        # Beside a wide path less is left to learn.
        least_epochs=10 if wide is None else 5,
    )
    if choice is None:
        return Predictor(None, deep, 1.0, ReadOut(None, plain)), report
    weight, read_out = _weigh(deep, choice, folds[0], settings.rule)
    read_out = read_out.for_counts(data.counts)
    return Predictor(wide, deep, weight, read_out), report


def _weigh(
    deep: DeepModel, choice: WideChoice, fold: Fold, rule: DecodingRule
) -> tuple[float, ReadOut]:
    """Choose how much the deep path adds, and how scores become labels.

    The network has seen the documents of all folds but the first, whose documents are
    few where there are several: the wide path's read-out is the start.
    """
    held_out = fold.held_out
    if len(held_out) < ENOUGH_TO_WEIGH:
        return 0.0, choice.read_out
    wide_scores = choice.scores[: len(held_out)]
    deep_scores = np.empty_like(wide_scores)
    documents: Any = held_out.documents
    for rows, scores in deep.iter_scores(documents):
        deep_scores[rows] = scores
    fitter = ReadOutFitter.of_folds([fold], rule)
    # Scores times this are log-odds, whatever unit they have.
    calibration = choice.read_out.calibration
    assert calibration is not None
    weights = np.array(DEEP_WEIGHTS, dtype=np.float32) / max(calibration.slope, 0.1)
    outs, losses = [], []
    for weight in weights:
        scores = wide_scores + weight * deep_scores
        out = fitter.fit(scores, choice.read_out)
        p = out.decoder.probabilities(out.log_odds(scores))
        outs.append(out)
        losses.append(held_out.sample_weight * _log_loss(p, held_out.target))
    chosen = _least_weight(outs, np.array(losses))
    if not weights[chosen]:
        return 0.0, choice.read_out
    return float(weights[chosen]), outs[chosen]


def _least_weight(outs: list[ReadOut], losses: np.ndarray) -> int:
    """Choose among weights by F1 and the losses (n_weights, n_documents).

    The wide path is trained again, on all documents, and the network is not, so these
    overrate it: the least weight within a standard error of the best.
    """
    # A network that knows frequent labels alone may lower F1 all the same.
    f1 = np.array([(out.micro_f1, out.macro_f1) for out in outs])
    allowed = (f1 >= f1[0]).all(axis=1)
    means = np.mean(losses, axis=1)
    excess = losses - losses[np.where(allowed, means, np.inf).argmin()]
    error = excess.std(axis=1) / np.sqrt(losses.shape[1])
    return int(np.argmax(allowed & (excess.mean(axis=1) <= error)))


def _log_loss(probabilities: np.ndarray, target: sparse.csr_array) -> np.ndarray:
    """Compute the negative log-likelihood of each document's labels, (n,)."""
    present = target.multiply(logit(probabilities)).sum(axis=1)
    return -np.log1p(-probabilities).sum(axis=1, dtype=np.float64) - present
