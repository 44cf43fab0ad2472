"""Small objects of the package that several tests need."""

from contextlib import suppress

import numpy as np
import pytest

from sklearn_htc import Hierarchy
from sklearn_htc.data.held_out import make_folds
from sklearn_htc.data.training_data import TrainingData


def training_data(documents, target, weight=None):
    """Return documents with labels of no hierarchy, of weight 1 by default."""
    n_documents, n_nodes = target.shape
    return TrainingData(
        documents,
        target,
        np.ones(n_documents) if weight is None else weight,
        Hierarchy([], nodes=range(n_nodes)),
        np.empty(0, dtype=np.int64),
    )


class NotingFitter:
    """Stands for a ReadOutFitter: notes the scores, and returns what it is told to.

    Parameters
    ----------
    read_out : callable
        Takes scores, and how many came before; returns a ReadOut.
    """

    def __init__(self, read_out):
        self.read_out = read_out
        self.seen = []

    def fit(self, scores, start=None, *, near=None):
        self.seen.append(scores)
        return self.read_out(scores, len(self.seen) - 1)


def select(kind, documents, target, rows, read_out, options):
    """Select settings of a wide path; return the choice and the scores that it saw."""
    data = training_data(documents, target)
    fitter = NotingFitter(read_out)
    folds = make_folds(data, rows)
    rng = np.random.RandomState(0)
    return kind.select(data, folds, fitter, options, rng), fitter.seen


def assert_flipped_bytes_are_found(path, read, message):
    """Flip one byte of a file at a time, all over it, and read it.

    Parameters
    ----------
    path : Path
        Of the file.
    read : callable
        Takes nothing, and returns what the file says, as bytes.
    message : str
        Of the ValueError that a damaged file is refused with.
    """
    content, expected = path.read_bytes(), read()
    n_refused = 0
    for place in np.linspace(0, len(content) - 1, 300).astype(int):
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        path.write_bytes(bytes(flipped))
        with suppress(ValueError):
            # Where it is a date, for example, nothing is lost.
            assert read() == expected
            continue
        n_refused += 1
        with pytest.raises(ValueError, match=rf"{path} {message}"):
            read()
    assert n_refused > 150
