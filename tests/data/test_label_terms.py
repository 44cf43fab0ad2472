import numpy as np
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_htc.data.label_terms import LabelTermVectorizer

TEXTS = ["a cat sat", "a cat ran", "the dog sat", "the dog ran far"]


def test_terms_of_labels_are_known_beside_those_of_documents():
    vectorizer = LabelTermVectorizer(
        ["prototype pollution", "cat"], TfidfVectorizer(min_df=2, ngram_range=(1, 2))
    )
    X = vectorizer.fit_transform(TEXTS)
    names = vectorizer.get_feature_names_out()
    plain = TfidfVectorizer(min_df=2, ngram_range=(1, 2)).fit(TEXTS)
    expected = {"prototype", "pollution", "prototype pollution", "cat"}
    assert set(names) == expected | set(plain.get_feature_names_out())
    assert X.shape == (4, len(names))
    found = vectorizer.transform(["pollution of a prototype"]).toarray()[0]
    assert set(names[found > 0]) == {"prototype", "pollution"}


def test_weights_of_documents_are_those_without_label_terms():
    vectorizer = LabelTermVectorizer(["unknown"], TfidfVectorizer(min_df=2))
    X = vectorizer.fit_transform(TEXTS).toarray()
    plain = TfidfVectorizer(min_df=2)
    expected = plain.fit_transform(TEXTS).toarray()
    names = list(vectorizer.get_feature_names_out())
    columns = [names.index(name) for name in plain.get_feature_names_out()]
    np.testing.assert_allclose(X[:, columns], expected)


def test_texts_without_terms_change_nothing():
    vectorizer = clone(LabelTermVectorizer(["a", "I"], TfidfVectorizer()))
    assert vectorizer.fit(TEXTS).transform(TEXTS).shape[1] == 6
