"""Raw texts: what turns all of them into numbers, and counts terms per fold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from sklearn_htc._sklearn_compat import safe_indexing
from sklearn_htc.data.documents import BagOfTerms, OpaqueDocuments
from sklearn_htc.data.label_terms import LabelTermVectorizer
from sklearn_htc.labels import is_missing, short_repr
from sklearn_htc.preprocessing import TokenSequenceVectorizer

__all__ = [
    "OpaqueTexts",
    "TermsAndEmbeddings",
    "TermsOfTexts",
    "Texts",
    "as_texts",
    "holds_texts",
    "is_sequence",
    "reads_texts",
    "refuse_no_documents",
    "unfrozen",
    "vectorized",
]

# Of fewer texts most terms occur once, and are needed all the same.
ENOUGH_FOR_RARE_TERMS = 50


def holds_texts(X: Any) -> bool:
    """Say whether X is a sequence of raw texts.

    Parameters
    ----------
    X : Any
        Documents in any form.

    Returns
    -------
    is_texts : bool
        True where X is one-dimensional and at least one of its elements is a string.
    """
    return is_sequence(X) and any(isinstance(text, str) for text in X)


def is_sequence(X: Any) -> bool:
    """Say whether X is a list, array, Series or the like, with one dimension.

    Parameters
    ----------
    X : Any
        Documents in any form.

    Returns
    -------
    is_sequence : bool
        False for a single string, and for sparse arrays.
    """
    if sparse.issparse(X) or isinstance(X, (str, bytes)):
        return False
    # A Series of polars has a shape, but doesn't say how many dimensions.
    if hasattr(X, "shape"):
        return len(X.shape) == 1
    return isinstance(X, Sequence)


def refuse_no_documents(X: Any) -> None:
    """Refuse a sequence or an array that is empty.

    Parameters
    ----------
    X : Any
        Documents in any form.

    Raises
    ------
    ValueError
        If there are none.
    """
    shape = getattr(X, "shape", ())
    if (shape and not shape[0]) or (is_sequence(X) and not len(X)):
        raise ValueError("X has 0 samples, but there must be at least one document.")


def as_texts(X: Any) -> list[str]:
    """Check raw texts.

    Parameters
    ----------
    X : sequence of str
        Texts, empty ones among them.

    Returns
    -------
    texts : list of str
        As given.

    Raises
    ------
    ValueError
        If an element is missing, or is no string.
    """
    texts = list(X)
    for i, text in enumerate(texts):
        if isinstance(text, str):
            continue
        if is_missing(text):
            raise ValueError(
                f"Document {i} is missing, {text!r}. Leave it out, or give an empty "
                "text."
            )
        raise ValueError(
            f"Document {i} is {short_repr(text)}, but the others are texts. Give "
            "strings only."
        )
    return texts


@dataclass(frozen=True)
class Texts:
    """Raw texts, and the vectorizer that has counted them.

    Parameters
    ----------
    texts : list of str, length n_documents
        The texts.
    vectorizer : transformer
        Fitted to all of them.
    is_usual : bool
        Whether it is the usual one, which may be changed where texts are few.
    """

    texts: list[str]
    vectorizer: Any
    is_usual: bool

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the texts, with the same vectorizer.

        Parameters
        ----------
        rows : int ndarray of shape (B,)
            Which texts.

        Returns
        -------
        texts : Texts
            Of B documents.
        """
        return replace(self, texts=[self.texts[row] for row in rows])

    def apart(self, train: np.ndarray, held_out: np.ndarray) -> tuple[Any, Any, Any]:
        """Fit the vectorizer anew, to the texts to learn from alone.

        Parameters
        ----------
        train, held_out : int ndarray
            Rows of either part.

        Returns
        -------
        vectorizer : transformer
            Fitted to the rows `train`.
        learned_from, held_out : {csr_array, ndarray}
            What it makes of both parts.
        """
        vectorizer = clone(self.vectorizer)
        try:
            learned_from = _counted(
                vectorizer, self.take(train).texts, is_usual=self.is_usual
            )
        except ValueError as error:
            raise ValueError(
                f"{type(vectorizer).__name__} fails on a part of the texts, from which "
                f"the others are held out: {error} Ask for fewer documents per term "
                "(min_df), or give more texts."
            ) from error
        return vectorizer, learned_from, vectorizer.transform(self.take(held_out).texts)


