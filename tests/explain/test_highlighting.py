"""Words of a text, and what terms add to them."""

import numpy as np
import pytest

from sklearn_htc.explain.highlighting import words_of


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        # Lower case throughout: all words are read so.
        ("The cat, the dog", {"the": 1.0, "cat": 2.0}, {0: 0.5, 4: 2, 9: 0.5}),
        # A term with upper case: all are found as they are.
        ("US told us", {"US": 1.0, "us": -1.0}, {0: 1, 8: -1}),
        ("The US and Us", {"US": 1.0, "and": 2.0}, {4: 1, 7: 2}),
        # Without terms of one letter, such words are passed over.
        ("cat and a dog", {"and dog": 1.0}, {4: 0.5, 10: 0.5}),
        ("vitamin c", {"vitamin": 1.0, "c": 2.0}, {0: 1, 8: 2}),
        ("vitamin c", {"vitamin c": 1.0}, {0: 0.5, 8: 0.5}),
        ("running", {"run": 1.0}, {}),
        ("", {"run": 1.0}, {}),
        ("run", {}, {}),
    ],
)
def test_terms_are_found_where_the_vectorizer_has_read_them(text, terms, expected):
    found = words_of(text, list(terms), np.array(list(terms.values())))
    assert {start: value for start, _, value in found} == expected
    for start, end, _ in found:
        assert text[start:end].isalpha()
        assert not text[start - 1 : start].isalpha()
        assert not text[end : end + 1].isalpha()
