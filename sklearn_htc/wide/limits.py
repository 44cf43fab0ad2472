"""What linear models can afford: which features, and for how many labels."""

import numpy as np

from sklearn_htc.data.documents import BagOfTerms, Documents, DocumentVectors
from sklearn_htc.wide.base import MIN_DOCUMENTS

__all__ = ["affordable_features", "is_affordable", "suits_linear_models"]

# Weights (1 GB), and entries of X times labels (ten minutes or so on two cores). Where
# there are more, terms of little relevance are left out.
MAX_WEIGHTS = 25 * 10**7
MAX_WORK = 3 * 10**10
# With fewer terms, in all or per document, linear models are no longer of use.
MIN_TERMS = 1000
MIN_TERMS_PER_DOCUMENT = 10


def suits_linear_models(documents: Documents, n_nodes: int) -> bool:
    """Say whether linear models can be learned from documents in reasonable time.

    Parameters
    ----------
    documents : Documents
        Those to learn from.
    n_nodes : int
        Number of labels.

    Returns
    -------
    suits : bool
        False for sequences, for few documents, and where there are so many of them, or
        of labels, that hardly any term of a document could be looked at.
    """
    n_documents = len(documents)
    if not isinstance(documents, DocumentVectors) or n_documents < MIN_DOCUMENTS:
        return False
    if is_affordable(documents, n_nodes):
        return True
    return isinstance(documents, BagOfTerms) and (
        MIN_TERMS * n_nodes <= MAX_WEIGHTS
        and MIN_TERMS_PER_DOCUMENT * n_documents * n_nodes <= MAX_WORK
    )


def is_affordable(documents: DocumentVectors, n_nodes: int) -> bool:
    """Say whether all features can be learned from.

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
        len(_occurring_features(documents)) * n_nodes <= MAX_WEIGHTS
        and documents.n_entries * n_nodes <= MAX_WORK
    )


def affordable_features(
    documents: DocumentVectors, relevance: np.ndarray, n_nodes: int
) -> np.ndarray:
    """Choose those that occur, or of many terms those that move scores most.

    Parameters
    ----------
    documents : DocumentVectors
        Those to learn from.
    relevance : ndarray of shape (n_features,)
        How much each feature says about the labels.
    n_nodes : int
        Number of labels.

    Returns
    -------
    features : int ndarray of shape (n_used,)
        Sorted columns.
    """
    occurring = _occurring_features(documents)
    if is_affordable(documents, n_nodes) or not isinstance(documents, BagOfTerms):
        return occurring
    # Relevance alone takes too many rare terms.
    deviation = relevance * np.sqrt(documents.X.power(2).mean(axis=0))
    order = occurring[np.argsort(-deviation[occurring], kind="stable")]
    entries = np.bincount(documents.X.indices, minlength=len(relevance))[order]
    n_used = np.searchsorted(entries.cumsum(), MAX_WORK // n_nodes, side="right")
    return np.sort(order[: max(1, min(n_used, MAX_WEIGHTS // n_nodes))])


def _occurring_features(documents: DocumentVectors) -> np.ndarray:
    """List the features that can have a weight; hashed terms leave most columns empty.

    At least one, for documents without any term.
    """
    if not isinstance(documents, BagOfTerms):
        return np.arange(documents.n_features)
    occurs = np.bincount(documents.X.indices, minlength=documents.n_features) > 0
    occurs[0] |= not occurs.any()
    return np.flatnonzero(occurs)
