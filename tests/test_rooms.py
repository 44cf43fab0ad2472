"""Imports go one way: a room of CONTRIBUTING.md knows those above it in the table."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
TABLE = re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE)
ROOMS = [re.findall(r"`(\w+)(?:/|\.py)`", row) for row in TABLE]
RANK = {name: rank for rank, row in enumerate(ROOMS) for name in row}
# The door of the package, through which users come.
DOOR = "__init__"


def imported(path):
    """Return what of the package a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{each.name}" for each in node.names]
        parts = (name.split(".") for name in names)
        found |= {own[1] for own in parts if own[0] == "sklearn_htc"}
    return found


def test_every_module_is_in_one_room():
    package = ROOT / "sklearn_htc"
    modules = {path.stem for path in package.glob("*.py")} - {DOOR}
    modules |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert sorted(name for row in ROOMS for name in row) == sorted(modules)


@pytest.mark.parametrize("name", RANK)
def test_a_room_imports_only_those_above_it_in_the_table(name):
    package = ROOT / "sklearn_htc"
    files = [package / f"{name}.py", *(package / name).rglob("*.py")]
    for path in files:
        if path.exists():
            for other in imported(path):
                assert RANK[other] <= RANK[name], f"{path} imports {other}"
