"""What one-vs-rest linear models can afford; beyond it there are label trees."""

import numpy as np

from sklearn_htc.data.documents import BagOfTerms, Documents, DocumentVectors
from sklearn_htc.wide.base import MIN_DOCUMENTS

__all__ = ["is_affordable", "occurring_features", "suits_linear_models"]

# Weights (1 GB), and entries of X times labels (two minutes or so on two cores).
MAX_WEIGHTS = 25 * 10**7
MAX_WORK = 5 * 10**9


def suits_linear_models(documents: Documents, n_nodes: int) -> bool:
    """Say whether one-vs-rest models can be learned in reasonable time.

    Parameters
    ----------
    documents : Documents
        Those to learn from.
    n_nodes : int
        Number of labels.

    Returns
    -------
    suits : bool
        False for sequences, for few documents, and where there are too many of them, or
        of labels.
    """
    return (
        isinstance(documents, DocumentVectors)
        and len(documents) >= MIN_DOCUMENTS
        and is_affordable(documents, n_nodes)
    )


def is_affordable(documents: DocumentVectors, n_nodes: int) -> bool:
    """Say whether every label can be learned from all documents.

    Parameters
    ----------
    documents : DocumentVectors
        Those to learn from.
    n_nodes : int
        Number of labels.

    Returns
    -------
    affordable : bool
        Whether neither the weights nor the work are too many.
    """
    return (
        len(occurring_features(documents)) * n_nodes <= MAX_WEIGHTS
        and documents.n_entries * n_nodes <= MAX_WORK
    )


def occurring_features(documents: DocumentVectors) -> np.ndarray:
    """List the features that can have a weight; hashed terms leave most columns empty.

    Parameters
    ----------
    documents : DocumentVectors
        Those to learn from.

    Returns
    -------
    features : int ndarray of shape (n_used,)
        Sorted columns; at least one, for documents without any term.
    """
    if not isinstance(documents, BagOfTerms):
        return np.arange(documents.n_features)
    occurs = np.bincount(documents.X.indices, minlength=documents.n_features) > 0
    occurs[0] |= not occurs.any()
    return np.flatnonzero(occurs)
