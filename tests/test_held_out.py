"""Which rows are held out, and which terms they have."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)

from sklearn_htc.held_out import as_if_vectorized_apart, held_out_folds


def folds_of(n_documents, fraction=0.2, seed=0):
    return held_out_folds(n_documents, fraction, np.random.RandomState(seed))


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


def drawn_texts(n_documents=80, n_words=60, seed=0):
    """Texts of 6 words each, of which many are rare."""
    rng = np.random.RandomState(seed)
    shares = 1 / np.arange(1, n_words + 1)
    words = rng.choice(n_words, (n_documents, 6), p=shares / shares.sum())
    return [" ".join(f"w{word:02}" for word in row) for row in words]


@pytest.mark.parametrize("min_df", [1, 2, 4])
@pytest.mark.parametrize(
    "make",
    [
        lambda min_df: TfidfVectorizer(min_df=min_df, use_idf=False),
        lambda min_df: CountVectorizer(min_df=min_df, dtype=np.float32),
    ],
)
def test_folds_are_what_a_vectorizer_of_the_rows_to_learn_from_makes(make, min_df):
    texts = drawn_texts()
    train, valid = np.arange(60), np.arange(60, 80)
    together = make(min_df).fit(texts)
    X = together.transform(texts)
    before = X.copy()
    apart = make(min_df).fit(texts[:60])
    columns = [together.vocabulary_[term] for term in apart.get_feature_names_out()]
    assert 5 < len(columns) < X.shape[1]
    for part, rows in zip(
        as_if_vectorized_apart(X, train, valid), (train, valid), strict=True
    ):
        expected = np.zeros((len(rows), X.shape[1]))
        expected[:, columns] = apart.transform([texts[row] for row in rows]).toarray()
        np.testing.assert_allclose(part.toarray(), expected, rtol=1e-5)
        assert part.dtype == X.dtype
    assert (before != X).nnz == 0


def test_embeddings_beside_the_terms_stay_as_they_are():
    terms = TfidfVectorizer(min_df=2).fit_transform(drawn_texts())
    embeddings = np.random.default_rng(0).normal(size=(80, 16))
    X = sparse.hstack([terms, embeddings], format="csr")
    fold = np.arange(60), np.arange(60, 80)
    parts = as_if_vectorized_apart(X, *fold)
    expected = as_if_vectorized_apart(terms, *fold)
    assert (expected[1] != terms[60:]).nnz
    for part, part_of_terms, rows in zip(parts, expected, fold, strict=True):
        together = np.hstack([part_of_terms.toarray(), embeddings[rows]])
        np.testing.assert_allclose(part.toarray(), together)


def test_a_row_without_any_known_term_is_empty():
    X = sparse.csr_array(np.eye(4, 3, dtype=np.float32))
    X[3, 0] = 1
    learned_from, held_out = as_if_vectorized_apart(X, np.array([0, 3]), np.array([1]))
    np.testing.assert_array_equal(learned_from.toarray(), [[1, 0, 0], [1, 0, 0]])
    assert held_out.shape == (1, 3)
    assert held_out.nnz == 0


def test_rows_stay_as_they_are_where_new_ones_have_unknown_terms():
    X = HashingVectorizer(n_features=2**10).transform(drawn_texts())
    train, valid = np.arange(60), np.arange(60, 80)
    learned_from, held_out = as_if_vectorized_apart(X, train, valid)
    assert (learned_from != X[:60]).nnz == 0
    assert (held_out != X[60:]).nnz == 0


def test_features_of_many_documents_are_no_rare_terms():
    X = sparse.csr_array(np.ones((40, 2), dtype=np.float32))
    train, valid = np.arange(8), np.arange(8, 40)
    for part in as_if_vectorized_apart(X, train, valid):
        np.testing.assert_array_equal(part.toarray(), 1)


@pytest.mark.parametrize("X", [np.eye(3), [["a"], ["b"], ["c"]]], ids=["array", "list"])
def test_what_has_no_terms_stays_as_it_is(X):
    learned_from, held_out = as_if_vectorized_apart(X, np.array([0, 2]), np.array([1]))
    np.testing.assert_array_equal(learned_from, [X[0], X[2]])
    np.testing.assert_array_equal(held_out, [X[1]])
