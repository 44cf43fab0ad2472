"""What is computed when it is first asked for, and left out of files."""

from functools import cached_property
from typing import Any

__all__ = ["ForgetsCaches", "without_caches"]


class ForgetsCaches:
    """An object whose files and copies leave out what `cached_property` has kept.

    A file then is the same before and after predictions.
    """

    def __getstate__(self) -> dict[str, Any]:
        return without_caches(self)


def without_caches(instance: Any) -> dict[str, Any]:
    """Return the attributes of an object, but for those of `cached_property`.

    Parameters
    ----------
    instance : Any
        An object with a `__dict__`.

    Returns
    -------
    state : dict of str to value
        A new one.
    """
    cached = {
        name
        for kind in type(instance).__mro__
        for name, value in vars(kind).items()
        if isinstance(value, cached_property)
    }
    return {name: value for name, value in vars(instance).items() if name not in cached}