def vectorized(
    X: Any,
    vectorizer: Any,
    text_encoder: str,
    *,
    piecewise: bool = False,
    label_texts: Sequence[str] = (),
    sample_weight: Any = None,
) -> tuple[Any, Texts]:
    """Turn raw texts into numbers, and learn how.

    Parameters
    ----------
    X : sequence of str
        The texts.
    vectorizer : "auto", transformer or None
        As the user gave it; it stays as it is.
    text_encoder : str
        What is to read the numbers.
    piecewise : bool, default=False
        Whether X is a piece of the data.
    label_texts : sequence of str, default=()
        Whose terms "auto" is to know whether documents have them or not.
    sample_weight : array-like of shape (n_documents,), default=None
        Nothing is learned from texts of weight 0. It is checked elsewhere.

    Returns
    -------
    matrix : {csr_array, ndarray} of shape (n_documents, n_features)
        What the vectorizer makes of them.
    texts : Texts
        With the fitted vectorizer.

    Raises
    ------
    ValueError
        If an element is no text, `vectorizer` is None, or X is a piece and the
        vectorizer would not know the terms of others.
    """
    texts = as_texts(X)
    if vectorizer is None:
        raise ValueError(
            "X holds raw texts, and vectorizer is None. Use vectorizer='auto', or put "
            "a vectorizer before the classifier: make_pipeline(TfidfVectorizer(), ...)."
        )
    learned_from = _of_some_weight(texts, sample_weight)
    is_auto = isinstance(vectorizer, str)
    if is_auto:
        vectorizer = _usual_vectorizer(text_encoder, len(learned_from))
        if label_texts and isinstance(vectorizer, TfidfVectorizer):
            vectorizer = LabelTermVectorizer(label_texts, vectorizer)
    else:
        vectorizer = clone(vectorizer)
    if piecewise and _learns(vectorizer):
        raise ValueError(
            f"{type(vectorizer).__name__} would know only the terms of the first "
            "piece. For texts in pieces use one that has nothing to learn: vectorizer="
            "HashingVectorizer(alternate_sign=False), or FrozenEstimator around one "
            "that is fitted."
        )
    matrix = _counted(vectorizer, learned_from, is_usual=is_auto)
    if len(learned_from) < len(texts):
        matrix = vectorizer.transform(texts)
    return matrix, Texts(texts, vectorizer, is_auto)


def _of_some_weight(texts: list[str], sample_weight: Any) -> list[str]:
    """Leave out texts of weight 0, unless all are, or it is no weight for each."""
    if sample_weight is None:
        return texts
    weight = np.asarray(sample_weight)
    if weight.shape != (len(texts),) or not np.any(weight != 0):
        return texts
    return [texts[row] for row in np.flatnonzero(weight != 0)]


def _counted(vectorizer: Any, texts: list[str], *, is_usual: bool) -> Any:
    """Fit a vectorizer to texts, and return what it makes of them."""
    if isinstance(vectorizer, FrozenEstimator):
        # `fit` says so where it is not fitted, and leaves it as it is.
        return vectorizer.fit(texts, None).transform(texts)
    try:
        return vectorizer.fit_transform(texts)
    except ValueError:
        # The texts share no term at all.
        once = {name: 1 for name in vectorizer.get_params() if name.endswith("min_df")}
        if not is_usual or vectorizer.get_params().items() >= once.items():
            raise
        return vectorizer.set_params(**once).fit_transform(texts)


