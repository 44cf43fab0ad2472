"""Every public docstring by numpydoc's rules, and every public name with one."""

import inspect

import pytest
from numpydoc.validate import validate

import sklearn_htc
from sklearn_htc import (
    datasets,
    explain,
    export,
    inspection,
    metrics,
    persistence,
    preprocessing,
)

# What may be missing: an extended summary, an example and a "see also" where they would
# say nothing; and returned values have names.
MAY_BE_MISSING = {"ES01", "EX01", "SA01", "SA04", "RT02"}
MODULES = (
    sklearn_htc,
    datasets,
    explain,
    export,
    inspection,
    metrics,
    persistence,
    preprocessing,
)


def public_names():
    """Return the import paths of all public functions, classes and methods."""
    paths = set()
    for module in MODULES:
        for name in module.__all__:
            item = getattr(module, name)
            if not callable(item):
                continue
            path = f"{module.__name__}.{name}"
            paths.add(path)
            if inspect.isclass(item):
                own = (
                    base for base in item.__mro__ if "sklearn_htc" in base.__module__
                )
                members = {member for c in own for member in vars(c)}
                paths |= {f"{path}.{m}" for m in members if not m.startswith("_")}
    return sorted(paths)


@pytest.mark.parametrize("path", public_names())
def test_docstring(path):
    errors = [
        f"{code}: {text}"
        for code, text in validate(path)["errors"]
        if code not in MAY_BE_MISSING
    ]
    assert not errors
