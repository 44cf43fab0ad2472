"""One linear support vector machine per label, all labels trained at once.

LIBLINEAR reads all documents anew for every label. Products of sparse documents with
the weights of many labels read them once for all of these, and conjugate gradients need
no more of such products than LIBLINEAR needs passes. Weights are sums of documents
(Chapelle, Neural Computation 2007), of which there mostly are fewer than features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from sklearn_htc.threads import on_threads
from sklearn_htc.wide.products import DocumentProducts

__all__ = ["Start", "fit_machines"]

# F1 on held-out documents is then that of the optimum (docs/what_makes_it_fast.md).
N_ITERATIONS = 25
# How many times as many with less of a penalty: with next to none the optimum is far
# away, and no better on held-out documents.
MAX_GROWTH = 40
# With less of a penalty squares of gradients overflow.
MAX_C = 1e8
# From the machines of similar documents on, a share of these steps ends as low.
STARTED_SHARE = 0.4
# Numbers that are kept of the machines of a fold for others to start from (200 MB).
MAX_SHARES = 5 * 10**7
# Numbers of the labels that are trained together by a thread, in the caches.
BLOCK_ELEMENTS = 2 * 10**6
MIN_BLOCK, MAX_BLOCK = 8, 32
# Torch's operations on fewer have one thread, too.
LEAST_ELEMENTS = 2**15
# Of all blocks that are trained at a time; each has a dozen arrays of so many (1.5 GB).
MAX_ELEMENTS = 2**25
# So that small problems, which are solved soon, take few steps.
TOLERANCE = 1e-4
# So that nothing is divided by 0.
TINY = 1e-30
# Share of the least curvature that a direction can have, which bounds a step. It is not
# all of it, as intercepts are measured in another way.
LEAST_BEND = 0.01


@dataclass(frozen=True, eq=False)
class Start:
    """Models that machines of similar documents are trained from.

    Parameters
    ----------
    rows : int ndarray of shape (n_learned,)
        Which documents they have learned from.
    shares : ndarray of shape (n_learned, n_nodes)
        Of these documents in the models' weights.
    intercept : ndarray of shape (n_nodes,)
        Scores of a document without features.
    """

    rows: np.ndarray
    shares: np.ndarray
    intercept: np.ndarray

    def within(self, rows: np.ndarray) -> Self:
        """Count documents as in the larger set that they were taken from.

        Parameters
        ----------
        rows : int ndarray of shape (n_documents,)
            Which documents of the larger set all those of this one are.

        Returns
        -------
        start : Start
            The same models.
        """
        return type(self)(rows[self.rows], self.shares, self.intercept)


def fit_machines(
    documents: DocumentProducts,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
    *,
    C: float,
    n_iterations: int = N_ITERATIONS,
    tolerance: float = TOLERANCE,
    start: Start | None = None,
    keeps_shares: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Train one linear support vector machine per label.

    Each has the least 1/2 |w|^2 + 1/2 b^2 + C sum_i s_i max(0, 1 - y_i (w . x_i + b))^2
    over documents x_i of weight s_i, with y_i = 1 for those that have the label and -1
    for the others: the machine that LinearSVC trains.

    Parameters
    ----------
    documents : DocumentProducts
        With X of shape (n_documents, n_features), float32 or float64.
    target : csr_array of shape (n_documents, n_nodes)
        Labels, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,)
        Weight of each document.
    C : float
        Inverse of the penalty on weights; counts as 1e8 where it is larger.
    n_iterations : int, default=25
        How many steps are taken at most at C = 1; C^0.75 times as many where it is
        larger, up to 40 times.
    tolerance : float, default=1e-4
        A label is done where its gradient's squared length has fallen by this factor,
        divided by the square of C where it is larger than 1.
    start : Start, default=None
        Models that were trained on some of the documents, scaled in any way. They take
        the place of 0, and 0.4 times as many steps are taken.
    keeps_shares : bool, default=False
        Whether shares are returned for others to start from.

    Returns
    -------
    coef : ndarray of shape (n_features, n_nodes), of the type of X
        Weights; 0 where all documents have the label, or none.
    intercept : ndarray of shape (n_nodes,), of the type of X
        Scores of a document without features.
    shares : ndarray of shape (n_documents, n_nodes) or None
        Of each document in the weights. None where they are not asked for, or would
        be more than 5 * 10^7 numbers.
    """
    C = min(C, MAX_C)
    by_label = sparse.csc_array(target)
    X, (n_documents, n_nodes) = documents.X, target.shape
    counts = np.diff(by_label.indptr)
    coef = np.zeros((X.shape[1], n_nodes), dtype=X.dtype)
    intercept = np.where(counts == n_documents, 1, -1).astype(X.dtype)
    learned = np.flatnonzero((counts > 0) & (counts < n_documents))
    # The less weights cost, the longer the way is to the least objective (measured).
    n_steps = int(np.ceil(n_iterations * min(max(C, 1) ** 0.75, MAX_GROWTH)))
    if start is not None:
        n_steps = int(np.ceil(STARTED_SHARE * n_steps))
    kept = None
    if keeps_shares and n_documents * n_nodes <= MAX_SHARES:
        kept = np.zeros((n_documents, n_nodes), dtype=X.dtype)
    # The first gradient grows with C; what its length bounds, the gap, does not.
    tolerance /= max(C, 1) ** 2
    size = min(max(BLOCK_ELEMENTS // n_documents, MIN_BLOCK), MAX_BLOCK)
    # As many blocks as threads, where labels are few.
    each = -(-len(learned) // torch.get_num_threads())
    size = min(size, max(each, LEAST_ELEMENTS // n_documents + 1))
    loss_weight = torch.from_numpy((2 * C * sample_weight).astype(X.dtype))[:, None]
    scores_of, sums_of = documents.scores, documents.sums

    @torch.inference_mode()
    def learn(labels: np.ndarray) -> None:
        runs = _runs(labels)
        # Row by row, as products are fast for no other order.
        signs = 2 * by_label[:, labels].toarray(order="C").astype(X.dtype) - 1
        first = None
        if start is not None:
            some = np.zeros_like(signs)
            for own, of_all in runs:
                some[start.rows, own] = start.shares[:, of_all]
            of_start = start.intercept[labels].astype(X.dtype)
            first = torch.from_numpy(some), torch.from_numpy(of_start)
        shares, found = _descend(
            scores_of,
            torch.from_numpy(signs),
            loss_weight,
            n_steps,
            tolerance,
            first,
        )
        weights = sums_of(shares).numpy()
        intercept[labels] = found.numpy()
        for own, of_all in runs:
            coef[:, of_all] = weights[:, own]
            if kept is not None:
                kept[:, of_all] = shares.numpy()[:, own]

    blocks = [learned[i : i + size] for i in range(0, len(learned), size)]
    elements = n_documents * size
    # Threads take longer to begin than a few small blocks.
    most = 1 if elements < LEAST_ELEMENTS else max(1, MAX_ELEMENTS // elements)
    on_threads(learn, blocks, most=most)
    return coef, intercept, kept


def _runs(labels: np.ndarray) -> list[tuple[slice, slice]]:
    """Split ascending numbers where one is left out: places, and the numbers there.

    Arrays are copied in half the time by slices.
    """
    bounds = np.flatnonzero(np.diff(labels, prepend=-2, append=-2) != 1)
    return [
        (slice(start, end), slice(labels[start], labels[end - 1] + 1))
        for start, end in pairwise(bounds)
    ]


def _descend(
    scores_of: Callable[[Tensor], Tensor],
    signs: Tensor,
    loss_weight: Tensor,
    n_steps: int,
    tolerance: float,
    start: tuple[Tensor, Tensor] | None,
) -> tuple[Tensor, Tensor]:
    """Minimise the objectives of some labels by nonlinear conjugate gradients.

    Weights, gradients and directions are sums of documents, w = X^T a, and all that is
    kept of them is a and the scores X w. The directions are those of Polak and Ribiere.
    Along a direction the objective is convex, in pieces that are quadratic: a step of
    Newton's method, and one of the secant method, come near its minimum.

    Parameters
    ----------
    scores_of : callable
        X X^T a, from a of shape (n_documents, n_labels).
    signs : Tensor of shape (n_documents, n_labels)
        y: 1 or -1.
    loss_weight : Tensor of shape (n_documents, 1)
        2 C s.
    n_steps : int
        How many steps are taken at most.
    tolerance : float
        By how much the squared lengths of gradients have to fall, from that where no
        document has a share, or that of the start where it is larger.
    start : tuple of Tensor, or None
        a and b to start from, in the place of 0 and the mean sign.

    Returns
    -------
    shares : Tensor of shape (n_documents, n_labels)
        a.
    intercept : Tensor of shape (n_labels,)
        b.
    """
    # Large arrays are made once: fresh memory takes longer than what is done with it.
    work, curved = torch.empty_like(signs), torch.empty_like(signs)
    shares, direction, former, along_direction = (
        torch.zeros_like(signs) for _ in range(4)
    )

    def dot(first: Tensor, second: Tensor) -> Tensor:
        return torch.mul(first, second, out=work).sum(dim=0)

    intercept = (loss_weight * signs).sum(dim=0) / loss_weight.sum()
    intercept_direction = torch.zeros_like(intercept)
    former_intercept, former_length = intercept_direction, torch.full_like(intercept, 1)
    is_done = torch.zeros_like(intercept, dtype=torch.bool)
    # 1 - y (w . x + b): a document has a loss where this is above 0.
    lack = 1 - intercept * signs
    first_length = torch.zeros_like(intercept)
    if start is not None:
        descent = torch.clamp(lack, min=0).mul_(signs).mul_(loss_weight)
        first_length = dot(descent, scores_of(descent))
        shares, intercept = start
        lack = 1 - (scores_of(shares) + intercept) * signs
    for i in range(n_steps):
        # The gradient, with its sign changed: X^T of this, less the weights.
        descent = torch.clamp(lack, min=0)
        torch.sign(descent, out=curved).mul_(loss_weight)
        descent.mul_(signs).mul_(loss_weight)
        intercept_descent = descent.sum(dim=0) - intercept
        intercept_part = intercept_descent / (1 + curved.sum(dim=0))
        descent.sub_(shares)
        scores = scores_of(descent)
        length = dot(descent, scores) + intercept_descent * intercept_part
        if not i:
            # Where features say nothing, no document having a share is the minimum.
            first_length = torch.maximum(first_length, length)
        # Whatever stands beside it, a label takes the same steps.
        is_done |= length <= tolerance * first_length
        if is_done.all():
            break
        change = length - dot(former, scores) - intercept_part * former_intercept
        # Where nothing is left to gain, rounding could turn it anywhere.
        turn = torch.where(is_done, 0, (change / former_length).clamp_(0, 10))
        direction.mul_(turn).add_(descent)
        along_direction.mul_(turn).add_(scores)
        intercept_direction = intercept_part + turn * intercept_direction
        former, former_intercept = descent, intercept_descent
        former_length = length.clamp(min=TINY)
        # What a step of 1 does: to |w|^2 + b^2, and to the margins.
        own = dot(direction, along_direction) + intercept_direction**2
        along = dot(shares, along_direction) + intercept * intercept_direction
        fall = dot(descent, along_direction) + intercept_descent * intercept_direction
        moves = (along_direction + intercept_direction).mul_(signs)
        # Newton's step, then one of the secant method, from the slope where that ends.
        curvature = torch.mul(curved, moves, out=work).mul_(moves).sum(dim=0)
        # A direction is at least as long as its slope on the gradient says (Cauchy and
        # Schwarz), even where rounding has left nothing of its length.
        least_bend = LEAST_BEND * fall * (fall / former_length)
        step = fall / torch.maximum(own + curvature, least_bend).clamp(min=TINY)
        torch.addcmul(lack, moves, step, value=-1, out=work).relu_()
        gained = work.mul_(loss_weight).mul_(moves).sum(dim=0)
        still = gained - along - step * own
        # Where a label is at its minimum already, there is nothing to divide.
        step *= torch.where(fall > still, fall / (fall - still), 1)
        step = torch.where(is_done, 0, step)
        shares.addcmul_(direction, step)
        intercept = intercept + step * intercept_direction
        lack.addcmul_(moves, step, value=-1)
    return shares, intercept
