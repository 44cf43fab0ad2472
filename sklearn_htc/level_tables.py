"""Tables with one column per level: how their rows become paths, and paths rows."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_htc.labels import as_label, is_missing, short_repr

__all__ = [
    "as_rows",
    "holds_levels",
    "is_blank",
    "paths_of",
    "refuse_other_columns",
    "table_of",
]


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
        One row per document or path. Rows of a sequence, such as a Series of lists, may
        be of different lengths.

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
    if type(table).__module__.split(".")[0] == "polars" and hasattr(table, "rows"):
        # As an array its columns would have one type, which changes labels.
        return [list(row) for row in table.rows()]
    if hasattr(table, "iloc") and len(table.shape) == 2:
        # Column by column, for the same reason.
        columns = [table.iloc[:, j].tolist() for j in range(table.shape[1])]
        return [list(row) for row in zip(*columns, strict=True)]
    n_axes = len(getattr(table, "shape", (0,)))
    if n_axes == 2:
        return np.asarray(table, dtype=object).tolist()
    is_sequence = isinstance(table, Sequence) or hasattr(table, "shape")
    if is_sequence and n_axes == 1 and not isinstance(table, (str, bytes)):
        rows = [_as_list(row) for row in list(table)]
        if all(isinstance(row, (list, tuple)) for row in rows):
            return [list(row) for row in rows]
        if all(isinstance(row, str) for row in rows):
            raise ValueError(
                "A table with one column per level is needed, but Y holds one string "
                f"per row, such as {short_repr(rows[0])}. If strings are whole paths, "
                "split them, as in [path.split('/') for path in y]."
            )
    raise ValueError(
        "A table with one column per level is needed: a data frame, a 2-D array or "
        f"paths as lists, got {short_repr(table)}."
    )


def _as_list(row: Any) -> Any:
    """Turn an array, or a series of pandas or polars, into a list."""
    for name in ("tolist", "to_list"):
        if hasattr(row, name):
            return getattr(row, name)()
    return row


def refuse_other_columns(columns: Sequence[Any], table: Any) -> None:
    """Refuse a data frame whose columns are not those of another table.

    Parameters
    ----------
    columns : sequence of length n_columns
        Names of the other table's columns, or 0, 1, ... where it has no names.
    table : data frame, array of shape (n_rows, n_levels), or sequence of sequences
        The table.

    Raises
    ------
    ValueError
        If it has other names, another order, or another number of columns. Containers
        without names are not looked at: they may leave out levels that they don't need.
    """
    own, names = list(columns), list(getattr(table, "columns", ()))
    if not names:
        return
    same_number = len(own) == len(names)
    if same_number and (_are_numbers(own) or _are_numbers(names)):
        return
    # A missing name is not equal to itself.
    found, expected = (
        [None if is_missing(name) else name for name in each] for each in (names, own)
    )
    if found != expected:
        raise ValueError(
            f"The columns of two tables differ: {short_repr(own)} and "
            f"{short_repr(names)}. Give the same columns in the same order."
        )


def _are_numbers(names: list[Any]) -> bool:
    """Tell whether columns have no names but their positions."""
    numbers = list(range(len(names)))
    return names in (numbers, [f"column_{number}" for number in numbers])


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
