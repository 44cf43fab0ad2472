"""From scores to log-odds: beta calibration that knows how frequent a label is."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse
from scipy.optimize import brentq
from scipy.special import expit

from sklearn_htc.read_out.pairs import some_pairs

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Calibration", "log_odds_of_scores"]

# Where the fit starts: about what it comes to on the average of data sets.
START = (2, -0.3, 1.5, 0, 0, -0.7, 0, 1.5, 0, -4)
# Of log counts: below it, labels differ by which of their documents are held out.
LEAST_SPREAD = 0.5
# Pairs of document and label that are enough for so few coefficients.
MAX_PAIRS = 10**6
# Documents of one path each that are read in any case.
LEAST_DOCUMENTS = 500
# Pairs that these are chosen from.
MAX_READ = 2 * 10**7
# Every how many: a part is enough to come near the end, and to know how curved it is
# there.
COARSE_TO_FINE = (8, 1)
# Log-odds that are computed at a time.
BLOCK_ELEMENTS = 2**17
# So that nothing is divided by 0 where all documents have weight 0.
TINY = 1e-9


class Calibration:
    """Log-odds from a score and its label's log frequency u, ten numbers for all.

    The score's unit is first made such that the average label of a document has s = 1,
    and the average label that it does not have s = -1. Then

        z = (a + b u) s + c + d u + e u^2
        log-odds = exp(f + g u) log(1 + exp(z)) - exp(h + i u) log(1 + exp(-z))

    where u is the logarithm of 1 + the label's count, less the mean over labels, in
    standard deviations (in units of 0.5 where that is more).

    With f to i of 0 that is sigmoid calibration (Platt), whose slope and shift follow
    the frequency: the scores of rare labels are too low. Most labels of a large
    hierarchy have too few documents for coefficients of their own. The second line is
    beta calibration (Kull et al., AISTATS 2017): for linear models the log-odds fall
    much faster below the border than they rise above it, and most so for rare labels.

    Where each document has one path, some have one that the scores give no chance.
    Their share, j as log-odds, is learned along, as a uniform distribution mixed into
    that of the paths.

    Parameters
    ----------
    counts : ndarray of shape (n_nodes,)
        Documents of each label that the scores were learned from.

    Attributes
    ----------
    center_, half_range_ : float
        What is subtracted from scores, and what they are then divided by; 0 and 1
        before `fit`.
    counts_ : ndarray of shape (n_nodes,)
        Documents of each label now.
    coef_ : ndarray of shape (10,)
        a to j. Before `fit` the usual ones, with which a score of 0 is log-odds of
        about 0.
    """

    def __init__(self, counts: np.ndarray) -> None:
        logs = np.log1p(counts)
        self._total = max(counts.sum(), 1)
        self._mean, self._spread = logs.mean(), max(logs.std(), LEAST_SPREAD)
        self._set_counts(counts)
        self.center_, self.half_range_ = 0.0, 1.0
        self.coef_ = np.array(START, dtype=np.float64)

    def fit(
        self,
        scores: np.ndarray,
        target: sparse.csr_array,
        sample_weight: np.ndarray,
        path_nodes: np.ndarray,
        paths: sparse.csr_array,
        *,
        near: Self | None = None,
    ) -> Self:
        """Maximise the likelihood of held-out labels, and stay near `coef_`.

        So a second fit, to other scores, goes on from where the first one ended.

        Parameters
        ----------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Of documents that were not learned from.
        target : csr_array of shape (n_documents, n_nodes)
            Their labels, closed under ancestors.
        sample_weight : ndarray of shape (n_documents,)
            Weight of each document.
        path_nodes : int ndarray of shape (n_paths,)
            The most specific nodes of the paths, one of which each document has;
            empty where it may have several.
        paths : csr_array of shape (n_paths, n_nodes)
            The members of each path.
        near : Calibration, default=None
            Fitted to similar scores: the way starts there, and is shorter. It ends in
            the same place.

        Returns
        -------
        self : Calibration
            Fitted.
        """
        # Applying a calibration needs no torch.
        from sklearn_htc.read_out.calibration_fit import descend, of_pairs, of_paths

        every = -(-scores.size // MAX_READ)
        scores, target = scores[::every], target[::every]
        sample_weight = sample_weight[::every]
        self._fit_unit(*_sums(scores, target, sample_weight), scores)
        point = self.coef_ if near is None else near.coef_
        if len(path_nodes):
            # Each document is one observation, however many labels there are.
            every = max(len(scores) // LEAST_DOCUMENTS, 1)
            every = min(-(-scores.size // MAX_PAIRS), every)
            values, weight = self._in_unit(scores[::every]), sample_weight[::every]
            own = _own_paths(target[::every], paths)
            likelihoods = [
                of_paths(
                    values[::step],
                    self.log_frequency,
                    weight[::step],
                    paths,
                    own[::step],
                )
                for step in COARSE_TO_FINE
            ]
        else:
            pairs, is_true, copies = some_pairs(scores, target)
            rows, labels = np.divmod(pairs, scores.shape[1])
            weight = sample_weight[rows] * copies
            values = self._in_unit(scores.ravel()[pairs])
            documents_per_weight = sample_weight.sum() / max(weight.sum(), TINY)
            likelihoods = [
                of_pairs(
                    values[::step],
                    self.log_frequency[labels[::step]],
                    weight[::step],
                    is_true[::step],
                    float(weight[::step].sum() * documents_per_weight),
                )
                for step in COARSE_TO_FINE
            ]
        self.coef_ = descend(likelihoods, self.coef_, point)
        return self

    def fit_pairs(
        self,
        scores: np.ndarray,
        labels: np.ndarray,
        is_true: np.ndarray,
        pair_weight: np.ndarray,
        loss: Callable[[Tensor], Tensor],
        n_documents: float,
    ) -> Self:
        """Minimise a loss of some pairs of document and label, and stay near `coef_`.

        Parameters
        ----------
        scores : ndarray of shape (n_pairs,), float32
            Of documents that were not learned from.
        labels : int ndarray of shape (n_pairs,)
            Whose scores they are.
        is_true : bool ndarray of shape (n_pairs,)
            Whether the document has the label.
        pair_weight : ndarray of shape (n_pairs,)
            Weight of each pair's document.
        loss : callable
            From log-odds (n_pairs,), a float64 tensor, to a negative log likelihood.
        n_documents : float
            How many documents these pairs come from.

        Returns
        -------
        self : Calibration
            Fitted.
        """
        from sklearn_htc.read_out.calibration_fit import Likelihood, descend

        n_true, n_false = (
            float(pair_weight[part].sum()) for part in (is_true, ~is_true)
        )
        of_true, of_false = (
            float(pair_weight[part] @ scores[part]) for part in (is_true, ~is_true)
        )
        self._fit_unit(n_true, n_false, of_true, of_false, scores)
        likelihood = Likelihood(
            self._in_unit(scores),
            self.log_frequency[labels],
            lambda logits, _: loss(logits),
            n_documents,
        )
        self.coef_ = descend([likelihood], self.coef_, self.coef_)
        return self

    def _fit_unit(
        self,
        n_true: float,
        n_false: float,
        of_true: float,
        of_false: float,
        scores: np.ndarray,
    ) -> None:
        """Measure the scores of labels that documents have, and of those they don't.

        Given are the numbers of either, the sums of their scores, and all scores.
        """
        if min(n_true, n_false) <= 0:
            return
        true, false = of_true / n_true, of_false / n_false
        # Squares of large scores are infinite in float32.
        deviation = float(scores.std(dtype=np.float64))
        self.center_ = (true + false) / 2
        # Scores that differ by rounding alone have a unit, too.
        rounding = 1e-6 * max(float(scores.max()), -float(scores.min()))
        unit = max((true - false) / 2, 0.05 * deviation, rounding)
        self.half_range_ = unit if unit > np.finfo(np.float32).tiny else 1.0

    def _in_unit(self, scores: np.ndarray) -> np.ndarray:
        """Give the average label of a document 1, and the average other one -1."""
        return (scores - np.float32(self.center_)) / np.float32(self.half_range_)

    def for_counts(self, counts: np.ndarray) -> Self:
        """Go on with a model that has learned from more documents.

        Of a handful of documents it is chance how many are held out. That makes a label
        rarer in a fold, where its scores tell, but not afterwards. How many documents
        there are in all is left as it was: what the fit found between frequent and rare
        labels need not hold between few and many documents.

        Parameters
        ----------
        counts : ndarray of shape (n_nodes,)
            Documents of each label that it has learned from.

        Returns
        -------
        calibration : Calibration
            With the same coefficients, and the frequencies of `counts`.
        """
        other = copy(self)
        other._set_counts(counts)
        return other

    def for_labels(self, counts: np.ndarray) -> Self:
        """Read the scores of other labels out, beside the same ones.

        Parameters
        ----------
        counts : ndarray of shape (n_others,)
            Documents of each of the other labels.

        Returns
        -------
        calibration : Calibration
            With the same coefficients, for scores of the other labels.
        """
        other = copy(self)
        other.counts_ = counts
        other.log_frequency = self._log_frequency(counts)
        return other

    def _set_counts(self, counts: np.ndarray) -> None:
        """Bring counts to the total of the first ones."""
        self.counts_ = counts
        self._share = self._total / max(counts.sum(), 1)
        self.log_frequency = self._log_frequency(counts)

    def _log_frequency(self, counts: np.ndarray) -> np.ndarray:
        """Standardize the logarithms of counts."""
        logs = np.log1p(counts * self._share)
        return ((logs - self._mean) / self._spread).astype(np.float32)

    @property
    def slope(self) -> float:
        """Rise of an average label's log-odds with its score, where they are 0."""
        above, below = np.exp(self.coef_[[5, 7]], dtype=np.float64)

        def of_z(z: float) -> float:
            return above * np.logaddexp(0, z) - below * np.logaddexp(0, -z)

        zero = brentq(of_z, -100, 100)
        rise = above * expit(zero) + below * expit(-zero)
        return float(self.coef_[0] * rise / self.half_range_)

    @property
    def uniform_share(self) -> float:
        """The share of documents that may have any path, whatever the scores are."""
        return float(expit(self.coef_[9]))

    def log_odds(self, scores: np.ndarray) -> np.ndarray:
        """Turn scores into log-odds.

        Parameters
        ----------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Of any documents.

        Returns
        -------
        logits : ndarray of shape (n_documents, n_nodes), float32
            Log-odds of every label.
        """
        log_odds = np.empty(scores.shape, dtype=np.float32)
        # A few documents at a time stay in the processor's cache.
        step = max(1, BLOCK_ELEMENTS // max(1, scores.shape[1]))
        for start in range(0, len(scores), step):
            rows = slice(start, start + step)
            log_odds[rows] = self._apply(scores[rows], self.log_frequency)
        return log_odds

    def log_odds_of(self, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Turn the scores of some pairs of document and label into log-odds.

        Parameters
        ----------
        scores : ndarray of shape (n_pairs,), float32
            Of any documents.
        labels : int ndarray of shape (n_pairs,)
            Whose scores they are.

        Returns
        -------
        logits : ndarray of shape (n_pairs,), float32
            Log-odds.
        """
        return self._apply(scores, self.log_frequency[labels])

    def _apply(self, scores: np.ndarray, log_frequency: np.ndarray) -> np.ndarray:
        # In float64, as the last few of an array of float32 may be rounded otherwise.
        values = self._in_unit(scores).astype(np.float64)
        frequency = log_frequency.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            log_odds = log_odds_of_scores(
                self.coef_, values, frequency, np.exp, _softplus
            )
        return log_odds.astype(np.float32)


def log_odds_of_scores(
    coef: Any,
    scores: Any,
    frequency: Any,
    exp: Callable[[Any], Any],
    softplus: Callable[[Any], Any],
) -> Any:
    """Apply the formula of `Calibration`, to arrays or tensors.

    Parameters
    ----------
    coef : ndarray or Tensor of shape (10,)
        a to j.
    scores, frequency : ndarray or Tensor
        s and u, which broadcast together.
    exp, softplus : callable
        exp(z) and log(1 + exp(z)), of arrays or of tensors.

    Returns
    -------
    log_odds : ndarray or Tensor
        Of the shape to which scores and frequency broadcast.
    """
    slope = coef[0] + coef[1] * frequency
    shift = coef[2] + coef[3] * frequency + coef[4] * frequency**2
    z = slope * scores + shift
    above = exp(coef[5] + coef[6] * frequency)
    below = exp(coef[7] + coef[8] * frequency)
    # log(1 + exp(-z)) is log(1 + exp(z)) - z.
    return (above - below) * softplus(z) + below * z


def _softplus(z: np.ndarray) -> np.ndarray:
    """Compute log(1 + exp(z)), in a third of the time of numpy's logaddexp."""
    softplus = np.abs(z)
    np.negative(softplus, out=softplus)
    np.exp(softplus, out=softplus)
    softplus += 1
    np.log(softplus, out=softplus)
    softplus += np.maximum(z, 0)
    return softplus


def _sums(
    scores: np.ndarray, target: sparse.csr_array, sample_weight: np.ndarray
) -> tuple[float, float, float, float]:
    """Count the labels that documents have and don't, and add their scores up."""
    n_true = float(sample_weight @ target.sum(axis=1))
    n_false = float(sample_weight.sum()) * target.shape[1] - n_true
    of_true = float(sample_weight @ target.multiply(scores).sum(axis=1))
    of_all = float(sample_weight @ scores.sum(axis=1, dtype=np.float64))
    return n_true, n_false, of_true, of_all - of_true


def _own_paths(target: sparse.csr_array, paths: sparse.csr_array) -> np.ndarray:
    """Return the longest known path of each document (n,), its own."""
    shared = (target @ paths.T).toarray()
    own: np.ndarray = (2 * shared - np.diff(paths.indptr)).argmax(axis=1)
    return own
