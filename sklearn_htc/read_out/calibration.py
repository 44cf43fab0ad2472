"""From scores to log-odds: beta calibration that knows how frequent a label is."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy import sparse
from scipy.optimize import brentq, minimize
from scipy.special import expit
from torch import Tensor
from torch.nn import functional

from sklearn_htc.read_out.pairs import some_pairs

__all__ = ["Calibration"]

# Of the squared distance from where the fit starts, divided by the number of documents:
# that of a normal prior with standard deviation 0.5.
PENALTY = 2.0
# Where the fit starts: about what it comes to on the average of data sets.
START = (2, -0.3, 1.5, 0, 0, -0.7, 0, 1.5, 0, -4)
# Of log counts: below it, labels differ by which of their documents are held out.
LEAST_SPREAD = 0.5
# Pairs of document and label that are enough for so few coefficients.
MAX_PAIRS = 10**6
# Pairs that these are chosen from.
MAX_READ = 2 * 10**7
# A part of all is enough to come near the end, and to know how curved it is there.
COARSE_TO_FINE = (8, 1)
# So that nothing is divided by 0 where all documents have weight 0.
TINY = 1e-9


@dataclass(frozen=True, eq=False)
class _Likelihood:
    """What the labels of some held-out documents say about coefficients.

    Parameters
    ----------
    scores, log_frequency : ndarray that broadcast together
        Of pairs of document and label.
    loss : callable
        From log-odds of that shape, and the uniform share as log-odds, to the negative
        log likelihood.
    n_documents : float
        How many documents it is the sum of.
    """

    scores: np.ndarray
    log_frequency: np.ndarray
    loss: Callable[[Tensor, Tensor], Tensor]
    n_documents: float


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
        every = -(-scores.size // MAX_READ)
        scores, target = scores[::every], target[::every]
        sample_weight = sample_weight[::every]
        self._fit_unit(*_sums(scores, target, sample_weight), float(scores.std()))
        start = self.coef_ if near is None else near.coef_
        total = float(sample_weight.sum())
        if len(path_nodes):
            every = -(-scores.size // MAX_PAIRS)
            own = _own_paths(target, paths)
            members = torch.from_numpy(paths.toarray()).double()

            def of_rows(rows: slice) -> _Likelihood:
                weight = torch.from_numpy(sample_weight[rows]).double()
                taken = torch.from_numpy(own[rows])

                def loss(logits: Tensor, uniform_share: Tensor) -> Tensor:
                    return weight @ _of_paths(logits, uniform_share, members, taken)

                n_documents = float(weight.sum())
                return _Likelihood(scores[rows], self.log_frequency, loss, n_documents)

            self._descend(
                [of_rows(slice(None, None, step * every)) for step in COARSE_TO_FINE],
                start,
            )
            return self
        pairs, is_true, copies = some_pairs(scores, target)
        rows, labels = np.divmod(pairs, scores.shape[1])
        pair_weight = sample_weight[rows] * copies
        values, frequency = scores.ravel()[pairs], self.log_frequency[labels]

        def of_pairs(some: slice) -> _Likelihood:
            weight = torch.from_numpy(pair_weight[some]).double()
            has_it = torch.from_numpy(is_true[some]).double()

            def loss(logits: Tensor, _: Tensor) -> Tensor:
                return weight @ functional.binary_cross_entropy_with_logits(
                    logits, has_it, reduction="none"
                )

            share = float(weight.sum()) / max(pair_weight.sum(), TINY)
            return _Likelihood(values[some], frequency[some], loss, total * share)

        self._descend(
            [of_pairs(slice(None, None, step)) for step in COARSE_TO_FINE], start
        )
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
        n_true, n_false = (
            float(pair_weight[part].sum()) for part in (is_true, ~is_true)
        )
        of_true, of_false = (
            float(pair_weight[part] @ scores[part]) for part in (is_true, ~is_true)
        )
        self._fit_unit(n_true, n_false, of_true, of_false, float(scores.std()))
        likelihood = _Likelihood(
            scores,
            self.log_frequency[labels],
            lambda logits, _: loss(logits),
            n_documents,
        )
        self._descend([likelihood], self.coef_)
        return self

    def _descend(self, likelihoods: Sequence["_Likelihood"], point: np.ndarray) -> None:
        """Go down from a point, first by a part of what there is."""
        start, inverse_hessian = self.coef_, None
        for each in likelihoods:
            loss = self._penalised(each, torch.from_numpy(start))
            point, inverse_hessian = _minimize(loss, point, inverse_hessian)
        self.coef_ = point

    def _penalised(
        self, likelihood: "_Likelihood", start: Tensor
    ) -> Callable[[Tensor], Tensor]:
        """Make the function of coefficients that is least at the fitted ones."""
        # In float32 the line search ends early, with coefficients up to 0.2 off.
        frequency = torch.from_numpy(likelihood.log_frequency).double()
        values = torch.from_numpy(self._in_unit(likelihood.scores)).double()
        n_documents = max(likelihood.n_documents, TINY)

        def loss(coef: Tensor) -> Tensor:
            error = likelihood.loss(_log_odds(coef, values, frequency), coef[9])
            return (error + PENALTY * (coef - start).square().sum()) / n_documents

        return loss

    def _fit_unit(
        self,
        n_true: float,
        n_false: float,
        of_true: float,
        of_false: float,
        deviation: float,
    ) -> None:
        """Measure the scores of labels that documents have, and of those they don't.

        Given are the numbers of either, the sums of their scores, and the deviation of
        all scores.
        """
        if min(n_true, n_false) <= 0:
            return
        true, false = of_true / n_true, of_false / n_false
        self.center_ = (true + false) / 2
        # Scores that are of no use still have a unit.
        self.half_range_ = max((true - false) / 2, 1e-6, 0.05 * deviation)

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
        return self._apply(scores, self.log_frequency)

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
        arrays = (self.coef_, self._in_unit(scores), log_frequency)
        # In float64, as torch rounds the last few of an array in another way.
        coef, values, frequency = (torch.from_numpy(array).double() for array in arrays)
        return _log_odds(coef, values, frequency).float().numpy()


def _sums(
    scores: np.ndarray, target: sparse.csr_array, sample_weight: np.ndarray
) -> tuple[float, float, float, float]:
    """Count the labels that documents have and don't, and add their scores up."""
    n_true = float(sample_weight @ target.sum(axis=1))
    n_false = float(sample_weight.sum()) * target.shape[1] - n_true
    of_true = float(sample_weight @ target.multiply(scores).sum(axis=1))
    of_all = float(sample_weight @ scores.sum(axis=1, dtype=np.float64))
    return n_true, n_false, of_true, of_all - of_true


