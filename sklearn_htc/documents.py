"""Every form of X, validated, from which any rows can be fetched as a batch."""

from typing import Any, Protocol, Self

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import check_array
from torch import Tensor

__all__ = [
    "SEQUENCE_ENCODERS",
    "TEXT_ENCODERS",
    "Documents",
    "as_documents",
    "embedding_columns",
    "resolve_text_encoder",
]

TEXT_ENCODERS = ("auto", "bag", "dense", "bigru", "rcnn", "tokens")
SEQUENCE_ENCODERS = ("bigru", "rcnn")
# A coordinate of an embedding is in at least this share of rows: it is 0 but by chance,
# or in the embedding of an empty text.
LEAST_EMBEDDED = 0.9
# Fewer numbers side by side tell this or that about a document, and are no embedding.
MIN_EMBEDDING_SIZE = 16
# Documents that are looked at for it, of more every so many.
N_LOOKED_AT = 10_000


class Documents(Protocol):
    """Validated documents, of which any rows can be fetched as one batch."""

    @property
    def lengths(self) -> np.ndarray:
        """Number of positions of each document, (n_documents,), int64."""

    def batch(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Fetch rows (B,) as the arguments of the text encoder."""


class _OnePosition:
    """Documents that are one row of features each.

    Parameters
    ----------
    X : csr_array or ndarray of shape (n_documents, n_features), float32
        The rows.
    """

    def __init__(self, X: Any) -> None:
        self.X = X
        self.n_features = X.shape[1]
        self.lengths = np.ones(X.shape[0], dtype=np.int64)

    def rows(self, rows: np.ndarray) -> Self:
        """Return some of the documents."""
        return type(self)(self.X[rows])


class BagOfTerms(_OnePosition):
    """A CSR of term weights: each row is one position, as its terms have no order."""

    @property
    def scale(self) -> float:
        """What brings the average document to length 2, on the scale of any X.

        A document of TF-IDF weights has length 1; at length 2 the learning rate's
        default suits both short and long texts (measured).
        """
        n_not_empty = np.count_nonzero(np.diff(self.X.indptr))
        mean_square = np.square(self.X.data).sum() / max(n_not_empty, 1)
        return float(2 / np.sqrt(mean_square)) if mean_square > 0 else 1.0

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
        chosen = self.X[rows]
        return {
            "ids": torch.from_numpy(chosen.indices.astype(np.int64, copy=False)),
            "weights": torch.from_numpy(chosen.data),
            "offsets": torch.from_numpy(chosen.indptr.astype(np.int64, copy=False)),
        }

    def scaled(self, factor: np.ndarray) -> "BagOfTerms":
        """Multiply each term by a factor, (n_features,); the documents stay as is."""
        data = self.X.data * factor[self.X.indices]
        return BagOfTerms(
            sparse.csr_array((data, self.X.indices, self.X.indptr), self.X.shape)
        )


class TokenSequences:
    """A CSR of token ids: row = document, column = position, value = id >= 1.

    Parameters
    ----------
    X : csr_array of shape (n_documents, max_length), int64
        Without gaps: each row stores its first columns.
    """

    def __init__(self, X: sparse.csr_array) -> None:
        self.X = X
        self.n_features = X.shape[1]
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
        return {"ids": torch.from_numpy(ids), "mask": torch.from_numpy(mask)}


class DenseDocuments(_OnePosition):
    """A 2-D array of document embeddings."""

    @property
    def scale(self) -> float:
        """What brings the average feature to the order of 1."""
        mean_square = np.square(self.X, dtype=np.float64).mean()
        return float(1 / np.sqrt(mean_square)) if mean_square > 0 else 1.0

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
        return {"values": torch.from_numpy(self.X[rows])}

    def scaled(self, factor: np.ndarray) -> "DenseDocuments":
        """Multiply each feature by a factor, (n_features,); these stay as is."""
        return DenseDocuments(self.X * factor)


class TokenEmbeddings:
    """A 3-D array of token embeddings; a vector of zeros is padding.

    Parameters
    ----------
    X : ndarray of shape (n_documents, n_positions, n_features), float32
        One embedding a token, padded at the end.
    """

    def __init__(self, X: np.ndarray) -> None:
        self.X = X
        self.n_features = X.shape[2]
        exists = np.any(X, axis=2)
        last = X.shape[1] - np.argmax(exists[:, ::-1], axis=1)
        self.lengths = np.where(exists.any(axis=1), last, 0)

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
        return {"values": torch.from_numpy(values), "mask": torch.from_numpy(mask)}


def resolve_text_encoder(X: Any, text_encoder: str) -> str:
    """Choose the text encoder that suits the form of X.

    Parameters
    ----------
    X : array-like or sparse array
        Documents.
    text_encoder : str
        One of `TEXT_ENCODERS`.

    Returns
    -------
    text_encoder : str
        "bag" for a sparse X, "tokens" for a 3-D one and "dense" otherwise, if
        `text_encoder` is "auto"; else as given.

    Raises
    ------
    ValueError
        If `text_encoder` is unknown, or can't read X.
    """
    if text_encoder not in TEXT_ENCODERS:
        raise ValueError(
            f"text_encoder must be one of {TEXT_ENCODERS}, got {text_encoder!r}."
        )
    if not hasattr(X, "ndim"):
        X = np.asarray(X)
    n_dimensions = X.ndim
    if n_dimensions == 1 and getattr(X.dtype, "kind", "O") in "OU":
        _refuse_texts(X)
    form = "sparse" if sparse.issparse(X) else f"{n_dimensions}-D dense"
    suits = {
        "auto": True,
        "bag": n_dimensions <= 2,
        "dense": form != "sparse" and n_dimensions <= 2,
        "bigru": form == "sparse",
        "rcnn": form == "sparse",
        "tokens": n_dimensions == 3,
    }
    if not suits[text_encoder]:
        raise ValueError(
            f"text_encoder={text_encoder!r} can't read a {form} X. It needs "
            f"{_NEEDS[text_encoder]}."
        )
    if text_encoder != "auto":
        return text_encoder
    return {"sparse": "bag", "3-D dense": "tokens"}.get(form, "dense")


def _refuse_texts(X: Any) -> None:
    if any(isinstance(text, str) for text in X):
        raise ValueError(
            "X holds raw texts. Put a vectorizer before the classifier: "
            "make_pipeline(TfidfVectorizer(), HTCInfoMaxClassifier(...))."
        )


_NEEDS = {
    "bag": "a 2-D X of term weights, as TfidfVectorizer makes",
    "dense": "a 2-D dense X of document embeddings; for a sparse X of term weights use "
    "text_encoder='bag'",
    "bigru": "a sparse X of token ids, as TokenSequenceVectorizer makes",
    "rcnn": "a sparse X of token ids, as TokenSequenceVectorizer makes",
    "tokens": "a 3-D X of token embeddings (n_documents, n_positions, n_features)",
}


def as_documents(X: Any, text_encoder: str, *, n_tokens: int | None = None) -> Any:
    """Validate documents for one text encoder.

    Parameters
    ----------
    X : array-like or sparse array
        Documents, in the form that the text encoder reads.
    text_encoder : {"bag", "dense", "bigru", "rcnn", "tokens"}
        Which encoder will read them.
    n_tokens : int, default=None
        Size of the vocabulary of token ids; None where it is not known yet.

    Returns
    -------
    documents : Documents
        With `lengths`, `n_features` and `batch`.

    Raises
    ------
    ValueError
        If X has NaN or infinity, no row, or is not what the encoder reads.
    """
    if text_encoder in SEQUENCE_ENCODERS:
        return TokenSequences(_as_token_ids(X, text_encoder, n_tokens))
    if text_encoder == "tokens":
        X = check_array(X, dtype=np.float32, allow_nd=True)
        return TokenEmbeddings(X)
    X = check_array(X, dtype=np.float32, accept_sparse="csr", accept_large_sparse=True)
    if text_encoder == "dense":
        return DenseDocuments(X)
    bag = _without_duplicates_and_zeros(X)
    if _looks_like_token_ids(bag):
        raise ValueError(
            "X looks like token ids (each row fills its first columns with integers), "
            "but text_encoder='bag' reads term weights. Use text_encoder='bigru' or "
            "'rcnn', or a vectorizer such as TfidfVectorizer."
        )
    return BagOfTerms(bag)


def embedding_columns(X: sparse.csr_array) -> np.ndarray:
    """Find the coordinates of embeddings that stand beside term weights.

    A union of a vectorizer and an encoder is sparse as a whole. Terms are seldom in
    nearly all documents, and hashed ones that are have one sign.

    Parameters
    ----------
    X : csr_array of shape (n_documents, n_features)
        Documents.

    Returns
    -------
    columns : int ndarray of shape (n_columns,)
        Sorted. Columns side by side that at least nine of ten documents have each, if
        16 of them or more are positive in some documents and negative in others.
    """
    X = X[:: -(-X.shape[0] // N_LOOKED_AT)]
    n_positive, n_negative = (
        np.bincount(X.indices[which], minlength=X.shape[1])
        for which in (X.data > 0, X.data < 0)
    )
    has_both_signs = (n_positive > 0) & (n_negative > 0)
    filled = np.flatnonzero(n_positive + n_negative >= LEAST_EMBEDDED * X.shape[0])
    # A coordinate that happens to have one sign is told by its neighbours.
    blocks = np.split(filled, np.flatnonzero(np.diff(filled) > 1) + 1)
    embeddings = [
        block for block in blocks if has_both_signs[block].sum() >= MIN_EMBEDDING_SIZE
    ]
    return np.concatenate([filled[:0], *embeddings])


def _as_token_ids(X: Any, text_encoder: str, n_tokens: int | None) -> sparse.csr_array:
    X = check_array(X, dtype=None, accept_sparse="csr", accept_large_sparse=True)
    ids = _without_duplicates_and_zeros(X)
    gaps = ids.indices != _positions(np.diff(ids.indptr))
    if gaps.any() or (ids.data != np.floor(ids.data)).any() or (ids.data < 1).any():
        raise ValueError(
            f"text_encoder={text_encoder!r} needs token ids: integers >= 1 that fill "
            "the first columns of each row, as TokenSequenceVectorizer makes. X looks "
            "like term weights; for those use text_encoder='bag'."
        )
    ids = ids.astype(np.int64)
    if n_tokens is not None and ids.nnz and ids.data.max() > n_tokens:
        raise ValueError(
            f"X has token id {ids.data.max()}, outside the vocabulary of {n_tokens} "
            "tokens that fit has seen. Transform all texts with one vectorizer, or "
            "give vocabulary_size."
        )
    return ids


def _without_duplicates_and_zeros(X: Any) -> sparse.csr_array:
    """Return X as a CSR with one sorted entry a value; X itself is left alone.

    Its arrays are shared where they are so already: they may be files.
    """
    csr = sparse.csr_array(X)
    if csr.has_canonical_format and csr.data.all():
        return csr
    csr = csr.copy()
    csr.sum_duplicates()
    csr.eliminate_zeros()
    return csr


def _looks_like_token_ids(bag: sparse.csr_array) -> bool:
    """Say whether a bag has the shape of sequences, which real bags never have."""
    lengths = np.diff(bag.indptr)
    return bool(
        len(lengths) >= 3
        and len(np.unique(lengths)) > 1
        and bag.nnz
        and bag.data.max() > 2
        and np.array_equal(bag.indices, _positions(lengths))
        and np.array_equal(bag.data, np.floor(bag.data))
    )


def _positions(lengths: np.ndarray) -> np.ndarray:
    """Count 0, 1, ... within each row of these lengths, all rows in one array."""
    starts = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) - np.repeat(starts, lengths)


def _position_mask(lengths: np.ndarray) -> np.ndarray:
    """Return which of K positions exist in each row, K >= 1."""
    return np.arange(max(lengths.max(initial=0), 1)) < lengths[:, None]
