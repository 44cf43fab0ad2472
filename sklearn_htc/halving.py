"""Arrays in half the space, where that changes them by no more than rounding."""

import numpy as np

__all__ = ["halved"]

# Of the largest value: what float16 rounds by.
TOLERANCE = 2**-10


def halved(array: np.ndarray) -> np.ndarray:
    """Round an array to float16, unless its values are too large or too small for it.

    Parameters
    ----------
    array : ndarray of any shape, float32
        Numbers of about the same size.

    Returns
    -------
    halved : ndarray of the same shape, float16 or float32
        The array itself where rounding would change it by more than 0.1% of its largest
        value.
    """
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    largest = np.abs(array).max(initial=0)
    is_close = np.abs(half - array).max(initial=0) <= TOLERANCE * largest
    return half if is_close else array
