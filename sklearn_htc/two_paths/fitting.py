"""Training both paths, and choosing how much the deep one counts."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

import numpy as np

from sklearn_htc._sklearn_compat import calling_modules
from sklearn_htc.data.held_out import make_folds, split_rows
from sklearn_htc.data.label_texts import LabelDocuments
from sklearn_htc.data.pieces import gathered
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.label_tree.fitting import fit_label_tree, suits_label_tree
from sklearn_htc.predictor import Predictor, TwoPathPredictor
from sklearn_htc.read_out.fitting import ReadOut, ReadOutFitter
from sklearn_htc.training.callbacks.early_decision import EndUnlessUseful
from sklearn_htc.training.callbacks.schedule import Progress
from sklearn_htc.training.checkpoint import Checkpoint
from sklearn_htc.training.deep import DeepModel, TrainingReport
from sklearn_htc.training.embedder import Embedder
from sklearn_htc.training.settings import TrainingSettings
from sklearn_htc.two_paths.embedded import fit_with_embeddings
from sklearn_htc.two_paths.label_texts import (
    Teaching,
    label_vectors,
    refuse_label_texts,
    with_label_texts,
    with_usual_label_texts,
)
from sklearn_htc.two_paths.task import Task, TwoPathSettings
from sklearn_htc.two_paths.weighing import can_weigh, helps, weigh
from sklearn_htc.two_paths.wide_fit import WideFit
from sklearn_htc.wide.kinds import WideKind, find_kind
from sklearn_htc.wide.linear import LinearSettings

__all__ = ["TwoPaths", "fit_two_paths"]

T = TypeVar("T")

# Share of a training after which a network on terms is weighed: one without weight has
# none at the end either, though on embeddings it may (docs/what_makes_it_fast.md).
EARLY_SHARE = 0.4
# The report of a training of which nothing is kept.
INTERRUPTED = TrainingReport(
    n_epochs=0, n_done=0, is_interrupted=True, n_steps=0, saw_all=False, history=[]
)


@dataclass(frozen=True)
class TwoPaths:
    """What was learned from both paths.

    Parameters
    ----------
    predictor : Predictor
        With the network alone where no wide path is wanted, or possible.
    report : TrainingReport or None
        How the network's training went; None where there was none.
    embedder : Embedder or None, default=None
        What makes the embeddings that the wide path reads beside the terms of texts.
    """

    predictor: Predictor
    report: TrainingReport | None
    embedder: Embedder | None = None


def fit_two_paths(
    data: TrainingData,
    settings: TwoPathSettings,
    progress: Progress,
    rng: np.random.RandomState,
    *,
    n_tokens: int | None,
    labels: LabelDocuments | None = None,
    checkpoint: Checkpoint | None = None,
) -> TwoPaths:
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
    labels : LabelDocuments, default=None
        Label texts, if there are any.
    checkpoint : Checkpoint, default=None
        Keeps how far trainings are.

    Returns
    -------
    learned : TwoPaths
        The paths that are worth keeping.

    Raises
    ------
    ValueError
        Before any training, if there is no wide path where one has to be, too few
        documents to hold some out, or too many labels for label texts.
    MemoryError
        Before any training, if there is no room for the weights of a model.
    KeyboardInterrupt
        If the user presses Ctrl-C before there is a wide path, or while another
        estimator, such as a search, has called `fit`. Later, training ends, and what
        was learned is returned.
    """
    vectors, n_nodes = data.documents.vectors, len(data.hierarchy)
    has_too_many = suits_label_tree(data) and not find_kind(vectors, n_nodes, "auto")
    is_network_asked_for = settings.deep_path is True or (
        settings.network.pretrained is not None and settings.deep_path is not False
    )
    if settings.wide_path and has_too_many and not is_network_asked_for:
        if labels is not None:
            refuse_label_texts(data)
        fit = partial(
            fit_label_tree,
            data,
            settings.rule,
            settings.wide,
            settings.validation_fraction,
            rng,
        )
        return TwoPaths(_in_main_process(settings.training, rng, fit), None)
    kind = None if has_too_many else find_kind(vectors, n_nodes, settings.wide_path)
    if kind is None and settings.deep_path is False:
        raise ValueError(
            "deep_path=False leaves no model, as there is no wide path: it needs a 2-D "
            "X, or raw texts with a vectorizer, of at least 50 documents. Use "
            "deep_path='auto'."
        )
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    if kind is not None or settings.training.early_stopping:
        rows = split_rows(len(data), settings.validation_fraction, rng)
    task = Task(data, settings, progress, rng, n_tokens, rows, labels, checkpoint)
    deep_path = settings.deep_path
    may_help = deep_path == "auto" and bool(rows) and can_weigh(len(rows[0][1]))
    if kind is None or is_network_asked_for or may_help:
        DeepModel.require_memory(settings.network, settings.training, data, n_tokens)
    if kind is None:
        return _fit_alone(task)
    wide_fits = _in_main_process(settings.training, rng, partial(_fit_wide, task, kind))
    best = wide_fits[0]
    too_late = task.fine_tunes and progress.is_out_of_time
    is_alone = deep_path is not True and (too_late or not may_help)
    try:
        if is_alone:
            return _wide_alone(task, best, None)
        return _fit_beside(task, wide_fits)
    except KeyboardInterrupt:
        if calling_modules():
            raise
        predictor = best.alone()
        if best.teaching is not None:
            predictor = with_usual_label_texts(
                predictor, best.data, best.teaching.labels, settings.rule, rng
            )
        return TwoPaths(predictor, INTERRUPTED, best.embedder)


