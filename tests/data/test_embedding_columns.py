"""Which columns are coordinates of embeddings beside terms."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc.data.embedding_columns import embedding_columns


def terms_and(*others, n_documents=40):
    """Put dense columns beside term weights of which some are in every document."""
    rng = np.random.default_rng(0)
    terms = rng.random((n_documents, 30)) * (rng.random((n_documents, 30)) < 0.3)
    terms[:, [0, 29]] = rng.random((n_documents, 2)) + 0.1
    return sparse.csr_array(np.hstack([terms, *others]))


def test_embeddings_beside_terms_are_found():
    rng = np.random.default_rng(1)
    embedding = rng.normal(size=(40, 20))
    # One coordinate has one sign, and one document no embedding.
    embedding[:, 4] = np.abs(embedding[:, 4])
    embedding[3] = 0
    gap = sparse.random_array((40, 5), density=0.2, rng=rng).toarray()
    other = rng.normal(size=(40, 16))
    columns = embedding_columns(terms_and(gap, embedding, gap, other))
    expected = np.concatenate([np.arange(35, 55), np.arange(60, 76)])
    np.testing.assert_array_equal(columns, expected)


def test_of_many_documents_some_tell_embeddings(monkeypatch):
    monkeypatch.setattr("sklearn_htc.data.embedding_columns.N_LOOKED_AT", 15)
    gap, values = np.zeros((40, 1)), np.random.default_rng(1).normal(size=(40, 20))
    # Every third document is looked at.
    values[1::3] = 0
    columns = embedding_columns(terms_and(gap, values))
    np.testing.assert_array_equal(columns, np.arange(31, 51))
    values[::3] = 0
    assert not len(embedding_columns(terms_and(gap, values)))


@pytest.mark.parametrize(
    "beside",
    [
        np.empty((40, 0)),
        np.random.default_rng(1).normal(size=(40, 15)),
        np.random.default_rng(1).random((40, 20)),
        -np.random.default_rng(1).random((40, 20)),
        np.random.default_rng(1).normal(size=(40, 20)) * (np.arange(40) < 35)[:, None],
    ],
    ids=["nothing", "few", "positive", "negative", "absent"],
)
def test_other_columns_are_no_embeddings(beside):
    columns = embedding_columns(terms_and(beside))
    assert columns.dtype.kind == "i"
    assert not len(columns)
