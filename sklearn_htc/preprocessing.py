"""Texts as token ids, and pretrained word vectors for a vocabulary."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from itertools import chain
from numbers import Integral, Real
from os import PathLike
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_htc._sklearn_compat import Interval
from sklearn_htc.labels import is_missing, short_repr

__all__ = ["TokenSequenceVectorizer", "load_word_vectors"]

UNKNOWN_ID = 1


# A sparse result is no frame: with "pandas" as the output of all transformers
# scikit-learn would refuse it.
class TokenSequenceVectorizer(  # type: ignore[call-arg]
    TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    r"""Turn texts into sequences of token ids, for the sequence encoders.

    The result is a CSR array with one row per document and one column per position; the
    values are token ids. Padding is not stored, so `numpy.diff(X.indptr)` are the
    lengths. Id 1 stands for every unknown token; the vocabulary starts at 2.

    Parameters
    ----------
    lowercase : bool, default=True
        Whether texts are lowercased first.
    preprocessor : callable, default=None
        What is done to a text before it is split, in place of lowercasing.
    tokenizer : callable, default=None
        How a text is split, in place of `token_pattern`.
    stop_words : "english", list of str or None, default=None
        Tokens that are left out.
    token_pattern : str or None, default="(?u)\b\w+\b"
        What a token looks like; by default a word, also of one character.
    analyzer : {"word", "char", "char_wb"} or callable, default="word"
        Whether tokens are words or characters; a callable makes tokens of a raw text.
        These five are as for `sklearn.feature_extraction.text.CountVectorizer`.
    min_df : int or float, default=1
        Tokens in fewer documents than this count, or than this share of the documents
        if it is a float, are unknown. HTCInfoMax's paper uses 5.
    max_features : int or None, default=None
        Keep only this many of the most frequent tokens. HTCInfoMax's paper uses 50,000.
    max_length : int, default=256
        Documents are cut off after this many tokens. The vocabulary is counted on what
        is kept, so that each of its ids occurs in the training documents.
    vocabulary : mapping of token to id, or iterable of tokens, default=None
        A fixed vocabulary, to which `min_df` and `max_features` do not apply. Each
        token may occur once. Ids of a mapping are integers from 2 on; tokens of a set
        are numbered in sorted order.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The id of each token, from 2 on, most frequent token first.
    vocabulary_size_ : int
        The largest id that a text may have.

    See Also
    --------
    load_word_vectors : Pretrained embeddings for `vocabulary_`.

    Examples
    --------
    >>> from sklearn_htc import TokenSequenceVectorizer
    >>> vectorizer = TokenSequenceVectorizer().fit(["the cat", "the dog"])
    >>> vectorizer.transform(["the cow", ""]).toarray()[:, :2]
    array([[2, 1],
           [0, 0]])
    """

    _parameter_constraints = {
        "min_df": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="both"),
        ],
        "max_features": [Interval(Integral, 1, None, closed="left"), None],
        "max_length": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        lowercase: bool = True,
        preprocessor: Callable[[str], str] | None = None,
        tokenizer: Callable[[str], list[str]] | None = None,
        stop_words: str | list[str] | None = None,
        token_pattern: str | None = r"(?u)\b\w+\b",
        analyzer: str | Callable[[str], Iterable[str]] = "word",
        min_df: float = 1,
        max_features: int | None = None,
        max_length: int = 256,
        vocabulary: Mapping[str, int] | Iterable[str] | None = None,
    ) -> None:
        self.lowercase = lowercase
        self.preprocessor = preprocessor
        self.tokenizer = tokenizer
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.analyzer = analyzer
        self.min_df = min_df
        self.max_features = max_features
        self.max_length = max_length
        self.vocabulary = vocabulary

    def fit(self, raw_documents: Iterable[str], y: Any = None) -> Self:
        """Learn the vocabulary.

        Parameters
        ----------
        raw_documents : iterable of str
            Texts.
        y : None
            Ignored.

        Returns
        -------
        self : TokenSequenceVectorizer
            Fitted.

        Raises
        ------
        ValueError
            If the texts are a single string or have two dimensions, a text is missing
            (None, NaN), no token is left, or `vocabulary` is not of the form above.
        """
        self._fit(raw_documents)
        return self

    def fit_transform(self, raw_documents: Iterable[str], y: Any = None) -> Any:
        """Learn the vocabulary and transform the same texts, analysing them once.

        Parameters
        ----------
        raw_documents : iterable of str
            Texts.
        y : None
            Ignored.

        Returns
        -------
        X : csr_array of shape (n_documents, max_length), dtype int64
            Token ids.

        Raises
        ------
        ValueError
            As `fit` does.
        """
        return self._to_ids(self._fit(raw_documents))

    def transform(self, raw_documents: Iterable[str]) -> sparse.csr_array:
        """Turn texts into token ids.

        Parameters
        ----------
        raw_documents : iterable of str
            Texts.

        Returns
        -------
        X : csr_array of shape (n_documents, max_length), dtype int64
            Token ids; unknown tokens have id 1.

        Raises
        ------
        NotFittedError
            If the vectorizer is not fitted.
        ValueError
            If the texts are a single string or have two dimensions, or a text is
            missing (None, NaN).
        """
        check_is_fitted(self)
        return self._to_ids(self.tokens(raw_documents))

    @property
    def vocabulary_size_(self) -> int:
        """The largest id that a text may have; 1 stands for unknown tokens."""
        return max(self.vocabulary_.values(), default=1)

    def tokens(self, raw_documents: Iterable[str]) -> list[list[str]]:
        """List the tokens of each text, one for each of its ids.

        Parameters
        ----------
        raw_documents : iterable of str
            Texts.

        Returns
        -------
        tokens : list of lists of str
            The first `max_length` of each text, those that are not in the vocabulary
            among them.

        Raises
        ------
        ValueError
            If the texts are a single string or have two dimensions, or a text is
            missing (None, NaN).
        """
        refuse_tables(raw_documents)
        analyze = CountVectorizer(
            lowercase=self.lowercase,
            preprocessor=self.preprocessor,
            tokenizer=self.tokenizer,
            stop_words=self.stop_words,
            token_pattern=self.token_pattern,
            analyzer=self.analyzer,
        ).build_analyzer()
        documents = []
        for i, text in enumerate(raw_documents):
            if is_missing(text):
                raise ValueError(
                    f"Document {i} is missing ({short_repr(text)}). Leave it out, or "
                    'pass "".'
                )
            documents.append(list(analyze(text))[: self.max_length])
        return documents

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns, which are positions.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str, shape (max_length,)
            "position0", "position1", ...
        """
        check_is_fitted(self)
        return np.array([f"position{i}" for i in range(self.max_length)], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def _fit(self, raw_documents: Iterable[str]) -> list[list[str]]:
        self._validate_params()
        documents = self.tokens(raw_documents)
        self.vocabulary_ = (
            self._learn_vocabulary(documents)
            if self.vocabulary is None
            else _fixed_vocabulary(self.vocabulary)
        )
        return documents

    def _learn_vocabulary(self, documents: list[list[str]]) -> dict[str, int]:
        total = Counter(token for tokens in documents for token in tokens)
        n_documents = Counter(token for tokens in documents for token in set(tokens))
        least = self.min_df
        if not isinstance(least, Integral):
            least = least * len(documents)
        kept = [token for token in total if n_documents[token] >= least]
        kept.sort(key=lambda token: (-total[token], token))
        if not kept:
            raise ValueError(
                "Empty vocabulary: the texts have no tokens, or min_df or stop_words "
                "leaves none."
            )
        first = UNKNOWN_ID + 1
        return {token: i for i, token in enumerate(kept[: self.max_features], first)}

    def _to_ids(self, documents: list[list[str]]) -> sparse.csr_array:
        known = self.vocabulary_
        ids = [known.get(token, UNKNOWN_ID) for tokens in documents for token in tokens]
        return id_sequences(ids, [len(tokens) for tokens in documents], self.max_length)


def refuse_tables(raw_documents: Any) -> None:
    """Refuse what is not one text per document.

    Parameters
    ----------
    raw_documents : Any
        What is given as texts.

    Raises
    ------
    ValueError
        If it is a single string, a table or a mapping.
    """
    if isinstance(raw_documents, str):
        raise ValueError(
            "Iterable over raw text documents expected, string object received."
        )
    # A frame of polars has a shape, but doesn't say how many dimensions.
    n_dimensions = len(getattr(raw_documents, "shape", (0,)))
    if isinstance(raw_documents, Mapping) or n_dimensions != 1:
        # Iteration over a data frame yields the names of its columns, or the columns.
        raise ValueError(
            "One text per document is needed, got a "
            f"{type(raw_documents).__name__}. Pass a list of texts, or one column "
            "of the table."
        )


def id_sequences(
    ids: Sequence[int], lengths: Sequence[int], max_length: int
) -> sparse.csr_array:
    """Put the token ids of documents into rows, from the first column on.

    Parameters
    ----------
    ids : sequence of int
        Of all documents, one document after the other.
    lengths : sequence of int, length n_documents
        Tokens of each document.
    max_length : int
        Number of columns.

    Returns
    -------
    X : csr_array of shape (n_documents, max_length), int64
        One row per document.
    """
    indptr = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    columns = np.arange(indptr[-1]) - np.repeat(indptr[:-1], np.diff(indptr))
    values = np.array(ids, dtype=np.int64)
    shape = (len(lengths), max_length)
    return sparse.csr_array((values, columns, indptr), shape=shape)


def load_word_vectors(
    path: str | PathLike[str], vocabulary: Mapping[str, int]
) -> np.ndarray:
    r"""Read pretrained word vectors for a vocabulary from a text file.

    Parameters
    ----------
    path : str or path-like
        UTF-8 text, with or without a byte order mark, in GloVe's format (a token, then
        its numbers, separated by spaces) or word2vec's (the same after a line with the
        count and the size).
    vocabulary : mapping of str to int
        `vocabulary_` of a fitted TokenSequenceVectorizer or TfidfVectorizer.

    Returns
    -------
    vectors : ndarray of shape (max id + 1, size), float32
        Row i is the vector of the token with id i; NaN where the file has none, which
        `embedding_weights` takes as "start at random".

    Raises
    ------
    ValueError
        If the file has no vector for the vocabulary; if the line of one of its tokens
        has too few or too many numbers, or a number that is not finite in float32; or
        if the ids of `vocabulary` are not distinct integers from 0 on.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "vectors.txt"
    >>> _ = path.write_text("cat 1 2\ndog 3 4\n")
    >>> from sklearn_htc import load_word_vectors
    >>> load_word_vectors(path, {"dog": 0, "cow": 1})
    array([[ 3.,  4.],
           [nan, nan]], dtype=float32)
    """
    if not vocabulary:
        raise ValueError("vocabulary is empty: there is no token to read vectors for.")
    if not _are_ids(vocabulary.values(), first=0):
        raise ValueError(
            "vocabulary needs one id per token, distinct integers from 0 on: they are "
            "rows of the result."
        )
    with open(path, encoding="utf-8-sig") as file:
        lines = enumerate(file, 1)
        _, first = next(lines, (1, ""))
        # Only at spaces: a token may hold other white space, such as a no-break space.
        fields = first.strip(" \r\n").split(" ")
        has_header = len(fields) == 2 and all(field.isdecimal() for field in fields)
        size = int(fields[1]) if has_header else len(fields) - 1
        if size < 1:
            raise ValueError(
                f"{path}, line 1: a token and its numbers are needed, or a count and a "
                f"size, got {short_repr(first)}."
            )
        vectors = np.full((max(vocabulary.values()) + 1, size), np.nan, np.float32)
        for number, line in lines if has_header else chain([(1, first)], lines):
            # A token may hold spaces (some of GloVe's do), so count from the right.
            fields = line.rstrip().split(" ")
            token = " ".join(fields[:-size]) or fields[0]
            row = vocabulary.get(token)
            if row is not None:
                numbers = fields[max(1, len(fields) - size) :]
                vectors[row] = _as_vector(numbers, size, f"{path}, line {number}")
            elif fields[0] in vocabulary and _are_numbers(fields[1:]):
                raise ValueError(
                    f"{path}, line {number}: {len(fields) - 1} numbers after "
                    f"{short_repr(fields[0])}, but {size} are expected from line 1."
                )
    if np.isnan(vectors).all():
        raise ValueError(f"{path} has no vector for any token of the vocabulary.")
    return vectors


def _as_vector(fields: list[str], size: int, place: str) -> np.ndarray:
    try:
        vector = np.array(fields, dtype=np.float64)
    except ValueError:
        vector = np.empty(0)
    if len(vector) != size:
        raise ValueError(f"{place}: {size} numbers are needed after the token.")
    # NaN in the result means that there is no vector.
    wrong = np.flatnonzero(~(np.abs(vector) <= np.finfo(np.float32).max))
    if len(wrong):
        raise ValueError(
            f"{place}: {short_repr(fields[wrong[0]])} is not a finite number in "
            "float32. Correct it, or leave the line out."
        )
    return vector.astype(np.float32)


def _are_numbers(fields: list[str]) -> bool:
    try:
        np.array(fields, dtype=np.float64)
    except ValueError:
        return False
    return True


def _are_ids(ids: Collection[Any], *, first: int) -> bool:
    """Tell whether ids are distinct integers, none below the first."""
    return len(set(ids)) == len(ids) and all(
        isinstance(i, Integral) and not isinstance(i, bool) and int(i) >= first
        for i in ids
    )


def _fixed_vocabulary(vocabulary: Mapping[str, int] | Iterable[str]) -> dict[str, int]:
    first = UNKNOWN_ID + 1
    if isinstance(vocabulary, Mapping):
        known = dict(vocabulary)
        if not _are_ids(known.values(), first=first):
            raise ValueError(
                f"A vocabulary needs one id per token, distinct integers from {first} "
                f"on: {UNKNOWN_ID} is any unknown token, and 0 is padding."
            )
    elif isinstance(vocabulary, (str, bytes)):
        raise ValueError(
            "vocabulary must be a mapping or a list of tokens, got "
            f"{short_repr(vocabulary)}."
        )
    else:
        # The order of a set differs between processes.
        is_set = isinstance(vocabulary, Set)
        tokens = sorted(vocabulary) if is_set else list(vocabulary)
        known = {token: i for i, token in enumerate(tokens, first)}
        if len(known) < len(tokens):
            repeated = next(token for token, n in Counter(tokens).items() if n > 1)
            raise ValueError(
                f"Token {short_repr(repeated)} is in vocabulary twice: each may be "
                "given once."
            )
    if not known:
        raise ValueError("vocabulary is empty. Leave it out to learn one from texts.")
    return known
