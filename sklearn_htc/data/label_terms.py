"""A vectorizer that knows the terms of label texts, whether documents have them or not.

A document of a label without documents may have terms that no other document has.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_extraction.text import TfidfVectorizer

__all__ = ["LabelTermVectorizer"]


# A sparse result is no frame: with "pandas" as the output of all transformers
# scikit-learn would refuse it.
class LabelTermVectorizer(  # type: ignore[call-arg]
    TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """TF-IDF whose vocabulary has all terms of label texts beside those of documents.

    Parameters
    ----------
    label_texts : sequence of str
        Whose terms are in the vocabulary in any case.
    vectorizer : TfidfVectorizer
        Not fitted; says which terms of documents are in the vocabulary.

    Attributes
    ----------
    vectorizer_ : TfidfVectorizer
        With both, fitted.
    """

    def __init__(self, label_texts: Sequence[str], vectorizer: TfidfVectorizer) -> None:
        self.label_texts = label_texts
        self.vectorizer = vectorizer

    def fit(self, texts: Sequence[str], y: Any = None) -> Self:
        """Count the terms of documents.

        Parameters
        ----------
        texts : sequence of str
            The documents.
        y : Any, default=None
            Ignored.

        Returns
        -------
        self : LabelTermVectorizer
            Fitted.
        """
        self.fit_transform(texts)
        return self

    def fit_transform(self, texts: Sequence[str], y: Any = None) -> sparse.csr_array:
        """Count the terms of documents, and return their weights.

        Parameters
        ----------
        texts : sequence of str
            The documents.
        y : Any, default=None
            Ignored.

        Returns
        -------
        weights : csr_array of shape (n_documents, n_terms)
            TF-IDF.
        """
        of_documents = clone(self.vectorizer).fit(texts)
        analyze = of_documents.build_analyzer()
        terms = set(of_documents.vocabulary_).union(*map(analyze, self.label_texts))
        self.vectorizer_ = clone(self.vectorizer).set_params(vocabulary=sorted(terms))
        weights: sparse.csr_array = self.vectorizer_.fit_transform(texts)
        return weights

    def transform(self, texts: Sequence[str]) -> sparse.csr_array:
        """Return the weights of the terms of documents.

        Parameters
        ----------
        texts : sequence of str
            Documents.

        Returns
        -------
        weights : csr_array of shape (n_documents, n_terms)
            TF-IDF.
        """
        weights: sparse.csr_array = self.vectorizer_.transform(texts)
        return weights

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the terms.

        Parameters
        ----------
        input_features : Any, default=None
            Ignored.

        Returns
        -------
        terms : ndarray of shape (n_terms,)
            One per column.
        """
        return self.vectorizer_.get_feature_names_out()
