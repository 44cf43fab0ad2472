"""Learning a label tree, and how its probabilities are read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from sklearn_htc.data.held_out import make_folds, split_rows
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.label_tree.predictor import TreePredictor
from sklearn_htc.label_tree.routing import Routing
from sklearn_htc.label_tree.tree import BATCH_SIZE, LabelTree, scaled
from sklearn_htc.label_tree.weights import TreeWeights
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.fitting import DecodingRule, ReadOutFitter
from sklearn_htc.read_out.found import Found
from sklearn_htc.wide.base import MIN_DOCUMENTS, WideOptions, mean_length
from sklearn_htc.wide.limits import is_affordable
from sklearn_htc.wide.linear import may_be_best, powers_for, relevance_of

__all__ = ["fit_label_tree", "suits_label_tree"]

# Documents that are enough to choose the power of the terms' relevance with.
ENOUGH_TO_CHOOSE = 20_000


def suits_label_tree(data: TrainingData) -> bool:
    """Say whether there is too much to learn every label from all documents.

    Parameters
    ----------
    data : TrainingData
        Documents, and their labels.

    Returns
    -------
    suits : bool
        False where documents have no form as vectors, or are few.
    """
    documents = data.documents.vectors
    return (
        documents is not None
        and len(data) >= MIN_DOCUMENTS
        and not is_affordable(documents, len(data.hierarchy))
    )


def fit_label_tree(
    data: TrainingData,
    rule: DecodingRule,
    options: WideOptions,
    validation_fraction: float,
    rng: np.random.RandomState,
) -> TreePredictor:
    """Choose how much the relevance of terms counts, calibrate, and learn from all.

    Parameters
    ----------
    data : TrainingData
        Documents that are vectors, and their labels.
    rule : DecodingRule
        What is predicted.
    options : WideOptions
        The penalty.
    validation_fraction : float
        Share of the documents that is held out at a time.
    rng : RandomState
        Draws what is random.

    Returns
    -------
    predictor : TreePredictor
        Fitted to all documents.
    """
    folds = make_folds(data, split_rows(len(data), validation_fraction, rng))
    relevance = [relevance_of(fold.learned_from, rng) for fold in folds]
    learner = _Learner.of(data, options, rng)
    few = [_with_few(fold, rng) for fold in folds]
    best: _Trial | None = None
    for power in powers_for(data.vectors):
        if best is not None and not may_be_best(power, best.power):
            break
        trial = learner.tried(power, few, relevance)
        if best is None or trial.log_loss < best.log_loss:
            best = trial
    assert best is not None
    if any(some is not fold for some, fold in zip(few, folds, strict=True)):
        best = learner.tried(best.power, folds, relevance)
    found = [
        _search(tree, fold.held_out)
        for tree, fold in zip(best.trees, folds, strict=True)
    ]
    read_out = ReadOutFitter.of_folds(folds, rule).fit_found(Found.stacked(found))
    tree = learner.fit(data, relevance_of(data, rng), best.power)
    calibration = best.trees[0].calibration.for_counts(learner.counts(data))
    return TreePredictor(replace(tree, calibration=calibration), read_out)


@dataclass(frozen=True, eq=False)
class _Trial:
    """Trees of some folds' documents, calibrated together on those held out.

    Parameters
    ----------
    power : float
        Of the relevance of the terms.
    trees : list of LabelTree
        One per fold.
    log_loss : float
        Mean negative log likelihood of the held-out documents.
    """

    power: float
    trees: list[LabelTree]
    log_loss: float


@dataclass(frozen=True, eq=False)
class _Learner:
    """Learns trees of one shape.

    Parameters
    ----------
    routing : Routing
        The shape.
    may_take, may_end : bool ndarray or None
        As for `LabelTree`.
    options : WideOptions
        The penalty.
    """

    routing: Routing
    may_take: np.ndarray | None
    may_end: np.ndarray | None
    options: WideOptions

    @classmethod
    def of(
        cls, data: TrainingData, options: WideOptions, rng: np.random.RandomState
    ) -> "_Learner":
        """Lead along the hierarchy, and find out where paths lead.

        Once, with the documents that are held out later: which labels are clustered
        says nothing of which documents have them.
        """
        X = sparse.csr_array(data.vectors.X)
        routing = Routing.learn(data.hierarchy, data.target, X, rng)
        if not len(data.path_nodes):
            return cls(routing, None, None, options)
        may_end = np.zeros(routing.n_routers, dtype=bool)
        ends = routing.router[data.path_nodes]
        may_end[ends[ends >= 0]] = True
        may_take = routing.of_data(data).sum(axis=0) > 0
        return cls(routing, may_take, may_end, options)

    def counts(self, data: TrainingData) -> np.ndarray:
        """Count the documents of each branch, (n_branches,)."""
        return self.routing.of_data(data).sum(axis=0)

    def fit(self, data: TrainingData, relevance: np.ndarray, power: float) -> LabelTree:
        """Train all machines; the calibration is not fitted."""
        scale = relevance ** np.float32(power)
        scale /= mean_length(scaled(data.vectors.X, scale))
        target = self.routing.of_data(data)
        weights = TreeWeights.fit(
            scaled(data.vectors.X, scale),
            target,
            data.sample_weight,
            self.routing,
            C=self.options.C,
        )
        return LabelTree(
            data.hierarchy,
            self.routing,
            weights,
            scale,
            Calibration(target.sum(axis=0)),
            self.may_take,
            self.may_end,
        )

    def tried(
        self, power: float, folds: Sequence[Fold], relevance: Sequence[np.ndarray]
    ) -> _Trial:
        """Learn a tree per fold, and calibrate them together."""
        trees = [
            self.fit(fold.learned_from, of_fold, power)
            for fold, of_fold in zip(folds, relevance, strict=True)
        ]
        counts = np.mean([self.counts(fold.learned_from) for fold in folds], axis=0)
        from sklearn_htc.label_tree.held_out_scores import HeldOutScores

        scores = HeldOutScores.of_folds(trees, [fold.held_out for fold in folds])
        calibration, log_loss = scores.calibrate(Calibration(counts))
        trees = [replace(tree, calibration=calibration) for tree in trees]
        return _Trial(power, trees, log_loss)


def _with_few(fold: Fold, rng: np.random.RandomState) -> Fold:
    """Take a part of the documents to learn from, where they are more than enough."""
    data = fold.learned_from
    if len(data) <= ENOUGH_TO_CHOOSE:
        return fold
    rows = np.sort(rng.permutation(len(data))[:ENOUGH_TO_CHOOSE])
    return Fold(data.take(rows), fold.held_out)


def _search(tree: LabelTree, held_out: TrainingData) -> Found:
    """Search all documents, some at a time."""
    X = held_out.vectors.X
    return Found.stacked(
        [
            tree.search(X[start : start + BATCH_SIZE])
            for start in range(0, X.shape[0], BATCH_SIZE)
        ]
    )
