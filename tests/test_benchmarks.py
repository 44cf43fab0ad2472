"""Benchmarks: each can be imported, whatever was moved in the package."""

from importlib import import_module
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.py")))
def test_a_benchmark_can_be_imported(name):
    assert import_module(f"benchmarks.{name}").__doc__