def _wide_alone(task: Task, best: WideFit, report: TrainingReport | None) -> TwoPaths:
    """Keep the wide path without a network."""
    return TwoPaths(_with_labels(task, best, best.alone()), report, best.embedder)


def _with_labels(
    task: Task,
    wide: WideFit,
    predictor: TwoPathPredictor,
    deep_scores: np.ndarray | None = None,
) -> TwoPathPredictor:
    """Let label texts have their say, where there are any.

    `deep_scores` are what the network adds to those of the first fold's documents.
    """
    if wide.teaching is None:
        return predictor
    fit = partial(
        with_label_texts,
        predictor,
        wide.data,
        wide.teaching,
        wide.choice,
        wide.folds,
        task.settings.rule,
        task.rng,
        deep_scores=deep_scores,
    )
    return _in_main_process(task.settings.training, task.rng, fit)


def _in_main_process(
    training: TrainingSettings, rng: np.random.RandomState, fit: Callable[[], T]
) -> T:
    """Let the main process alone fit, where there are several, and tell the others.

    What is chosen may depend on the last bits of scores, and has to be the same.
    """
    learned, state = training.agree((None if training.rank else fit(), rng.get_state()))
    rng.set_state(state)
    return cast(T, learned)


def _fit_wide(task: Task, kind: WideKind) -> list[WideFit]:
    """Fit the best wide path, and list simpler ones for a network to stand beside."""
    if task.fine_tunes:
        with_embeddings = fit_with_embeddings(task)
        if with_embeddings:
            return with_embeddings
    data, rng = task.data, task.rng
    folds = make_folds(data, task.rows)
    fitter = ReadOutFitter.of_folds(folds, task.settings.rule)
    choice = kind.select(data, folds, fitter, task.settings.wide, rng)
    if task.labels is not None:
        teaching, choice = Teaching.choose(
            task.labels, None, choice, folds, fitter, rng
        )
        path = teaching.fit(choice, data, folds, rng)
        return [WideFit(path, choice, data, folds, teaching=teaching)]
    # With the held-out documents too: what was chosen on them stays.
    return [WideFit(choice.fit(data, folds[0], rng), choice, data, folds)]


def _fit_alone(task: Task) -> TwoPaths:
    """Train a network that has no wide path beside it."""
    deep, report = task.train(is_beside=False)
    rule = task.settings.rule
    plain = rule.plain_decoder(task.data.hierarchy, task.data.path_nodes)
    predictor = TwoPathPredictor(None, deep, 1.0, ReadOut(None, plain))
    if task.labels is not None:
        vectors = label_vectors(task.labels, None)
        predictor = with_usual_label_texts(
            predictor, task.data, vectors, rule, task.rng
        )
    return TwoPaths(predictor, report)


def _fit_beside(task: Task, wide_fits: list[WideFit]) -> TwoPaths:
    """Train a network beside wide paths, and keep it where it helps or is wanted."""
    best = wide_fits[0]
    choices, fold = [each.choice for each in wide_fits], best.first_fold
    rule, is_wanted = task.settings.rule, task.settings.deep_path != "auto"
    agree = task.settings.training.agree

    def scores(deep: DeepModel) -> np.ndarray:
        held_out = fold.held_out.encoder_input
        shape = (len(held_out), len(task.data.hierarchy))
        return gathered(deep.iter_scores(held_out), shape)

    def would_count(deep: DeepModel) -> bool:
        if task.fine_tunes:
            return helps(scores(deep), choices, fold, rule)
        return weigh(scores(deep), choices, fold, rule).weight > 0

    def watch(deep: DeepModel) -> EndUnlessUseful:
        share = None if task.fine_tunes else EARLY_SHARE
        return EndUnlessUseful(lambda: agree(would_count(deep)), task.progress, share)

    reads_terms = isinstance(best.choice.settings, LinearSettings)
    may_end = not is_wanted and (task.fine_tunes or reads_terms)
    deep, report = task.train(
        is_beside=True,
        feature_scale=best.choice.feature_scale,
        watch=watch if may_end else None,
    )
    if not report.is_useful:
        return _wide_alone(task, best, report)
    wide, weight, read_out = best, 0.0, best.choice.read_out
    deep_scores = None
    if can_weigh(len(fold.held_out)):
        deep_scores = scores(deep)
        weighed = agree(
            weigh(deep_scores, choices, fold, rule, is_pretrained=task.fine_tunes)
        )
        wide, weight = wide_fits[weighed.wide], weighed.weight
        read_out = weighed.read_out
    if not weight and not is_wanted:
        return _wide_alone(task, best, report)
    if weight and task.may_finish(report):
        report = task.finish(deep, report)
    of_wide = wide.choice.read_out.for_counts(wide.counts).calibration
    predictor = TwoPathPredictor(
        wide.path,
        deep,
        weight,
        read_out.for_counts(wide.counts),
        wide_calibration=of_wide if weight else None,
    )
    added = None
    if weight and deep_scores is not None:
        added = np.float32(weight) * deep_scores
    predictor = _with_labels(task, wide, predictor, added)
    return TwoPaths(predictor, report, wide.embedder)
