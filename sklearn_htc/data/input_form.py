"""The form of X and of y that fit has seen, in which predict then reads and answers."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import validate_data

from sklearn_htc._sklearn_compat import check_sample_weight, get_feature_names
from sklearn_htc.data.documents import (
    BagOfTerms,
    Documents,
    DocumentsInTwoForms,
    DocumentVectors,
    OpaqueDocuments,
)
from sklearn_htc.data.reading import (
    SEQUENCE_ENCODERS,
    as_documents,
    refuse_token_ids,
    resolve_text_encoder,
    without_frame,
)
from sklearn_htc.data.targets import TargetEncoder
from sklearn_htc.data.texts import (
    TermsAndEmbeddings,
    TermsOfTexts,
    as_texts,
    holds_texts,
    is_sequence,
    refuse_no_documents,
    unfrozen,
    vectorized,
)
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.hierarchy import as_hierarchy
from sklearn_htc.labels import short_repr
from sklearn_htc.preprocessing import TokenSequenceVectorizer

__all__ = ["DocumentForm", "InputForm"]


@dataclass(frozen=True)
class DocumentForm:
    """The form of X.

    Parameters
    ----------
    text_encoder : str
        Which text encoder suits it; "opaque" where only the user's own classifier
        reads X.
    asked_for : str
        Which text encoder the user asked for; "auto" suits any form of X.
    n_features : int or None
        Width of X, or of a token of it; None where it is not known.
    feature_names : ndarray of str or None
        Names of its columns, if it had any.
    n_tokens : int or None
        Size of the vocabulary of token ids; None where X holds none.
    width : int or None
        Columns of what is learned from, whether X or a vectorizer has made them; None
        where it is not known.
    vectorizer : transformer, default=None
        Where X holds raw texts, what turns them into numbers: fitted.
    tokenizer : transformer, default=None
        Where a pretrained encoder reads raw texts, what turns them into its token ids.
    embedder : object, default=None
        Where the embeddings of that encoder, as it is, stand beside the terms: has
        `embed`, from token ids to embeddings.
    """

    text_encoder: str
    asked_for: str
    n_features: int | None
    feature_names: np.ndarray | None
    n_tokens: int | None
    width: int | None
    vectorizer: Any = None
    tokenizer: Any = None
    embedder: Any = None

    @classmethod
    def learn(
        cls,
        X: Any,
        text_encoder: str,
        vocabulary_size: int | None,
        vectorizer: Any,
        *,
        tokenizer: Any = None,
        piecewise: bool = False,
        label_texts: Sequence[str] = (),
        sample_weight: Any = None,
    ) -> tuple[Self, Documents]:
        """Check X, and find out its form.

        Parameters
        ----------
        X : array-like, sparse array or sequence of str
            Documents.
        text_encoder : str
            One of `TEXT_ENCODERS`; "auto" chooses by the form of X.
        vocabulary_size : int or None
            The largest token id that may come; None takes the largest that the
            vectorizer knows, or else the largest in X.
        vectorizer : "auto", transformer or None
            What turns raw texts into numbers.
        tokenizer : transformer, default=None
            What turns raw texts into the token ids of a pretrained encoder, which then
            stand beside what `vectorizer` makes of them, or alone if that is None.
        piecewise : bool, default=False
            Whether X is a piece of the data.
        label_texts : sequence of str, default=()
            Whose terms vectorizer="auto" is to know.
        sample_weight : array-like of shape (n_documents,), default=None
            Vectorizers learn nothing from texts of weight 0.

        Returns
        -------
        form : DocumentForm
            What later X must match.
        documents : Documents
            X, checked.

        Raises
        ------
        ValueError
            If X is of no accepted form, or `text_encoder` can't read it.
        """
        if isinstance(X, (Iterator, Set)):
            raise ValueError(
                f"X is a {type(X).__name__}, which has no order or can be read only "
                "once. Pass a list."
            )
        refuse_no_documents(X)
        if holds_texts(X):
            if tokenizer is not None:
                return cls._of_tokens(
                    X,
                    vocabulary_size,
                    vectorizer,
                    tokenizer,
                    piecewise=piecewise,
                    label_texts=label_texts,
                    sample_weight=sample_weight,
                )
            matrix, texts = vectorized(
                X,
                vectorizer,
                text_encoder,
                piecewise=piecewise,
                label_texts=label_texts,
                sample_weight=sample_weight,
            )
            form, documents = cls.learn(matrix, text_encoder, vocabulary_size, None)
            if vocabulary_size is None and form.n_tokens is not None:
                known = _vocabulary_size_of(texts.vectorizer)
                form = replace(form, n_tokens=max(form.n_tokens, known))
            # Components of a dense matrix would be others in each fold.
            if isinstance(documents, BagOfTerms) and sparse.issparse(matrix):
                documents = TermsOfTexts(documents.X, texts)
            form = replace(
                form, n_features=None, feature_names=None, vectorizer=texts.vectorizer
            )
            return form, documents
        matrix = without_frame(X)
        resolved = resolve_text_encoder(matrix, text_encoder)
        documents = as_documents(matrix, resolved, n_tokens=vocabulary_size)
        refuse_token_ids(documents)
        n_tokens = vocabulary_size
        if resolved in SEQUENCE_ENCODERS and n_tokens is None:
            n_tokens = int(documents.X.data.max(initial=1))
        names = None if resolved == "tokens" else get_feature_names(X)
        width = documents.n_features
        form = cls(resolved, text_encoder, width, names, n_tokens, width)
        return form, documents

    @classmethod
    def _of_tokens(
        cls,
        X: Any,
        vocabulary_size: int | None,
        vectorizer: Any,
        tokenizer: Any,
        *,
        piecewise: bool,
        label_texts: Sequence[str],
        sample_weight: Any,
    ) -> tuple[Self, Documents]:
        """Read raw texts for a pretrained encoder, and for a wide path beside it."""
        tokenizer = clone(tokenizer)
        ids = tokenizer.fit_transform(as_texts(X))
        form, documents = cls.learn(ids, "transformer", vocabulary_size, None)
        form = replace(form, n_features=None, tokenizer=tokenizer)
        if vectorizer is None:
            return form, documents
        terms, vectors = cls.learn(
            X,
            "auto",
            None,
            vectorizer,
            piecewise=piecewise,
            label_texts=label_texts,
            sample_weight=sample_weight,
        )
        if vectors.vectors is None:
            raise ValueError(
                f"{type(vectorizer).__name__} makes a 3-D array of the texts. Beside "
                "'transformer' it has to make term weights or embeddings, 2-D."
            )
        assert documents.encoder_input is not None
        both = DocumentsInTwoForms(vectors.vectors, documents.encoder_input)
        return replace(form, vectorizer=terms.vectorizer), both

    def read(self, X: Any, estimator: BaseEstimator) -> Documents:
        """Check X against the form.

        Parameters
        ----------
        X : array-like or sparse array
            Documents.
        estimator : estimator
            Whose names errors use.

        Returns
        -------
        documents : Documents
            X, checked.

        Raises
        ------
        ValueError
            If X is of another form or width, or its columns have other names.
        """
        if self.tokenizer is not None:
            return self._read_tokens(self._checked_texts(X))
        if self.vectorizer is not None:
            matrix = self.vectorizer.transform(self._checked_texts(X))
            if self.text_encoder == "opaque":
                return OpaqueDocuments(matrix)
            return as_documents(matrix, self.text_encoder, n_tokens=self.n_tokens)
        if self.text_encoder == "opaque":
            self._check_width(X, estimator)
            return OpaqueDocuments(X)
        matrix = without_frame(X)
        resolved = resolve_text_encoder(matrix, self.asked_for)
        if {resolved, self.text_encoder} == {"bag", "dense"}:
            # The same numbers, whatever holds them.
            resolved = self.text_encoder
            if resolved == "dense":
                # Of another width it may be too large.
                validate_data(estimator, X, skip_check_array=True, reset=False)
                matrix = sparse.csr_array(matrix).toarray()
        if resolved != self.text_encoder:
            raise ValueError(
                f"X is of another kind than at fit: it suits text_encoder={resolved!r},"
                f" but the estimator was fitted with {self.text_encoder!r}."
            )
        documents = as_documents(matrix, resolved, n_tokens=self.n_tokens)
        if resolved != "tokens":
            validate_data(estimator, X, skip_check_array=True, reset=False)
        elif documents.n_features != self.n_features:
            raise ValueError(
                f"X has {documents.n_features} features per token, but "
                f"{type(estimator).__name__} is expecting {self.n_features} as input."
            )
        return documents

    def names_of_features(self) -> np.ndarray | None:
        """Return the names of what the wide path reads.

        Returns
        -------
        names : ndarray of str or None
            The terms of a vectorizer, without the coordinates of embeddings that may
            stand beside them; or the names that the columns of X had. None where
            columns have no names.
        """
        if self.vectorizer is None:
            return self.feature_names
        try:
            return np.asarray(self.vectorizer.get_feature_names_out())
        except (AttributeError, NotImplementedError):
            # Hashed terms have none.
            return None

    @property
    def reads_texts(self) -> bool:
        """Whether X holds raw texts."""
        return self.vectorizer is not None or self.tokenizer is not None

    def tokens_of(self, texts: list[str]) -> Sequence[Sequence[str | None]] | None:
        """List the tokens of texts, where the network reads them as sequences.

        Parameters
        ----------
        texts : list of str
            Documents.

        Returns
        -------
        tokens : sequence of sequences of (str or None), or None
            One for each token id, None for a special token. None where the network
            reads terms, or the vectorizer doesn't name its tokens.
        """
        if self.tokenizer is not None:
            return self.tokenizer.tokens(texts)
        vectorizer = unfrozen(self.vectorizer)
        if isinstance(vectorizer, TokenSequenceVectorizer):
            return vectorizer.tokens(texts)
        return None

    def _read_tokens(self, texts: list[str]) -> Documents:
        """Read texts as `_of_tokens` did."""
        ids = self.tokenizer.transform(texts)
        tokens = as_documents(ids, "transformer", n_tokens=self.n_tokens)
        if self.vectorizer is None:
            return tokens

        def vectors() -> DocumentVectors:
            matrix = self.vectorizer.transform(texts)
            made = as_documents(matrix, resolve_text_encoder(matrix, "auto")).vectors
            assert made is not None
            if self.embedder is None:
                return made
            assert isinstance(made, BagOfTerms)
            return TermsAndEmbeddings(made, self.embedder.embed(tokens))

        # A network alone, as in `transform`, doesn't read them.
        return DocumentsInTwoForms(vectors, tokens)

    def _checked_texts(self, X: Any) -> list[str]:
        """Return X as texts; refuse another form."""
        if not is_sequence(X) or not len(X):
            raise ValueError(
                "The estimator was fitted to raw texts, so X must be a sequence of at "
                f"least one string, got {short_repr(X)}."
            )
        return as_texts(X)

    def _check_width(self, X: Any, estimator: BaseEstimator) -> None:
        """Refuse arrays of another width, as not every classifier does."""
        is_array = isinstance(X, np.ndarray) or sparse.issparse(X)
        if is_array and self.n_features not in (None, X.shape[-1]):
            raise ValueError(
                f"X has {X.shape[-1]} features, but {type(estimator).__name__} is "
                f"expecting {self.n_features} features as input."
            )

    @classmethod
    def of_opaque(cls, X: Any, estimator: Any, vectorizer: Any = None) -> Self:
        """Describe documents that only a classifier of the user's reads.

        Parameters
        ----------
        X : array-like, sparse array or sequence
            Documents.
        estimator : classifier or None
            Fitted to them, if it is already.
        vectorizer : transformer, default=None
            What has turned raw texts into numbers for it: fitted.

        Returns
        -------
        form : DocumentForm
            With what the classifier knows of them, and with the width of an array.
        """
        if vectorizer is not None:
            return cls("opaque", "auto", None, None, None, None, vectorizer)
        is_array = isinstance(X, np.ndarray) or sparse.issparse(X)
        width = X.shape[-1] if is_array and X.ndim > 1 else None
        names = getattr(estimator, "feature_names_in_", None)
        width = getattr(estimator, "n_features_in_", width)
        return cls("opaque", "auto", width, names, None, width)


@dataclass(frozen=True)
class InputForm:
    """The forms of X and y together.

    Parameters
    ----------
    documents : DocumentForm
        The form of X.
    targets : TargetEncoder
        The form of y, with the hierarchy.
    """

    documents: DocumentForm
    targets: TargetEncoder

    @classmethod
    def of_targets(
        cls,
        documents: DocumentForm,
        y: Any,
        hierarchy: Any,
        classes: Any = None,
        *,
        piecewise: bool = False,
    ) -> Self:
        """Find out the form of y.

        Parameters
        ----------
        documents : DocumentForm
            The form of X.
        y : array-like, sparse array or sequence
            Labels in any accepted form.
        hierarchy : Hierarchy, dict, pairs, networkx.DiGraph, "infer" or None
            The label hierarchy; "infer" reads it off y, which is a table.
        classes : array-like, default=None
            All labels that may occur in 1-D `y`.
        piecewise : bool, default=False
            Whether y is a piece of the data.

        Returns
        -------
        form : InputForm
            Of both.

        Raises
        ------
        ValueError
            If y is of no accepted form, or names a label that is not a node.
        TypeError
            If `hierarchy` is of none of these types.
        """
        if isinstance(hierarchy, Iterator):
            raise TypeError(
                f"hierarchy is a {type(hierarchy).__name__}, which can be read only "
                "once, and a fit leaves parameters as they are. Pass list(edges)."
            )
        if hierarchy is not None and not _is_inferred(hierarchy):
            hierarchy = as_hierarchy(hierarchy)
        encoder = TargetEncoder.fit(y, hierarchy, classes, piecewise=piecewise)
        return cls(documents, encoder)

    def with_embedder(self, embedder: Any) -> Self:
        """Let later documents have embeddings beside their terms.

        Parameters
        ----------
        embedder : object or None
            Has `embed`; with None there are none.

        Returns
        -------
        form : InputForm
            With the embedder.
        """
        return replace(self, documents=replace(self.documents, embedder=embedder))

    def training_data(
        self,
        documents: Documents,
        y: Any,
        sample_weight: Any,
        path_nodes: np.ndarray | None = None,
    ) -> TrainingData:
        """Check labels and weights, and put all together.

        Parameters
        ----------
        documents : Documents
            Checked.
        y : array-like, sparse array or sequence
            Of the learned form.
        sample_weight : array-like of shape (n_documents,) or None
            Weights, not negative; only their ratios matter.
        path_nodes : int ndarray, default=None
            The most specific nodes of the paths that documents may have. None finds
            them in y.

        Returns
        -------
        data : TrainingData
            With weights of mean 1, and without documents of weight 0.

        Raises
        ------
        ValueError
            If y or the weights are not as described, or not one per document.
        """
        target = self.targets.transform(y)
        n_documents = len(documents)
        check_consistent_length(np.empty(n_documents), target)
        weight = check_sample_weight(
            sample_weight,
            np.empty(n_documents),
            dtype=np.float64,
            ensure_non_negative=True,
        )
        if not weight.any():
            raise ValueError("sample_weight is 0 for every document.")
        # Whatever their unit is, sums of them are finite then, and not all round to 0.
        weight = (weight / weight.max()).astype(np.float32)
        if path_nodes is None:
            path_nodes = self.path_nodes_of(target[np.flatnonzero(weight)])
        hierarchy = self.targets.hierarchy
        data = TrainingData(documents, target, weight, hierarchy, path_nodes)
        if not weight.all():
            data = data.take(np.flatnonzero(weight))
        return data.with_weight(data.sample_weight / data.sample_weight.mean())

    def path_nodes_of(self, target: sparse.csr_array) -> np.ndarray:
        """Find the most specific node of each path that the training rows take.

        Parameters
        ----------
        target : csr_array of shape (n_documents, n_nodes)
            Closed under ancestors.

        Returns
        -------
        path_nodes : int ndarray
            In the order of the classes where each document has one label; sorted
            otherwise; empty where a row has no path or several.
        """
        if not self.targets.is_multilabel:
            return self.targets.class_nodes
        specific = self.targets.hierarchy.most_specific(target)
        if np.any(np.diff(specific.indptr) != 1):
            return np.empty(0, dtype=np.int64)
        return np.unique(specific.indices)


def _is_inferred(hierarchy: Any) -> bool:
    """Whether the hierarchy is to be read off a table."""
    return isinstance(hierarchy, str) and hierarchy == "infer"


def _vocabulary_size_of(vectorizer: Any) -> int:
    """Return the largest token id that a vectorizer may give, if it says so, or 0."""
    last = unfrozen(vectorizer)
    while isinstance(last, Pipeline):
        last = unfrozen(last[-1])
    return int(getattr(last, "vocabulary_size_", 0))
