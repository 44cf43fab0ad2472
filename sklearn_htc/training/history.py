"""The history of a training as files hold it, and back."""

import json
from collections.abc import Iterable
from typing import Any

__all__ = ["in_full", "in_short"]


def in_short(history: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write what epochs have noted of their batches as text.

    Of each of the tens of thousands of records that a long training has, skops would
    make a dozen objects.

    Parameters
    ----------
    history : iterable of dict
        One per epoch.

    Returns
    -------
    history : list of dict
        The same but for `batches`, where JSON gives back what they hold.
    """
    return [epoch | {"batches": _as_text(epoch["batches"])} for epoch in history]


def _as_text(batches: list[dict[str, Any]]) -> Any:
    try:
        text = json.dumps(batches)
    except (TypeError, ValueError, RecursionError):
        return batches
    # A callback of the user's may have noted what comes back as something else.
    return text if json.loads(text) == batches else batches


def in_full(history: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Read what `in_short` has written.

    Parameters
    ----------
    history : iterable of dict
        One per epoch.

    Returns
    -------
    history : list of dict
        As skorch has it.
    """
    return [
        epoch | {"batches": json.loads(epoch["batches"])}
        if isinstance(epoch["batches"], str)
        else epoch
        for epoch in history
    ]
