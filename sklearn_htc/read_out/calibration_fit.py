"""Fitting a calibration: the likelihood of its coefficients, and the way down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from scipy.optimize import OptimizeResult, minimize
from torch import Tensor
from torch.nn import functional

from sklearn_htc.read_out.calibration import TINY, log_odds_of_scores
from sklearn_htc.sparse_rows import SparseRows

__all__ = ["Likelihood", "descend", "of_pairs", "of_paths"]

# Of the squared distance from where the fit starts, divided by the number of documents:
# that of a normal prior with standard deviation 0.5.
PENALTY = 2.0
# In nats per document: a step that gains less is the last one.
LEAST_FALL = 1e-12
# Of the Hessian, beside the largest one.
LEAST_EIGENVALUE = 1e-6


@dataclass(frozen=True, eq=False)
class Likelihood:
    """What the labels of some held-out documents say about coefficients.

    Parameters
    ----------
    values, log_frequency : ndarray that broadcast together
        Scores, in the calibration's unit, of pairs of document and label, and the log
        frequency of each label.
    loss : callable
        From log-odds of that shape, and the uniform share as log-odds, to the negative
        log likelihood.
    n_documents : float
        How many documents it is the sum of.
    """

    values: np.ndarray
    log_frequency: np.ndarray
    loss: Callable[[Tensor, Tensor], Tensor]
    n_documents: float


def of_paths(
    values: np.ndarray,
    log_frequency: np.ndarray,
    sample_weight: np.ndarray,
    paths: sparse.csr_array,
    own: np.ndarray,
) -> Likelihood:
    """Make the likelihood of documents that have one path each.

    Parameters
    ----------
    values : ndarray of shape (n_documents, n_nodes)
        Scores, in the calibration's unit.
    log_frequency : ndarray of shape (n_nodes,)
        Of each label.
    sample_weight : ndarray of shape (n_documents,)
        Weight of each document.
    paths : csr_array of shape (n_paths, n_nodes)
        Which nodes are on each path.
    own : int ndarray of shape (n_documents,)
        Which path each document has.

    Returns
    -------
    likelihood : Likelihood
        Of a softmax over paths, mixed with a uniform distribution.
    """
    weight, taken = torch.from_numpy(sample_weight).double(), torch.from_numpy(own)
    n_paths = paths.shape[0]
    members = paths.astype(np.float64)
    nodes_of_paths = SparseRows(members)
    paths_of_nodes = SparseRows(sparse.csr_array(members.T))

    def loss(logits: Tensor, uniform_share: Tensor) -> Tensor:
        scores: Tensor = _Product.apply(logits, nodes_of_paths, paths_of_nodes)
        of_own = functional.log_softmax(scores, dim=0).gather(0, taken[None])[0]
        likelihood = torch.logaddexp(
            of_own + functional.logsigmoid(-uniform_share),
            functional.logsigmoid(uniform_share) - np.log(n_paths),
        )
        return -(weight * likelihood).sum()

    # One row per node: whole rows are copied in a fraction of the time of columns.
    by_node = np.ascontiguousarray(values.T)
    return Likelihood(by_node, log_frequency[:, None], loss, float(weight.sum()))


class _Product(torch.autograd.Function):
    """A product with a sparse array, and its gradient with the transposed one."""

    @staticmethod
    def forward(
        ctx: Any, other: Tensor, array: SparseRows, transposed: SparseRows
    ) -> Tensor:
        """Multiply an array (n_columns, n), which gives (n_rows, n)."""
        ctx.arrays = transposed, array
        return array @ other

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Multiply a gradient (n_rows, n), which gives (n_columns, n)."""
        # By itself, as the Hessian needs the gradient's gradient.
        return _Product.apply(gradients[0].contiguous(), *ctx.arrays), None, None


