"""TokenSequenceVectorizer and word vectors."""

import numpy as np
import pandas as pd
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
    for wrong in ({"dog": 1}, {"dog": 2, "cat": 2}, {"dog": 2.5}, {"dog": "2"}):
        with pytest.raises(ValueError, match=r"one id per token, .* from 2 on"):
            TokenSequenceVectorizer(vocabulary=wrong).fit(TEXTS)


def test_a_vocabulary_has_each_token_once_and_the_same_ids_in_every_process():
    words = {f"word{i}" for i in range(50)}
    fitted = TokenSequenceVectorizer(vocabulary=words).fit(TEXTS)
    assert list(fitted.vocabulary_) == sorted(words)
    for wrong, message in (
        (["dog", "cat", "dog"], "Token 'dog' is in vocabulary twice"),
        ("dog", "mapping or a list of tokens, got 'dog'"),
        ([], "vocabulary is empty"),
        ({}, "vocabulary is empty"),
    ):
        with pytest.raises(ValueError, match=message):
            TokenSequenceVectorizer(vocabulary=wrong).fit(TEXTS)


@pytest.mark.parametrize("missing", [None, np.nan, float("nan"), pd.NA])
def test_missing_texts_and_tables_are_refused(missing):
    vectorizer = TokenSequenceVectorizer().fit(TEXTS)
    with pytest.raises(ValueError, match="Document 1 is missing"):
        vectorizer.transform(["the cat", missing])
    table = pd.DataFrame({"text": TEXTS, "author": TEXTS})
    for texts in (table, table[["text"]].to_numpy(), {"text": TEXTS}):
        with pytest.raises(ValueError, match="One text per document is needed"):
            vectorizer.transform(texts)
    expected = vectorizer.transform(TEXTS)
    assert (vectorizer.transform(table["text"]) != expected).nnz == 0


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


def test_a_token_that_is_a_number_is_none_of_its_numbers(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("cat 1 2\n2005 3\n", encoding="utf8")
    with pytest.raises(ValueError, match="line 2: 2 numbers are needed"):
        load_word_vectors(path, {"2005": 0})


def test_word_vectors_that_dont_fit_are_refused(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("cat 1 2\nsat 3\ndog 4 x\n", encoding="utf8")
    for token, line in [("sat", 2), ("dog", 3)]:
        with pytest.raises(ValueError, match=f"line {line}: 2 numbers are needed"):
            load_word_vectors(path, {token: 0})
    with pytest.raises(ValueError, match="no vector for any token"):
        load_word_vectors(path, {"cow": 0})


@pytest.mark.parametrize("number", ["1e99", "-1e39", "nan", "inf", "-Infinity"])
def test_numbers_that_are_not_finite_are_refused(tmp_path, number):
    path = tmp_path / "vectors.txt"
    path.write_text(f"cat 1 2\ndog 3 {number}\n", encoding="utf8")
    with pytest.raises(ValueError, match=f"line 2: '{number}' is not a finite number"):
        load_word_vectors(path, {"dog": 0})
    assert load_word_vectors(path, {"cat": 0}).tolist() == [[1, 2]]


@pytest.mark.parametrize("header", ["", "2 2\n"])
def test_a_byte_order_mark_is_no_part_of_a_token(tmp_path, header):
    path = tmp_path / "vectors.txt"
    path.write_text(f"{header}cat 1 2\ndog 3 4\n", encoding="utf-8-sig")
    vectors = load_word_vectors(path, {"cat": 0, "dog": 1})
    assert vectors.tolist() == [[1, 2], [3, 4]]


def test_a_token_may_hold_white_space_that_is_no_space(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("a\u00a0cat 1 2\ndog 3 4\n", encoding="utf8")
    assert load_word_vectors(path, {"a\u00a0cat": 0}).tolist() == [[1, 2]]


@pytest.mark.parametrize("first", ["cut 1", "2 1"])
def test_lines_longer_than_the_first_are_not_taken_for_other_tokens(tmp_path, first):
    path = tmp_path / "vectors.txt"
    path.write_text(f"{first}\ncat 1 2 3\nsat 4\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"line 2: 3 numbers after 'cat', but 1 are"):
        load_word_vectors(path, {"cat": 0, "sat": 1})


@pytest.mark.parametrize("content", ["", "cat\n", "3 0\n"])
def test_a_file_without_numbers_is_refused(tmp_path, content):
    path = tmp_path / "vectors.txt"
    path.write_text(content, encoding="utf8")
    with pytest.raises(ValueError, match="line 1: a token and its numbers are needed"):
        load_word_vectors(path, {"cat": 0})


@pytest.mark.parametrize("ids", [{"cat": -1}, {"cat": 0, "dog": 0}, {"cat": 0.5}, {}])
def test_ids_that_are_no_rows_are_refused(tmp_path, ids):
    path = tmp_path / "vectors.txt"
    path.write_text("cat 1 2\ndog 3 4\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"vocabulary (needs one id|is empty)"):
        load_word_vectors(path, ids)


def test_a_frame_that_does_not_say_its_dimensions_is_a_table():
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"text": TEXTS, "author": TEXTS})
    with pytest.raises(ValueError, match="One text per document is needed"):
        TokenSequenceVectorizer().fit(table)
    found = TokenSequenceVectorizer().fit_transform(table["text"])
    assert (found != TokenSequenceVectorizer().fit_transform(TEXTS)).nnz == 0
