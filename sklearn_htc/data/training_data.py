"""Documents with their labels, and a fold of them: made once, and handed on whole."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from scipy import sparse

from sklearn_htc.data.documents import Documents, DocumentVectors, EncoderInput
from sklearn_htc.hierarchy import Hierarchy

__all__ = ["Fold", "TrainingData"]


@dataclass(frozen=True)
class TrainingData:
    """Documents, their labels and weights, over one hierarchy.

    Parameters
    ----------
    documents : Documents
        Checked.
    target : csr_array of shape (n_documents, n_nodes), float32
        Labels, 0 and 1, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,), float32
        Weight of each document; all documents that `fit` was given have mean weight 1.
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray of shape (n_paths,)
        The most specific node of each path that a document may have, where every
        document has exactly one path; empty otherwise.
    """

    documents: Documents
    target: sparse.csr_array
    sample_weight: np.ndarray
    hierarchy: Hierarchy
    path_nodes: np.ndarray

    def __len__(self) -> int:
        return len(self.sample_weight)

    @property
    def vectors(self) -> DocumentVectors:
        """The documents, which shallow models learn from where they are vectors."""
        assert self.documents.vectors is not None
        return self.documents.vectors

    @property
    def encoder_input(self) -> EncoderInput:
        """The documents, as a network reads them."""
        assert self.documents.encoder_input is not None
        return self.documents.encoder_input

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of documents of each node, (n_nodes,)."""
        return self.target.sum(axis=0)

    def with_documents(self, documents: Documents) -> Self:
        """Return the same labels of the same documents in another form.

        Parameters
        ----------
        documents : Documents
            As many as here.

        Returns
        -------
        data : TrainingData
            With `documents`.
        """
        return replace(self, documents=documents)

    def with_weight(self, sample_weight: np.ndarray) -> Self:
        """Return the same documents with other weights.

        Parameters
        ----------
        sample_weight : ndarray of shape (n_documents,), float32
            Weight of each document.

        Returns
        -------
        data : TrainingData
            With `sample_weight`.
        """
        return replace(self, sample_weight=sample_weight)

    def take(self, rows: np.ndarray, documents: Documents | None = None) -> Self:
        """Return some of the documents with their labels.

        Parameters
        ----------
        rows : int ndarray of shape (B,)
            Which documents.
        documents : Documents, default=None
            These documents, where they are at hand.

        Returns
        -------
        data : TrainingData
            Of B documents, with the same hierarchy and paths.
        """
        return replace(
            self,
            documents=self.documents.take(rows) if documents is None else documents,
            target=self.target[rows],
            sample_weight=self.sample_weight[rows],
        )


@dataclass(frozen=True)
class Fold:
    """Documents to learn from, and documents to decide by.

    Parameters
    ----------
    learned_from, held_out : TrainingData
        Both without the terms that only held-out documents have.
    rows : int ndarray of shape (n_learned,) or None, default=None
        Which of all documents are learned from, where that is known.
    """

    learned_from: TrainingData
    held_out: TrainingData
    rows: np.ndarray | None = None

    def map_vectors(self, change: Callable[[Any], Documents]) -> Self:
        """Change what shallow models learn from in both parts.

        Parameters
        ----------
        change : callable
            From vectors to as many other documents.

        Returns
        -------
        fold : Fold
            With the same labels.
        """
        parts = (self.learned_from, self.held_out)
        learned_from, held_out = (
            part.with_documents(change(part.vectors)) for part in parts
        )
        return type(self)(learned_from, held_out, self.rows)
