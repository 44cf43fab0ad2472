"""The wide path of embeddings: kernel ridge regression of each label.

Coordinates of an embedding are no terms, and labels are seldom linear in them. On
sentence embeddings kernel ridge regression does better than linear machines by several
points of F1, and in less time, as it solves for all labels at once.
"""

from typing import Any, Self

import numpy as np
from scipy import sparse
from scipy.linalg import cholesky, solve, solve_triangular
from sklearn.metrics.pairwise import rbf_kernel

from sklearn_htc.wide import MIN_DOCUMENTS, mean_length
from sklearn_htc.wide_choice import (
    SelectionData,
    WideChoice,
    best_choice,
    judge_wide_path,
)

__all__ = ["KernelPath", "choose_kernel_path", "suits_kernel_path"]

# Widths of the kernel and penalties to choose from; each list starts with what did best
# on the average of data sets.
GAMMAS = (0.5, 0.25, 1.0)
PENALTIES = (0.1, 0.03, 0.01)
# Documents that these are tried on.
N_TRIED = 3000
# Up to this number all documents are landmarks: a minute and 2 GB. Of more, a third of
# it and less, so that it takes no longer.
MAX_LANDMARKS = 20_000
# Added to the kernel of the landmarks, whose least eigenvalues float32 rounds away.
JITTER = 1e-3
# With less, float32 may find negative eigenvalues where documents are alike.
LEAST_FLOAT32_PENALTY = 0.01
# Documents whose kernel is computed at a time.
BATCH_SIZE = 2048
# Entries of the targets (400 MB).
MAX_TARGETS = 10**8


