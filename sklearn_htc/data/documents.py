"""Documents in every form of X, of which any rows can be fetched as a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy import sparse
from sklearn.utils import indexable

from sklearn_htc._sklearn_compat import num_samples, safe_indexing
from sklearn_htc.data.embedding_columns import embedding_columns
from sklearn_htc.data.unknown_terms import without_unknown_terms

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "BagOfTerms",
    "DenseDocuments",
    "DocumentVectors",
    "Documents",
    "DocumentsInTwoForms",
    "EncoderInput",
    "OpaqueDocuments",
    "TokenEmbeddings",
    "TokenSequences",
    "sum_of_squares",
]


class Documents(ABC):
    """Documents in some form, of which any rows can be taken."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of documents."""

    @property
    def vectors(self) -> DocumentVectors | None:
        """What shallow models learn from, where there is such a form of them."""
        return None

    @property
    def encoder_input(self) -> EncoderInput | None:
        """What a network reads, where there is such a form of them."""
        return None

    @abstractmethod
    def take(self, rows: np.ndarray) -> Self:
        """Return some of the documents.

        Parameters
        ----------
        rows : int ndarray of shape (B,)
            Which documents.

        Returns
        -------
        documents : Documents
            Of the same form.
        """

    def apart(self, train: np.ndarray, held_out: np.ndarray) -> tuple[Self, Self]:
        """Return the rows to learn from and those held out, as if read apart.

        Parameters
        ----------
        train, held_out : int ndarray
            Rows of either part.

        Returns
        -------
        parts : tuple of (Documents, Documents)
            Terms are left out that are unknown without the held-out documents.
        """
        return self.take(train), self.take(held_out)


