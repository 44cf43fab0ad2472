"""The wide path of embeddings: kernel ridge regression of each label.

Coordinates of an embedding are no terms, and labels are seldom linear in them. On
sentence embeddings kernel ridge regression does better than linear machines by several
points of F1, and in less time, as it solves for all labels at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from scipy import sparse
from scipy.linalg import cholesky, solve, solve_triangular
from sklearn.metrics.pairwise import rbf_kernel

from sklearn_htc.data.documents import DenseDocuments, Documents, sum_of_squares
from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.halving import halved
from sklearn_htc.read_out.fitting import ReadOutFitter
from sklearn_htc.wide.base import (
    MIN_DOCUMENTS,
    WideModel,
    WideOptions,
    WideSettings,
    mean_length,
)
from sklearn_htc.wide.dual import least_penalty, solve_dual, type_for
from sklearn_htc.wide.selection import WideChoice, best_choice, judge

__all__ = ["KernelPath", "KernelSettings", "landmark_share_for"]

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
# Documents whose kernel is computed at a time.
BATCH_SIZE = 2048
# Numbers of the landmarks that are looked at together (1 MB).
CACHED_ELEMENTS = 2**17
# Entries of the targets (400 MB).
MAX_TARGETS = 10**8


@dataclass(frozen=True)
class KernelPath(WideModel):
    """Kernel ridge regressions of all labels, with a Gaussian kernel.

    Its landmarks are training documents: a pickle of it holds their embeddings.

    Parameters
    ----------
    settings : KernelSettings
        What it was fitted with.
    feature_scale_ : ndarray of shape (n_features,), float32
        What makes the length of the average document 1; the same for all features.
    landmarks_ : ndarray of shape (n_landmarks, n_features)
        Documents whose kernels are added up; float32, or float64 if the penalty is less
        than 0.01; float16 once `compact` has made them so.
    gamma_ : float
        `gamma` / v.
    coef_ : ndarray of shape (n_landmarks, n_nodes)
        Weights of the kernels, of the type of the landmarks.
    intercept_ : ndarray of shape (n_nodes,), float32
        Share of documents with the label.
    landmark_rows_ : int ndarray of shape (n_landmarks,)
        Which training documents the landmarks are, counted without those of weight 0.
    """

    settings: KernelSettings
    feature_scale_: np.ndarray = field(repr=False)
    landmarks_: np.ndarray = field(repr=False)
    gamma_: float
    coef_: np.ndarray = field(repr=False)
    intercept_: np.ndarray = field(repr=False)
    landmark_rows_: np.ndarray = field(repr=False)

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Score every label; near 1 where a document has it, and near 0 where not."""
        scores = np.empty((len(X), len(self.intercept_)), dtype=np.float32)
        for start in range(0, len(X), BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            scores[rows] = self._sums(np.asarray(X[rows], dtype=np.float64))
        return scores + self.intercept_

    def _sums(self, X: np.ndarray) -> np.ndarray:
        """Add the weighted kernels of a few documents up, (n, n_nodes).

        Weights of thousands of documents cancel, which leaves float32 few digits.
        `rbf_kernel` would take six times as long for so few landmarks at a time.
        """
        total = np.zeros((len(X), len(self.intercept_)))
        origin = self.origin
        X = X - origin
        squares = np.einsum("ij,ij->i", X, X)[:, None]
        n_landmarks, n_features = self.landmarks_.shape
        # As float64, so many stay in the processor's cache.
        step = max(1, CACHED_ELEMENTS // n_features)
        for start in range(0, n_landmarks, step):
            part = slice(start, start + step)
            landmarks = self.landmarks_[part] - origin
            kernel = X @ landmarks.T
            kernel *= -2
            kernel += squares
            kernel += np.einsum("ij,ij->i", landmarks, landmarks)
            np.maximum(kernel, 0, out=kernel)
            kernel *= -self.gamma_
            np.exp(kernel, out=kernel)
            total += kernel @ self.coef_[part].astype(np.float64)
        return total

    @property
    def origin(self) -> np.ndarray:
        """What distances are measured from, (n_features,): a landmark.

        Where all documents are far from 0, rounding would leave nothing of what they
        differ by.
        """
        return self.landmarks_[0].astype(np.float64)

    def weights(self) -> np.ndarray:
        """Return `coef_`, of a type to compute with."""
        return self.coef_.astype(self._type, copy=False)

    def compact(self, weights: str, min_weight: float) -> KernelPath:
        """Store landmarks and weights in half the space, if they are float32.

        See `WideModel.compact`. No weight of a kernel is small enough to leave out.
        """
        if weights != "float16" or self.landmarks_.dtype != np.float32:
            return self
        # The kernel reads differences, which a common offset may be much larger than.
        spread = np.abs(self.landmarks_ - self.landmarks_.mean(axis=0)).max()
        landmarks = halved(self.landmarks_, size=float(spread))
        return replace(self, landmarks_=landmarks, coef_=halved(self.coef_))

    @property
    def _type(self) -> type:
        return np.promote_types(self.landmarks_.dtype, np.float32).type


@dataclass(frozen=True)
class KernelSettings(WideSettings):
    """Settings of a `KernelPath`.

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
    """

    gamma: float = GAMMAS[0]
    penalty: float = PENALTIES[0]
    landmark_share: float = 1.0

    @staticmethod
    def suits(documents: Documents, n_nodes: int) -> bool:
        """Say whether time and memory suffice; see `WideSettings.suits`."""
        is_dense = isinstance(documents, DenseDocuments)
        return is_dense and KernelSettings.suits_size(len(documents), n_nodes)

    @staticmethod
    def suits_size(n_documents: int, n_nodes: int) -> bool:
        """Say whether time and memory suffice for so many embeddings and labels.

        Parameters
        ----------
        n_documents : int
            Those to learn from.
        n_nodes : int
            Number of labels.

        Returns
        -------
        suits : bool
            Whether they do.
        """
        return MIN_DOCUMENTS <= n_documents <= MAX_TARGETS / n_nodes

    @classmethod
    def select(
        cls,
        data: TrainingData,
        folds: Sequence[Fold],
        fitter: ReadOutFitter,
        options: WideOptions,
        rng: np.random.RandomState,
    ) -> WideChoice:
        """Choose the kernel's width, then the penalty, by held-out documents.

        See `WideSettings.select`.
        """

        def tried(
            gamma: float, penalty: float, parts: list[TrainingData], share: float = 1.0
        ) -> WideChoice:
            settings = cls(gamma, penalty, share)
            fits = (partial(settings.fit, part, rng) for part in parts)
            return judge(settings, fits, folds, fitter)

        all_parts = [fold.learned_from for fold in folds]
        few = [part.take(rng.permutation(len(part))[:N_TRIED]) for part in all_parts]
        first, *others = (penalty / options.C for penalty in PENALTIES)
        best = best_choice([tried(gamma, first, few) for gamma in GAMMAS])
        gamma = _kernel_settings(best).gamma
        best = best_choice([best, *(tried(gamma, other, few) for other in others)])
        if max(len(part) for part in all_parts) <= N_TRIED:
            return best
        # Scores of fewer landmarks are lower: the folds have the share that all have.
        share = landmark_share_for(len(data))
        return tried(gamma, _kernel_settings(best).penalty, all_parts, share)

    def fit(self, data: TrainingData, rng: np.random.RandomState) -> KernelPath:
        """Learn all labels; `rng` draws the landmarks. See `WideSettings.fit`."""
        documents = data.vectors
        # A copy: the landmarks outlive what the user does to X.
        X = np.array(documents.X, dtype=type_for(self.penalty))
        scale = np.full(X.shape[1], 1 / mean_length(X), dtype=np.float32)
        # Of documents that lie around 0, at a distance of 1 on average.
        unit = X - X.mean(axis=0, dtype=np.float64).astype(X.dtype)
        variance = float(sum_of_squares(unit) / len(unit)) or 1.0
        unit /= X.dtype.type(np.sqrt(variance))
        kernel = partial(rbf_kernel, gamma=self.gamma)
        target, weight = data.target, data.sample_weight
        shares = weight @ target / max(weight.sum(), 1e-9)
        intercept = shares.astype(np.float32)
        residual = target.astype(np.float32).toarray() - intercept
        rows, landmarks = np.arange(len(X)), X
        if self.landmark_share == 1:
            coef = solve_dual(kernel(unit), residual, weight, self.penalty)
        else:
            rows = _choose_landmarks(target, self.landmark_share, rng)
            landmarks, marks = X[rows], unit[rows]
            coef = _solve_by_landmarks(
                partial(kernel, Y=marks),
                marks,
                unit,
                residual,
                weight,
                self.penalty,
            )
        gamma = self.gamma / variance
        return KernelPath(self, scale, landmarks, gamma, coef, intercept, rows)


def _kernel_settings(choice: WideChoice) -> KernelSettings:
    settings = choice.settings
    assert isinstance(settings, KernelSettings)
    return settings


def _choose_landmarks(
    target: sparse.csr_array, share: float, rng: np.random.RandomState
) -> np.ndarray:
    """Draw documents such that every label, and the root, has about as many.

    Without its few documents a rare label has no score above those of others.
    """
    n_documents = target.shape[0]
    worth = target @ (1 / np.maximum(target.sum(axis=0), 1)) + 1 / n_documents
    size = int(np.ceil(share * n_documents))
    chosen = rng.choice(n_documents, size, replace=False, p=worth / worth.sum())
    return np.sort(chosen)


def _solve_by_landmarks(
    kernel: Callable[[np.ndarray], np.ndarray],
    landmarks: np.ndarray,
    X: np.ndarray,
    residual: np.ndarray,
    sample_weight: np.ndarray,
    penalty: float,
) -> np.ndarray:
    """Solve for features whose products are Nyström's form of the kernel."""
    own = kernel(landmarks)
    own[np.diag_indices_from(own)] += JITTER
    lower = cholesky(own, lower=True, overwrite_a=True)
    size = len(lower)
    gram = np.zeros((size, size), dtype=own.dtype)
    moment = np.zeros((size, residual.shape[1]), dtype=own.dtype)
    for start in range(0, len(X), BATCH_SIZE):
        rows = slice(start, start + BATCH_SIZE)
        features = solve_triangular(lower, kernel(X[rows]).T, lower=True)
        weighted = features * sample_weight[rows].astype(own.dtype)
        gram += weighted @ features.T
        moment += weighted @ residual[rows]
    gram[np.diag_indices_from(gram)] += max(penalty, least_penalty(gram))
    coef = solve(gram, moment, assume_a="pos", overwrite_a=True)
    return solve_triangular(lower, coef, lower=True, trans="T")


def landmark_share_for(n_documents: int) -> float:
    """Say how many of the documents can be landmarks.

    Parameters
    ----------
    n_documents : int
        Those to learn from.

    Returns
    -------
    share : float
        1 up to 20,000 documents.
    """
    if n_documents <= MAX_LANDMARKS:
        return 1.0
    # For m of n documents it takes a time of n m^2, here the same for all n.
    return MAX_LANDMARKS / 3 * np.sqrt(MAX_LANDMARKS / n_documents) / n_documents
