"""Types of a table's columns: kept as plain values, and given to predictions."""

from typing import Any

import numpy as np

from sklearn_htc.labels import is_missing

__all__ = [
    "holds_numbers",
    "polars_frame",
    "typed_array",
    "typed_column",
    "typed_frame",
    "types_of",
]


def types_of(table: Any, library: str | None) -> list[Any]:
    """Return the types of a table's columns.

    Parameters
    ----------
    table : data frame, ndarray or sequence
        With one column per level.
    library : {"pandas", "polars"} or None
        Whose data frame it is.

    Returns
    -------
    types : list
        One per column of a data frame; otherwise the one of the whole array: names, or
        the categories.
    """
    if library == "pandas":
        return list(map(_type_of_pandas, table.dtypes))
    if library == "polars":
        return list(map(_type_of_polars, table.dtypes))
    whole = getattr(table, "dtype", None)
    # No name stands for NumPy's strings of any width.
    is_named = isinstance(whole, np.dtype) and whole.kind != "T"
    return [str(whole) if is_named else "object"]


def holds_numbers(kind: Any, library: str | None) -> bool:
    """Tell whether a column holds NumPy's numbers, of which NaN is the missing one.

    Parameters
    ----------
    kind : Any
        As `types_of` returns it.
    library : {"pandas", "polars"} or None
        Whose data frame the column is of.

    Returns
    -------
    holds : bool
        False for the nullable types of pandas, and for polars.
    """
    if library == "polars" or not isinstance(kind, str):
        return False
    try:
        return np.dtype(kind).kind in "iuf"
    except (TypeError, ValueError):
        # A type of pandas' own, or of Arrow.
        return False


def typed_array(cells: np.ndarray, kind: str) -> np.ndarray:
    """Give an array of labels the type that it had in fit, where it can hold them.

    Parameters
    ----------
    cells : ndarray of shape (n_documents, n_levels), dtype object
        Labels, and what stands below the end of a path.
    kind : str
        As `types_of` returns it.

    Returns
    -------
    array : ndarray of shape (n_documents, n_levels)
        Whole numbers beside a missing one are float64.
    """
    if np.dtype(kind).kind in "US":
        # As wide as they are: other labels may be longer than those of fit.
        kind = np.dtype(kind).kind
    typed: np.ndarray = _typed(cells, kind)
    return typed


def typed_column(column: Any, kind: Any) -> Any:
    """Give a column of pandas the type that it had in fit, where it can hold it.

    Parameters
    ----------
    column : Series
        Labels, and what stands below the end of a path.
    kind : Any
        As `types_of` returns it.

    Returns
    -------
    column : Series
        Of that type. Whole numbers beside a missing one are float64, as where pandas
        joins tables.
    """
    if isinstance(kind, str):
        return _typed(column, kind)
    # Imported already, as the column is one of pandas.
    from pandas import CategoricalDtype

    labels = {cell for cell in column if not is_missing(cell)}
    if not labels <= set(kind["categories"]):
        # A hierarchy that changed may have others.
        return column.astype("category")
    return column.astype(CategoricalDtype(kind["categories"], kind["ordered"]))


def polars_frame(names: list[Any], columns: list[list[Any]]) -> Any:
    """Make a data frame of polars that holds labels as they are.

    Parameters
    ----------
    names : list of length n_levels
        Of its columns.
    columns : list of lists of length n_documents
        Labels, and what stands below the end of a path.

    Returns
    -------
    frame : DataFrame
        Columns whose labels have no type in common are of objects.
    """
    import polars

    made = []
    for name, cells in zip(names, columns, strict=True):
        try:
            made.append(polars.Series(name, cells))
        except (TypeError, polars.exceptions.PolarsError):
            made.append(polars.Series(name, cells, dtype=polars.Object))
    return polars.DataFrame(made)


def typed_frame(frame: Any, kinds: list[Any]) -> Any:
    """Give a data frame of polars the types that it had in fit, where it can hold them.

    Parameters
    ----------
    frame : DataFrame
        Labels, and what stands below the end of a path.
    kinds : list
        As `types_of` returns them.

    Returns
    -------
    frame : DataFrame
        Of these types.
    """
    # Imported already, as the frame is one of polars.
    import polars

    for name, kind in zip(frame.columns, kinds, strict=True):
        if kind is None:
            continue
        is_name = isinstance(kind, str)
        to = getattr(polars, kind) if is_name else polars.Enum(kind["categories"])
        try:
            column = frame[name].cast(to)
        except polars.exceptions.PolarsError:
            # A label that the type can't hold.
            continue
        if _are_equal(frame[name].to_list(), column.to_list()):
            frame = frame.with_columns(column)
    return frame


def _type_of_pandas(dtype: Any) -> Any:
    categories = getattr(dtype, "categories", None)
    if categories is None:
        return str(dtype)
    return {"categories": categories.tolist(), "ordered": bool(dtype.ordered)}


def _type_of_polars(dtype: Any) -> Any:
    """Name a type that polars would not find by itself; None for one that it does."""
    name = str(dtype.base_type())
    if name == "Enum":
        return {"categories": dtype.categories.to_list()}
    is_plain = dtype.is_numeric() and not dtype.is_decimal()
    return name if is_plain or name == "Categorical" else None


def _typed(cells: Any, kind: str) -> Any:
    """Convert an array or a column of pandas; leave it where labels would change."""
    before = np.ravel(cells).tolist()
    for name in (kind, "float64"):
        try:
            converted = cells.astype(name)
        except (OverflowError, TypeError, ValueError):
            # Such as an integer that is missing.
            continue
        if _are_equal(before, np.ravel(converted).tolist()):
            return converted
    return cells


def _are_equal(before: list[Any], after: list[Any]) -> bool:
    """Tell whether labels are what they were, and missing ones still missing."""
    return all(
        is_missing(b)
        if is_missing(a)
        else bool(a == b) and isinstance(a, str | bool) == isinstance(b, str | bool)
        for a, b in zip(before, after, strict=True)
    )
