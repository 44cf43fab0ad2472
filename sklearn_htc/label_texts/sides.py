"""Documents as two things: which terms they have, and a short dense vector."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

from sklearn_htc.data.documents import BagOfTerms, DocumentVectors

__all__ = ["Sides"]

# Dimensions of latent semantic analysis, where there are terms but no embeddings.
N_COMPONENTS = 256


@dataclass(frozen=True, eq=False)
class Sides:
    """The columns of X that are terms, and how a dense vector is made of X.

    Where X has embeddings they are the dense vector. Where it has terms alone it is
    their latent semantic analysis (a truncated singular value decomposition).

    Parameters
    ----------
    terms : int ndarray of shape (n_terms,)
        Columns that are terms; empty for embeddings.
    embeddings : int ndarray of shape (n_coordinates,)
        Columns that are coordinates of an embedding; empty for terms alone.
    analysis : TruncatedSVD or None
        Of the terms, where there are no embeddings.
    """

    terms: np.ndarray
    embeddings: np.ndarray
    analysis: TruncatedSVD | None

    @classmethod
    def of(cls, documents: DocumentVectors, rng: np.random.RandomState) -> Self:
        """Find out what columns are, and analyse the terms where need be.

        Parameters
        ----------
        documents : DocumentVectors
            Those to learn from.
        rng : RandomState
            Draws what is random in the analysis.

        Returns
        -------
        sides : Sides
            For documents of the same columns.
        """
        everything = np.arange(documents.n_features)
        if not isinstance(documents, BagOfTerms):
            return cls(everything[:0], everything, None)
        embeddings = documents.embedding_columns
        terms = np.delete(everything, embeddings)
        size = min(N_COMPONENTS, len(terms) - 1, len(documents) - 1)
        if len(embeddings) or size < 1:
            return cls(terms, embeddings, None)
        analysis = TruncatedSVD(size, n_iter=2, random_state=rng)
        return cls(terms, embeddings, analysis.fit(documents.X))

    def term_weights(self, X: Any) -> sparse.csr_array:
        """Take the terms.

        Parameters
        ----------
        X : {csr_array, ndarray} of shape (n, n_features)
            Documents or label texts.

        Returns
        -------
        weights : csr_array of shape (n, n_terms)
            Theirs.
        """
        if not len(self.terms):
            return sparse.csr_array((X.shape[0], 0), dtype=np.float32)
        return X[:, self.terms] if len(self.embeddings) else X

    def dense(self, X: Any) -> np.ndarray:
        """Make dense vectors.

        Parameters
        ----------
        X : {csr_array, ndarray} of shape (n, n_features)
            Documents or label texts.

        Returns
        -------
        vectors : ndarray of shape (n, d), float32
            Of length 1, or 0 where a row is empty.
        """
        if self.analysis is not None:
            vectors = self.analysis.transform(X)
        elif sparse.issparse(X):
            vectors = X[:, self.embeddings].toarray()
            if not vectors.shape[1]:
                # A single term is no vector to compare.
                return np.zeros((X.shape[0], 1), dtype=np.float32)
        else:
            vectors = np.asarray(X)
        return normalize(vectors).astype(np.float32, copy=False)
