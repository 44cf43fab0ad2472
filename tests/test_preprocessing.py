"""TokenSequenceVectorizer and word vectors."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_htc import TokenSequenceVectorizer, load_word_vectors

TEXTS = ["The cat sat, the cat slept", "a dog sat", ""]


def tokens_of(vectorizer, X):
    """Spell the ids of each row out."""
    word = {i: token for token, i in vectorizer.vocabulary_.items()} | {1: "?"}
    rows = np.split(X.data, X.indptr[1:-1])
    return [[word[i] for i in row] for row in rows]


def test_rows_are_token_ids_by_position():
    vectorizer = TokenSequenceVectorizer()
    X = vectorizer.fit_transform(TEXTS)
    assert isinstance(X, sparse.csr_array)
    assert X.shape == (3, 256)
    assert np.diff(X.indptr).tolist() == [6, 3, 0]
    assert tokens_of(vectorizer, X)[:2] == [
        ["the", "cat", "sat", "the", "cat", "slept"],
        ["a", "dog", "sat"],
    ]
    assert (vectorizer.transform(TEXTS) != X).nnz == 0
    new = vectorizer.transform(["the cow sat"])
    assert tokens_of(vectorizer, new) == [["the", "?", "sat"]]


def test_ids_start_at_2_with_the_most_frequent_token():
    vectorizer = TokenSequenceVectorizer().fit(TEXTS)
    assert list(vectorizer.vocabulary_.values()) == list(range(2, 8))
    assert list(vectorizer.vocabulary_) == ["cat", "sat", "the", "a", "dog", "slept"]


def test_long_texts_are_cut_and_every_id_comes_in_training():
    vectorizer = TokenSequenceVectorizer(max_length=2)
    X = vectorizer.fit_transform(TEXTS)
    assert X.shape == (3, 2)
    assert set(X.data) == set(vectorizer.vocabulary_.values())
    assert vectorizer.get_feature_names_out().tolist() == ["position0", "position1"]


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        ({"min_df": 2}, {"sat"}),
        ({"min_df": 0.5}, {"sat"}),
        ({"max_features": 1}, {"cat"}),
        ({"stop_words": ["the", "a"]}, {"cat", "sat", "dog", "slept"}),
        ({"lowercase": False}, {"The", "the", "cat", "sat", "slept", "a", "dog"}),
        (
            {"analyzer": str.split, "max_length": 3},
            {"The", "cat", "sat,", "a", "dog", "sat"},
        ),
        (
            {"tokenizer": lambda text: text.split(","), "token_pattern": None},
            {"the cat sat", " the cat slept", "a dog sat", ""},
        ),
        ({"analyzer": "char", "max_features": 2}, {" ", "t"}),
    ],
)
def test_parameters_mean_what_they_do_in_count_vectorizer(parameters, kept):
    vectorizer = TokenSequenceVectorizer(**parameters).fit(TEXTS)
    assert set(vectorizer.vocabulary_) == kept
    assert clone(vectorizer).fit(TEXTS).vocabulary_ == vectorizer.vocabulary_


def test_a_fixed_vocabulary_is_taken_as_it_is():
    listed = TokenSequenceVectorizer(vocabulary=["dog", "cat"]).fit(TEXTS)
    assert listed.vocabulary_ == {"dog": 2, "cat": 3}
    mapped = TokenSequenceVectorizer(vocabulary={"dog": 7}).fit(TEXTS)
    assert mapped.transform(["dog cat"]).data.tolist() == [7, 1]
    for wrong in ({"dog": 1}, {"dog": 2, "cat": 2}):
        with pytest.raises(ValueError, match="one id a token, from 2 on"):
            TokenSequenceVectorizer(vocabulary=wrong).fit(TEXTS)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="Empty vocabulary"):
        TokenSequenceVectorizer().fit([""])
    with pytest.raises(ValueError, match="string object received"):
        TokenSequenceVectorizer().fit("a text")
    with pytest.raises(NotFittedError):
        TokenSequenceVectorizer().transform(TEXTS)
    with pytest.raises(ValueError, match="max_length"):
        TokenSequenceVectorizer(max_length=0).fit(TEXTS)


@pytest.mark.parametrize("header", ["", "3 2\n"])
def test_word_vectors_in_both_text_formats(tmp_path, header):
    path = tmp_path / "vectors.txt"
    text = "cat 1 2\nsat 3 4 \nunused 5 6\n. . . 7 8\n"
    path.write_text(header + text, encoding="utf8")
    sequences = TokenSequenceVectorizer().fit(TEXTS).vocabulary_
    vectors = load_word_vectors(path, sequences)
    assert vectors.shape == (8, 2)
    assert vectors[sequences["cat"]].tolist() == [1, 2]
    assert np.isnan(vectors[sequences["dog"]]).all()
    assert np.isnan(vectors[:2]).all()
    terms = TfidfVectorizer().fit(TEXTS).vocabulary_
    assert load_word_vectors(path, terms)[terms["sat"]].tolist() == [3, 4]
    assert load_word_vectors(path, {". . .": 0}).tolist() == [[7, 8]]


def test_word_vectors_that_dont_fit_are_refused(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("cat 1 2\nsat 3\ndog 4 x\n", encoding="utf8")
    for token, line in [("sat", 2), ("dog", 3)]:
        with pytest.raises(ValueError, match=f"line {line}: 2 numbers are needed"):
            load_word_vectors(path, {token: 0})
    with pytest.raises(ValueError, match="no vector for any token"):
        load_word_vectors(path, {"cow": 0})