def _learns(vectorizer: Any) -> bool:
    """Say whether a vectorizer has to see texts first."""
    if isinstance(vectorizer, Pipeline):
        return any(_learns(step) for _, step in vectorizer.steps)
    if isinstance(vectorizer, FrozenEstimator) or not hasattr(vectorizer, "fit"):
        return False
    return bool(get_tags(vectorizer).requires_fit)


def unfrozen(vectorizer: Any) -> Any:
    """Take a vectorizer out of `FrozenEstimator`.

    Parameters
    ----------
    vectorizer : transformer or None
        Frozen or not.

    Returns
    -------
    vectorizer : transformer or None
        As it was before it was frozen.
    """
    while isinstance(vectorizer, FrozenEstimator):
        vectorizer = vectorizer.estimator
    return vectorizer


def _usual_vectorizer(text_encoder: str, n_texts: int) -> Any:
    """Make the vectorizer that suits a text encoder."""
    if text_encoder in ("bigru", "rcnn"):
        return TokenSequenceVectorizer()
    return TfidfVectorizer(
        sublinear_tf=True,
        min_df=2 if n_texts >= ENOUGH_FOR_RARE_TERMS else 1,
        ngram_range=(1, 2),
        max_features=100_000,
    )


def reads_texts(estimator: Any) -> bool:
    """Say whether a classifier of the user's turns texts into numbers by itself.

    Parameters
    ----------
    estimator : classifier
        Not fitted.

    Returns
    -------
    reads : bool
        True for a Pipeline, which has a step for it, and for what says so in its tags;
        also where one of them is inside another estimator.
    """
    if isinstance(estimator, Pipeline):
        return True
    if hasattr(estimator, "__sklearn_tags__") and get_tags(estimator).input_tags.string:
        return True
    inner = [getattr(estimator, "estimator", None)]
    # Pairs of a name and an estimator, in ensembles.
    inner += [pair[1] for pair in getattr(estimator, "estimators", None) or []]
    return any(reads_texts(each) for each in inner if hasattr(each, "fit"))


