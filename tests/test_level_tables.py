"""Tables with one column per level: cells, rows and paths."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_htc.level_tables import as_rows, holds_levels, is_blank, paths_of, table_of


@pytest.mark.parametrize("cell", [None, np.nan, pd.NA, pd.NaT, ""])
def test_missing_cells_are_blank(cell):
    assert is_blank(cell)
    assert not is_blank(0)
    assert paths_of([["a", cell]]) == [("a",)]


@pytest.mark.parametrize(
    ("table", "holds"),
    [
        (np.array([["a", "b"]]), True),
        (np.array([["a", None]], dtype=object), True),
        (np.array([[1, 0], [None, 1]], dtype=object), False),
        (np.eye(2), False),
        (pd.DataFrame({"a": ["x"], "b": [1]}), True),
        (pd.DataFrame({"a": [1.0]}), False),
        (sparse.csr_array(np.eye(2)), False),
        ([["a", "b"]], False),
        (np.array(["a", "b"]), False),
    ],
)
def test_what_holds_levels(table, holds):
    assert holds_levels(table) == holds


def test_rows_of_all_containers_are_the_same():
    rows = [["a", "b"], ["c", ""]]
    for table in (rows, np.array(rows), pd.DataFrame(rows), tuple(map(tuple, rows))):
        assert as_rows(table) == rows


@pytest.mark.parametrize("table", [[b"ab"], ["ab"], [{"a", "b"}], b"ab", 3, [3]])
def test_rows_that_are_no_lists_are_refused(table):
    with pytest.raises(ValueError, match="one column per level is needed"):
        as_rows(table)


def test_cells_have_to_be_labels():
    with pytest.raises(TypeError, match="must be hashable"):
        paths_of([[["a"], "b"]])


def test_paths_become_rows_again():
    table = table_of([("a", "b"), ("c",)], 3, ["", None, np.nan])
    assert table[0, :2].tolist() == ["a", "b"]
    assert table[1, :2].tolist() == ["c", None]
    assert np.isnan(table[0, 2])
    labels = table_of([(("a", "b"), 1)], 2, ["", ""])
    assert labels[0, 0] == ("a", "b")