def _log_odds(coef: Tensor, scores: Tensor, frequency: Tensor) -> Tensor:
    """Apply the formula to scores (n, n_nodes)."""
    slope = coef[0] + coef[1] * frequency
    shift = coef[2] + coef[3] * frequency + coef[4] * frequency**2
    z = slope * scores + shift
    above = (coef[5] + coef[6] * frequency).exp()
    below = (coef[7] + coef[8] * frequency).exp()
    # log(1 + exp(-z)) is log(1 + exp(z)) - z.
    return (above - below) * functional.softplus(z) + below * z


def _own_paths(target: sparse.csr_array, paths: sparse.csr_array) -> np.ndarray:
    """Return the longest known path of each document (n,), its own."""
    shared = (target @ paths.T).toarray()
    own: np.ndarray = (2 * shared - np.diff(paths.indptr)).argmax(axis=1)
    return own


def _of_paths(
    logits: Tensor, uniform_share: Tensor, members: Tensor, own: Tensor
) -> Tensor:
    """Return the loss of each document (n,) where it has one path."""
    log_p = functional.log_softmax(logits @ members.T, dim=1)
    likelihood = torch.logaddexp(
        log_p.gather(1, own[:, None])[:, 0] + functional.logsigmoid(-uniform_share),
        functional.logsigmoid(uniform_share) - np.log(len(members)),
    )
    return -likelihood


def _minimize(
    loss: Callable[[Tensor], Tensor],
    start: np.ndarray,
    inverse_hessian: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Go down from a point; return the lowest one seen, and the inverse Hessian there.

    The way is short where one of a similar loss is given.
    """
    least, best = np.inf, start

    def with_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal least, best
        coef = torch.from_numpy(point).requires_grad_()
        with torch.enable_grad():
            value = loss(coef)
            value.backward()
        if value.item() < least:
            least, best = value.item(), point.copy()
        assert coef.grad is not None
        return value.item(), coef.grad.numpy()

    # Exponentials can send a step so far that there is no way back.
    way = minimize(
        with_gradient,
        start,
        jac=True,
        method="BFGS",
        options={"maxiter": 200, "gtol": 1e-6, "hess_inv0": inverse_hessian},
    )
    # scipy takes symmetric ones of positive eigenvalues, and rounding may leave others.
    inverse = (way.hess_inv + way.hess_inv.T) / 2
    if not np.isfinite(inverse).all():
        return best, None
    eigenvalues = np.linalg.eigvalsh(inverse)
    is_usable = eigenvalues[0] > 1e-12 * eigenvalues[-1]
    return best, inverse if is_usable else None
