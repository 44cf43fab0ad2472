"""What routers say of held-out documents that come to them, to be calibrated."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.label_tree.tree import LabelTree, scaled
from sklearn_htc.read_out.calibration import MAX_PAIRS, Calibration

__all__ = ["HeldOutScores"]


@dataclass(frozen=True, eq=False)
class HeldOutScores:
    """Scores at the routers on the true paths of documents.

    Parameters
    ----------
    pairs : int ndarray of shape (n_scores,)
        Which pair of document and router; sorted.
    branches : int ndarray of shape (n_scores,)
        Which branch of the router.
    scores : ndarray of shape (n_scores,), float32
        Of documents that the tree has not learned from.
    is_true : bool ndarray of shape (n_scores,)
        Whether the document takes the branch.
    pair_weight : ndarray of shape (n_pairs,)
        Weight of each pair's document.
    may_take : bool ndarray of shape (n_scores,) or None
        Where each document has one path: whether one leads through the branch.
    may_end : bool ndarray of shape (n_pairs,) or None
        Where each document has one path: whether one ends at the router.
    n_documents : float
        Sum of the documents' weights.
    """

    pairs: np.ndarray
    branches: np.ndarray
    scores: np.ndarray
    is_true: np.ndarray
    pair_weight: np.ndarray
    may_take: np.ndarray | None
    may_end: np.ndarray | None
    n_documents: float

    @classmethod
    def of(cls, tree: LabelTree, held_out: TrainingData, most: int) -> Self:
        """Score the branches of all routers that documents come to.

        Parameters
        ----------
        tree : LabelTree
            Its calibration is not asked.
        held_out : TrainingData
            Documents that it has not learned from.
        most : int
            About how many scores are enough; of more, some documents are left out.

        Returns
        -------
        scores : HeldOutScores
            Of these documents.
        """
        routing = tree.routing
        target = routing.of_data(held_out)
        rows = np.repeat(np.arange(len(held_out)), np.diff(target.indptr))
        routers = routing.router[target.indices]
        leads = routers >= 0
        documents = np.concatenate([np.arange(len(held_out)), rows[leads]])
        routers = np.concatenate([np.zeros(len(held_out), dtype=int), routers[leads]])
        n_scores = int(np.diff(routing.branches[0])[routers].sum())
        every = max(1, -(-n_scores // most))
        chosen = documents % every == 0
        documents, routers = documents[chosen], routers[chosen]
        X = scaled(held_out.vectors.X, tree.feature_scale_)
        found = tree.score(X, documents, routers)
        is_true = target[documents[found.pairs], found.branches] > 0
        may_take, may_end = tree.may_take, tree.may_end
        return cls(
            found.pairs,
            found.branches,
            found.scores,
            np.asarray(is_true),
            held_out.sample_weight[documents].astype(np.float64),
            None if may_take is None else may_take[found.branches],
            None if may_end is None else may_end[routers],
            float(held_out.sample_weight[::every].sum()),
        )

    @classmethod
    def of_folds(
        cls, trees: Sequence[LabelTree], held_out: Sequence[TrainingData]
    ) -> Self:
        """Collect the scores of several folds.

        Parameters
        ----------
        trees : sequence of LabelTree
            All of one shape; one per fold.
        held_out : sequence of TrainingData
            The documents that each of them has not learned from.

        Returns
        -------
        scores : HeldOutScores
            Of all folds.
        """
        parts = [
            cls.of(tree, data, MAX_PAIRS // len(trees))
            for tree, data in zip(trees, held_out, strict=True)
        ]
        first = np.cumsum([0, *(len(part.pair_weight) for part in parts)])

        def joined(arrays: Sequence[np.ndarray | None]) -> np.ndarray | None:
            known = [array for array in arrays if array is not None]
            return np.concatenate(known) if known else None

        return cls(
            np.concatenate(
                [part.pairs + by for part, by in zip(parts, first[:-1], strict=True)]
            ),
            np.concatenate([part.branches for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.is_true for part in parts]),
            np.concatenate([part.pair_weight for part in parts]),
            joined([part.may_take for part in parts]),
            joined([part.may_end for part in parts]),
            sum(part.n_documents for part in parts),
        )

    def calibrate(self, start: Calibration) -> tuple[Calibration, float]:
        """Fit a calibration.

        Parameters
        ----------
        start : Calibration
            Knows the labels' frequencies; it stays as it is.

        Returns
        -------
        calibration : Calibration
            Fitted.
        log_loss : float
            Mean negative log likelihood of a document's path or labels.
        """
        weight = self.pair_weight[self.pairs]
        calibration = copy(start).fit_pairs(
            self.scores,
            self.branches,
            self.is_true,
            weight,
            self.log_loss,
            self.n_documents,
        )
        log_odds = calibration.log_odds_of(self.scores, self.branches)
        total = self.log_loss(torch.from_numpy(log_odds).double())
        return calibration, float(total) / max(self.n_documents, 1e-9)

    def log_loss(self, log_odds: Tensor) -> Tensor:
        """Add up the negative log likelihoods of what documents do at routers.

        Parameters
        ----------
        log_odds : Tensor of shape (n_scores,), float64
            Of each branch.

        Returns
        -------
        loss : Tensor of shape ()
            Where documents may have any labels, the binary cross-entropy. Where each
            has one path, the cross-entropy of the branch that it takes, or of its end,
            among all of these that are possible.
        """
        pairs = torch.from_numpy(self.pairs)
        weight = torch.from_numpy(self.pair_weight)
        is_true = torch.from_numpy(self.is_true).double()
        if self.may_take is None or self.may_end is None:
            # Sums, as dot products round small terms away beside large ones.
            sign = 2 * is_true - 1
            return -(weight[pairs] * functional.logsigmoid(sign * log_odds)).sum()
        log_odds = log_odds.masked_fill(~torch.from_numpy(self.may_take), -1e9)
        # 0 is the log-odds of the path's end.
        may_end = torch.from_numpy(self.may_end)
        largest = log_odds.new_zeros(len(weight)).masked_fill(~may_end, -torch.inf)
        largest = largest.scatter_reduce(0, pairs, log_odds.detach(), "amax")
        total = (-largest).exp().masked_fill(~may_end, 0)
        total = total.index_add(0, pairs, (log_odds - largest[pairs]).exp())
        taken = (weight[pairs] * is_true * log_odds).sum()
        return (weight * (largest + total.log())).sum() - taken
