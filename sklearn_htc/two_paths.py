"""Training both paths, and choosing how much the deep one counts."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import logit

from sklearn_htc._sklearn_compat import calling_modules
from sklearn_htc.data.held_out import make_folds, split_rows
from sklearn_htc.data.pieces import gathered
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.predictor import Predictor
from sklearn_htc.read_out.fitting import DecodingRule, ReadOut, ReadOutFitter
from sklearn_htc.threads import torch_threads
from sklearn_htc.training.callbacks.schedule import Progress
from sklearn_htc.training.deep import DeepModel, TrainingReport
from sklearn_htc.training.plan import LabelCounts
from sklearn_htc.training.seeding import Draws
from sklearn_htc.training.settings import NetworkSettings, TrainingSettings
from sklearn_htc.wide.base import WideModel, WideOptions
from sklearn_htc.wide.kinds import WideKind, find_kind
from sklearn_htc.wide.selection import WideChoice

__all__ = ["TwoPathSettings", "fit_two_paths"]

# What the log-odds of the deep path, beyond those of the labels' shares, are multiplied
# by before they are added to those of the wide path.
DEEP_WEIGHTS = (0.0, 0.15, 0.5, 1.5)
# Fewer documents can't tell whether it does good; of so few it has learned too little.
ENOUGH_TO_WEIGH = 100
# The report of a training of which nothing is kept.
INTERRUPTED = TrainingReport(
    n_epochs=0, n_done=0, is_interrupted=True, n_steps=0, saw_all=False, history=[]
)


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
    n_threads : int
        How many threads both have.
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
    n_threads: int
    validation_fraction: float
    rule: DecodingRule


@dataclass(frozen=True)
class WideFit:
    """A wide path, and how it was chosen.

    Parameters
    ----------
    path : WideModel
        Fitted to all documents.
    choice : WideChoice
        What its settings gave held-out documents.
    first_fold : Fold
        The fold that the network is weighed by.
    """

    path: WideModel
    choice: WideChoice
    first_fold: Fold

    @property
    def can_weigh(self) -> bool:
        """Whether enough documents are held out to say whether a network helps."""
        return len(self.first_fold.held_out) >= ENOUGH_TO_WEIGH

    def alone(self, counts: np.ndarray) -> Predictor:
        """Return the wide path without a network.

        Parameters
        ----------
        counts : ndarray of shape (n_nodes,)
            Documents of each label.

        Returns
        -------
        predictor : Predictor
            As chosen.
        """
        read_out = self.choice.read_out.for_counts(counts)
        return Predictor(self.path, None, 0.0, read_out)


def fit_two_paths(
    data: TrainingData,
    settings: TwoPathSettings,
    progress: Progress,
    rng: np.random.RandomState,
    *,
    n_tokens: int | None,
) -> tuple[Predictor, TrainingReport | None]:
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
    report : TrainingReport or None
        How the network's training went; None where there was none.

    Raises
    ------
    ValueError
        Before any training, if there is no wide path where one has to be, or too few
        documents to hold some out.
    KeyboardInterrupt
        If the user presses Ctrl-C before there is a wide path, or while another
        estimator, such as a search, has called `fit`. Later, training ends, and what
        was learned is returned.
    """
    kind = find_kind(data.documents, len(data.hierarchy), settings.wide_path)
    if kind is None and settings.deep_path is False:
        raise ValueError(
            "deep_path=False leaves no model, as there is no wide path: it needs a 2-D "
            "X of at least 50 documents. Use deep_path='auto'."
        )
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    if kind is not None or settings.training.early_stopping:
        rows = split_rows(len(data), settings.validation_fraction, rng)
    if kind is None:
        return _fit_alone(data, rows, settings, progress, rng, n_tokens)
    wide = _fit_wide(kind, data, rows, settings, rng)
    wanted = settings.deep_path
    if wanted is False or (wanted == "auto" and not wide.can_weigh):
        return wide.alone(data.counts), None
    try:
        return _fit_beside(wide, data, rows, settings, progress, rng, n_tokens)
    except KeyboardInterrupt:
        if calling_modules():
            raise
        return wide.alone(data.counts), INTERRUPTED