class KernelPath:
    """Kernel ridge regressions of all labels, with a Gaussian kernel.

    Minimises sum_i w_i (y_i - f(x_i))^2 + penalty ||f||^2, where f is spanned by the
    kernels of the landmarks: all documents, or a random part of them (Nyström's
    method), in which rare labels are overrepresented.

    Parameters
    ----------
    gamma : float, default=0.5
        The kernel is exp(-gamma ||x - x'||^2 / v), with v the mean squared distance of
        documents to their mean.
    penalty : float, default=0.1
        On the squared norm of f.
    landmark_share : float, default=1.0
        Share of the documents that are landmarks.

    Attributes
    ----------
    feature_scale_ : ndarray of shape (n_features,), float32
        What makes the length of the average document 1; the same for all features.
    landmarks_ : ndarray of shape (n_landmarks, n_features)
        Documents whose kernels are added up; float32, or float64 if the penalty is less
        than 0.01.
    gamma_ : float
        `gamma` / v.
    coef_ : ndarray of shape (n_landmarks, n_nodes)
        Weights of the kernels, of the type of the landmarks.
    intercept_ : ndarray of shape (n_nodes,), float32
        Share of documents with the label.
    """

    def __init__(
        self,
        *,
        gamma: float = GAMMAS[0],
        penalty: float = PENALTIES[0],
        landmark_share: float = 1.0,
    ) -> None:
        self.gamma = gamma
        self.penalty = penalty
        self.landmark_share = landmark_share

    def fit(
        self,
        documents: Any,
        target: sparse.csr_array,
        sample_weight: np.ndarray,
        rng: np.random.RandomState,
    ) -> Self:
        """Learn all labels.

        Parameters
        ----------
        documents : DenseDocuments
            Documents.
        target : csr_array of shape (n_documents, n_nodes)
            Labels, closed under ancestors.
        sample_weight : ndarray of shape (n_documents,)
            Weight of each document.
        rng : RandomState
            Draws the landmarks.

        Returns
        -------
        self : KernelPath
            Fitted.
        """
        # A copy: the landmarks outlive what the user does to X.
        precise = self.penalty < LEAST_FLOAT32_PENALTY
        X = np.array(documents.X, dtype=np.float64 if precise else np.float32)
        scale = 1 / mean_length(X)
        self.feature_scale_ = np.full(X.shape[1], scale, dtype=np.float32)
        variance = X.var(axis=0, dtype=np.float64).sum()
        self.gamma_ = float(self.gamma / (variance or 1))
        shares = sample_weight @ target / max(sample_weight.sum(), 1e-9)
        self.intercept_ = shares.astype(np.float32)
        if self.landmark_share == 1:
            self.landmarks_ = X
            self.coef_ = self._solve(target, sample_weight)
        else:
            self.landmarks_ = X[self._choose_landmarks(target, rng)]
            self.coef_ = self._solve_by_landmarks(X, target, sample_weight)
        return self

    refit = fit

    def _choose_landmarks(
        self, target: sparse.csr_array, rng: np.random.RandomState
    ) -> np.ndarray:
        """Draw documents such that every label, and the root, has about as many.

        Without its few documents a rare label has no score above those of others.
        """
        n_documents = target.shape[0]
        worth = target @ (1 / np.maximum(target.sum(axis=0), 1)) + 1 / n_documents
        size = int(np.ceil(self.landmark_share * n_documents))
        chosen = rng.choice(n_documents, size, replace=False, p=worth / worth.sum())
        return np.sort(chosen)

    def _solve(self, target: sparse.csr_array, sample_weight: np.ndarray) -> np.ndarray:
        """Solve (S K S + penalty I) b = S (Y - mean), S^2 the weights; return S b."""
        kernel = self._kernel(self.landmarks_)
        root = np.sqrt(sample_weight).astype(kernel.dtype)[:, None]
        kernel *= root
        kernel *= root.T
        kernel[np.diag_indices_from(kernel)] += self.penalty
        residual = root * self._residual(target)
        # It is symmetric, and in Fortran's order there is no need for a copy.
        return root * solve(
            kernel.T, residual, assume_a="pos", overwrite_a=True, overwrite_b=True
        )

    def _solve_by_landmarks(
        self, X: np.ndarray, target: sparse.csr_array, sample_weight: np.ndarray
    ) -> np.ndarray:
        """Solve for features whose products are Nyström's form of the kernel."""
        own = self._kernel(self.landmarks_)
        own[np.diag_indices_from(own)] += JITTER
        lower = cholesky(own, lower=True, overwrite_a=True)
        size, n_nodes = len(lower), target.shape[1]
        gram = np.zeros((size, size), dtype=own.dtype)
        moment = np.zeros((size, n_nodes), dtype=own.dtype)
        for start in range(0, len(X), BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            features = solve_triangular(lower, self._kernel(X[rows]).T, lower=True)
            weighted = features * sample_weight[rows].astype(own.dtype)
            gram += weighted @ features.T
            moment += weighted @ self._residual(target[rows])
        gram[np.diag_indices_from(gram)] += self.penalty
        coef = solve(gram, moment, assume_a="pos", overwrite_a=True)
        return solve_triangular(lower, coef, lower=True, trans="T")

    def _residual(self, target: sparse.csr_array) -> np.ndarray:
        """Subtract each label's share, float32."""
        return target.astype(np.float32).toarray() - self.intercept_

    def _kernel(self, X: np.ndarray) -> np.ndarray:
        """Compute the kernel of documents and landmarks, of their type."""
        return rbf_kernel(X, self.landmarks_, gamma=self.gamma_)

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Score every label.

        Parameters
        ----------
        X : ndarray of shape (n_documents, n_features)
            Documents.

        Returns
        -------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Near 1 where a document has the label, and near 0 where not.
        """
        X = np.asarray(X, dtype=self.landmarks_.dtype)
        scores = np.empty((len(X), len(self.intercept_)), dtype=np.float32)
        for start in range(0, len(X), BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            scores[rows] = self._kernel(X[rows]) @ self.coef_
        return scores + self.intercept_


def suits_kernel_path(documents: Any, n_nodes: int) -> bool:
    """Say whether kernel ridge regression is possible in reasonable time and memory.

    Parameters
    ----------
    documents : DenseDocuments
        Those to learn from.
    n_nodes : int
        Number of labels.

    Returns
    -------
    suits : bool
        False for few documents, and where there are too many of them or of labels.
    """
    n_documents = len(documents.lengths)
    return MIN_DOCUMENTS <= n_documents <= MAX_TARGETS / n_nodes


def choose_kernel_path(
    data: SelectionData, *, C: float, rng: np.random.RandomState
) -> WideChoice:
    """Choose the kernel's width, then the penalty, by held-out documents.

    Parameters
    ----------
    data : SelectionData
        Documents to learn from, and to judge by.
    C : float
        What penalties are divided by.
    rng : RandomState
        Draws what is random.

    Returns
    -------
    choice : WideChoice
        The best.
    """

    def tried(
        gamma: float, penalty: float, chosen: list[np.ndarray], share: float = 1.0
    ) -> WideChoice:
        kernel = KernelPath(gamma=gamma, penalty=penalty, landmark_share=share)
        parts = (
            (documents.rows(rows), data.target[rows], data.sample_weight[rows], rng)
            for rows in chosen
        )
        return judge_wide_path(kernel, parts, held_out, data.read_out)

    documents, folds = data.documents, data.folds
    held_out = [documents.X[valid] for _, valid in folds]
    few = [rng.permutation(train)[:N_TRIED] for train, _ in folds]
    first, *others = (penalty / C for penalty in PENALTIES)
    best = best_choice([tried(gamma, first, few) for gamma in GAMMAS])
    gamma = best.wide.gamma
    best = best_choice([best, *(tried(gamma, other, few) for other in others)])
    if max(len(train) for train, _ in folds) <= N_TRIED:
        return best
    # Scores of fewer landmarks are lower, so the folds have the share that all have.
    share = _landmark_share(len(documents.lengths))
    return tried(gamma, best.wide.penalty, [train for train, _ in folds], share)


def _landmark_share(n_documents: int) -> float:
    """Say how many of the documents can be landmarks."""
    if n_documents <= MAX_LANDMARKS:
        return 1.0
    # For m of n documents it takes a time of n m^2, here the same for all n.
    return MAX_LANDMARKS / 3 * np.sqrt(MAX_LANDMARKS / n_documents) / n_documents
