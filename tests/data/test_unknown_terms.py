"""Folds as a vectorizer would give them that had not seen the held-out documents."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)

from sklearn_htc.data.unknown_terms import without_unknown_terms


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
        without_unknown_terms(X, train, valid), (train, valid), strict=True
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
    parts = without_unknown_terms(X, *fold)
    expected = without_unknown_terms(terms, *fold)
    assert (expected[1] != terms[60:]).nnz
    for part, part_of_terms, rows in zip(parts, expected, fold, strict=True):
        together = np.hstack([part_of_terms.toarray(), embeddings[rows]])
        np.testing.assert_allclose(part.toarray(), together)


def test_a_row_without_any_known_term_is_empty():
    X = sparse.csr_array(np.eye(4, 3, dtype=np.float32))
    X[3, 0] = 1
    learned_from, held_out = without_unknown_terms(X, np.array([0, 3]), np.array([1]))
    np.testing.assert_array_equal(learned_from.toarray(), [[1, 0, 0], [1, 0, 0]])
    assert held_out.shape == (1, 3)
    assert held_out.nnz == 0


def test_rows_stay_as_they_are_where_new_ones_have_unknown_terms():
    X = HashingVectorizer(n_features=2**10).transform(drawn_texts())
    train, valid = np.arange(60), np.arange(60, 80)
    learned_from, held_out = without_unknown_terms(X, train, valid)
    assert (learned_from != X[:60]).nnz == 0
    assert (held_out != X[60:]).nnz == 0


def test_features_of_many_documents_are_no_rare_terms():
    X = sparse.csr_array(np.ones((40, 2), dtype=np.float32))
    train, valid = np.arange(8), np.arange(8, 40)
    for part in without_unknown_terms(X, train, valid):
        np.testing.assert_array_equal(part.toarray(), 1)


def test_counts_get_their_length_back_without_being_cut_to_integers():
    # Every row has length 5, so that held-out ones are brought back to it.
    X = sparse.csr_array(np.array([[3, 4, 0], [4, 3, 0], [5, 0, 0], [3, 0, 4]]))
    _, held_out = without_unknown_terms(X, np.array([0, 1, 2]), np.array([3]))
    np.testing.assert_allclose(held_out.toarray(), [[5, 0, 0]])
