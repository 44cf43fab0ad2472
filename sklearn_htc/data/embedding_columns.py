"""Telling the coordinates of embeddings from the terms beside them."""

import numpy as np
from scipy import sparse

__all__ = ["embedding_columns"]

# A coordinate of an embedding is in at least this share of rows: it is 0 but by chance,
# or in the embedding of an empty text.
LEAST_EMBEDDED = 0.9
# Fewer numbers side by side tell this or that about a document, and are no embedding.
MIN_EMBEDDING_SIZE = 16
# Documents that are looked at for it, of more every so many.
N_LOOKED_AT = 10_000


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
