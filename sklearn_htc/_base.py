"""What every estimator of the package does: validate, train, decode."""

from collections.abc import Iterator
from functools import partial
from numbers import Integral
from typing import Any, Self
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.utils import (
    Tags,
    check_consistent_length,
    check_random_state,
    check_scalar,
)
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from sklearn_htc.batching import DocumentDataset
from sklearn_htc.callbacks import (
    ClipGradientNorm,
    Progress,
    ProgressBar,
    StopOutOfTime,
    WarmupThenDecay,
    early_stopping,
)
from sklearn_htc.decoding import PathDecoder
from sklearn_htc.documents import (
    SEQUENCE_ENCODERS,
    as_documents,
    resolve_text_encoder,
)
from sklearn_htc.hierarchy import as_hierarchy
from sklearn_htc.network.build import build_model, build_objective, load_embeddings
from sklearn_htc.planning import (
    make_decoder,
    make_graph,
    make_plan,
    path_nodes_of,
    pretrained_embeddings,
)
from sklearn_htc.targets import TargetEncoder, object_array
from sklearn_htc.training import (
    HTCNet,
    fused_if_possible,
    resolve_device,
    stopped_by_user,
    torch_seed,
)

__all__ = ["BaseHierarchicalNetwork"]

# Bytes of probabilities from which on predict_proba warns.
LARGE_OUTPUT = 4 * 10**9


class BaseHierarchicalNetwork(
    ClassNamePrefixFeaturesOutMixin, ClassifierMixin, TransformerMixin, BaseEstimator
):
    """A scikit-learn classifier that holds a skorch net as `net_`.

    Subclasses have the constructor parameters that `make_plan` and the methods here
    read, and document them.
    """

    net_: HTCNet
    _n_tokens: int | None

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train the model.

        Ctrl-C ends training and keeps what was learned, with a warning.

        Parameters
        ----------
        X : {array-like, sparse array} of shape (n_documents, n_features) or \