class OpaqueDocuments(Documents):
    """Documents in a form that only the user's own classifier reads.

    Parameters
    ----------
    X : array-like, sparse array or sequence of length n_documents
        As the user gave them.
    """

    def __init__(self, X: Any) -> None:
        (self.X,) = indexable(X)

    def __len__(self) -> int:
        return num_samples(self.X)

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the documents; see `Documents.take`."""
        return type(self)(safe_indexing(self.X, rows))

    def apart(self, train: np.ndarray, held_out: np.ndarray) -> tuple[Self, Self]:
        """Split a sparse X as `BagOfTerms` does it, and any other X by rows."""
        if not sparse.issparse(self.X):
            return super().apart(train, held_out)
        X = self.X.tocsr()
        if not X.has_canonical_format or not X.data.all():
            # What is stored twice, or is 0, would be counted.
            X = X.copy()
            X.sum_duplicates()
            X.eliminate_zeros()
        parts = without_unknown_terms(X, train, held_out)
        return type(self)(parts[0]), type(self)(parts[1])


class EncoderInput(Documents):
    """Validated documents, of which any rows can be fetched as one batch of tensors.

    Parameters
    ----------
    X : csr_array or ndarray of shape (n_documents, ..., n_features)
        All documents.
    """

    X: Any
    n_features: int
    # Number of positions of each document, (n_documents,), int64.
    lengths: np.ndarray

    def __init__(self, X: Any) -> None:
        self.X = X
        self.n_features = X.shape[-1]

    def __len__(self) -> int:
        return self.X.shape[0]

    @property
    def encoder_input(self) -> Self:
        """These documents."""
        return self

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the documents; see `Documents.take`."""
        return type(self)(self.X[rows])

    @abstractmethod
    def batch(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Fetch rows (B,) as the arguments of the text encoder."""


class DocumentVectors(EncoderInput):
    """Documents that are one vector each: what shallow models can learn from.

    Parameters
    ----------
    X : csr_array or ndarray of shape (n_documents, n_features), float32
        The vectors.
    """

    def __init__(self, X: Any) -> None:
        super().__init__(X)
        self.lengths = np.ones(len(self), dtype=np.int64)

    @property
    def vectors(self) -> Self:
        """These documents."""
        return self

    @property
    @abstractmethod
    def scale(self) -> float:
        """What brings features to the order of 1, for the text encoder."""

    @property
    @abstractmethod
    def n_entries(self) -> int:
        """How many numbers a linear model has to look at."""

    @abstractmethod
    def scaled(self, factor: np.ndarray) -> Self:
        """Multiply each feature by a factor.

        Parameters
        ----------
        factor : ndarray of shape (n_features,), float32
            One number per feature.

        Returns
        -------
        documents : DocumentVectors
            New ones; these stay as they are.
        """


class BagOfTerms(DocumentVectors):
    """A CSR of term weights: each row is one position, as its terms have no order."""

    @cached_property
    def embedding_columns(self) -> np.ndarray:
        """Columns that are coordinates of embeddings beside the terms, sorted."""
        return embedding_columns(self.X)

    @property
    def n_entries(self) -> int:
        """How many numbers are stored."""
        return self.X.nnz

    def apart(self, train: np.ndarray, held_out: np.ndarray) -> tuple[Self, Self]:
        """Split rows, and leave out terms that are unknown without those held out."""
        is_term = np.ones(self.n_features, dtype=bool)
        is_term[self.embedding_columns] = False
        parts = without_unknown_terms(self.X, train, held_out, is_term)
        return type(self)(parts[0]), type(self)(parts[1])

    @property
    def scale(self) -> float:
        """What brings the average document to length 2, on the scale of any X.

        A document of TF-IDF weights has length 1; at length 2 the learning rate's
        default suits both short and long texts (measured).
        """
        n_not_empty = int(np.count_nonzero(np.diff(self.X.indptr)))
        return _scale_to(2, self.X, n_not_empty)

    def batch(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Fetch documents.

        Parameters
        ----------
        rows : int ndarray of shape (B,)
            Which documents.

        Returns
        -------
        batch : dict
            `ids` int (n_entries,), `weights` float (n_entries,) and `offsets` int
            (B + 1,): the rows as one CSR.
        """
        import torch

        chosen = self.X[rows]
        return {
            "ids": torch.from_numpy(chosen.indices.astype(np.int64, copy=False)),
            "weights": torch.from_numpy(chosen.data),
            "offsets": torch.from_numpy(chosen.indptr.astype(np.int64, copy=False)),
        }

    def scaled(self, factor: np.ndarray) -> Self:
        """Multiply each term by a factor; see `DocumentVectors.scaled`."""
        data = self.X.data * factor[self.X.indices]
        return type(self)(
            sparse.csr_array((data, self.X.indices, self.X.indptr), self.X.shape)
        )


class TokenSequences(EncoderInput):
    """A CSR of token ids: row = document, column = position, value = id >= 1.

    Parameters
    ----------
    X : csr_array of shape (n_documents, max_length), int64
        Without gaps: each row stores its first columns.
    """

    def __init__(self, X: sparse.csr_array) -> None:
        super().__init__(X)
        self.lengths = np.diff(X.indptr).astype(np.int64)

    def batch(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Fetch documents; one without any token is read as one padding token.

        Parameters
        ----------
        rows : int ndarray of shape (B,)
            Which documents.

        Returns
        -------
        batch : dict
            `ids` int (B, K), 0 where there is none, and `mask` bool (B, K), where K is
            the largest length of these documents, at least 1.
        """
        chosen = self.X[rows]
        lengths = np.diff(chosen.indptr)
        mask = _position_mask(lengths)
        ids = np.zeros(mask.shape, dtype=np.int64)
        ids[mask] = chosen.data
        mask[:, 0] = True
        import torch

        return {"ids": torch.from_numpy(ids), "mask": torch.from_numpy(mask)}


class DenseDocuments(DocumentVectors):
    """A 2-D array of document embeddings."""

    @property
    def n_entries(self) -> int:
        """How many numbers there are."""
        return self.X.size

    @property
    def scale(self) -> float:
        """What brings the average feature to the order of 1."""
        return _scale_to(1, self.X, self.n_entries)

    def batch(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Fetch documents.

        Parameters
        ----------
        rows : int ndarray of shape (B,)
            Which documents.

        Returns
        -------
        batch : dict
            `values` float (B, n_features).
        """
        import torch

        return {"values": torch.from_numpy(self.X[rows])}

    def scaled(self, factor: np.ndarray) -> Self:
        """Multiply each feature by a factor; see `DocumentVectors.scaled`."""
        return type(self)(self.X * factor)


class TokenEmbeddings(EncoderInput):
    """A 3-D array of token embeddings; a vector of zeros is padding.

    Parameters
    ----------
    X : ndarray of shape (n_documents, n_positions, n_features), float32
        One embedding per token, padded at the end.
    """

    def __init__(self, X: np.ndarray) -> None:
        if not X.shape[1]:
            # All documents are empty.
            X = np.zeros((len(X), 1, X.shape[2]), dtype=X.dtype)
        super().__init__(X)
        exists = np.any(X, axis=2)
        last = X.shape[1] - np.argmax(exists[:, ::-1], axis=1)
        self.lengths = np.where(exists.any(axis=1), last, 0)

    @property
    def scale(self) -> float:
        """What brings the average feature of a token to the order of 1."""
        return _scale_to(1, self.X, int(self.lengths.sum()) * self.X.shape[2])

    def batch(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Fetch documents; one without any token is read as one vector of zeros.

        Parameters
        ----------
        rows : int ndarray of shape (B,)
            Which documents.

        Returns
        -------
        batch : dict
            `values` float (B, K, n_features) and `mask` bool (B, K), where K is the
            largest length of these documents, at least 1.
        """
        mask = _position_mask(self.lengths[rows])
        mask[:, 0] = True
        values = self.X[rows, : mask.shape[1]]
        import torch

        return {"values": torch.from_numpy(values), "mask": torch.from_numpy(mask)}


class DocumentsInTwoForms(Documents):
    """Documents as vectors, for shallow models, and as sequences, for a network.

    Parameters
    ----------
    vectors : DocumentVectors or callable
        Such as their terms; or what makes them, when they are asked for.
    encoder_input : EncoderInput
        The same documents, such as their token ids.
    """

    def __init__(
        self,
        vectors: DocumentVectors | Callable[[], DocumentVectors],
        encoder_input: EncoderInput,
    ) -> None:
        self._vectors = vectors
        self._encoder_input = encoder_input

    def __len__(self) -> int:
        return len(self._encoder_input)

    @cached_property
    def vectors(self) -> DocumentVectors:
        """As given, or made now."""
        made = self._vectors
        return made if isinstance(made, DocumentVectors) else made()

    @property
    def encoder_input(self) -> EncoderInput:
        """As given."""
        return self._encoder_input

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the documents; see `Documents.take`."""
        return type(self)(self.vectors.take(rows), self._encoder_input.take(rows))

    def apart(self, train: np.ndarray, held_out: np.ndarray) -> tuple[Self, Self]:
        """Read either form of both parts apart; see `Documents.apart`."""
        pairs = zip(
            self.vectors.apart(train, held_out),
            self._encoder_input.apart(train, held_out),
            strict=True,
        )
        first, second = (type(self)(*pair) for pair in pairs)
        return first, second


def sum_of_squares(X: Any) -> float:
    """Add up the squares of all numbers of X, as float64, in no further memory.

    Parameters
    ----------
    X : csr_array, or ndarray of two or three dimensions
        Documents.

    Returns
    -------
    total : float
        At least 0.
    """
    values = X.data if sparse.issparse(X) else X
    axes = "ijk"[: values.ndim]
    return float(np.einsum(f"{axes},{axes}->", values, values, dtype=np.float64))


def _scale_to(size: float, X: Any, n_items: int) -> float:
    """Say what brings the root mean square of so many items of X to a size."""
    mean_square = sum_of_squares(X) / max(n_items, 1)
    return float(size / np.sqrt(mean_square)) if mean_square > 0 else 1.0


def _position_mask(lengths: np.ndarray) -> np.ndarray:
    """Return which of K positions exist in each row, K >= 1."""
    return np.arange(max(lengths.max(initial=0), 1)) < lengths[:, None]
