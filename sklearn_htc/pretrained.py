"""Pretrained encoders: their tokenizer as a vectorizer, their configuration, weights.

`transformers` is loaded where it is needed: the package works without it.
"""

from collections.abc import Iterable
from functools import lru_cache
from numbers import Integral
from typing import Any, Self
from warnings import warn

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_htc._sklearn_compat import Interval
from sklearn_htc.data.texts import as_texts
from sklearn_htc.preprocessing import id_sequences, refuse_tables

__all__ = ["SubwordTokenizer", "load_configuration", "load_weights"]

# More than most texts have, on the average of so many tokens.
CHARACTERS_PER_TOKEN = 50
# Encoders whose first position comes after that of padding, by `model_type`.
POSITIONS_AFTER_PADDING = {
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "lilt",
    "longformer",
    "luke",
    "markuplm",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
}


class SubwordTokenizer(TransformerMixin, BaseEstimator):
    """Turn texts into the token ids that a pretrained encoder reads.

    The result is a CSR array with one row per document and one column per position, as
    `TokenSequenceVectorizer` makes it, with the encoder's own ids plus 1. Nothing is
    learned from texts. Needs the extra `transformer`.

    Parameters
    ----------
    pretrained : str
        A folder, or a name on a model hub, with an encoder and its tokenizer.
    max_length : int, default=256
        Tokens per document, the encoder's special ones included; longer texts are cut.

    Attributes
    ----------
    definition_ : str
        The encoder's tokenizer, as its tokenizer.json has it.
    vocabulary_size_ : int
        The largest id that a text may have.

    See Also
    --------
    TokenSequenceVectorizer : Words of the training texts, for "bigru" and "rcnn".
    """

    _parameter_constraints = {
        "pretrained": [str],
        "max_length": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(self, pretrained: str, *, max_length: int = 256) -> None:
        self.pretrained = pretrained
        self.max_length = max_length

    def fit(self, X: Iterable[str], y: Any = None) -> Self:
        """Load the tokenizer.

        Parameters
        ----------
        X : iterable of str
            Not read.
        y : None
            Not read.

        Returns
        -------
        self : SubwordTokenizer
            Fitted.

        Raises
        ------
        ImportError
            If `transformers` is not installed.
        ValueError
            If there is no tokenizer at `pretrained`, or one without tokenizer.json, or
            `max_length` is more than its encoder reads.
        """
        self._validate_params()
        tokenizer = _load("AutoTokenizer", self.pretrained, "tokenizer")
        if not getattr(tokenizer, "is_fast", False):
            raise ValueError(
                f"The tokenizer at pretrained={self.pretrained!r} has no "
                "tokenizer.json, and transformers can't make one of its files."
            )
        # Where there are no files at all, transformers makes one without a vocabulary.
        if len(tokenizer) <= len(tokenizer.all_special_tokens):
            raise ValueError(
                f"There is no tokenizer at pretrained={self.pretrained!r}: its "
                "vocabulary is empty."
            )
        longest = min(tokenizer.model_max_length, _n_positions(self.pretrained))
        if self.max_length > longest:
            raise ValueError(
                f"max_length={self.max_length} is more than the {longest} tokens that "
                f"the encoder at pretrained={self.pretrained!r} reads."
            )
        self.definition_ = tokenizer.backend_tokenizer.to_str()
        return self

    def transform(self, X: Iterable[str]) -> sparse.csr_array:
        """Turn texts into token ids.

        Parameters
        ----------
        X : iterable of str
            Texts.

        Returns
        -------
        ids : csr_array of shape (n_documents, max_length), int64
            The encoder's ids plus 1, from the first column on.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        ValueError
            If X is a single string or a table, or an element is no text.

        Warns
        -----
        UserWarning
            If texts are cut; it says how many.
        """
        check_is_fitted(self)
        refuse_tables(X)
        texts = as_texts(X)
        found, n_cut = self._encode(texts)
        if n_cut:
            warn(
                f"{n_cut} of {len(texts)} texts are longer than max_length="
                f"{self.max_length} tokens, and were cut.",
                stacklevel=2,
            )
        ids = [i + 1 for own in found for i in own.ids]
        return id_sequences(ids, [len(own.ids) for own in found], self.max_length)

    @property
    def vocabulary_size_(self) -> int:
        """The largest id that a text may have."""
        vocabulary = _tokenizer(self.definition_, self.max_length).get_vocab()
        return max(vocabulary.values()) + 1

    def tokens(self, X: Iterable[str]) -> list[list[str | None]]:
        """List the words of each text, one for each of its ids.

        Parameters
        ----------
        X : iterable of str
            Texts.

        Returns
        -------
        words : list of lists of (str or None)
            The word that each token is, or is a part of, in small letters; None for
            special tokens.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        """
        check_is_fitted(self)
        texts = as_texts(X)
        encodings, _ = self._encode(texts)
        return [
            [
                None
                if word is None
                # Some tokenizers count the space before a word to it.
                else text[slice(*own.word_to_chars(word))].strip().lower()
                for word in own.word_ids
            ]
            for text, own in zip(texts, encodings, strict=True)
        ]

    def _encode(self, texts: list[str]) -> tuple[list[Any], int]:
        """Return the encoding of each text, and how many were cut."""
        encode = _tokenizer(self.definition_, self.max_length).encode_batch
        # Of a text that is much longer the rest need not be looked at, but where what
        # comes first has few tokens, such as lines without words.
        longest = CHARACTERS_PER_TOKEN * self.max_length
        found = encode([text[:longest] for text in texts])
        is_cut = [len(own.overflowing) > 0 for own in found]
        long = [i for i, text in enumerate(texts) if len(text) > longest]
        for i in long:
            is_cut[i] = len(found[i].ids) == self.max_length
        again = [i for i in long if not is_cut[i]]
        for i, own in zip(again, encode([texts[i] for i in again]), strict=True):
            found[i], is_cut[i] = own, len(own.overflowing) > 0
        return found, sum(is_cut)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags


@lru_cache(maxsize=4)
def _tokenizer(definition: str, max_length: int) -> Any:
    """Make the tokenizer, which takes longer than reading a few texts."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(definition)
    tokenizer.enable_truncation(max_length)
    tokenizer.no_padding()
    return tokenizer


def load_configuration(pretrained: str) -> dict[str, Any]:
    """Read what an encoder is built from.

    Parameters
    ----------
    pretrained : str
        A folder, or a name on a model hub.

    Returns
    -------
    configuration : dict
        Plain values, `hidden_size`, `num_hidden_layers` and `vocab_size` among them.

    Raises
    ------
    ImportError
        If `transformers` is not installed.
    ValueError
        If there is no encoder at `pretrained`.
    """
    config = _load("AutoConfig", pretrained, "encoder")
    # Some encoders have other names for these.
    names = ("hidden_size", "num_hidden_layers", "vocab_size")
    return config.to_dict() | {name: getattr(config, name) for name in names}


def load_weights(pretrained: str) -> dict[str, Any]:
    """Read the weights of an encoder.

    Parameters
    ----------
    pretrained : str
        A folder, or a name on a model hub.

    Returns
    -------
    weights : dict of str to Tensor
        By their names.

    Raises
    ------
    ImportError
        If `transformers` is not installed.
    ValueError
        If there is no encoder at `pretrained`.
    """
    from sklearn_htc.network.randomness import global_generator

    # What a file lacks, such as a pooler, is drawn.
    with global_generator() as generator:
        generator.manual_seed(0)
        return _load("AutoModel", pretrained, "encoder").state_dict()


def _n_positions(pretrained: str) -> float:
    """Say how many tokens an encoder reads, as far as its configuration tells."""
    try:
        configuration = load_configuration(pretrained)
    except ValueError:
        # A tokenizer without an encoder.
        return np.inf
    n_positions: float = configuration.get("max_position_embeddings") or np.inf
    if configuration.get("model_type") in POSITIONS_AFTER_PADDING:
        n_positions -= configuration["pad_token_id"] + 1
    return n_positions


def _load(kind: str, pretrained: str, what: str) -> Any:
    """Load something by one of the factories of `transformers`."""
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            "A pretrained encoder needs transformers: pip install "
            "'sklearn-htc[transformer]'."
        ) from error
    shows_bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.disable_progress_bar()
    try:
        # Code that a folder holds is not executed.
        return getattr(transformers, kind).from_pretrained(
            pretrained, trust_remote_code=False
        )
    # Without its files, some of its versions take None for a path.
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise ValueError(
            f"There is no {what} at pretrained={pretrained!r}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    finally:
        if shows_bars:
            transformers.logging.enable_progress_bar()
