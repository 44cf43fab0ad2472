"""Documents to decide by: held out, and made to look like those that are still to come.

Whatever is fitted to held-out documents is good for new ones only as far as they are
alike.
"""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing
from sklearn.utils.extmath import row_norms

from sklearn_htc.documents import embedding_columns

__all__ = ["as_if_vectorized_apart", "held_out_folds"]

# More documents in a fold would decide nothing otherwise, and are better trained on.
MAX_HELD_OUT = 5000
# Documents to decide by, about; where a fold has fewer, there are several folds.
ENOUGH_HELD_OUT = 2000
MAX_FOLDS = 5
# Documents of a fold that need to have a term, at most; what vectorizers ask for
# (`min_df`) is seldom more, and of other features none should be lost.
MOST_ASKED_FOR = 5
# Rounding of float32 lengths.
LENGTH_TOLERANCE = 1e-3


def held_out_folds(
    n_documents: int, fraction: float, rng: np.random.RandomState
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split rows into those to learn from and those to decide by, once or repeatedly.

    A fifth of a few hundred documents is too little to decide by: what is chosen then
    depends on which fifth it was. So documents are held out in turn until about 2,000
    have been, but in no more than 5 folds.

    Parameters
    ----------
    n_documents : int
        Documents in all.
    fraction : float
        Share to hold out at a time; at least one row, and at most 5,000.
    rng : RandomState
        Draws them.

    Returns
    -------
    folds : list of (int ndarray, int ndarray)
        Rows to learn from and rows held out, each sorted. No row is held out twice.

    Raises
    ------
    ValueError
        If fewer than 2 are left to learn from.
    """
    n_valid = min(max(1, round(fraction * n_documents)), MAX_HELD_OUT)
    if n_documents - n_valid < 2:
        raise ValueError(
            f"n_samples={n_documents}: {n_valid} would be held out, which leaves fewer "
            "than 2 to train on."
        )
    n_folds = max(1, round(ENOUGH_HELD_OUT / n_valid))
    n_folds = min(n_folds, MAX_FOLDS, n_documents // n_valid)
    order = rng.permutation(n_documents)
    folds = []
    for start in range(0, n_folds * n_valid, n_valid):
        held_out = slice(start, start + n_valid)
        folds.append((np.sort(np.delete(order, held_out)), np.sort(order[held_out])))
    return folds


def as_if_vectorized_apart(
    X: Any, train: np.ndarray, valid: np.ndarray
) -> tuple[Any, Any]:
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
    X : {sparse array, array-like} of shape (n_documents, n_features), or a sequence
        Documents. What is not sparse has no terms, and its rows stay as they are.
    train, valid : int ndarray
        Rows to learn from and rows held out.

    Returns
    -------
    learned_from, held_out : of the type of X (CSR of sparse ones)
        The rows `train`, and the rows `valid`.
    """
    if not sparse.issparse(X):
        return _safe_indexing(X, train), _safe_indexing(X, valid)
    X = X.tocsr()
    parts = X[train], X[valid]
    least = _documents_with_each(X).min(initial=MOST_ASKED_FOR)
    if least == 0:
        return parts
    kept = _documents_with_each(parts[0]) >= least
    is_term = np.ones(X.shape[1], dtype=bool)
    is_term[embedding_columns(X)] = False
    lengths = row_norms(X[:, is_term])
    lengths = lengths[lengths > 0]
    one_length = len(lengths) > 0 and np.ptp(lengths) <= LENGTH_TOLERANCE * lengths[0]
    for part in parts:
        part.data = part.data * kept[part.indices]
        part.eliminate_zeros()
        if one_length:
            # Rows that have become empty have nothing to be multiplied.
            own = row_norms(part[:, is_term])
            own = np.maximum(own, LENGTH_TOLERANCE * lengths[0])
            factors = np.repeat(lengths[0] / own, np.diff(part.indptr))
            factors[~is_term[part.indices]] = 1
            part.data *= factors.astype(part.dtype)
    return parts


def _documents_with_each(X: Any) -> np.ndarray:
    """Count the rows that have each column of a CSR, (n_features,)."""
    return np.bincount(X.indices, minlength=X.shape[1])
