"""How much the deep path counts: chosen on documents that neither path has seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import logit

from sklearn_htc.data.training_data import Fold
from sklearn_htc.read_out.fitting import DecodingRule, ReadOut, ReadOutFitter
from sklearn_htc.wide.selection import WideChoice

__all__ = ["Weighed", "can_weigh", "helps", "log_loss", "weigh"]

# What the log-odds of the deep path, beyond those of the labels' shares, are multiplied
# by before they are added to those of the wide path.
DEEP_WEIGHTS = (0.15, 0.5, 1.5)
# A pretrained encoder may know much more than the terms say.
FINE_TUNED_WEIGHTS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
# So many held-out documents make a read-out by themselves.
ENOUGH_TO_READ_OUT = 500
# Enough to see whether it will help at all.
EARLY_WEIGHTS = (0.1, 0.25, 1.0)
# Fewer documents can't tell whether it does good; of so few it has learned too little.
ENOUGH_TO_WEIGH = 100


@dataclass(frozen=True)
class Weighed:
    """Which wide path stands beside the deep path, and how much that one counts.

    Parameters
    ----------
    wide : int
        Position of the wide path among those to choose from.
    weight : float
        What the deep path's scores are multiplied by; 0 where it is left out.
    read_out : ReadOut
        For the scores of both together.
    """

    wide: int
    weight: float
    read_out: ReadOut


def can_weigh(n_held_out: int) -> bool:
    """Say whether enough documents are held out to say whether a network helps.

    Parameters
    ----------
    n_held_out : int
        Documents that the network is to be weighed by.

    Returns
    -------
    can : bool
        Whether there are.
    """
    return n_held_out >= ENOUGH_TO_WEIGH


def weigh(
    deep_scores: np.ndarray,
    choices: Sequence[WideChoice],
    fold: Fold,
    rule: DecodingRule,
    *,
    is_pretrained: bool = False,
) -> Weighed:
    """Choose how much the deep path adds to which wide path, if to any.

    Parameters
    ----------
    deep_scores : ndarray of shape (n_held_out, n_nodes)
        Of documents that the network has not seen: log-odds beyond those of the labels'
        shares.
    choices : sequence of WideChoice
        Wide paths; the first one stands alone where the network has no weight, and the
        others are simpler.
    fold : Fold
        With these documents held out. The scores of wide paths start with theirs.
    rule : DecodingRule
        What is predicted.
    is_pretrained : bool, default=False
        Whether the network is a pretrained encoder.

    Returns
    -------
    weighed : Weighed
        The first one stands alone, with the read-out that it had, unless a sum is
        clearly more likely to have made the labels, and has no lower F1.
    """
    if is_pretrained:
        tried = _try_sums(
            deep_scores, choices, fold, rule, FINE_TUNED_WEIGHTS, afresh=True
        ).best_weights()
    else:
        tried = _try_sums(deep_scores, choices, fold, rule, DEEP_WEIGHTS)
    best = tried.simplest()
    wide, weight = tried.sums[best]
    read_out = tried.read_outs[best] if weight else choices[0].read_out
    return Weighed(wide, weight, read_out)


def helps(
    deep_scores: np.ndarray,
    choices: Sequence[WideChoice],
    fold: Fold,
    rule: DecodingRule,
) -> bool:
    """Say whether a pretrained encoder that is in training helps already.

    Parameters
    ----------
    deep_scores, choices, fold, rule
        As for `weigh`.

    Returns
    -------
    helps : bool
        Whether with some weight the labels of documents are more likely than without
        it. The gain need not be clear: the last steps of a training bring the most.
    """
    losses = _try_sums(
        deep_scores, choices, fold, rule, EARLY_WEIGHTS, afresh=True
    ).losses.mean(axis=1)
    return bool(losses[1:].min() < losses[0])


@dataclass(frozen=True)
class TriedSums:
    """Sums of both paths' scores, the first of which leaves the deep path out.

    Parameters
    ----------
    sums : list of (int, float)
        Position of the wide path, and what the deep path's scores are multiplied by.
    read_outs : list of ReadOut
        Fitted to each sum.
    losses : ndarray of shape (n_sums, n_documents)
        Negative log-likelihood of each document's labels.
    """

    sums: list[tuple[int, float]]
    read_outs: list[ReadOut]
    losses: np.ndarray

    @property
    def is_allowed(self) -> np.ndarray:
        """Which sums have no lower F1 than the first, (n_sums,).

        A network that knows frequent labels alone may lower F1 and raise likelihood.
        """
        f1 = np.array([(out.micro_f1, out.macro_f1) for out in self.read_outs])
        return (f1 >= f1[0]).all(axis=1)

    def best_weights(self) -> "TriedSums":
        """Keep the first sum, and of each wide path the most likely one.

        A pretrained encoder is trained again on all documents, as wide paths are, so
        that nothing speaks for a small weight.
        """
        means = np.where(self.is_allowed, self.losses.mean(axis=1), np.inf)
        wides = np.array([wide for wide, _ in self.sums])
        kept = [0]
        for wide in dict.fromkeys(wides[1:].tolist()):
            own = 1 + np.flatnonzero(wides[1:] == wide)
            kept.append(int(own[means[own].argmin()]))
        return TriedSums(
            [self.sums[i] for i in kept],
            [self.read_outs[i] for i in kept],
            self.losses[kept],
        )

    def simplest(self) -> int:
        """Choose the first of the allowed sums within a standard error of the best.

        Where the wide paths are trained again on all documents, and the network is not,
        the losses overrate the network.
        """
        allowed, means = self.is_allowed, self.losses.mean(axis=1)
        excess = self.losses - self.losses[np.where(allowed, means, np.inf).argmin()]
        error = excess.std(axis=1) / np.sqrt(self.losses.shape[1])
        return int(np.argmax(allowed & (excess.mean(axis=1) <= error)))


def _try_sums(
    deep_scores: np.ndarray,
    choices: Sequence[WideChoice],
    fold: Fold,
    rule: DecodingRule,
    weights: Sequence[float],
    *,
    afresh: bool = False,
) -> TriedSums:
    """Read out every wide path with every weight of the deep path."""
    held_out = fold.held_out
    # Scores that are mostly an encoder's need thresholds of their own.
    afresh = afresh and len(held_out) >= ENOUGH_TO_READ_OUT
    fitter = ReadOutFitter.of_folds([fold], rule)
    # Simpler paths first, and small weights first.
    order = [*range(1, len(choices)), 0]
    sums = [(0, 0.0)] + [
        (i, weight / _slope(choices[i])) for i in order for weight in weights
    ]
    outs: list[ReadOut] = []
    losses = []
    for i, weight in sums:
        scores = choices[i].scores[: len(held_out)] + np.float32(weight) * deep_scores
        # The network has seen the documents of all folds but this one, whose documents
        # are few where there are several: the wide path's read-out is the start.
        out = fitter.fit(
            scores,
            None if afresh else choices[i].read_out,
            # The sum before is similar.
            near=outs[-1] if outs else None,
        )
        p = out.decoder.probabilities(out.log_odds(scores))
        outs.append(out)
        losses.append(held_out.sample_weight * log_loss(p, held_out.target))
    return TriedSums(sums, outs, np.array(losses))


def _slope(choice: WideChoice) -> float:
    """Return what turns the scores of a wide path into log-odds, about."""
    calibration = choice.read_out.calibration
    assert calibration is not None
    return max(calibration.slope, 0.1)


def log_loss(probabilities: np.ndarray, target: sparse.csr_array) -> np.ndarray:
    """Compute the negative log-likelihood of each document's labels.

    Parameters
    ----------
    probabilities : ndarray of shape (n_documents, n_nodes)
        Inside (0, 1).
    target : csr_array of shape (n_documents, n_nodes)
        0 and 1.

    Returns
    -------
    losses : ndarray of shape (n_documents,)
        In nats.
    """
    present = target.multiply(logit(probabilities)).sum(axis=1)
    return -np.log1p(-probabilities).sum(axis=1, dtype=np.float64) - present