def _fit_wide(
    kind: WideKind,
    data: TrainingData,
    rows: list[tuple[np.ndarray, np.ndarray]],
    settings: TwoPathSettings,
    rng: np.random.RandomState,
) -> WideFit:
    folds = make_folds(data, rows)
    fitter = ReadOutFitter.of_folds(folds, settings.rule)
    choice = kind.select(data, folds, fitter, settings.wide, rng)
    # With the held-out documents too: what was chosen on them stays.
    return WideFit(choice.settings.fit(data, rng), choice, folds[0])


def _fit_alone(
    data: TrainingData,
    rows: list[tuple[np.ndarray, np.ndarray]],
    settings: TwoPathSettings,
    progress: Progress,
    rng: np.random.RandomState,
    n_tokens: int | None,
) -> tuple[Predictor, TrainingReport]:
    """Train a network that has no wide path beside it."""
    part = rows[0] if rows else (np.arange(len(data)), None)
    # A pretrained encoder has little left to learn.
    least = 4 if settings.network.text_encoder == "transformer" else 10
    deep, report = _fit_deep(
        data, part, settings, progress, rng, n_tokens, least_epochs=least
    )
    plain = settings.rule.plain_decoder(data.hierarchy, data.path_nodes)
    return Predictor(None, deep, 1.0, ReadOut(None, plain)), report


def _fit_beside(
    wide: WideFit,
    data: TrainingData,
    rows: list[tuple[np.ndarray, np.ndarray]],
    settings: TwoPathSettings,
    progress: Progress,
    rng: np.random.RandomState,
    n_tokens: int | None,
) -> tuple[Predictor, TrainingReport]:
    """Train a network beside a wide path, and keep it where it helps or is wanted."""
    deep, report = _fit_deep(
        data,
        rows[0],
        settings,
        progress,
        rng,
        n_tokens,
        # Less is left to learn.
        least_epochs=5,
        feature_scale=wide.choice.feature_scale,
    )
    weight, read_out = 0.0, wide.choice.read_out
    if wide.can_weigh:
        weight, read_out = _weigh(deep, wide.choice, wide.first_fold, settings.rule)
    if not weight and settings.deep_path == "auto":
        return wide.alone(data.counts), report
    return Predictor(wide.path, deep, weight, read_out.for_counts(data.counts)), report


def _fit_deep(
    data: TrainingData,
    rows: tuple[np.ndarray, np.ndarray | None],
    settings: TwoPathSettings,
    progress: Progress,
    rng: np.random.RandomState,
    n_tokens: int | None,
    *,
    least_epochs: int,
    feature_scale: np.ndarray | None = None,
) -> tuple[DeepModel, TrainingReport]:
    draws = Draws(rng, settings.training.device)
    with torch_threads(settings.n_threads):
        deep = DeepModel.build(
            settings.network,
            settings.training,
            data,
            LabelCounts.of(data.target[rows[0]]),
            draws,
            n_tokens=n_tokens,
            feature_scale=feature_scale,
        )
        report = deep.fit(
            settings.training,
            data,
            draws,
            progress,
            rows=rows,
            decoder=settings.rule.plain_decoder(data.hierarchy, data.path_nodes),
            least_epochs=least_epochs,
        )
    if report.is_interrupted and calling_modules():
        raise KeyboardInterrupt
    return deep, report


def _weigh(
    deep: DeepModel, choice: WideChoice, fold: Fold, rule: DecodingRule
) -> tuple[float, ReadOut]:
    """Choose how much the deep path adds, and how scores become labels.

    The network has seen the documents of all folds but the first, whose documents are
    few where there are several: the wide path's read-out is the start.
    """
    held_out = fold.held_out
    wide_scores = choice.scores[: len(held_out)]
    deep_scores = gathered(deep.iter_scores(held_out.vectors), wide_scores.shape)
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
