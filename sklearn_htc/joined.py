"""The wide path of terms and embeddings side by side: a model of each, mixed.

A kernel suits embeddings, and linear machines suit terms. A linear model of both at
once has the full rows of the embeddings to look at, a label at a time, and takes longer
(1.3 to 3.5 times, measured) for no better F1.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from scipy import sparse

from sklearn_htc.documents import BagOfTerms, DenseDocuments, embedding_columns
from sklearn_htc.kernel import KernelPath, choose_kernel_path, suits_kernel_path
from sklearn_htc.wide import WidePath, choose_wide_path, suits_wide_path
from sklearn_htc.wide_choice import SelectionData, WideChoice, best_choice

__all__ = ["JoinedPath", "Part", "choose_joined_path", "suits_joined_path"]

# Shares of the kernel path to choose from, where neither path is better alone. Scores
# are mixed in units of the calibration, in which those of both are equally far apart.
KERNEL_SHARES = (0.25, 0.5, 0.75)


class Part(NamedTuple):
    """A path of its own, of some of the columns.

    Parameters
    ----------
    path : WidePath or KernelPath
        With its settings; fitted in the parts of a fitted `JoinedPath`.
    columns : int ndarray of shape (n_columns,)
        Which it reads, in their order.
    weight : float
        What its scores are multiplied by.
    """

    path: WidePath | KernelPath
    columns: np.ndarray
    weight: float

    def documents(self, X: sparse.csr_array) -> BagOfTerms | DenseDocuments:
        """Take its columns of X, in the form that the path learns from."""
        own = X[:, self.columns]
        if isinstance(self.path, KernelPath):
            return DenseDocuments(own.toarray())
        return BagOfTerms(own)


class JoinedPath:
    """A weighted sum of paths, each with columns of its own.

    Parameters
    ----------
    parts : list of Part
        Those to add up.

    Attributes
    ----------
    parts_ : list of Part
        The same, fitted.
    """

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts

    def refit(
        self,
        documents: BagOfTerms,
        target: sparse.csr_array,
        sample_weight: np.ndarray,
        rng: np.random.RandomState,
    ) -> Self:
        """Learn every part.

        Parameters
        ----------
        documents : BagOfTerms
            Documents.
        target : csr_array of shape (n_documents, n_nodes)
            Labels, closed under ancestors.
        sample_weight : ndarray of shape (n_documents,)
            Weight of each document.
        rng : RandomState
            Draws what is random.

        Returns
        -------
        self : JoinedPath
            Fitted.
        """
        self.parts_ = []
        for part in self.parts:
            path = copy(part.path)
            path.refit(part.documents(documents.X), target, sample_weight, rng)
            self.parts_.append(part._replace(path=path))
        return self

    def scores(self, X: sparse.csr_array) -> np.ndarray:
        """Score every label.

        Parameters
        ----------
        X : csr_array of shape (n_documents, n_features)
            Documents.

        Returns
        -------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Higher where a label is more likely.
        """
        return _weighted_sum(
            (part.weight, part.path.scores(part.documents(X).X)) for part in self.parts_
        )


def _weighted_sum(pairs: Iterable[tuple[float, np.ndarray]]) -> np.ndarray:
    """Add up arrays times their weights, float32."""
    return np.sum([np.float32(weight) * values for weight, values in pairs], axis=0)


def _sides(X: sparse.csr_array) -> tuple[Part, Part]:
    """Tell the columns of terms from those of embeddings."""
    of_embeddings = embedding_columns(X)
    of_terms = np.delete(np.arange(X.shape[1]), of_embeddings)
    return Part(WidePath(), of_terms, 1.0), Part(KernelPath(), of_embeddings, 1.0)


def suits_joined_path(documents: Any, n_nodes: int) -> bool:
    """Say whether documents have terms and embeddings, and both can be learned from.

    Parameters
    ----------
    documents : Documents
        Those to learn from.
    n_nodes : int
        Number of labels.

    Returns
    -------
    suits : bool
        False where one of both is missing, too.
    """
    if not isinstance(documents, BagOfTerms):
        return False
    terms, embeddings = _sides(documents.X)
    return (
        len(terms.columns) > 0
        and len(embeddings.columns) > 0
        and suits_wide_path(terms.documents(documents.X), n_nodes)
        and suits_kernel_path(embeddings.documents(documents.X), n_nodes)
    )


def choose_joined_path(
    data: SelectionData, *, C: float, rng: np.random.RandomState
) -> WideChoice:
    """Choose a path of the terms and one of the embeddings, then how they are mixed.

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
    X = data.documents.X
    sides = _sides(X)
    scale = np.empty(X.shape[1], dtype=np.float32)
    choices = []
    for side, choose in zip(sides, (choose_wide_path, choose_kernel_path), strict=True):
        choice = choose(replace(data, documents=side.documents(X)), C=C, rng=rng)
        scale[side.columns] = choice.feature_scale
        choices.append(choice)
    both = list(zip(sides, choices, strict=True))
    units = [choice.read_out.calibration.half_range_ for choice in choices]

    def alone(side: Part, choice: WideChoice) -> WideChoice:
        part = side._replace(path=choice.wide)
        return replace(choice, wide=JoinedPath([part]), feature_scale=scale)

    def mixed(share: float) -> WideChoice:
        weights = (1 - share) / units[0], share / units[1]
        scores = _weighted_sum(zip(weights, (c.scores for c in choices), strict=True))
        parts = [
            side._replace(path=choice.wide, weight=weight)
            for (side, choice), weight in zip(both, weights, strict=True)
        ]
        return WideChoice(JoinedPath(parts), scores, data.read_out(scores), scale)

    # The simplest models first.
    return best_choice(
        [alone(*one) for one in both] + [mixed(share) for share in KERNEL_SHARES]
    )
