"""Benchmarks: each can be imported, and LinearSVC ranks as well as it can."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from benchmarks.flat import FlatLinearSVC

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.py")))
def test_a_benchmark_can_be_imported(name):
    assert import_module(f"benchmarks.{name}").__doc__


def test_labels_without_documents_come_last_for_linear_svc():
    X = sparse.csr_array(np.eye(4))
    # The last two labels have no document, and all of them.
    Y = sparse.csr_array([[1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0, 1, 0, 1]])

    scores = FlatLinearSVC().fit(X, Y).decision_function(X)

    ranks = np.argsort(-scores, axis=1)
    assert np.all(ranks == [[3, 0, 1, 2], [3, 0, 1, 2], [3, 1, 0, 2], [3, 1, 0, 2]])
