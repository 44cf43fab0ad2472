"""What each term, and each training document, adds to a label's score: exactly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics.pairwise import rbf_kernel

from sklearn_htc.label_tree.tree import LabelTree, scaled
from sklearn_htc.wide.joined import JoinedPath
from sklearn_htc.wide.kernel import KernelPath
from sklearn_htc.wide.linear import LinearPath

__all__ = ["Contributions", "contributions"]

# Documents whose kernel is computed at a time.
BATCH_SIZE = 256


@dataclass(frozen=True)
class Contributions:
    """The parts of a document's scores; all of a label add up to its score.

    Parameters
    ----------
    columns : int ndarray of shape (n_terms,)
        The columns of X that the document has, and that have weights.
    of_terms : ndarray of shape (n_terms, n_labels)
        What each of them adds: its value times its weight.
    rows : int ndarray of shape (n_documents,)
        Training documents, counted without those of weight 0.
    of_rows : ndarray of shape (n_documents, n_labels)
        What each of them adds: its similarity times its weight.
    intercept : ndarray of shape (n_labels,)
        Scores of a document that says nothing.
    """

    columns: np.ndarray
    of_terms: np.ndarray
    rows: np.ndarray
    of_rows: np.ndarray
    intercept: np.ndarray

    def times(self, weight: float) -> "Contributions":
        """Multiply all parts.

        Parameters
        ----------
        weight : float
            By what.

        Returns
        -------
        contributions : Contributions
            Of a score times this.
        """
        return replace(
            self,
            of_terms=weight * self.of_terms,
            of_rows=weight * self.of_rows,
            intercept=weight * self.intercept,
        )

    def beside(self, other: "Contributions") -> "Contributions":
        """Put the parts of two scores side by side.

        Parameters
        ----------
        other : Contributions
            Of the same document and labels.

        Returns
        -------
        contributions : Contributions
            Of the sum of both scores.
        """
        return Contributions(
            np.concatenate([self.columns, other.columns]),
            np.vstack([self.of_terms, other.of_terms]),
            np.concatenate([self.rows, other.rows]),
            np.vstack([self.of_rows, other.of_rows]),
            self.intercept + other.intercept,
        )


@singledispatch
def contributions(
    path: Any, X: Any, nodes: Sequence[np.ndarray]
) -> Iterator[Contributions]:
    """Take scores apart.

    Parameters
    ----------
    path : LinearPath, KernelPath, JoinedPath, LabelTree or None
        Fitted; None where there is no wide path, which has no parts. The scores of a
        label tree are those of a label given its parent, or its cluster.
    X : {csr_array, ndarray} of shape (n_documents, n_features)
        Documents.
    nodes : sequence of int ndarrays, length n_documents
        The labels of each document whose scores are wanted.

    Yields
    ------
    contributions : Contributions
        Of one document after the other.
    """
    raise NotImplementedError(type(path).__name__)


@contributions.register(type(None))
def _of_none(path: None, X: Any, nodes: Sequence[np.ndarray]) -> Iterator[Any]:
    for labels in nodes:
        nothing = _nothing(len(labels))
        zeros = np.zeros(len(labels), dtype=np.float32)
        yield Contributions(*nothing, *nothing, zeros)


@contributions.register
def _of_linear(
    path: LinearPath, X: Any, nodes: Sequence[np.ndarray]
) -> Iterator[Contributions]:
    X = sparse.csr_array(X)
    for i, labels in enumerate(nodes):
        entries = slice(X.indptr[i], X.indptr[i + 1])
        columns, values = X.indices[entries], X.data[entries]
        rows = path.row_of_feature[columns]
        has_weight = rows >= 0
        weights = path.weights_of(rows[has_weight], labels)
        yield Contributions(
            columns[has_weight],
            values[has_weight, None] * weights,
            *_nothing(len(labels)),
            path.intercept_[labels],
        )


@contributions.register
def _of_tree(
    tree: LabelTree, X: Any, nodes: Sequence[np.ndarray]
) -> Iterator[Contributions]:
    X = scaled(X, tree.feature_scale_)
    for i, labels in enumerate(nodes):
        entries = slice(X.indptr[i], X.indptr[i + 1])
        columns, values = X.indices[entries], X.data[entries]
        weights = tree.machines.of_branches(columns, labels, tree.routing)
        has_weight = weights.any(axis=1)
        yield Contributions(
            columns[has_weight],
            values[has_weight, None] * weights[has_weight],
            *_nothing(len(labels)),
            tree.machines.intercept[labels],
        )


@contributions.register
def _of_kernel(
    path: KernelPath, X: Any, nodes: Sequence[np.ndarray]
) -> Iterator[Contributions]:
    # Weights of thousands of documents cancel, which leaves float32 few digits.
    landmarks = path.landmarks_ - path.origin
    X = X - path.origin
    for start in range(0, len(X), BATCH_SIZE):
        some = X[start : start + BATCH_SIZE]
        kernel = rbf_kernel(some, landmarks, gamma=path.gamma_)
        for similarity, labels in zip(
            kernel, nodes[start : start + BATCH_SIZE], strict=True
        ):
            yield Contributions(
                *_nothing(len(labels)),
                path.landmark_rows_,
                similarity[:, None] * path.coef_[:, labels],
                path.intercept_[labels],
            )


@contributions.register
def _of_both(
    path: JoinedPath, X: Any, nodes: Sequence[np.ndarray]
) -> Iterator[Contributions]:
    parts = [
        (part, contributions(part.model, part.side.read(X), nodes))
        for part in path.parts
    ]
    for _ in nodes:
        own = []
        for part, each in parts:
            found = next(each).times(part.weight)
            own.append(replace(found, columns=part.side.columns[found.columns]))
        total = own[0]
        for other in own[1:]:
            total = total.beside(other)
        yield total


def _nothing(n_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return no terms, or no documents."""
    return np.empty(0, dtype=np.int64), np.empty((0, n_labels), dtype=np.float32)
