"""Reading X: which form it has, and whether it is sound."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from sklearn_htc.data.documents import (
    BagOfTerms,
    DenseDocuments,
    EncoderInput,
    TokenEmbeddings,
    TokenSequences,
)

__all__ = [
    "SEQUENCE_ENCODERS",
    "TEXT_ENCODERS",
    "as_documents",
    "refuse_token_ids",
    "resolve_text_encoder",
    "without_frame",
]

TEXT_ENCODERS = ("auto", "bag", "dense", "bigru", "rcnn", "tokens", "transformer")
SEQUENCE_ENCODERS = ("bigru", "rcnn", "transformer")
# The squares of larger numbers, added up, are beyond float32.
LARGEST_VALUE = 1e15
# Every id up to the largest has an embedding: no vocabulary is larger than this.
LARGEST_TOKEN_ID = 10**8


def without_frame(X: Any) -> Any:
    """Turn a pandas frame of sparse columns into a CSR.

    Parameters
    ----------
    X : array-like or sparse array
        Documents.

    Returns
    -------
    X : array-like or sparse array
        X itself unless it is such a frame.
    """
    is_sparse = hasattr(X, "iloc") and hasattr(X, "sparse") and np.ndim(X) == 2
    return sparse.csr_array(X.sparse.to_coo()) if is_sparse else X


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
        X = _as_array(X)
    n_dimensions = X.ndim
    _refuse_texts(X)
    form = "sparse" if sparse.issparse(X) else f"{n_dimensions}-D dense"
    suits = {
        "auto": True,
        "bag": n_dimensions <= 2,
        "dense": form != "sparse" and n_dimensions <= 2,
        "bigru": form == "sparse",
        "rcnn": form == "sparse",
        "tokens": n_dimensions == 3,
        "transformer": form == "sparse",
    }
    if not suits[text_encoder]:
        raise ValueError(
            f"text_encoder={text_encoder!r} can't read a {form} X. It needs "
            f"{_NEEDS[text_encoder]}."
        )
    if text_encoder != "auto":
        return text_encoder
    return {"sparse": "bag", "3-D dense": "tokens"}.get(form, "dense")


def _as_array(X: Any) -> np.ndarray:
    """Return lists of numbers as an array; name what is none."""
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise ValueError(
            "Rows of X have different lengths. If they are the tokens of texts, join "
            "them: [' '.join(tokens) for tokens in X]."
        ) from error
    is_known = isinstance(X, (str, bytes, Sequence))
    if array.ndim < 2 and array.dtype.kind in "OUT" and not is_known:
        raise ValueError(
            f"X is of type {type(X).__name__}, which is neither numbers nor a sequence "
            "of texts. Pass a list of strings, one per document."
        )
    return array


def _refuse_texts(X: Any) -> None:
    """Say what to do with texts in a place where numbers are needed."""
    if sparse.issparse(X) or X.ndim > 2:
        return
    cells = np.asarray(X)
    if cells.dtype.kind not in "OUT":
        return
    if not any(isinstance(cell, str) for cell in cells.ravel().tolist()):
        return
    if X.ndim == 2:
        raise ValueError(
            f"X holds text in {X.shape[1]} columns. Pass the texts as a sequence of "
            "strings, such as one column of a table: X['text']."
        )
    raise ValueError(
        "X holds raw texts, but numbers are needed: pass a sequence of strings to an "
        "estimator that was fitted to texts."
        if X.ndim
        else "X is one string. Pass a sequence of texts, one per document."
    )


_NEEDS = {
    "bag": "a 2-D X of term weights, as TfidfVectorizer makes",
    "dense": "a 2-D dense X of document embeddings; for a sparse X of term weights use "
    "text_encoder='bag'",
    "bigru": "a sparse X of token ids, as TokenSequenceVectorizer makes",
    "rcnn": "a sparse X of token ids, as TokenSequenceVectorizer makes",
    "transformer": "raw texts, or a sparse X of token ids, as SubwordTokenizer makes",
    "tokens": "a 3-D X of token embeddings (n_documents, n_positions, n_features)",
}


def as_documents(
    X: Any, text_encoder: str, *, n_tokens: int | None = None
) -> EncoderInput:
    """Validate documents for one text encoder.

    Parameters
    ----------
    X : array-like or sparse array
        Documents, in the form that the text encoder reads.
    text_encoder : {"bag", "dense", "bigru", "rcnn", "tokens", "transformer"}
        Which encoder will read them.
    n_tokens : int, default=None
        Size of the vocabulary of token ids; None where it is not known yet.

    Returns
    -------
    documents : EncoderInput
        Checked.

    Raises
    ------
    ValueError
        If X has NaN, infinity, a number beyond 1e15 or no row, or is not what the
        encoder reads.
    """
    if text_encoder in SEQUENCE_ENCODERS:
        return TokenSequences(_as_token_ids(X, text_encoder, n_tokens))
    if text_encoder == "tokens":
        X = check_array(X, dtype=np.float32, allow_nd=True, input_name="X")
        _refuse_large(X)
        return TokenEmbeddings(X)
    X = check_array(X, dtype=np.float32, accept_sparse="csr", input_name="X")
    _refuse_large(X)
    if text_encoder == "dense":
        return DenseDocuments(X)
    return BagOfTerms(_without_duplicates_and_zeros(X))


def refuse_token_ids(documents: EncoderInput) -> None:
    """Refuse to learn from token ids as if they were the weights of terms.

    Parameters
    ----------
    documents : EncoderInput
        All documents to learn from; a few of them may look so by chance.

    Raises
    ------
    ValueError
        If they look like what a sequence encoder reads.
    """
    if isinstance(documents, BagOfTerms) and _looks_like_token_ids(documents.X):
        raise ValueError(
            "X looks like token ids (each row fills its first columns with integers), "
            "but text_encoder='bag' reads term weights. Use text_encoder='bigru' or "
            "'rcnn', or a vectorizer such as TfidfVectorizer."
        )


def _refuse_large(X: Any) -> None:
    """Name a number that is finite, and yet too large to compute with."""
    values = X.data if sparse.issparse(X) else X
    largest = max(values.max(initial=0), -values.min(initial=0))
    if largest > LARGEST_VALUE:
        raise ValueError(
            f"X holds a number of size {largest:.3g}; up to {LARGEST_VALUE:.0e} can be "
            "computed with. Scale X, for example with MaxAbsScaler."
        )


def _as_token_ids(X: Any, text_encoder: str, n_tokens: int | None) -> sparse.csr_array:
    X = check_array(X, dtype=None, accept_sparse="csr", input_name="X")
    ids = _without_duplicates_and_zeros(X)
    gaps = ids.indices != _positions(np.diff(ids.indptr))
    if gaps.any() or (ids.data != np.floor(ids.data)).any() or (ids.data < 1).any():
        raise ValueError(
            f"text_encoder={text_encoder!r} needs token ids: integers >= 1 that fill "
            "the first columns of each row, as TokenSequenceVectorizer makes. X looks "
            "like term weights; for those use text_encoder='bag'."
        )
    if ids.nnz and ids.data.max() > LARGEST_TOKEN_ID:
        raise ValueError(
            f"X has token id {ids.data.max():.3g}; ids go up to {LARGEST_TOKEN_ID}. "
            "Number the tokens of the vocabulary from 1 on, as TokenSequenceVectorizer "
            "does."
        )
    ids = ids.astype(np.int64, copy=False)
    if n_tokens is not None and ids.nnz and ids.data.max() > n_tokens:
        raise ValueError(
            f"X has token id {ids.data.max()}, outside the vocabulary of {n_tokens} "
            "tokens that fit has seen. Transform all texts with one vectorizer, or "
            "give vocabulary_size."
        )
    return ids


def _without_duplicates_and_zeros(X: Any) -> sparse.csr_array:
    """Return X as a CSR with one sorted entry per value; X itself is left alone.

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
