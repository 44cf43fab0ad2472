"""Enough pairs of document and label to fit a few coefficients by."""

import numpy as np
from scipy import sparse

__all__ = ["some_pairs"]

# The highest false ones, and as many others.
MAX_FALSE_PAIRS = 2 * 10**5


def some_pairs(
    scores: np.ndarray, target: sparse.csr_array
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose enough pairs: all true ones, the highest others, and some of the rest.

    Parameters
    ----------
    scores : ndarray of shape (n_documents, n_labels)
        Of documents that were not learned from.
    target : csr_array of shape (n_documents, n_labels)
        Their labels.

    Returns
    -------
    pairs : int ndarray of shape (n_pairs,)
        Places among all scores, row by row.
    is_true : bool ndarray of shape (n_pairs,)
        Whether the document has the label.
    copies : ndarray of shape (n_pairs,)
        How many pairs each stands for.
    """
    target = sparse.csr_array(target)
    rows = np.repeat(np.arange(len(scores)), np.diff(target.indptr))
    true = np.sort(rows * scores.shape[1] + target.indices)
    is_false = np.ones(scores.size, dtype=bool)
    is_false[true] = False
    false = np.flatnonzero(is_false)
    if len(false) <= 2 * MAX_FALSE_PAIRS:
        chosen, copies = false, np.ones(len(false))
    else:
        values = scores.ravel()[false]
        border = len(false) - MAX_FALSE_PAIRS
        # Ties at the border fall as they stand.
        is_high = np.zeros(len(false), dtype=bool)
        is_high[np.argpartition(values, border)[border:]] = True
        high, low = np.flatnonzero(is_high), np.flatnonzero(~is_high)
        every = -(-len(low) // MAX_FALSE_PAIRS)
        some = low[::every]
        chosen = false[np.concatenate([high, some])]
        stands_for = len(low) / len(some)
        copies = np.repeat([1.0, stands_for], [len(high), len(some)])
    pairs = np.concatenate([true, chosen])
    is_true = np.arange(len(pairs)) < len(true)
    return pairs, is_true, np.concatenate([np.ones(len(true)), copies])
