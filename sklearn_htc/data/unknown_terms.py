"""Held-out documents without the terms that a vectorizer would not know without them.

What is fitted to held-out documents is good for new ones only as far as both are alike.
"""

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import row_norms

from sklearn_htc.data.embedding_columns import embedding_columns

__all__ = ["without_unknown_terms"]

# Documents of a fold that need to have a term, at most; what vectorizers ask for
# (`min_df`) is seldom more, and of other features none should be lost.
MOST_ASKED_FOR = 5
# Rounding of float32 lengths.
LENGTH_TOLERANCE = 1e-3


def without_unknown_terms(
    X: sparse.csr_array,
    train: np.ndarray,
    held_out: np.ndarray,
    is_term: np.ndarray | None = None,
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Give the rows of a fold as a vectorizer would that had not seen those held out.

    The vectorizer in front of a classifier has seen all documents, so those that are
    held out have terms that no document to learn from has. New documents don't: their
    unknown terms are left out before a row is brought to length 1. What such terms take
    from the length of held-out rows lowers their scores, and probabilities that are
    calibrated on these are too high for new documents.

    So both parts lose the terms that fewer documents of `train` have than of all
    documents the rarest term that there is (the vectorizer's `min_df`; 5 at most), and
    where the terms of all rows have one length they are brought back to it. Embeddings
    beside the terms stay as they are.

    Columns that no document has are not of a vectorizer that was fitted to these
    documents: with hashed terms, or a vocabulary of more documents, new ones have
    unknown terms as well, and rows are alike as they are.

    Parameters
    ----------
    X : csr_array of shape (n_documents, n_features)
        Documents.
    train, held_out : int ndarray
        Rows to learn from and rows held out.
    is_term : bool ndarray of shape (n_features,), default=None
        Which columns are terms. None: all but `embedding_columns`.

    Returns
    -------
    learned_from, held_out : csr_array
        The rows `train`, and the rows `held_out`.
    """
    parts = X[train], X[held_out]
    least = _documents_with_each(X).min(initial=MOST_ASKED_FOR)
    if least == 0:
        return parts
    if is_term is None:
        is_term = np.ones(X.shape[1], dtype=bool)
        is_term[embedding_columns(X)] = False
    kept = _documents_with_each(parts[0]) >= least
    lengths = row_norms(X[:, is_term])
    lengths = lengths[lengths > 0]
    has_lengths = len(lengths) > 0 and np.isfinite(lengths).all()
    one_length = has_lengths and np.ptp(lengths) <= LENGTH_TOLERANCE * lengths[0]
    for part in parts:
        part.data = part.data * kept[part.indices]
        part.eliminate_zeros()
        if one_length:
            _bring_to_length(part, lengths[0], is_term)
    return parts


def _bring_to_length(
    part: sparse.csr_array, length: float, is_term: np.ndarray
) -> None:
    """Multiply the terms of each row such that the row has a length, in place."""
    own = row_norms(part[:, is_term])
    # Rows that have become empty have nothing to be multiplied.
    own = np.maximum(own, LENGTH_TOLERANCE * length)
    factors = np.repeat(length / own, np.diff(part.indptr))
    factors[~is_term[part.indices]] = 1
    if part.dtype.kind == "f":
        factors = factors.astype(part.dtype)
    part.data = part.data * factors


def _documents_with_each(X: sparse.csr_array) -> np.ndarray:
    """Count the rows that have each column of a CSR, (n_features,)."""
    return np.bincount(X.indices, minlength=X.shape[1])
