"""How well a document suits a label text: a bilinear form that labels share.

What is learned from the labels that have documents holds for those that have none.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy import sparse
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

__all__ = ["Compatibility"]

# On the squared distance of the form from a multiple of the identity.
PENALTY = 0.25
# On the squared biases of labels.
BIAS_PENALTY = 0.5
# More documents make the form no better, and more entries of targets no faster.
MAX_DOCUMENTS = 10_000
MAX_TARGETS = 5 * 10**7
MAX_ITERATIONS = 60
# Multiples of the identity to search, in logarithms.
SCALES = (0.0, 4.0)


@dataclass(frozen=True, eq=False)
class Compatibility:
    """The compatibility x^T W l of a document x with a label text l (Akata et al.).

    W and a bias of each label maximise the likelihood of a softmax over labels, less a
    penalty on W's distance from a multiple of the identity, with which compatibility is
    plain similarity. So the form stays of use for labels that it was not learned from.
    Their bias is 0.

    Z. Akata, F. Perronnin, Z. Harchaoui and C. Schmid. "Label-Embedding for Image
    Classification". IEEE TPAMI 38 (7), 2016.

    Parameters
    ----------
    center, middle : ndarray of shape (d,), float32
        The mean document, and the mean label text.
    form : ndarray of shape (d, d), float32
        W.
    directions : ndarray of shape (d, n_labels), float32
        W l of every label.
    rivals : ndarray of shape (d, n_rivals), float32
        Those of the labels that the softmax is over.
    """

    center: np.ndarray
    middle: np.ndarray
    form: np.ndarray
    directions: np.ndarray
    rivals: np.ndarray

    @classmethod
    def fit(
        cls,
        documents: np.ndarray,
        target: sparse.csr_array,
        sample_weight: np.ndarray,
        labels: np.ndarray,
        rng: np.random.RandomState,
    ) -> Self:
        """Learn the form.

        Parameters
        ----------
        documents : ndarray of shape (n_documents, d), float32
            Dense vectors.
        target : csr_array of shape (n_documents, n_labels)
            Labels, not negative. Those of a document share its weight.
        sample_weight : ndarray of shape (n_documents,)
            Weight of each document.
        labels : ndarray of shape (n_labels, d), float32
            Dense vectors of label texts.
        rng : RandomState
            Draws the documents that are learned from, where there are many.

        Returns
        -------
        compatibility : Compatibility
            Of any document with all of the labels.
        """
        total = np.asarray(target.sum(axis=1)).ravel()
        rows = np.flatnonzero(total)
        if not len(rows):
            zero = np.zeros(labels.shape[1], dtype=np.float32)
            identity = np.eye(labels.shape[1], dtype=np.float32)
            return cls(zero, zero, identity, labels.T, labels.T)
        seen = np.flatnonzero(target.sum(axis=0))
        most = min(MAX_DOCUMENTS, max(1, MAX_TARGETS // len(seen)))
        if len(rows) > most:
            rows = np.sort(rng.choice(rows, most, replace=False))
        center = documents[rows].mean(axis=0)
        middle = labels[seen].mean(axis=0)
        X, L = documents[rows] - center, labels[seen] - middle
        share = sample_weight[rows] / total[rows]
        T = target[rows][:, seen].multiply(share[:, None]).toarray().astype(np.float32)
        form = _fit_form(X, L, T)
        directions = form @ (labels - middle).T
        return cls(center, middle, form, directions, directions)

    def with_labels(self, labels: np.ndarray) -> Self:
        """Say how well documents suit other labels, beside the former ones.

        Parameters
        ----------
        labels : ndarray of shape (n_labels, d), float32
            Dense vectors of label texts.

        Returns
        -------
        compatibility : Compatibility
            Of any document with these labels; the softmax is over all.
        """
        directions = self.form @ (labels - self.middle).T
        rivals = np.concatenate([self.rivals, directions], axis=1)
        return replace(self, directions=directions, rivals=rivals)

    def log_shares(self, documents: np.ndarray) -> np.ndarray:
        """Share each document out among labels.

        Parameters
        ----------
        documents : ndarray of shape (n_documents, d), float32
            Dense vectors.

        Returns
        -------
        log_shares : ndarray of shape (n_documents, n_labels), float32
            Logarithms of a softmax over labels, without their biases.
        """
        centered = documents - self.center
        total = logsumexp(centered @ self.rivals, axis=1, keepdims=True)
        shares: np.ndarray = centered @ self.directions - total
        return shares


def _fit_form(X: np.ndarray, L: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Minimise the loss of documents X (n, d), labels L (m, d), weights T (n, m)."""
    similarity = X @ L.T

    def of_scale(log_scale: float) -> float:
        logits = np.float32(np.exp(log_scale)) * similarity
        normalizers = logsumexp(logits, axis=1).astype(np.float64)
        return float(normalizers @ T.sum(axis=1) - (T * logits).sum(dtype=np.float64))

    scale = np.exp(minimize_scalar(of_scale, bounds=SCALES, method="bounded").x)
    n_dimensions, n_labels = X.shape[1], len(L)
    start = np.zeros((n_dimensions, n_dimensions), dtype=np.float32)
    start[np.diag_indices(n_dimensions)] = scale

    rows, columns = T.nonzero()
    weights, row_weight = T[rows, columns], T.sum(axis=1, keepdims=True)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        flat = flat.astype(np.float32)
        change = flat[: start.size].reshape(start.shape)
        bias = flat[start.size :]
        # Products of few dimensions first; no product of documents with a whole form.
        logits = X @ ((start + change) @ L.T)
        logits += bias
        # Summed in float64: in float32 the line search ends early.
        error = -float(weights.astype(np.float64) @ logits[rows, columns])
        top = logits.max(axis=1, keepdims=True)
        logits -= top
        shares = np.exp(logits, out=logits)
        total = shares.sum(axis=1, keepdims=True)
        normalizers = (np.log(total) + top).astype(np.float64)
        error += float(np.vdot(normalizers, row_weight))
        error += PENALTY * np.square(change).sum(dtype=np.float64)
        error += BIAS_PENALTY * np.square(bias).sum(dtype=np.float64)
        residual = shares
        residual *= row_weight / total
        residual[rows, columns] -= weights
        of_change = (X.T @ residual) @ L + 2 * PENALTY * change
        of_bias = residual.sum(axis=0) + 2 * BIAS_PENALTY * bias
        gradient = np.concatenate([of_change.ravel(), of_bias])
        return error, gradient.astype(np.float64)

    found = minimize(
        loss,
        np.zeros(start.size + n_labels),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MAX_ITERATIONS},
    )
    form: np.ndarray = start + found.x[: start.size].reshape(start.shape)
    return form.astype(np.float32)
