"""Products of sparse documents with a few dozen columns at a time, by torch."""

from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

__all__ = ["DocumentProducts", "SparseRows", "inner_products"]

# Entries of X that take the time of one of a dense array of inner products.
DENSE_FACTOR = 12
# Features of more than this share of the documents are multiplied as a dense array.
DENSE_SHARE = 0.04


class SparseRows:
    """A sparse array whose products take a tenth of the time of scipy's.

    Parameters
    ----------
    X : csr_array of shape (n_rows, n_columns)
        The array, float32 or float64.
    """

    def __init__(self, X: sparse.csr_array) -> None:
        self._indices = torch.from_numpy(X.indices.astype(np.int64))
        self._offsets = torch.from_numpy(X.indptr.astype(np.int64))
        self._values = torch.from_numpy(X.data)

    def __matmul__(self, other: Tensor) -> Tensor:
        """Multiply by an array (n_columns, n), of the same type."""
        return functional.embedding_bag(
            self._indices,
            other,
            self._offsets,
            mode="sum",
            per_sample_weights=self._values,
            include_last_offset=True,
        )


class DocumentProducts:
    """Sums of documents x_i, and scores by weights that are such sums.

    Parameters
    ----------
    X : {csr_array, ndarray} of shape (n_documents, n_features)
        Documents.
    """

    def __init__(self, X: Any) -> None:
        self._rows: Any
        self._columns: Any
        self._products: Tensor | None = None
        if not sparse.issparse(X):
            self._rows = torch.from_numpy(np.ascontiguousarray(X))
            self._columns = self._rows.T
            return
        self._rows, self._columns = SparseRows(X), SparseRows(sparse.csr_array(X.T))
        if X.shape[0] ** 2 <= DENSE_FACTOR * X.nnz:
            self._products = torch.from_numpy(inner_products(X))

    def sums(self, shares: Tensor) -> Tensor:
        """Compute X^T A, (n_features, n_labels): weights that are sums of documents."""
        return self._columns @ shares

    def scores(self, shares: Tensor) -> Tensor:
        """Compute X X^T A, (n_documents, n_labels): the scores by such weights."""
        if self._products is not None:
            return self._products @ shares
        return self._rows @ self.sums(shares)


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
    products: np.ndarray = (rare @ rare.T).toarray()
    frequent = torch.from_numpy(X[:, np.flatnonzero(is_frequent)].toarray())
    torch.from_numpy(products).addmm_(frequent, frequent.T)
    return products
