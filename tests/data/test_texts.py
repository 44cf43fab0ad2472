"""Raw texts: what is refused, and what a fold knows of its held-out documents."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer

from sklearn_htc import (
    HierarchicalLinearClassifier,
    HTCInfoMaxClassifier,
    TokenSequenceVectorizer,
)
from sklearn_htc.data.input_form import DocumentForm
from sklearn_htc.data.texts import (
    TermsOfTexts,
    as_texts,
    holds_texts,
    reads_texts,
    unfrozen,
    vectorized,
)

TEXTS = ["one two", "two three three", "one three", "four four", "two four five"]
TRAIN, HELD_OUT = np.array([0, 1, 2]), np.array([3, 4])


def terms(vectorizer, texts=TEXTS):
    """Return documents as `fit` makes them."""
    matrix, read = vectorized(texts, vectorizer, "bag")
    return TermsOfTexts(sparse.csr_array(matrix, dtype=np.float32), read)


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (TEXTS, True),
        (tuple(TEXTS), True),
        (np.array(TEXTS), True),
        (np.array(TEXTS, dtype=object), True),
        (pd.Series(TEXTS), True),
        (pd.Series(TEXTS, dtype="string"), True),
        (["", ""], True),
        (["text", None], True),
        ([], False),
        ([1, 2], False),
        ([[1.0, 2.0]], False),
        (np.ones((2, 2)), False),
        (np.array([["a"], ["b"]]), False),
        (sparse.csr_array((2, 2)), False),
        ("one text", False),
    ],
)
def test_texts_are_told_from_other_documents(X, expected):
    assert holds_texts(X) is expected


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (["a", None], "Document 1 is missing, None"),
        (["a", np.nan], "Document 1 is missing, nan"),
        (pd.Series(["a", None], dtype="string"), "Document 1 is missing, <NA>"),
        (["a", 3], "Document 1 is 3, but the others are texts"),
        (["a", ["b"]], r"Document 1 is \['b'\]"),
        (["a", b"b"], "Document 1 is b'b'"),
    ],
)
def test_what_is_no_text_is_named(X, message):
    with pytest.raises(ValueError, match=message):
        as_texts(X)


def test_auto_suits_the_text_encoder_and_the_number_of_texts():
    _, few = vectorized(TEXTS, "auto", "auto")
    assert few.vectorizer.get_params()["min_df"] == 1
    _, many = vectorized(TEXTS * 20, "auto", "bag")
    expected = TfidfVectorizer(
        sublinear_tf=True, min_df=2, ngram_range=(1, 2), max_features=100_000
    )
    assert many.vectorizer.get_params() == expected.get_params()
    for text_encoder in ("bigru", "rcnn"):
        _, read = vectorized(TEXTS, "auto", text_encoder)
        assert isinstance(read.vectorizer, TokenSequenceVectorizer)


def test_the_users_vectorizer_stays_as_it_is():
    vectorizer = TfidfVectorizer()
    _, read = vectorized(TEXTS, vectorizer, "auto")
    assert not hasattr(vectorizer, "vocabulary_")
    assert hasattr(read.vectorizer, "vocabulary_")


def test_texts_in_pieces_need_a_vectorizer_that_learns_nothing():
    with pytest.raises(ValueError, match="TfidfVectorizer would know only the terms"):
        vectorized(TEXTS, "auto", "auto", piecewise=True)
    vectorized(TEXTS, HashingVectorizer(), "auto", piecewise=True)
    frozen = FrozenEstimator(TfidfVectorizer().fit(TEXTS))
    nothing = FunctionTransformer()
    vectorized(TEXTS, make_pipeline(frozen, nothing), "auto", piecewise=True)
    pipeline = make_pipeline(TfidfVectorizer(), nothing)
    with pytest.raises(ValueError, match="Pipeline would know only the terms"):
        vectorized(TEXTS, pipeline, "auto", piecewise=True)


@pytest.mark.parametrize("piecewise", [False, True])
def test_a_frozen_vectorizer_counts_as_it_has_learned(piecewise):
    fitted = TfidfVectorizer().fit(TEXTS[:4])
    frozen = FrozenEstimator(fitted)
    matrix, read = vectorized(TEXTS, frozen, "auto", piecewise=piecewise)
    np.testing.assert_array_equal(matrix.toarray(), fitted.transform(TEXTS).toarray())
    assert unfrozen(read.vectorizer) is fitted
    documents = TermsOfTexts(sparse.csr_array(matrix), read)
    for part, rows in zip(
        documents.apart(TRAIN, HELD_OUT), (TRAIN, HELD_OUT), strict=True
    ):
        expected = matrix[rows].toarray()
        np.testing.assert_allclose(part.X.toarray(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "vectorizer",
    [
        TfidfVectorizer(),
        TfidfVectorizer(min_df=2),
        CountVectorizer(ngram_range=(1, 2)),
        make_union(CountVectorizer(), TfidfVectorizer(analyzer="char")),
    ],
)
def test_a_fold_is_counted_by_a_vectorizer_of_its_own(vectorizer):
    documents = terms(vectorizer)
    names = list(documents.texts.vectorizer.get_feature_names_out())
    own = type(vectorizer)(**vectorizer.get_params(deep=False))
    expected = [
        own.fit_transform([TEXTS[row] for row in TRAIN]),
        own.transform([TEXTS[row] for row in HELD_OUT]),
    ]
    columns = [names.index(name) for name in own.get_feature_names_out()]
    for part, other in zip(documents.apart(TRAIN, HELD_OUT), expected, strict=True):
        dense = np.zeros((other.shape[0], len(names)), dtype=np.float32)
        dense[:, columns] = other.toarray()
        np.testing.assert_array_equal(part.X.toarray(), dense)
        assert part.X.has_canonical_format
        assert not isinstance(part, TermsOfTexts)


def test_terms_of_a_fold_that_are_cut_off_among_all_are_left_out():
    # "four" and "five" are the most frequent of all, and "one" is of the fold.
    texts = ["one one two", "two", "four five", "four five", "four five"]
    documents = terms(CountVectorizer(max_features=2), texts)
    assert set(documents.texts.vectorizer.vocabulary_) == {"four", "five"}
    first, second = documents.apart(np.array([0, 1]), np.array([2, 3, 4]))
    assert first.X.nnz == second.X.nnz == 0
    assert first.X.shape == (2, 2)


def test_hashed_terms_keep_their_columns():
    vectorizer = HashingVectorizer(n_features=64)
    documents = terms(vectorizer)
    for part, rows in zip(
        documents.apart(TRAIN, HELD_OUT), (TRAIN, HELD_OUT), strict=True
    ):
        expected = documents.X[rows].toarray()
        np.testing.assert_allclose(part.X.toarray(), expected, atol=1e-6)


class Nameless(CountVectorizer):
    """A vectorizer that does not say which column is which term."""

    def get_feature_names_out(self, input_features=None):
        raise AttributeError


def test_columns_without_names_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"no get_feature_names_out.*in a Pipeline"):
        terms(Nameless()).apart(TRAIN, HELD_OUT)


def test_a_fold_of_too_few_terms_is_explained():
    documents = terms(CountVectorizer(min_df=2))
    with pytest.raises(ValueError, match=r"fails on a part of the texts.*min_df"):
        documents.apart(np.array([0, 3]), np.array([1, 2]))


def test_auto_takes_terms_that_occur_once_where_there_are_no_others():
    texts = [f"word{i}" for i in range(60)]
    matrix, _ = vectorized(texts, "auto", "auto")
    assert matrix.shape == (60, 60)


def test_dense_components_are_those_of_all_texts():
    vectorizer = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0))
    _, documents = DocumentForm.learn(TEXTS, "bag", None, vectorizer)
    assert not isinstance(documents, TermsOfTexts)


def test_some_texts_can_be_taken_and_split_again():
    part = terms(TfidfVectorizer()).take(np.array([4, 0, 1]))
    assert part.texts.texts == [TEXTS[4], TEXTS[0], TEXTS[1]]
    first, _ = part.apart(np.array([1, 2]), np.array([0]))
    assert first.X.shape == part.X[:2].shape


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (LogisticRegression(), False),
        (OneVsRestClassifier(LogisticRegression()), False),
        (make_pipeline(TfidfVectorizer(), LogisticRegression()), True),
        (
            OneVsRestClassifier(make_pipeline(CountVectorizer(), LogisticRegression())),
            True,
        ),
        (
            GridSearchCV(make_pipeline(TfidfVectorizer(), LogisticRegression()), {}),
            True,
        ),
        (HTCInfoMaxClassifier(), True),
        (OneVsRestClassifier(CalibratedClassifierCV()), False),
        (BaggingClassifier(), False),
        (VotingClassifier([("a", LogisticRegression())]), False),
        (
            VotingClassifier(
                [("a", make_pipeline(CountVectorizer(), LogisticRegression()))]
            ),
            True,
        ),
    ],
)
def test_classifiers_that_read_texts_are_known(estimator, expected):
    assert reads_texts(estimator) is expected


def test_auto_takes_terms_that_occur_once_where_a_fold_has_no_others():
    texts = [f"word{i}" for i in range(59)] + ["word0"]
    documents = terms("auto", texts)
    assert documents.X.shape == (60, 1)
    learned_from, held_out = documents.apart(np.arange(1, 59), np.array([0, 59]))
    assert learned_from.X.nnz == held_out.X.nnz == 0
    clf = HTCInfoMaxClassifier(random_state=0, deep_path=False)
    assert clf.fit(texts, ["a", "b"] * 30).predict(texts[:2]).shape == (2,)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([["the", "cat"], ["dog"]], r"different lengths.*join them"),
        (
            {"a": "the cat", "b": "the dog"}.values(),
            r"of type dict_values.*list of str",
        ),
    ],
)
def test_what_is_no_sequence_of_texts_is_named(X, message):
    with pytest.raises(ValueError, match=message):
        HierarchicalLinearClassifier().fit(X, ["cat", "dog"])


def test_coordinates_that_are_learned_are_those_of_all_texts():
    rng = np.random.default_rng(0)
    texts = [
        " ".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 9)) for _ in range(90)
    ]
    letters = TfidfVectorizer(analyzer="char")
    svd = make_pipeline(letters, TruncatedSVD(20, random_state=0))
    documents = terms(make_union(CountVectorizer(analyzer="char"), svd), texts)
    n_terms = documents.n_features - 20
    np.testing.assert_array_equal(documents.embedding_columns, n_terms + np.arange(20))
    rows = np.arange(60), np.arange(60, 90)
    for part, own in zip(documents.apart(*rows), rows, strict=True):
        found, expected = part.X.toarray(), documents.X[own].toarray()
        np.testing.assert_array_equal(found[:, n_terms:], expected[:, n_terms:])
        assert part.X.has_canonical_format
