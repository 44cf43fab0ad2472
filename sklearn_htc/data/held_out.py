"""Documents to decide by: which are held out, and how often."""

import numpy as np

from sklearn_htc.data.training_data import Fold, TrainingData

__all__ = ["make_folds", "split_rows"]

# More documents in a fold would decide nothing otherwise, and are better trained on.
MAX_HELD_OUT = 5000
# Documents to decide by, about; where a fold has fewer, there are several folds.
ENOUGH_HELD_OUT = 2000
MAX_FOLDS = 5


def split_rows(
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
    rows : list of (int ndarray, int ndarray)
        Rows to learn from and rows held out, each sorted. No row is held out twice.

    Raises
    ------
    ValueError
        If fewer than 2 are left to learn from.
    """
    n_held_out = min(max(1, round(fraction * n_documents)), MAX_HELD_OUT)
    if n_documents - n_held_out < 2:
        raise ValueError(
            f"n_samples={n_documents}: {n_held_out} would be held out, which leaves "
            "fewer than 2 to train on. Give more documents, or a smaller "
            "validation_fraction."
        )
    n_folds = max(1, round(ENOUGH_HELD_OUT / n_held_out))
    n_folds = min(n_folds, MAX_FOLDS, n_documents // n_held_out)
    order = rng.permutation(n_documents)
    rows = []
    for start in range(0, n_folds * n_held_out, n_held_out):
        held_out = slice(start, start + n_held_out)
        rows.append((np.sort(np.delete(order, held_out)), np.sort(order[held_out])))
    return rows


def make_folds(
    data: TrainingData, rows: list[tuple[np.ndarray, np.ndarray]]
) -> list[Fold]:
    """Make the two parts of each fold, once for all that is decided by them.

    Parameters
    ----------
    data : TrainingData
        All documents.
    rows : list of (int ndarray, int ndarray)
        As `split_rows` returns them.

    Returns
    -------
    folds : list of Fold
        As a vectorizer would give them that had not seen the held-out documents.
    """
    folds = []
    for train, held_out in rows:
        parts = data.documents.apart(train, held_out)
        folds.append(
            Fold(
                data.take(train, documents=parts[0]),
                data.take(held_out, documents=parts[1]),
                train,
            )
        )
    return folds
