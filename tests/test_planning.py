"""Which rows are held out."""

import numpy as np
import pytest

from sklearn_htc.planning import held_out_folds


def folds_of(n_documents, fraction=0.2, seed=0):
    return held_out_folds(n_documents, fraction, np.random.RandomState(seed))


@pytest.mark.parametrize(
    ("n_documents", "fraction", "sizes"),
    [
        (7, 0.2, [1] * 5),
        (500, 0.2, [100] * 5),
        (3000, 0.2, [600] * 3),
        (8000, 0.2, [1600]),
        (500, 0.5, [250] * 2),
        (500, 0.9, [450]),
        (12_000, 0.2, [2400]),
        (60_000, 0.2, [5000]),
    ],
)
def test_documents_are_held_out_until_there_are_enough(n_documents, fraction, sizes):
    folds = folds_of(n_documents, fraction)
    assert [len(valid) for _, valid in folds] == sizes
    for rows in folds:
        np.testing.assert_array_equal(
            np.sort(np.concatenate(rows)), np.arange(n_documents)
        )
        for part in rows:
            assert np.all(np.diff(part) > 0)
    held_out = np.concatenate([valid for _, valid in folds])
    assert len(np.unique(held_out)) == len(held_out)


def test_rows_are_drawn():
    first, second = folds_of(500)[0][1], folds_of(500, seed=1)[0][1]
    assert not np.array_equal(first, second)
    assert first.max() > 400


def test_something_has_to_be_left():
    with pytest.raises(ValueError, match="n_samples=3: 2 would be held out"):
        folds_of(3, 0.7)
