"""One linear support vector machine per label, all labels trained at once.

LIBLINEAR reads all documents anew for every label. Products of sparse documents with
the weights of many labels read them once for all of these, and conjugate gradients need
no more of such products than LIBLINEAR needs passes.
"""

from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from sklearn_htc.threads import torch_threads

__all__ = ["fit_machines"]

# F1 on held-out documents is then that of the optimum (docs/speed.md).
N_ITERATIONS = 20
# Weights of the labels that are trained together, which have to stay in caches.
BLOCK_ELEMENTS = 10**6
MIN_BLOCK, MAX_BLOCK = 8, 64
# About how many of all documents have a loss, where the curvature is estimated.
SHARE_WITH_LOSS = 0.1
# So that nothing is divided by 0.
TINY = 1e-30


def fit_machines(
    X: Any,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
    *,
    C: float,
    n_threads: int,
    n_iterations: int = N_ITERATIONS,
) -> tuple[np.ndarray, np.ndarray]:
    """Train one linear support vector machine per label.

    Each has the least 1/2 |w|^2 + 1/2 b^2 + C sum_i s_i max(0, 1 - y_i (w . x_i + b))^2
    over documents x_i of weight s_i, with y_i = 1 for those that have the label and -1
    for the others: the machine that LinearSVC trains.

    Parameters
    ----------
    X : {csr_array, ndarray} of shape (n_documents, n_features)
        Documents, float32 or float64.
    target : csr_array of shape (n_documents, n_nodes)
        Labels, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,)
        Weight of each document.
    C : float
        Inverse of the penalty on weights.
    n_threads : int
        How many threads products have.
    n_iterations : int, default=20
        How many steps are taken at C = 1; the square root of C times as many where it
        is larger.

    Returns
    -------
    coef : ndarray of shape (n_features, n_nodes), of the type of X
        Weights; 0 where all documents have the label, or none.
    intercept : ndarray of shape (n_nodes,), of the type of X
        Scores of a document without features.
    """
    by_label = sparse.csc_array(target)
    n_documents, n_nodes = target.shape
    counts = np.diff(by_label.indptr)
    coef = np.zeros((X.shape[1], n_nodes), dtype=X.dtype)
    intercept = np.where(counts == n_documents, 1, -1).astype(X.dtype)
    learned = np.flatnonzero((counts > 0) & (counts < n_documents))
    n_steps = int(np.ceil(n_iterations * np.sqrt(max(C, 1))))
    size = BLOCK_ELEMENTS // max(X.shape)
    size = min(max(size, MIN_BLOCK), MAX_BLOCK)
    with torch_threads(n_threads), torch.inference_mode():
        documents = _Documents(X)
        loss_weight = torch.from_numpy(2 * C * sample_weight.astype(X.dtype))[:, None]
        for start in range(0, len(learned), size):
            labels = learned[start : start + size]
            # Row by row, as products are fast for no other order.
            signs = 2 * by_label[:, labels].toarray(order="C").astype(X.dtype) - 1
            found = _descend(documents, torch.from_numpy(signs), loss_weight, n_steps)
            coef[:, labels], intercept[labels] = (part.numpy() for part in found)
    return coef, intercept


class _Documents:
    """Documents that multiply the weights of many labels.

    Parameters
    ----------
    X : {csr_array, ndarray} of shape (n_documents, n_features)
        Documents.
    """

    def __init__(self, X: Any) -> None:
        self.n_features = X.shape[1]
        self._rows: Any
        self._columns: Any
        self._squares: Any
        if sparse.issparse(X):
            columns = sparse.csr_array(X.T)
            self._rows, self._columns = _Rows(X), _Rows(columns)
            self._squares = _Rows(columns.power(2))
        else:
            self._rows = torch.from_numpy(np.ascontiguousarray(X))
            self._columns = self._rows.T
            self._squares = self._columns.square()

    def squares(self, loss_weight: Tensor) -> Tensor:
        """Compute how much the losses of all documents curve by each weight.

        Of shape (n_features, 1).
        """
        return self._squares @ loss_weight

    def times(self, weights: Tensor) -> Tensor:
        """Compute X W, (n_documents, n_labels)."""
        return self._rows @ weights

    def back(self, values: Tensor) -> Tensor:
        """Compute X^T V, (n_features, n_labels)."""
        return self._columns @ values


