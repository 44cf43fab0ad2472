"""Products of sparse documents with a few dozen columns at a time, by torch."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from sklearn_htc.sparse_rows import SparseRows
from sklearn_htc.threads import on_threads

__all__ = ["DocumentProducts", "inner_products"]

# Entries of X that take the time of one of a dense array of inner products.
DENSE_FACTOR = 12
# Documents whose inner products are kept (1 GB of float32).
MAX_INNER = 2**14
# Features of more than this share of the documents are multiplied as a dense array.
DENSE_SHARE = 0.06
# Documents that a thread multiplies by others at a time.
PIECE = 400


class DocumentProducts:
    """Sums of documents x_i, and scores by weights that are such sums.

    What products need is made when the first of them is computed, and kept.

    Parameters
    ----------
    X : {csr_array, ndarray} of shape (n_documents, n_features)
        Documents, float32 or float64.
    """

    def __init__(self, X: Any) -> None:
        self.X = X

    @cached_property
    def inner(self) -> np.ndarray:
        """X X^T, (n_documents, n_documents)."""
        return inner_products(self.X)

    @cached_property
    def sums(self) -> Callable[[Tensor], Tensor]:
        """X^T A of A (n_documents, n_labels): weights that are sums of documents."""
        columns = self._columns
        return lambda shares: columns @ shares

    @cached_property
    def scores(self) -> Callable[[Tensor], Tensor]:
        """X X^T A of A (n_documents, n_labels): the scores by such weights."""
        if self._has_few_documents:
            inner = torch.from_numpy(self.inner)
            return lambda shares: inner @ shares
        rows, sums_of = self._rows, self.sums
        return lambda shares: rows @ sums_of(shares)

    @cached_property
    def _has_few_documents(self) -> bool:
        """Whether one product with X X^T takes less time than one with X and X^T."""
        X = self.X
        n_documents = X.shape[0]
        return (
            sparse.issparse(X)
            and n_documents <= MAX_INNER
            and n_documents**2 <= DENSE_FACTOR * X.nnz
        )

    @cached_property
    def _rows(self) -> Any:
        if sparse.issparse(self.X):
            return SparseRows(self.X)
        return torch.from_numpy(np.ascontiguousarray(self.X))

    @cached_property
    def _columns(self) -> Any:
        if sparse.issparse(self.X):
            return SparseRows(sparse.csr_array(self.X.T))
        return self._rows.T


def inner_products(X: Any) -> np.ndarray:
    """Multiply documents with each other.

    Parameters
    ----------
    X : {csr_array, ndarray} of shape (n_documents, n_features)
        Documents.

    Returns
    -------
    products : ndarray of shape (n_documents, n_documents), of the type of X
        X X^T.
    """
    if not sparse.issparse(X):
        return X @ X.T
    counts = np.bincount(X.indices, minlength=X.shape[1])
    is_frequent = counts > DENSE_SHARE * X.shape[0]
    rare = X[:, np.flatnonzero(~is_frequent)]
    by_feature = sparse.csr_array(rare.T)
    products = np.empty((X.shape[0], X.shape[0]), dtype=X.dtype)

    def multiply(rows: slice) -> None:
        (rare[rows] @ by_feature).toarray(out=products[rows])

    on_threads(multiply, [slice(i, i + PIECE) for i in range(0, X.shape[0], PIECE)])
    # Not by scipy's BLAS, whose threads and torch's then stand in each other's way.
    frequent = torch.from_numpy(X[:, np.flatnonzero(is_frequent)].toarray())
    torch.from_numpy(products).addmm_(frequent, frequent.T)
    return products
