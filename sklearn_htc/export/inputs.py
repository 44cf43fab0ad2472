"""Documents as the arrays that an exported model reads."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_htc.estimators._base import BaseHierarchicalClassifier
from sklearn_htc.predictor import LogOddsPredictor, TwoPathPredictor
from sklearn_htc.wide.joined import JoinedPath
from sklearn_htc.wide.kernel import KernelPath
from sklearn_htc.wide.wrapped import WrappedClassifier

__all__ = ["InputLayout", "final_estimator", "onnx_inputs"]


@dataclass(frozen=True, eq=False)
class InputLayout:
    """Which inputs an exported model has.

    Parameters
    ----------
    has_terms : bool
        Whether terms are given, as `ids` and `weights`.
    n_embedded : int
        Size of `embeddings`; 0 where there are none.
    embedding_columns : int ndarray
        Which columns of a sparse X they are; empty where X is dense.
    are_terms_too : bool, default=False
        Whether these columns are among the terms, too.
    """

    has_terms: bool
    n_embedded: int
    embedding_columns: np.ndarray
    are_terms_too: bool = False

    @property
    def columns_apart(self) -> np.ndarray:
        """Columns of a sparse X that are not among the terms."""
        return self.embedding_columns[: 0 if self.are_terms_too else None]

    @classmethod
    def of(cls, final: Any) -> Self:
        """Find out what an estimator reads.

        Parameters
        ----------
        final : estimator
            Fitted.

        Returns
        -------
        layout : InputLayout
            Of its file.

        Raises
        ------
        NotImplementedError
            If a network reads sequences, or there is a label tree.
        """
        predictor, form = final._learned.predictor, final._learned.form.documents
        if not isinstance(predictor, LogOddsPredictor):
            raise NotImplementedError(
                "A label tree has no form in ONNX: it is searched anew for every "
                "document. Models with a machine for each label have one."
            )
        # What is learned after a change reads what was read before.
        predictor = predictor.origin
        layout = cls._of_scores(predictor, form)
        if predictor.label_texts is None:
            return layout
        sides = predictor.label_texts.similarity.sides
        has_terms = layout.has_terms or len(sides.terms) > 0
        if layout.n_embedded or not len(sides.embeddings):
            return replace(layout, has_terms=has_terms)
        columns = sides.embeddings
        return cls(has_terms, len(columns), columns, are_terms_too=layout.has_terms)

    @classmethod
    def _of_scores(cls, predictor: TwoPathPredictor, form: Any) -> Self:
        """Find out what the paths of a predictor read."""
        wide, has_network = predictor.wide, bool(predictor.deep_weight)
        none = np.empty(0, dtype=np.int64)
        if isinstance(wide, WrappedClassifier):
            # Whether its X was dense is not known, and need not be.
            return cls(True, 0, none)
        needs_network = wide is None or has_network
        if needs_network and form.text_encoder not in ("bag", "dense"):
            raise NotImplementedError(
                f"text_encoder={form.text_encoder!r} has no form in ONNX: it reads "
                "sequences. A bag of terms, and document embeddings, have."
            )
        if isinstance(wide, JoinedPath):
            sides = [part.side for part in wide.parts]
            embedded = [side.columns for side in sides if side.is_embedding] or [none]
            has_terms = has_network or any(not side.is_embedding for side in sides)
            return cls(has_terms, len(embedded[0]), embedded[0])
        if isinstance(wide, KernelPath):
            return cls(False, wide.landmarks_.shape[1], none)
        if form.text_encoder == "dense":
            return cls(False, form.width, none)
        return cls(True, 0, none)

    def read(self, X: Any) -> dict[str, np.ndarray]:
        """Make the inputs.

        Parameters
        ----------
        X : {csr_array, ndarray} of shape (n_documents, n_features)
            Documents as vectors.

        Returns
        -------
        inputs : dict of str to ndarray
            As `onnx_inputs` gives them.
        """
        if not sparse.issparse(X):
            X = np.asarray(X, dtype=np.float32)
            if not self.has_terms:
                return {"embeddings": X}
        X = sparse.csr_array(X, dtype=np.float32)
        inputs: dict[str, np.ndarray] = {}
        if self.has_terms:
            is_term = np.ones(X.shape[1], dtype=bool)
            is_term[self.columns_apart] = False
            inputs |= _padded(X, is_term)
        if self.n_embedded:
            own = X[:, self.embedding_columns].toarray()
            inputs["embeddings"] = np.asarray(own, dtype=np.float32)
        return inputs

    def examples(self) -> dict[str, np.ndarray]:
        """Make the inputs of three documents that say nothing.

        Returns
        -------
        inputs : dict of str to ndarray
            As `read` gives them.
        """
        inputs: dict[str, np.ndarray] = {}
        if self.has_terms:
            inputs["ids"] = np.zeros((3, 4), dtype=np.int64)
            inputs["weights"] = np.zeros((3, 4), dtype=np.float32)
        if self.n_embedded:
            inputs["embeddings"] = np.zeros((3, self.n_embedded), dtype=np.float32)
        return inputs


def onnx_inputs(estimator: Any, X: Any) -> dict[str, np.ndarray]:
    """Turn documents into the inputs of the estimator's ONNX file.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted, as given to `to_onnx`.
    X : sequence of str or {array-like, sparse array} of shape (n_documents, n_features)
        Documents, as for `predict`.

    Returns
    -------
    inputs : dict of str to ndarray
        Where X is sparse, or a classifier of the user's reads it: `ids` (n_documents,
        n_entries), int64, the columns of each document's terms, or of all its features
        where a linear model reads them, and `weights` of the same shape, float32, their
        values; rows are filled up with weights of 0. Where X has embeddings:
        `embeddings` (n_documents, size), float32.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    NotImplementedError
        If a network reads sequences, or there is a label tree.
    TypeError
        If it is no estimator of this package.
    ValueError
        If X is of another form or width than at fit.
    """
    final, X = final_estimator(estimator, X)
    layout = InputLayout.of(final)
    _, documents = final._read_documents(X)
    vectors = documents.vectors
    return layout.read(documents.X if vectors is None else vectors.X)


def final_estimator(estimator: Any, X: Any = None) -> tuple[Any, Any]:
    """Take the estimator out of a pipeline, and let the steps before it read X.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted.
    X : Any, default=None
        Documents.

    Returns
    -------
    final : estimator
        The last step.
    X : Any
        What it reads.

    Raises
    ------
    TypeError
        If it is no estimator of this package.
    """
    if isinstance(estimator, Pipeline):
        if X is not None and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        estimator = estimator[-1]
    if not isinstance(estimator, BaseHierarchicalClassifier):
        raise TypeError(
            "An ONNX file is made of an estimator of this package, or of a pipeline "
            f"that ends in one, not of {type(estimator).__name__}. Of a search, give "
            "its best_estimator_."
        )
    check_is_fitted(estimator)
    return estimator, X


def _padded(X: sparse.csr_array, is_term: np.ndarray) -> dict[str, np.ndarray]:
    """List the columns and values of each row, filled up to the longest."""
    taken = is_term[X.indices]
    ends = np.concatenate([[0], taken.cumsum()])[X.indptr]
    lengths = np.diff(ends)
    shape = (X.shape[0], max(1, lengths.max(initial=0)))
    ids, weights = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32)
    exists = np.arange(shape[1]) < lengths[:, None]
    ids[exists], weights[exists] = X.indices[taken], X.data[taken]
    return {"ids": ids, "weights": weights}
