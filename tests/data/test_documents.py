"""Documents of every form: batches, and what is refused as X."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from sklearn_htc.data.documents import DocumentsInTwoForms, OpaqueDocuments
from sklearn_htc.data.reading import (
    as_documents,
    refuse_token_ids,
    resolve_text_encoder,
)

BAG = sparse.csr_array(np.array([[0, 0.5, 0, 2], [0, 0, 0, 0], [1, 0, 0, 0]]))
IDS = sparse.csr_array(np.array([[4, 2, 7], [1, 0, 0], [0, 0, 0]]))


def test_bag_batches_hold_terms_and_weights():
    batch = as_documents(BAG, "bag").batch(np.array([2, 0]))
    assert batch["ids"].tolist() == [0, 1, 3]
    assert batch["weights"].tolist() == [1, 0.5, 2]
    assert batch["offsets"].tolist() == [0, 1, 3]
    empty = as_documents(BAG, "bag").batch(np.array([1]))
    assert empty["offsets"].tolist() == [0, 0]


def test_sequence_batches_hold_token_ids():
    batch = as_documents(IDS, "bigru").batch(np.array([1, 0]))
    assert batch["ids"].tolist() == [[1, 0, 0], [4, 2, 7]]
    assert batch["mask"].tolist() == [[True, False, False], [True, True, True]]
    empty = as_documents(IDS, "bigru").batch(np.array([2]))
    assert empty["ids"].tolist() == [[0]]
    assert empty["mask"].tolist() == [[True]], "one padding token, to predict from"


def test_token_embeddings_end_at_the_last_vector_that_is_not_zero():
    X = np.zeros((3, 4, 2))
    X[0, :2] = 1
    X[1, [0, 2]] = 1
    documents = as_documents(X, "tokens")
    assert documents.lengths.tolist() == [2, 3, 0]
    batch = documents.batch(np.array([0, 2]))
    assert batch["values"].shape == (2, 2, 2)
    assert batch["mask"].tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.int64, bool, np.uint8])
def test_any_numeric_bag_gives_the_same_batch(dtype):
    X = sparse.csr_matrix((BAG != 0).astype(dtype))
    long = X.copy()
    long.indices, long.indptr = X.indices.astype("i8"), X.indptr.astype("i8")
    for given in (X, sparse.csr_array(X), X.tocsc(), X.tocoo(), X.toarray(), long):
        batch = as_documents(given, "bag").batch(np.array([0]))
        assert batch["ids"].tolist() == [1, 3]
        assert batch["weights"].tolist() == [1, 1]
        assert batch["weights"].dtype == torch.float32


def test_bag_sums_duplicates_and_drops_stored_zeros():
    X = sparse.csr_array(([1.0, 2.0, 0.0], ([0, 0, 0], [1, 1, 2])), shape=(1, 3))
    batch = as_documents(X, "bag").batch(np.array([0]))
    assert batch["ids"].tolist() == [1]
    assert batch["weights"].tolist() == [3]


def test_what_the_user_gave_is_left_alone_and_shared_where_it_can_be():
    X = sparse.csr_array((np.float32([2, 1, 0]), [1, 1, 2], [0, 3]), shape=(1, 3))
    as_documents(X, "bag")
    assert X.data.tolist() == [2, 1, 0]
    assert X.indices.tolist() == [1, 1, 2]
    canonical = sparse.csr_array(BAG.astype(np.float32))
    for array in (canonical.data, canonical.indices, canonical.indptr):
        array.setflags(write=False)
    documents = as_documents(canonical, "bag")
    assert np.shares_memory(documents.X.data, canonical.data)
    sequences = as_documents(sparse.csr_array(IDS.astype(np.int64)), "bigru")
    again = as_documents(sequences.X, "bigru")
    assert np.shares_memory(again.X.data, sequences.X.data)


@pytest.mark.parametrize("factor", [1, 1000, 1e-24])
def test_scale_takes_the_units_out_of_x(factor):
    bag = as_documents(BAG * factor, "bag")
    norms = np.linalg.norm(BAG.toarray()[[0, 2]], axis=1) * factor * bag.scale
    np.testing.assert_allclose(np.sqrt(np.mean(norms**2)), 2, rtol=1e-6)
    dense = as_documents(np.array([[3.0, -4.0]]) * factor, "dense")
    np.testing.assert_allclose(dense.scale * factor, 1 / np.sqrt(12.5), rtol=1e-6)
    # Padding, at the end of the second document, does not count.
    pairs = [[[3.0, -4.0], [0, 5]], [[1, 1], [0, 0]]]
    tokens = as_documents(np.array(pairs) * factor, "tokens")
    np.testing.assert_allclose(tokens.scale * factor, 1 / np.sqrt(52 / 6), rtol=1e-6)


def test_scale_of_nothing_but_zeros_is_one():
    assert as_documents(sparse.csr_array((2, 3)), "bag").scale == 1
    assert as_documents(np.zeros((2, 3)), "dense").scale == 1
    assert as_documents(np.zeros((2, 3, 4)), "tokens").scale == 1


@pytest.mark.parametrize(
    ("X", "text_encoder", "expected"),
    [
        (BAG, "auto", "bag"),
        (BAG.toarray(), "auto", "dense"),
        (BAG.toarray().tolist(), "auto", "dense"),
        (np.ones((2, 3, 4)), "auto", "tokens"),
        (BAG.toarray(), "bag", "bag"),
        (IDS, "rcnn", "rcnn"),
    ],
)
def test_auto_reads_the_form_of_x(X, text_encoder, expected):
    assert resolve_text_encoder(X, text_encoder) == expected


@pytest.mark.parametrize(
    ("X", "text_encoder"),
    [
        (BAG, "dense"),
        (BAG, "tokens"),
        (BAG.toarray(), "bigru"),
        (np.ones((2, 3, 4)), "bag"),
        (BAG, "lstm"),
    ],
)
def test_an_encoder_that_cant_read_x_is_refused(X, text_encoder):
    with pytest.raises(ValueError, match=f"{text_encoder}"):
        resolve_text_encoder(X, text_encoder)


@pytest.mark.parametrize(
    ("X", "text_encoder", "message"),
    [
        (BAG, "bigru", "looks like term weights"),
        (sparse.csr_array([[0, 3]]), "bigru", "fill the first columns"),
        (-IDS, "rcnn", "integers >= 1"),
        (1e12 * IDS, "bigru", r"token id 7e\+12; ids go up to"),
        (np.array([[np.nan]]), "dense", "NaN"),
        (np.array([[np.inf]]), "dense", "infinity"),
        (sparse.csr_array([[np.inf]]), "bag", "infinity"),
        (np.full((1, 2, 2), np.nan), "tokens", "NaN"),
        (np.ones((0, 2)), "dense", "0 sample"),
        (sparse.csr_array((0, 2)), "bag", "0 sample"),
        (sparse.csr_array((0, 2)), "bigru", "0 sample"),
        (np.ones((0, 2, 2)), "tokens", "0 sample"),
        (np.ones(3), "dense", "Reshape your data"),
    ],
)
def test_bad_documents_are_named(X, text_encoder, message):
    with pytest.raises(ValueError, match=message):
        as_documents(X, text_encoder)


def test_token_ids_are_not_learned_as_a_bag():
    documents = as_documents(IDS, "bag")
    with pytest.raises(ValueError, match="looks like token ids"):
        refuse_token_ids(documents)
    refuse_token_ids(as_documents(BAG, "bag"))


@pytest.mark.parametrize(
    "X", [["a cat", "a dog"], np.array(["a cat"]), pd.Series(["a cat", "a dog"])]
)
def test_raw_texts_are_refused_where_numbers_are_needed(X):
    with pytest.raises(ValueError, match="X holds raw texts, but numbers are needed"):
        resolve_text_encoder(X, "auto")


def test_token_ids_outside_the_vocabulary_are_named():
    with pytest.raises(ValueError, match="token id 7, outside the vocabulary of 5"):
        as_documents(IDS, "bigru", n_tokens=5)


def test_two_forms_are_taken_and_read_apart_together():
    bag, ids = as_documents(BAG, "bag"), as_documents(IDS, "bigru")
    n_documents = min(len(bag), len(ids))
    rows = np.arange(n_documents)
    both = DocumentsInTwoForms(bag.take(rows), ids.take(rows))
    assert len(both) == n_documents
    some = both.take(rows[::-1])
    np.testing.assert_array_equal(some.vectors.X.toarray(), bag.X[rows[::-1]].toarray())
    np.testing.assert_array_equal(
        some.encoder_input.X.toarray(), ids.X[rows[::-1]].toarray()
    )
    train, held_out = both.apart(rows[1:], rows[:1])
    expected = bag.take(rows).apart(rows[1:], rows[:1])
    for part, terms in zip((train, held_out), expected, strict=True):
        np.testing.assert_array_equal(part.vectors.X.toarray(), terms.X.toarray())
    assert len(held_out.encoder_input) == 1


def test_token_embeddings_without_any_position_are_empty_documents():
    documents = as_documents(np.zeros((2, 0, 3)), "tokens")
    assert documents.lengths.tolist() == [0, 0]
    batch = documents.batch(np.array([1, 0]))
    assert batch["values"].shape == (2, 1, 3)


def test_what_is_stored_twice_or_is_zero_is_not_counted():
    rng = np.random.default_rng(0)
    X = sparse.csr_array(sparse.random_array((30, 8), density=0.3, rng=rng))
    # Each entry in two halves, and 0 at the end of each row.
    stored = sparse.csr_array(
        (
            np.concatenate([[*row / 2, *row / 2, 0] for row in _rows_of(X, X.data)]),
            np.concatenate([[*row, *row, 7] for row in _rows_of(X, X.indices)]),
            2 * X.indptr + np.arange(31),
        ),
        shape=X.shape,
    )
    before = stored.data.copy()
    train, held_out = np.arange(20), np.arange(20, 30)
    pairs = zip(
        OpaqueDocuments(stored).apart(train, held_out),
        OpaqueDocuments(X).apart(train, held_out),
        strict=True,
    )
    for part, expected in pairs:
        np.testing.assert_allclose(part.X.toarray(), expected.X.toarray())
    np.testing.assert_array_equal(stored.data, before)


def _rows_of(X, values):
    return np.split(values, X.indptr[1:-1])