class _Rows:
    """A sparse array whose products take a tenth of the time of scipy's.

    Parameters
    ----------
    X : csr_array of shape (n_rows, n_columns)
        The array.
    """

    def __init__(self, X: sparse.csr_array) -> None:
        self.indices = torch.from_numpy(X.indices.astype(np.int64))
        self.offsets = torch.from_numpy(X.indptr.astype(np.int64))
        self.values = torch.from_numpy(X.data)

    def __matmul__(self, other: Tensor) -> Tensor:
        return functional.embedding_bag(
            self.indices,
            other,
            self.offsets,
            mode="sum",
            per_sample_weights=self.values,
            include_last_offset=True,
        )


def _descend(
    documents: _Documents, signs: Tensor, loss_weight: Tensor, n_steps: int
) -> tuple[Tensor, Tensor]:
    """Minimise the objectives of some labels by nonlinear conjugate gradients.

    The directions are those of Polak and Ribiere, each part divided by about what the
    objective curves along it. Along a direction the objective is convex, in pieces that
    are quadratic: a step of Newton's method, and one of the secant method, come near
    its minimum.

    Parameters
    ----------
    documents : _Documents
        X.
    signs : Tensor of shape (n_documents, n_labels)
        y: 1 or -1.
    loss_weight : Tensor of shape (n_documents, 1)
        2 C s.
    n_steps : int
        How many steps are taken.

    Returns
    -------
    weights : Tensor of shape (n_features, n_labels)
        w.
    intercept : Tensor of shape (n_labels,)
        b.
    """
    # Large arrays are made once: fresh memory takes longer than what is done with it.
    of_documents, curved = torch.empty_like(signs), torch.empty_like(signs)
    weights = signs.new_zeros(documents.n_features, signs.shape[1])
    direction, former = torch.zeros_like(weights), torch.zeros_like(weights)
    of_features = torch.empty_like(weights)

    def dot(first: Tensor, second: Tensor) -> Tensor:
        return torch.mul(first, second, out=of_features).sum(dim=0)

    intercept = (loss_weight * signs).sum(dim=0) / loss_weight.sum()
    intercept_direction = torch.zeros_like(intercept)
    former_intercept, former_length = intercept_direction, torch.full_like(intercept, 1)
    ease = 1 / (1 + SHARE_WITH_LOSS * documents.squares(loss_weight))
    # 1 - y (w . x + b): a document has a loss where this is above 0.
    lack = 1 - intercept * signs
    for _ in range(n_steps):
        # The gradient, with its sign changed.
        torch.clamp(lack, min=0, out=of_documents)
        torch.sign(of_documents, out=curved).mul_(loss_weight)
        of_documents.mul_(signs).mul_(loss_weight)
        descent = documents.back(of_documents).sub_(weights)
        intercept_descent = of_documents.sum(dim=0) - intercept
        intercept_part = intercept_descent / (1 + curved.sum(dim=0))
        part = descent * ease
        length = dot(descent, part) + intercept_descent * intercept_part
        change = length - dot(part, former) - intercept_part * former_intercept
        # Where nothing is left to gain, rounding could turn it anywhere.
        turn = (change / former_length).clamp_(0, 10)
        torch.addcmul(part, direction, turn, out=direction)
        intercept_direction = intercept_part + turn * intercept_direction
        former, former_intercept = descent, intercept_descent
        former_length = length.clamp(min=TINY)
        # What a step of 1 does: to the margins, and to |w|^2 + b^2.
        moves = documents.times(direction).add_(intercept_direction).mul_(signs)
        own = dot(direction, direction) + intercept_direction**2
        along = dot(weights, direction) + intercept * intercept_direction
        # Newton's step, then one of the secant method, from the slope where that ends.
        fall = dot(descent, direction) + intercept_descent * intercept_direction
        step = fall / (own + curved.mul_(moves).mul_(moves).sum(dim=0)).clamp(min=TINY)
        torch.addcmul(lack, moves, step, value=-1, out=of_documents).relu_()
        gained = of_documents.mul_(loss_weight).mul_(moves).sum(dim=0)
        still = gained - along - step * own
        # Where a label is at its minimum already, there is nothing to divide.
        step *= torch.where(fall > still, fall / (fall - still), 1)
        weights.addcmul_(direction, step)
        intercept += step * intercept_direction
        lack.addcmul_(moves, step, value=-1)
    return weights, intercept
