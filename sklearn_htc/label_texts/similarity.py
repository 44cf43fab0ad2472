"""How near each document is to each label's text."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy import sparse

from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.label_texts.compatibility import Compatibility
from sklearn_htc.label_texts.sides import Sides

__all__ = ["LabelVectors", "Similarity"]

# Log share of a label without text, which has no part in the softmax.
NO_TEXT = -20.0


@dataclass(frozen=True, eq=False)
class LabelVectors:
    """Label texts, in the columns of X.

    Parameters
    ----------
    nodes : int ndarray of shape (n_labels,)
        Nodes that have a text, sorted.
    X : {csr_array, ndarray} of shape (n_labels, n_features)
        Their texts, as documents.
    """

    nodes: np.ndarray
    X: Any


@dataclass(frozen=True, eq=False)
class Similarity:
    """Two measures of how near documents are to label texts.

    Parameters
    ----------
    sides : Sides
        From X to terms and dense vectors.
    nodes : int ndarray of shape (n_labels,)
        Nodes that have a text.
    n_nodes : int
        Of the hierarchy.
    importance : csr_array of shape (n_terms, n_labels)
        Share of each term in its label's text; columns sum to 1.
    compatibility : Compatibility
        Of dense vectors.
    """

    sides: Sides
    nodes: np.ndarray
    n_nodes: int
    importance: sparse.csr_array
    compatibility: Compatibility

    @classmethod
    def fit(
        cls, data: TrainingData, labels: LabelVectors, rng: np.random.RandomState
    ) -> Self:
        """Learn from documents what makes them compatible with their labels' texts.

        Parameters
        ----------
        data : TrainingData
            Documents that are vectors.
        labels : LabelVectors
            Label texts.
        rng : RandomState
            Draws what is random.

        Returns
        -------
        similarity : Similarity
            Of any document with all label texts.
        """
        sides = Sides.of(data.vectors, rng)
        target = data.hierarchy.most_specific(data.target)[:, labels.nodes]
        compatibility = Compatibility.fit(
            sides.dense(data.vectors.X),
            target,
            data.sample_weight,
            sides.dense(labels.X),
            rng,
        )
        n_nodes = len(data.hierarchy)
        importance = _importance(sides.term_weights(labels.X))
        return cls(sides, labels.nodes, n_nodes, importance, compatibility)

    def with_labels(self, labels: LabelVectors, n_nodes: int) -> Self:
        """Compare documents with other labels, as was learned from the former ones.

        Parameters
        ----------
        labels : LabelVectors
            Their texts.
        n_nodes : int
            Nodes of their hierarchy.

        Returns
        -------
        similarity : Similarity
            Of any document with these labels.
        """
        return replace(
            self,
            nodes=labels.nodes,
            n_nodes=n_nodes,
            importance=_importance(self.sides.term_weights(labels.X)),
            compatibility=self.compatibility.with_labels(self.sides.dense(labels.X)),
        )

    def coverage(self, X: Any) -> np.ndarray:
        """Say how much of each label's text a document has.

        Parameters
        ----------
        X : {csr_array, ndarray} of shape (n_documents, n_features)
            Documents.

        Returns
        -------
        coverage : ndarray of shape (n_documents, n_nodes), float32
            Of the squared weights of the text's terms, the share of those terms that
            occur in the document: 0 where none does, and 1 where all do.
        """
        weights = self.sides.term_weights(X)
        occurs = sparse.csr_array(
            (np.ones_like(weights.data), weights.indices, weights.indptr),
            shape=weights.shape,
        )
        coverage = np.zeros((X.shape[0], self.n_nodes), dtype=np.float32)
        coverage[:, self.nodes] = (occurs @ self.importance).toarray()
        return coverage

    def log_shares(self, X: Any) -> np.ndarray:
        """Share documents out among labels by `Compatibility`.

        Parameters
        ----------
        X : {csr_array, ndarray} of shape (n_documents, n_features)
            Documents.

        Returns
        -------
        log_shares : ndarray of shape (n_documents, n_nodes), float32
            Logarithms; -20 or more, and -20 for nodes without a text.
        """
        shares = np.full((X.shape[0], self.n_nodes), NO_TEXT, dtype=np.float32)
        own = self.compatibility.log_shares(self.sides.dense(X))
        shares[:, self.nodes] = np.maximum(own, NO_TEXT)
        return shares


def _importance(weights: sparse.csr_array) -> sparse.csr_array:
    """Return shares (n_terms, n_labels) of squared weights (n_labels, n_terms)."""
    squared = sparse.csr_array(weights.multiply(weights))
    total = squared.sum(axis=1)
    total[total == 0] = 1
    return sparse.csr_array(squared.multiply(1 / total[:, None]).T)
