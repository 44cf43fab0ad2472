"""What every estimator of the package does: validate documents and labels, decode."""

from collections.abc import Callable, Iterator
from functools import partial
from numbers import Integral
from typing import Any
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags, check_consistent_length, check_scalar
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from sklearn_htc.decoding import Decoder, PathDecoder
from sklearn_htc.documents import (
    SEQUENCE_ENCODERS,
    as_documents,
    resolve_text_encoder,
)
from sklearn_htc.hierarchy import as_hierarchy
from sklearn_htc.read_out import ReadOut, fit_read_out
from sklearn_htc.targets import TargetEncoder, object_array

__all__ = ["BaseHierarchicalClassifier"]

# Bytes of probabilities from which on predict_proba warns.
LARGE_OUTPUT = 4 * 10**9


class BaseHierarchicalClassifier(ClassifierMixin, BaseEstimator):
    """A classifier whose labels are nodes of a hierarchy.

    Subclasses learn in `fit` and give the log-odds of documents in `_iter_logits`.
    """

    hierarchy: Any
    decoding: str
    threshold: float | str
    decoder_: Decoder
    _n_tokens: int | None
    # How X is read, and how many token ids there may be, where that is no parameter.
    text_encoder: str = "auto"
    vocabulary_size: int | None = None

    def _iter_logits(self, documents: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows (B,) and their log-odds (B, n_nodes), each row once."""
        raise NotImplementedError

    def predict(self, X: Any) -> Any:
        """Predict label sets that are closed under ancestors.

        Parameters
        ----------
        X : {array-like, sparse array}
            Documents, of the form and width that fit has seen.

        Returns
        -------
        Y : ndarray, csr_array, list of lists or ndarray of labels
            In the form in which fit was given y.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is of another form or width than at fit.
        """
        check_is_fitted(self)
        documents = self._documents(X)
        order, pieces = [], []
        for rows, logits in self._iter_logits(documents):
            order.append(rows)
            pieces.append(self.decoder_.decide(logits))
        back = np.argsort(np.concatenate(order))
        indicator = sparse.vstack(pieces, format="csr")[back]
        return self._target_encoder.inverse_transform(indicator)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse array}
            Documents, of the form and width that fit has seen.

        Returns
        -------
        probabilities : ndarray of shape (n_documents, n_classes), float32
            In (0, 1). For indicators and collections, one column a node, with
            P(child) <= P(parent). For 1-D `y`, one column a class; rows sum to 1.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is of another form or width than at fit.

        Warns
        -----
        ResourceWarning
            Before making an array of more than 4 GB; `predict_top_k` makes a small one.
        """
        check_is_fitted(self)
        documents = self._documents(X)
        shape = (len(documents.lengths), len(self.classes_))
        size = 4 * shape[0] * shape[1]
        if size > LARGE_OUTPUT:
            warn(
                f"predict_proba makes an array of {shape[0]} x {shape[1]} values, "
                f"{size / 1e9:.1f} GB. predict_top_k(X, k) gives the k most probable "
                "labels of each document in little memory.",
                ResourceWarning,
                stacklevel=2,
            )
        probabilities = np.empty(shape, dtype=np.float32)
        for rows, values in self._iter_probabilities(documents):
            probabilities[rows] = values
        return probabilities

    def predict_top_k(self, X: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Predict the k most probable labels, without an array of all probabilities.

        Parameters
        ----------
        X : {array-like, sparse array}
            Documents, of the form and width that fit has seen.
        k : int
            How many labels a document, from 1 to the number of classes.

        Returns
        -------
        labels : ndarray of shape (n_documents, k)
            Nodes of the hierarchy; for 1-D `y`, classes. The most probable first,
            and ancestors before equally probable descendants.
        probabilities : ndarray of shape (n_documents, k), float32
            As `predict_proba` gives them for these labels.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If k is out of range, or X of another form or width than at fit.
        """
        check_is_fitted(self)
        n_classes = len(self.classes_)
        k = check_scalar(k, "k", Integral, min_val=1, max_val=n_classes)
        documents = self._documents(X)
        shape = (len(documents.lengths), k)
        columns = np.empty(shape, dtype=np.int64)
        probabilities = np.empty(shape, dtype=np.float32)
        names, levels = self.classes_, np.zeros(n_classes)
        if self._is_multilabel:
            names, levels = object_array(self.hierarchy_.nodes), self.hierarchy_.levels
        for rows, values in self._iter_probabilities(documents):
            top = np.argpartition(-values, k - 1, axis=1)[:, :k]
            best = np.take_along_axis(values, top, axis=1)
            order = np.lexsort((levels[top], -best), axis=1)
            columns[rows] = np.take_along_axis(top, order, axis=1)
            probabilities[rows] = np.take_along_axis(best, order, axis=1)
        return names[columns], probabilities

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of documents whose labels are all predicted right.

        Parameters
        ----------
        X : {array-like, sparse array}
            Documents.
        y : array-like, sparse array or sequence
            Their labels, in any form; closed upward before they are compared.
        sample_weight : array-like of shape (n_documents,), default=None
            Weight of each document.

        Returns
        -------
        accuracy : float
            Subset accuracy.
        """
        check_is_fitted(self)
        if not self._is_multilabel:
            # A label that training did not have is a wrong prediction, no bad input.
            return super().score(X, y, sample_weight)
        expected = self._target_encoder.transform(y)
        predicted = self._target_encoder.transform(self.predict(X))
        return accuracy_score(expected, predicted, sample_weight=sample_weight)

    def _iter_probabilities(
        self, documents: Any
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows (B,) and their probabilities (B, n_classes)."""
        decoder = self.decoder_
        if isinstance(decoder, PathDecoder) and not self._is_multilabel:
            decode = decoder.path_probabilities
        else:
            decode = decoder.probabilities
        for rows, logits in self._iter_logits(documents):
            yield rows, decode(logits)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def _is_multilabel(self) -> bool:
        return self._target_encoder.is_multilabel

    def _validate(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        reset: bool,
        classes: Any = None,
        *,
        piecewise: bool = False,
    ) -> tuple[Any, sparse.csr_array, np.ndarray]:
        """Check everything the user gave; learn its form if `reset`."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        documents = self._documents(X, reset=reset)
        if reset:
            hierarchy = self.hierarchy
            if hierarchy is not None:
                hierarchy = as_hierarchy(hierarchy)
            encoder = TargetEncoder.fit(y, hierarchy, classes, piecewise=piecewise)
            self._target_encoder = encoder
            self.hierarchy_ = encoder.hierarchy
            self.classes_ = encoder.classes
        target = self._target_encoder.transform(y)
        check_consistent_length(documents.lengths, target)
        weight = _check_sample_weight(
            sample_weight, documents.lengths, dtype=np.float32, ensure_non_negative=True
        )
        if not weight.sum() > 0:
            raise ValueError("sample_weight is 0 for every document.")
        return documents, target, weight / weight.mean()

    def _documents(self, X: Any, *, reset: bool = False) -> Any:
        """Check X for the text encoder; learn its form if `reset`."""
        resolved = resolve_text_encoder(X, self.text_encoder)
        if reset:
            self.text_encoder_ = resolved
        elif resolved != self.text_encoder_:
            raise ValueError(
                f"X is of another kind than at fit: it suits text_encoder={resolved!r},"
                f" but the estimator was fitted with {self.text_encoder_!r}."
            )
        n_tokens = self.vocabulary_size if reset else self._n_tokens
        documents = as_documents(X, resolved, n_tokens=n_tokens)
        if resolved == "tokens":
            self._check_token_width(documents.n_features, reset)
        else:
            validate_data(self, X, skip_check_array=True, reset=reset)
        if reset:
            self._n_tokens = n_tokens
            if resolved in SEQUENCE_ENCODERS and n_tokens is None:
                self._n_tokens = int(documents.X.data.max(initial=1))
        return documents

    def _check_token_width(self, n_features: int, reset: bool) -> None:
        if reset:
            self.n_features_in_ = n_features
        elif n_features != self.n_features_in_:
            raise ValueError(
                f"X has {n_features} features a token, but {type(self).__name__} is "
                f"expecting {self.n_features_in_} as input."
            )

    def _read_out_of(
        self,
        target: sparse.csr_array,
        sample_weight: np.ndarray,
        folds: list[tuple[np.ndarray, np.ndarray]],
        path_nodes: np.ndarray,
        start: ReadOut | None = None,
    ) -> Callable[[np.ndarray], ReadOut]:
        """Return what fits a read-out to scores of the folds' held-out documents."""
        learned_from = [target[train].sum(axis=0) for train, _ in folds]
        held_out = np.concatenate([valid for _, valid in folds])
        return partial(
            fit_read_out,
            target=target[held_out],
            sample_weight=sample_weight[held_out],
            counts=np.mean(learned_from, axis=0),
            hierarchy=self.hierarchy_,
            path_nodes=path_nodes,
            single_path=self._decodes_path(path_nodes),
            whole_path=self.decoding == "path" or not self._is_multilabel,
            threshold=self.threshold,
            start=start,
        )

    def _decodes_path(self, path_nodes: np.ndarray) -> bool:
        """Say whether exactly one path is predicted; refuse what can't be."""
        if self.decoding == "threshold" and not self._is_multilabel:
            raise ValueError(
                "One label a document (1-D y) needs decoding='path' or 'auto': with a "
                "threshold a document could get none or several."
            )
        if self.decoding == "path" and not len(path_nodes):
            raise ValueError(
                "decoding='path' needs exactly one path a document, but a training row "
                "has none or several. Use decoding='threshold'."
            )
        return self.decoding != "threshold" and len(path_nodes) > 0
