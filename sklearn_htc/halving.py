"""Arrays in half the space, where that changes them by no more than rounding."""

import numpy as np

__all__ = ["halved"]

# Of a value: what float16 rounds by.
TOLERANCE = 2**-10


def halved(array: np.ndarray, *, size: float | None = None) -> np.ndarray:
    """Round an array to float16, unless its values are too large or too small for it.

    Parameters
    ----------
    array : ndarray of any shape, float32
        Numbers of about the same size.
    size : float, default=None
        What rounding has to be small beside; None takes the largest value.

    Returns
    -------
    halved : ndarray of the same shape, float16 or float32
        The array itself where rounding would change it by more than 0.1% of that.
    """
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if size is None:
        size = np.abs(array).max(initial=0)
    is_close = np.abs(half - array).max(initial=0) <= TOLERANCE * size
    return half if is_close else array
