"""Which rows are held out, and the parts that they make."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_htc.data.documents import BagOfTerms, DenseDocuments
from sklearn_htc.data.held_out import make_folds, split_rows
from sklearn_htc.data.unknown_terms import without_unknown_terms
from tests.makers import training_data


def folds_of(n_documents, fraction=0.2, seed=0):
    return split_rows(n_documents, fraction, np.random.RandomState(seed))


@pytest.mark.parametrize(
    ("n_documents", "fraction", "sizes"),
    [
        (7, 0.2, [1] * 5),
        (500, 0.2, [100] * 5),
        (3000, 0.2, [600] * 3),
        (8000, 0.2, [1600]),
        (500, 0.5, [250] * 2),
        (500, 0.9, [450]),
        (12_000, 0.2, [2400]),
        (60_000, 0.2, [5000]),
    ],
)
def test_documents_are_held_out_until_there_are_enough(n_documents, fraction, sizes):
    folds = folds_of(n_documents, fraction)
    assert [len(valid) for _, valid in folds] == sizes
    for rows in folds:
        np.testing.assert_array_equal(
            np.sort(np.concatenate(rows)), np.arange(n_documents)
        )
        for part in rows:
            assert np.all(np.diff(part) > 0)
    held_out = np.concatenate([valid for _, valid in folds])
    assert len(np.unique(held_out)) == len(held_out)


def test_rows_are_drawn():
    first, second = folds_of(500)[0][1], folds_of(500, seed=1)[0][1]
    assert not np.array_equal(first, second)
    assert first.max() > 400


def test_something_has_to_be_left():
    with pytest.raises(ValueError, match="n_samples=3: 2 would be held out"):
        folds_of(3, 0.7)


@pytest.mark.parametrize("kind", [BagOfTerms, DenseDocuments])
def test_folds_hold_both_parts_with_their_labels_and_weights(kind):
    texts = [f"the {word} number{i}" for i, word in enumerate(["a b", "b c"] * 10)]
    X = TfidfVectorizer(token_pattern=r"\w+").fit_transform(texts)
    X = sparse.csr_array(X, dtype=np.float32)
    target = sparse.csr_array(np.tile([[1, 0], [0, 1]], (10, 1)))
    weight = np.arange(20.0)
    given = X if kind is BagOfTerms else X.toarray()
    data = training_data(kind(given), target, weight)
    rows = split_rows(20, 0.25, np.random.RandomState(0))
    folds = make_folds(data, rows)
    assert len(folds) == len(rows)
    for fold, (train, held_out) in zip(folds, rows, strict=True):
        parts = X[train], X[held_out]
        if kind is BagOfTerms:
            parts = without_unknown_terms(X, train, held_out)
        for part, own, X_part in zip(
            (fold.learned_from, fold.held_out), (train, held_out), parts, strict=True
        ):
            found = part.documents.X
            found = found if kind is DenseDocuments else found.toarray()
            np.testing.assert_array_equal(found, X_part.toarray())
            np.testing.assert_array_equal(part.target.toarray(), target[own].toarray())
            np.testing.assert_array_equal(part.sample_weight, weight[own])
            assert len(part) == len(own)
            np.testing.assert_array_equal(part.counts, target[own].sum(axis=0))
