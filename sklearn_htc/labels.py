"""What a label can be, and how an error quotes it."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence, Set
from numbers import Real
from reprlib import Repr
from typing import Any

import numpy as np

__all__ = [
    "are_misplaced",
    "as_label",
    "as_pair",
    "in_fixed_order",
    "is_missing",
    "refuse_duplicates",
    "refuse_mixed_truth",
    "refuse_text",
    "short_repr",
]

# Longest text of a label or value in an error.
MAX_REPR = 80


def short_repr(value: Any) -> str:
    """Return the repr of a value for an error; the middle of a long one is cut out.

    Parameters
    ----------
    value : Any
        A label, or anything else that an error quotes.

    Returns
    -------
    text : str
        At most 80 characters.

    Examples
    --------
    >>> short_repr("cat")
    "'cat'"
    >>> len(short_repr("cat" * 1000))
    80
    """
    try:
        text = _REPR.repr(value)
    except ValueError:
        # Python doesn't spell out integers of thousands of digits.
        text = f"<{type(value).__name__}>"
    if len(text) <= MAX_REPR:
        return text
    half = (MAX_REPR - 3) // 2
    return f"{text[: MAX_REPR - 3 - half]}...{text[-half:]}"


# Cuts long strings and collections before it spells them out.
_REPR = Repr()
_REPR.maxlevel = 3
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = MAX_REPR
_REPR.maxlist = _REPR.maxtuple = _REPR.maxset = _REPR.maxfrozenset = 20
_REPR.maxdict = _REPR.maxarray = _REPR.maxdeque = 20


def is_missing(label: Any) -> bool:
    """Tell whether a label is None, NaN, `pandas.NA` or a missing date.

    Parameters
    ----------
    label : Any
        The label.

    Returns
    -------
    missing : bool
        Such values can't be labels: NaN is not even equal to itself.
    """
    if type(label) is str:
        # Most labels are; what follows takes ten times as long.
        return False
    is_nan = isinstance(label, Real) and label != label
    if isinstance(label, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(label))
    # pandas.NA compares with nothing, and pandas need not be there.
    return label is None or is_nan or type(label).__name__ in ("NAType", "NaTType")


def as_label(label: Any) -> Hashable:
    """Check a label.

    Parameters
    ----------
    label : Any
        What is given as a label.

    Returns
    -------
    label : hashable
        The same; a number or a string of NumPy as one of Python, to which it is equal.

    Raises
    ------
    TypeError
        If it is not hashable.
    ValueError
        If it is missing.
    """
    try:
        hash(label)
    except TypeError:
        raise TypeError(f"A label must be hashable, got {short_repr(label)}.") from None
    if is_missing(label):
        raise ValueError(
            f"{short_repr(label)} is a missing value, and can't be a label."
        )
    # skops writes a file of its own for each scalar of NumPy.
    is_scalar = isinstance(label, (np.bool_, np.number, np.str_, np.bytes_))
    # As a number, a length of time would lose its unit.
    return label.item() if is_scalar and label.dtype.kind != "m" else label


def as_pair(edge: Any) -> tuple[Hashable, Hashable]:
    """Check an edge.

    Parameters
    ----------
    edge : Any
        What is given as (parent, child).

    Returns
    -------
    pair : tuple of two labels
        The parent and the child.

    Raises
    ------
    TypeError
        If it is no ordered pair, or a label is not hashable.
    ValueError
        If a label is missing.
    """
    # A set or a mapping of two has no first element to be the parent.
    is_ordered = isinstance(edge, Collection) and not isinstance(
        edge, (str, bytes, Set, Mapping)
    )
    if not is_ordered or len(edge) != 2:
        raise TypeError(
            f"An edge must be a (parent, child) pair, got {short_repr(edge)}."
        )
    parent, child = edge
    if is_missing(parent) or is_missing(child):
        raise ValueError(
            f"Edge {short_repr(edge)} lacks a label. Leave it out: a root is a node "
            "that no edge leads to."
        )
    return as_label(parent), as_label(child)


def are_misplaced(names: Sequence[Hashable], nodes: Sequence[Hashable]) -> bool:
    """Say whether rows or columns have the names of other nodes, or another order.

    A data frame without names numbers its rows and columns. These numbers are names
    only where a node is called 0.

    Parameters
    ----------
    names : sequence of hashable
        Of rows or columns; not empty.
    nodes : sequence of hashable
        Of a hierarchy.

    Returns
    -------
    are_misplaced : bool
        False for numbers that are no names.

    Examples
    --------
    >>> are_misplaced(["cat", "dog"], ("dog", "cat"))
    True
    >>> are_misplaced([0, 1], ("dog", "cat"))
    False
    >>> are_misplaced([0, 1], (1, 0))
    True
    """
    are_numbers = list(names) == list(range(len(names))) and 0 not in nodes
    return not are_numbers and list(names) != list(nodes)


def in_fixed_order(values: Iterable[Any]) -> Iterable[Any]:
    """Sort what is given as a set, whose order differs between processes.

    Parameters
    ----------
    values : iterable
        Labels, edges or paths.

    Returns
    -------
    values : iterable
        The same, if it is no set. Values of several types are sorted by their type,
        and then by what they look like.

    Examples
    --------
    >>> in_fixed_order({"dog", "cat"})
    ['cat', 'dog']
    """
    if not isinstance(values, (set, frozenset)):
        return values
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=lambda value: (type(value).__name__, repr(value)))


def refuse_text(labels: Iterable[Any], name: str) -> Iterable[Any]:
    """Refuse a string, whose letters would be taken as labels.

    Parameters
    ----------
    labels : iterable
        What is given as labels.
    name : str
        Of the parameter.

    Returns
    -------
    labels : iterable
        The same.

    Raises
    ------
    TypeError
        If it is a string, or bytes.
    """
    if isinstance(labels, (str, bytes)):
        raise TypeError(
            f"{name} must be a list, got {short_repr(labels)}. Put a single value in a "
            "list."
        )
    return labels


def refuse_mixed_truth(names: Iterable[Hashable]) -> None:
    """Refuse True beside 1 and False beside 0, which a dict would merge.

    Parameters
    ----------
    names : iterable of labels
        All labels that are to be told apart.

    Raises
    ------
    ValueError
        If two are equal in Python, and only one is a truth value.
    """
    seen: dict[Hashable, tuple[Any, Hashable]] = {}
    for name in names:
        truth = _truth_values(name)
        known, other = seen.setdefault(name, (truth, name))
        if known != truth:
            raise ValueError(
                f"Duplicate node {short_repr(name)}: in Python it is equal to "
                f"{short_repr(other)}, which is a node already. Rename one of them, to "
                "text for example."
            )


def _truth_values(label: Hashable) -> Any:
    """Tell whether a label is a truth value; of a tuple, which parts are."""
    if isinstance(label, tuple):
        return tuple(_truth_values(part) for part in label)
    return isinstance(label, (bool, np.bool_))


def refuse_duplicates(items: Iterable[Hashable], what: str) -> None:
    """Refuse what is given twice.

    Parameters
    ----------
    items : iterable of hashables
        Labels, or edges.
    what : str
        What an error calls them.

    Raises
    ------
    ValueError
        If an item is equal to an earlier one.
    """
    seen = set()
    for item in items:
        if item in seen:
            raise ValueError(
                f"Duplicate {what} {short_repr(item)}: each may be given once."
            )
        seen.add(item)