class OpaqueTexts(OpaqueDocuments):
    """What a vectorizer makes of raw texts, for a classifier of the user's.

    Parameters
    ----------
    X : {csr_array, ndarray} of shape (n_documents, n_features)
        What the vectorizer makes of all texts.
    texts : Texts
        The texts.
    """

    def __init__(self, X: Any, texts: Texts) -> None:
        super().__init__(X)
        self.texts = texts

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the documents; see `Documents.take`."""
        return type(self)(safe_indexing(self.X, rows), self.texts.take(rows))

    def apart(  # type: ignore[override]
        self, train: np.ndarray, held_out: np.ndarray
    ) -> tuple[OpaqueDocuments, OpaqueDocuments]:
        """Count the terms of either part as if there were no held-out documents."""
        _, learned_from, other = self.texts.apart(train, held_out)
        return OpaqueDocuments(learned_from), OpaqueDocuments(other)


class TermsOfTexts(BagOfTerms):
    """Terms of raw texts, which every fold counts anew.

    Parameters
    ----------
    X : csr_array of shape (n_documents, n_features)
        What the vectorizer makes of all texts.
    texts : Texts
        The texts.
    """

    def __init__(self, X: sparse.csr_array, texts: Texts) -> None:
        super().__init__(X)
        self.texts = texts

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the documents; see `Documents.take`."""
        return type(self)(self.X[rows], self.texts.take(rows))

    def scaled(self, factor: np.ndarray) -> BagOfTerms:  # type: ignore[override]
        """Multiply each term by a factor; see `DocumentVectors.scaled`."""
        return BagOfTerms(self.X).scaled(factor)

    def apart(  # type: ignore[override]
        self, train: np.ndarray, held_out: np.ndarray
    ) -> tuple[BagOfTerms, BagOfTerms]:
        """Count the terms of either part as if there were no held-out documents.

        Columns are those of all texts, so that a model of all can read both parts. A
        term that is among the most frequent ones only in the fold has no column.
        Coordinates of embeddings beside the terms stay as they are: those that are
        learned, as by an SVD, would be others in each fold.

        Parameters
        ----------
        train, held_out : int ndarray
            Rows of either part.

        Returns
        -------
        parts : tuple of (BagOfTerms, BagOfTerms)
            What a vectorizer of the rows `train` makes of both.
        """
        vectorizer, *parts = self.texts.apart(train, held_out)
        column = self._columns_of(vectorizer)
        if column is None and parts[0].shape[1] != self.n_features:
            raise ValueError(
                f"{type(vectorizer).__name__} gives other columns for a part of the "
                "texts, and has no get_feature_names_out to tell which is which. Put "
                "it before the classifier, in a Pipeline."
            )
        first, second = (
            self._with_own_embeddings(self._in_columns(part, column), rows)
            for part, rows in zip(parts, (train, held_out), strict=True)
        )
        return first, second

    def _with_own_embeddings(self, part: BagOfTerms, rows: np.ndarray) -> BagOfTerms:
        """Give some rows the embeddings that they have in `X`."""
        if not len(self.embedding_columns):
            return part
        is_term = np.ones(self.n_features, dtype=np.float32)
        is_term[self.embedding_columns] = 0
        together = part.scaled(is_term).X + self.scaled(1 - is_term).X[rows]
        together.eliminate_zeros()
        return BagOfTerms(together)

    def _columns_of(self, vectorizer: Any) -> np.ndarray | None:
        """Find the column of each term of a vectorizer; -1 where there is none."""
        try:
            names = self.texts.vectorizer.get_feature_names_out()
            own = vectorizer.get_feature_names_out()
        except AttributeError:
            # Hashed terms have their columns from the first.
            return None
        position = dict(zip(names, range(len(names)), strict=True))
        return np.array([position.get(name, -1) for name in own], dtype=np.int64)

    def _in_columns(self, part: Any, column: np.ndarray | None) -> BagOfTerms:
        """Give the terms of some rows the columns that they have in `X`."""
        csr = sparse.csr_array(part, dtype=np.float32)
        if column is not None:
            entries = csr.tocoo()
            there = column[entries.coords[1]] >= 0
            rows, columns = (axis[there] for axis in entries.coords)
            csr = sparse.csr_array(
                (entries.data[there], (rows, column[columns])),
                shape=(csr.shape[0], self.n_features),
            )
        csr.sum_duplicates()
        csr.eliminate_zeros()
        return BagOfTerms(csr)


class TermsAndEmbeddings(BagOfTerms):
    """Terms of documents, and beside them the coordinates of their embeddings.

    Parameters
    ----------
    terms : BagOfTerms
        Their terms.
    embeddings : ndarray of shape (n_documents, n_coordinates), float32
        Of an encoder that has not learned from them.
    """

    def __init__(self, terms: BagOfTerms, embeddings: np.ndarray) -> None:
        beside = sparse.csr_array(embeddings)
        super().__init__(sparse.hstack([terms.X, beside], format="csr"))
        self.terms = terms
        self.embeddings = embeddings

    @property
    def embedding_columns(self) -> np.ndarray:
        """The last ones."""
        return np.arange(self.terms.n_features, self.n_features)

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the documents; see `Documents.take`."""
        return type(self)(self.terms.take(rows), self.embeddings[rows])

    def apart(  # type: ignore[override]
        self, train: np.ndarray, held_out: np.ndarray
    ) -> tuple[BagOfTerms, BagOfTerms]:
        """Split the terms as they split themselves, and the embeddings by rows."""
        parts = self.terms.apart(train, held_out)
        first, second = (
            TermsAndEmbeddings(part, self.embeddings[rows])
            for part, rows in zip(parts, (train, held_out), strict=True)
        )
        return first, second

    def scaled(self, factor: np.ndarray) -> BagOfTerms:  # type: ignore[override]
        """Multiply each column by a factor; see `DocumentVectors.scaled`."""
        return BagOfTerms(self.X).scaled(factor)
