"""Tables with one column per level: how their rows become paths, and paths rows."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_htc.labels import as_label, is_missing, short_repr

__all__ = ["as_rows", "holds_levels", "is_blank", "paths_of", "table_of"]


def is_blank(cell: Any) -> bool:
    """Tell whether a cell of a table is missing.

    Parameters
    ----------
    cell : Any
        The cell.

    Returns
    -------
    is_blank : bool
        True for None, NaN, NA and "".
    """
    return is_missing(cell) or (isinstance(cell, str) and not cell)


def holds_levels(table: Any) -> bool:
    """Tell whether a 2-D container holds labels, and not only numbers.

    Parameters
    ----------
    table : Any
        An array, a data frame, or another container.

    Returns
    -------
    holds : bool
        True for a dense 2-D container with a cell that is neither a number nor missing.
    """
    if not hasattr(table, "shape") or sparse.issparse(table) or len(table.shape) != 2:
        return False
    cells = np.asarray(table)
    if cells.dtype.kind != "O":
        return cells.dtype.kind in "USTMm"
    return any(
        not isinstance(cell, (int, float, complex, np.number, np.bool_))
        and not is_missing(cell)
        for cell in cells.ravel().tolist()
    )


def as_rows(table: Any) -> list[list[Any]]:
    """Read the rows of a table.

    Parameters
    ----------
    table : data frame, array of shape (n_rows, n_levels), or sequence of sequences
        One row per document or path. Rows of a sequence may be of different lengths.

    Returns
    -------
    rows : list of lists
        The cells as they are.

    Raises
    ------
    ValueError
        If it is no table.
    """
    if sparse.issparse(table):
        raise ValueError(
            "A table with one column per level can't be sparse. Pass a data frame, an "
            "array or lists."
        )
    if hasattr(table, "shape"):
        cells = np.asarray(table, dtype=object)
        if cells.ndim == 2:
            return cells.tolist()
    elif isinstance(table, Sequence) and not isinstance(table, (str, bytes)):
        rows = [row.tolist() if isinstance(row, np.ndarray) else row for row in table]
        if all(isinstance(row, (list, tuple)) for row in rows):
            return [list(row) for row in rows]
    raise ValueError(
        "A table with one column per level is needed: a data frame, a 2-D array or a "
        f"list of lists, got {short_repr(table)}."
    )


def paths_of(rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Read each row as a path, from the general to the specific.

    Parameters
    ----------
    rows : iterable of sequences
        Cells that are missing (None, NaN, NA, "") end a path.

    Returns
    -------
    paths : list of tuples of labels
        Without the missing cells.

    Raises
    ------
    TypeError
        If a cell is not hashable.
    ValueError
        If a row has a label below a missing one, or no label at all.
    """
    paths = []
    for i, row in enumerate(rows):
        is_label = [not is_blank(cell) for cell in row]
        length = sum(is_label)
        if not length:
            raise ValueError(
                f"Row {i} of the table has no label in any column. Leave it out."
            )
        if not all(is_label[:length]):
            raise ValueError(
                f"Row {i} of the table has a label below a missing one: "
                f"{short_repr(list(row))}. Missing cells may only end a path."
            )
        paths.append(tuple(as_label(cell) for cell in row[:length]))
    return paths


def table_of(
    paths: Iterable[Sequence[Any]], n_levels: int, missing: Sequence[Any]
) -> np.ndarray:
    """Write paths as rows.

    Parameters
    ----------
    paths : iterable of sequences of labels
        From the general to the specific, none longer than `n_levels`.
    n_levels : int
        Number of columns.
    missing : sequence of length n_levels
        What stands in each column below the end of a path.

    Returns
    -------
    table : ndarray of shape (n_paths, n_levels), dtype object
        One row per path.
    """
    rows = [[*path, *missing[len(path) :]] for path in paths]
    table = np.empty((len(rows), n_levels), dtype=object)
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            table[i, j] = cell
    return table
