"""Results of some documents at a time, put together in the documents' order."""

from collections.abc import Iterable

import numpy as np

__all__ = ["gathered"]


def gathered(
    pieces: Iterable[tuple[np.ndarray, np.ndarray]], shape: tuple[int, ...]
) -> np.ndarray:
    """Put results in the order of the documents.

    Parameters
    ----------
    pieces : iterable of (int ndarray of shape (B,), ndarray of shape (B, n_columns))
        Which documents, and their results; each document comes once.
    shape : tuple (n_documents, n_columns)
        Of all results.

    Returns
    -------
    values : ndarray of shape (n_documents, n_columns), float32
        One row per document.
    """
    values = np.empty(shape, dtype=np.float32)
    for rows, piece in pieces:
        values[rows] = piece
    return values