def of_pairs(
    values: np.ndarray,
    log_frequency: np.ndarray,
    pair_weight: np.ndarray,
    is_true: np.ndarray,
    n_documents: float,
) -> Likelihood:
    """Make the likelihood of pairs of document and label, each by itself.

    Parameters
    ----------
    values, log_frequency : ndarray of shape (n_pairs,)
        Score of each pair, in the calibration's unit, and log frequency of its label.
    pair_weight : ndarray of shape (n_pairs,)
        Weight of each pair.
    is_true : bool ndarray of shape (n_pairs,)
        Whether the document has the label.
    n_documents : float
        How many documents the pairs stand for.

    Returns
    -------
    likelihood : Likelihood
        Of Bernoulli distributions.
    """
    weight = torch.from_numpy(pair_weight).double()
    sign = torch.from_numpy(np.where(is_true, 1.0, -1.0))

    def loss(logits: Tensor, _: Tensor) -> Tensor:
        # A dot product adds many small losses to a large sum, and rounds each away.
        return -(weight * functional.logsigmoid(sign * logits)).sum()

    return Likelihood(values, log_frequency, loss, n_documents)


def descend(
    likelihoods: Sequence[Likelihood], start: np.ndarray, point: np.ndarray
) -> np.ndarray:
    """Find the most likely coefficients, not far from where they start.

    Parameters
    ----------
    likelihoods : sequence of Likelihood
        Of a part of the documents first, which shortens the way; of all at the end.
    start : ndarray of shape (10,)
        Near which the coefficients stay.
    point : ndarray of shape (10,)
        Where the way begins.

    Returns
    -------
    coef : ndarray of shape (10,)
        The best that was seen.
    """
    inverse_hessian, last = None, likelihoods[-1]
    near = torch.from_numpy(start)
    for each in likelihoods:
        loss = _penalised(each, near, each.n_documents)
        point = _minimize(loss, point, inverse_hessian)
        if each is not last:
            # Of the loss of all documents, in which the prior counts less.
            of_all = _penalised(each, near, last.n_documents)
            inverse_hessian = _inverse_hessian(of_all, point)
    return point


def _penalised(
    likelihood: Likelihood, start: Tensor, n_beside_prior: float
) -> Callable[[Tensor], Tensor]:
    """Make the function of coefficients that is least at the fitted ones.

    It is the mean loss of a document, where so many documents stand beside the prior.
    """
    # In float32 the line search ends early, with coefficients up to 0.2 off.
    frequency = torch.from_numpy(likelihood.log_frequency).double()
    values = torch.from_numpy(likelihood.values).double()
    n_documents = max(likelihood.n_documents, TINY)
    penalty = PENALTY / max(n_beside_prior, TINY)

    def loss(coef: Tensor) -> Tensor:
        log_odds = log_odds_of_scores(coef, values, frequency, torch.exp, _softplus)
        error = likelihood.loss(log_odds, coef[9])
        return error / n_documents + penalty * (coef - start).square().sum()

    return loss


def _softplus(z: Tensor) -> Tensor:
    """Compute log(1 + exp(z)), without the leap of 2e-9 that torch's has at 20.

    Where a pair leaps, a line search finds no way down.
    """
    return functional.softplus(z, threshold=40)


def _minimize(
    loss: Callable[[Tensor], Tensor],
    start: np.ndarray,
    inverse_hessian: np.ndarray | None,
) -> np.ndarray:
    """Go down from a point, and return the lowest one seen.

    The way is short where the inverse Hessian of a similar loss is given.
    """
    least, best, former = np.inf, start, np.inf

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

    def end_when_level(intermediate_result: OptimizeResult) -> None:
        nonlocal former
        if former - intermediate_result.fun < LEAST_FALL:
            raise StopIteration
        former = intermediate_result.fun

    # Exponentials can send a step so far that there is no way back. The last point is
    # not the lowest one then.
    minimize(
        with_gradient,
        start,
        jac=True,
        method="BFGS",
        callback=end_when_level,
        options={"maxiter": 200, "gtol": 1e-6, "hess_inv0": inverse_hessian},
    )
    return best


def _inverse_hessian(
    loss: Callable[[Tensor], Tensor], point: np.ndarray
) -> np.ndarray | None:
    """Invert the Hessian, with absolute eigenvalues; None where it is not finite."""
    with torch.enable_grad():
        hessian = torch.autograd.functional.hessian(loss, torch.from_numpy(point))
    if not hessian.isfinite().all():
        return None
    eigenvalues, vectors = np.linalg.eigh(hessian.numpy())
    least = max(LEAST_EIGENVALUE * np.abs(eigenvalues).max(), TINY)
    inverse = (vectors / np.maximum(np.abs(eigenvalues), least)) @ vectors.T
    # scipy takes no matrix whose two halves are rounded differently.
    return (inverse + inverse.T) / 2