(n_documents, n_positions, n_features)
            Documents, in the form that `text_encoder` reads.
        y : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, or array-like of shape (n_documents,)
            An indicator whose columns are `hierarchy.nodes`, label collections, or one
            most specific label a document. It is closed upward. NumPy arrays and
            DataFrames are indicators, lists of lists label collections.
        sample_weight : array-like of shape (n_documents,), default=None
            Weight of each document in the loss, not negative; only their ratios matter.

        Returns
        -------
        self : HTCInfoMaxClassifier
            Fitted.

        Raises
        ------
        ValueError
            Before any training, if a parameter, X, y or the hierarchy is not as
            described, or the device is not there.
        """
        self._validate_params()
        progress = Progress(self.time_budget)
        device = resolve_device(self.device)
        first = not (self.warm_start and hasattr(self, "net_"))
        documents, target, weight = self._validate(X, y, sample_weight, first)
        if len(weight) < 2:
            raise ValueError(
                "n_samples=1: fit needs at least 2 documents. For data that comes in "
                "pieces use partial_fit."
            )
        if first:
            self._rng = check_random_state(self.random_state)
        train, valid = self._hold_out(len(weight))
        with torch_seed(self._rng, device):
            if first:
                paths = path_nodes_of(self._target_encoder, target)
                self._count(target[train], first)
                self._build(documents, target, paths, device)
            else:
                self._check_paths(target)
            dataset = DocumentDataset(documents, target, weight, train)
            held_out = None
            callbacks = [
                ("progress", progress),
                ("schedule", WarmupThenDecay(progress)),
                *self._common_callbacks(progress),
            ]
            if len(valid):
                held_out = DocumentDataset(documents, target, weight, valid)
                callbacks += early_stopping(
                    self.decoder_, scoring=self.scoring, patience=self.patience
                )
            # After early stopping, which has to see the last epoch's score.
            callbacks.append(("time_budget", StopOutOfTime(progress)))
            self._train(dataset, held_out, self._n_epochs(len(train)), callbacks)
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on a piece of the data.

        The learning rate is constant, nothing is held out, and the prior of the
        hierarchy follows the labels seen so far. Indicators and collections may hold
        several paths in a later piece, so they are trained with "zlpr" and decoded with
        the threshold unless `loss` and `decoding` say otherwise.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that may occur in 1-D `y`. Needed in the first call if there is
            no hierarchy.

        Returns
        -------
        self : HTCInfoMaxClassifier
            Fitted.

        Raises
        ------
        ValueError
            As for `fit`; and if 1-D `y` comes first without `classes` or hierarchy.
        """
        self._validate_params()
        device = resolve_device(self.device)
        first = not hasattr(self, "net_")
        documents, target, weight = self._validate(
            X, y, sample_weight, first, classes, piecewise=True
        )
        if first:
            self._rng = check_random_state(self.random_state)
        else:
            self._check_paths(target)
        self._count(target, first)
        with torch_seed(self._rng, device):
            if first:
                self._build(documents, target, self._possible_paths(), device)
            else:
                self.net_.module_.set_prior(self._make_graph().prior)
            dataset = DocumentDataset(documents, target, weight)
            progress = Progress(None)
            callbacks = [("progress", progress), *self._common_callbacks(progress)]
            self._train(dataset, None, 1, callbacks)
        return self

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
        for rows, logits in self.net_.iter_logits(documents):
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

    def transform(self, X: Any) -> np.ndarray:
        """Represent texts by the mean of their text features.

        Parameters
        ----------
        X : {array-like, sparse array}
            Documents, of the form and width that fit has seen.

        Returns
        -------
        representations : ndarray of shape (n_documents, dimension), float32
            The t of Eq. 5.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is of another form or width than at fit.
        """
        check_is_fitted(self)
        documents = self._documents(X)
        shape = (len(documents.lengths), self._n_features_out)
        representations = np.empty(shape, dtype=np.float32)
        for rows, values in self.net_.iter_representations(documents):
            representations[rows] = values
        return representations

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
        for rows, logits in self.net_.iter_logits(documents):
            yield rows, decode(logits)

    def __sklearn_is_fitted__(self) -> bool:
        # A fit that refused its input has learned the form of X, but no weights.
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        # Representations are float32 whatever X is.
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.label_embeddings_.shape[1]

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

    def _count(self, target: sparse.csr_array, first: bool) -> None:
        """Count the training documents of each node, on top of earlier pieces."""
        if first:
            self._counts, self._n_documents = np.zeros(target.shape[1]), 0
        self._counts = self._counts + target.sum(axis=0)
        self._n_documents += target.shape[0]

    def _possible_paths(self) -> np.ndarray:
        """Return the most specific nodes that later pieces of one-path data may have.

        None where documents may have several paths.
        """
        if not self._is_multilabel:
            return self._target_encoder.class_nodes
        one_path = self.loss == "path" or self.decoding == "path"
        return np.arange(len(self.hierarchy_) if one_path else 0)

    def _check_paths(self, target: sparse.csr_array) -> None:
        """Refuse documents that a loss over fixed paths can't describe."""
        if self.loss_ != "path":
            return
        specific = self.hierarchy_.most_specific(target)
        wrong = np.flatnonzero(np.diff(specific.indptr) != 1)
        if wrong.size:
            raise ValueError(
                f"Document {wrong[0]} has no path or several, but the estimator was "
                "fitted with loss='path'. Fit anew, or with loss='zlpr'."
            )
        unseen = np.setdiff1d(specific.indices, self._path_nodes)
        if unseen.size:
            raise ValueError(
                f"{self.hierarchy_.nodes[unseen[0]]!r} was no document's most specific "
                "label when the estimator was fitted with loss='path'. Fit anew."
            )

    def _hold_out(self, n_documents: int) -> tuple[np.ndarray, np.ndarray]:
        """Split rows into those to train on and those for early stopping."""
        if not self.early_stopping:
            return np.arange(n_documents), np.empty(0, dtype=np.int64)
        n_valid = max(1, round(self.validation_fraction * n_documents))
        if n_documents - n_valid < 2:
            raise ValueError(
                f"early_stopping=True holds out {n_valid} of {n_documents} documents, "
                "which leaves fewer than 2 to train on."
            )
        order = self._rng.permutation(n_documents)
        return np.sort(order[n_valid:]), np.sort(order[:n_valid])

    def _build(
        self,
        documents: Any,
        target: sparse.csr_array,
        path_nodes: np.ndarray,
        device: str,
    ) -> None:
        """Make a net with random weights from torch's global generator."""
        if self.decoding == "threshold" and not self._target_encoder.is_multilabel:
            raise ValueError(
                "One label a document (1-D y) needs decoding='path' or 'auto': with a "
                "threshold a document could get none or several."
            )
        if self.decoding == "path" and not len(path_nodes):
            raise ValueError(
                "decoding='path' needs exactly one path a document, but a training row "
                "has none or several. Use decoding='threshold'."
            )
        self._path_nodes = path_nodes
        plan = make_plan(self, documents, self._make_graph(), self._n_tokens, device)
        pretrained = pretrained_embeddings(self, plan)
        self.loss_ = plan.loss
        self._check_paths(target)
        decoded = path_nodes if self.decoding != "threshold" else path_nodes[:0]
        self.decoder_ = make_decoder(self.hierarchy_, decoded, self.threshold)
        self.net_ = HTCNet(
            partial(build_model, plan),
            partial(build_objective, plan),
            optimizer=self.optimizer,
            lr=self.lr,
            **fused_if_possible(self.optimizer),
            device=device,
            mixed_precision=self.mixed_precision,
        ).initialize()
        if pretrained is not None:
            load_embeddings(self.net_.module_, pretrained)

    def _make_graph(self) -> Any:
        return make_graph(
            self.hierarchy_, self._path_nodes, self._counts, self._n_documents
        )

    def _batch_size(self, n_documents: int) -> int:
        if self.batch_size != "auto":
            return self.batch_size
        # Small data need the same number of steps, so they get smaller ones.
        return int(np.clip(n_documents // 16, 8, 128))

    def _n_epochs(self, n_documents: int) -> int:
        if self.max_epochs != "auto":
            return self.max_epochs
        steps_an_epoch = -(-n_documents // self._batch_size(n_documents))
        return max(10, -(-100 // steps_an_epoch))

    def _common_callbacks(self, progress: Progress) -> list[Any]:
        """List what runs in every training, the user's own callbacks last."""
        own: list[Any] = []
        if self.gradient_clip is not None:
            own.append(("gradient_clip", ClipGradientNorm(self.gradient_clip)))
        if self.verbose:
            own.append(("progress_bar", ProgressBar(progress)))
        return own + list(self.callbacks or [])

    def _train(
        self,
        train: DocumentDataset,
        valid: DocumentDataset | None,
        epochs: int,
        callbacks: list[Any],
    ) -> None:
        """Run epochs, then store what the user reads off a fitted estimator."""
        done = len(self.net_.history)
        self.net_.set_params(
            lr=self.lr,
            max_epochs=epochs,
            batch_size=self._batch_size(len(train)),
            verbose=max(0, self.verbose - 1),
            progress_bar=bool(self.verbose),
        )
        self.net_.fit_on(train, valid, epochs, callbacks)
        self.history_ = self.net_.history
        self.n_iter_ = len(self.history_)
        self.label_embeddings_ = self.net_.label_representations()
        if stopped_by_user(self.net_, done, epochs):
            warn(
                f"Training was interrupted in epoch {self.n_iter_ - done} of {epochs}. "
                "The estimator keeps what it learned until then.",
                ConvergenceWarning,
                stacklevel=3,
            )
            return
        n_steps = sum(epoch["train_batch_count"] for epoch in self.history_[done:])
        if n_steps * self.net_.batch_size < len(train):
            warn(
                f"time_budget={self.time_budget} ended training after {n_steps} steps, "
                "before every document was seen. Give more time, or fewer documents.",
                ConvergenceWarning,
                stacklevel=3,
            )
