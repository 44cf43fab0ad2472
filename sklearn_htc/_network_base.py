"""What every estimator with a network does: train it beside the wide path."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.special import logit
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_htc._base import BaseHierarchicalClassifier
from sklearn_htc._settings import (
    NETWORK_CONSTRAINTS,
    PAPER_SETTINGS,
    PAPER_STRUCTURE_ENCODERS,
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
from sklearn_htc.documents import DenseDocuments
from sklearn_htc.held_out import as_if_vectorized_apart, held_out_folds
from sklearn_htc.joined import JoinedPath, choose_joined_path, suits_joined_path
from sklearn_htc.kernel import KernelPath, choose_kernel_path, suits_kernel_path
from sklearn_htc.network.build import (
    NetworkPlan,
    build_model,
    build_objective,
    load_embeddings,
)
from sklearn_htc.planning import (
    make_decoder,
    make_graph,
    make_plan,
    path_nodes_of,
    pretrained_embeddings,
)
from sklearn_htc.training import (
    HTCNet,
    fused_if_possible,
    resolve_device,
    stopped_by_user,
    torch_seed,
)
from sklearn_htc.wide import (
    WidePath,
    choose_wide_path,
    iter_scores,
    suits_wide_path,
)
from sklearn_htc.wide_choice import SelectionData, WideChoice

__all__ = ["BaseHierarchicalNetwork"]

# What the log-odds of the deep path, beyond those of the labels' shares, are multiplied
# by before they are added to those of the wide path.
DEEP_WEIGHTS = (0.0, 0.15, 0.5, 1.5)
# Fewer documents can't tell whether it does good; of so few it has learned too little.
ENOUGH_TO_WEIGH = 100


class BaseHierarchicalNetwork(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseHierarchicalClassifier
):
    """A scikit-learn classifier that holds a skorch net as `net_`.

    Subclasses have the constructor parameters that `make_plan` and the methods here
    read, and document them.
    """

    net_: HTCNet
    wide_: WidePath | KernelPath | JoinedPath | None
    # "la": label attention; "tp": text propagation, which only HiAGM has.
    variant: str = "la"
    _paper_text_encoder: str

    _parameter_constraints = NETWORK_CONSTRAINTS

    @classmethod
    def paper_configuration(cls, data_set: str, **parameters: Any) -> Self:
        """Make an estimator with the paper's settings.

        BiGRU of 150 units a direction (HTCInfoMax) or BiGRU, convolutions and pooling
        (HiAGM), d = 300, Adam at 1e-4, batches of 64, the paper's dropouts, the joint
        head, the mean binary cross-entropy, a threshold of 0.5, and early stopping. It
        reads `TokenSequenceVectorizer(max_length=256)`.

        Parameters
        ----------
        data_set : {"rcv1-v2", "wos"}
            The structure encoder is a GCN for RCV1-V2 and a TreeLSTM for WOS.
        **parameters
            Any other parameters, `hierarchy` among them.

        Returns
        -------
        estimator : HTCInfoMaxClassifier or HiAGMClassifier
            Not fitted.

        Raises
        ------
        ValueError
            If the paper has no such data set.
        """
        if data_set not in PAPER_STRUCTURE_ENCODERS:
            raise ValueError(
                f"data_set must be one of {tuple(PAPER_STRUCTURE_ENCODERS)}, got "
                f"{data_set!r}."
            )
        settings = {
            "text_encoder": cls._paper_text_encoder,
            "structure_encoder": PAPER_STRUCTURE_ENCODERS[data_set],
        }
        return cls(**(PAPER_SETTINGS | settings | parameters))

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
            DataFrames are indicators, lists of lists label collections. Where a
            DataFrame names its columns, these have to be the nodes' names, in order.
        sample_weight : array-like of shape (n_documents,), default=None
            Weight of each document in the loss, not negative; only their ratios matter.

        Returns
        -------
        self : BaseHierarchicalNetwork
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
            self.wide_ = None
        else:
            self._check_paths(target)
            self._warn_if_without_weight()
        choose = self._wide_path_chooser(documents) if first else None
        wide = choose is not None
        folds = self._folds(len(weight), wide)
        train = folds[0][0] if folds else np.arange(len(weight))
        if first:
            paths = path_nodes_of(self._target_encoder, target)
            self._count(target[train], first)
            # Before the wide path as well, which takes a while: it refuses bad input.
            plan = self._plan(documents, target, paths, device)
            if choose is not None:
                choice = self._fit_wide_path(choose, documents, target, weight, folds)
                plan = self._plan(self._scaled(documents), target, paths, device)
        scaled = self._scaled(documents)
        with torch_seed(self._rng, device):
            if first:
                self._build(plan, device)
            dataset = DocumentDataset(scaled, target, weight, train)
            held_out = None
            callbacks = [
                ("progress", progress),
                ("schedule", WarmupThenDecay(progress)),
                *self._common_callbacks(progress),
            ]
            if self.early_stopping:
                held_out = DocumentDataset(scaled, target, weight, folds[0][1])
                callbacks += early_stopping(
                    self.decoder_, scoring=self.scoring, patience=self.patience
                )
            # After early stopping, which has to see the last epoch's score.
            callbacks.append(("time_budget", StopOutOfTime(progress)))
            # Beside a wide path less is left to learn.
            epochs = self._n_epochs(len(train), least=5 if wide else 10)
            self._train(dataset, held_out, epochs, callbacks)
        if wide:
            self._weigh_deep_path(documents, target, weight, folds[0], choice)
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
        the threshold unless `loss` and `decoding` say otherwise. There is no wide path;
        one that an earlier `fit` made stays as it is, and so does the network's weight
        beside it. Where that is 0 a warning says that predictions will not change.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that may occur in 1-D `y`. Needed in the first call if there is
            no hierarchy.

        Returns
        -------
        self : BaseHierarchicalNetwork
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
            self._warn_if_without_weight()
        self._count(target, first)
        with torch_seed(self._rng, device):
            if first:
                self.wide_ = None
                paths = self._possible_paths()
                self._build(self._plan(documents, target, paths, device), device)
            else:
                documents = self._scaled(documents)
                self.net_.module_.set_prior(self._make_graph().prior)
            dataset = DocumentDataset(documents, target, weight)
            progress = Progress(None)
            callbacks = [("progress", progress), *self._common_callbacks(progress)]
            self._train(dataset, None, 1, callbacks)
        return self

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
        documents = self._scaled(self._documents(X))
        shape = (len(documents.lengths), self._n_features_out)
        representations = np.empty(shape, dtype=np.float32)
        for rows, values in self.net_.iter_representations(documents):
            representations[rows] = values
        return representations

    def __sklearn_is_fitted__(self) -> bool:
        # A fit that refused its input has learned the form of X, but no weights.
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Representations are float32 whatever X is.
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.net_.module_.dimension

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

    def _warn_if_without_weight(self) -> None:
        """Say so before the network learns more that no prediction will show."""
        if self.wide_ is not None and not self.deep_weight_:
            warn(
                "The first fit gave the network no weight beside the wide path "
                "(deep_weight_=0), and the wide path learns nothing later: predictions "
                "will stay as they are. Fit anew on all documents, or start with "
                "wide_path=False.",
                stacklevel=3,
            )

    def _iter_logits(self, documents: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows and log-odds: of the network, or of both paths together."""
        if self.wide_ is None:
            yield from self.net_.iter_logits(documents)
        elif not self.deep_weight_:
            for rows, scores in iter_scores(self.wide_, documents):
                yield rows, self._calibration.log_odds(scores)
        else:
            for rows, logits in self.net_.iter_logits(self._scaled(documents)):
                scores = self.wide_.scores(documents.X[rows])
                scores += self.deep_weight_ * self._deep_scores(logits)
                yield rows, self._calibration.log_odds(scores)

    def _scaled(self, documents: Any) -> Any:
        """Give the network the terms as the machines of its training rows had them."""
        if self.wide_ is None:
            return documents
        return documents.scaled(self._feature_scale)

    def _wide_path_chooser(self, documents: Any) -> Callable[..., WideChoice] | None:
        """Find what chooses a wide path; None where none is wanted, or possible."""
        suits, choose = suits_wide_path, choose_wide_path
        if isinstance(documents, DenseDocuments):
            suits, choose = suits_kernel_path, choose_kernel_path
        elif self.wide_path and suits_joined_path(documents, len(self.hierarchy_)):
            return choose_joined_path
        if self.wide_path == "auto":
            return choose if suits(documents, len(self.hierarchy_)) else None
        if self.wide_path and not hasattr(documents, "scaled"):
            raise ValueError(
                "wide_path=True needs a 2-D X of term weights or embeddings; "
                f"text_encoder={self.text_encoder_!r} has none. Use wide_path='auto'."
            )
        return choose if self.wide_path else None

    def _fit_wide_path(
        self,
        choose: Callable[..., WideChoice],
        documents: Any,
        target: sparse.csr_array,
        weight: np.ndarray,
        folds: list[tuple[np.ndarray, np.ndarray]],
    ) -> WideChoice:
        """Choose the wide path, and fit it to all documents."""
        read_out = self._read_out_of(target, weight, folds, self._path_nodes)
        data = SelectionData(documents, target, weight, folds, read_out)
        choice = choose(data, C=self.C, rng=self._rng)
        self._feature_scale = choice.feature_scale
        # With the held-out documents too: what was chosen on them stays.
        self.wide_ = choice.wide.refit(documents, target, weight, self._rng)
        return choice

    def _weigh_deep_path(
        self,
        documents: Any,
        target: sparse.csr_array,
        weight: np.ndarray,
        fold: tuple[np.ndarray, np.ndarray],
        choice: WideChoice,
    ) -> None:
        """Choose how much the deep path adds, and how scores become labels.

        The network has seen the documents of all folds but the first, whose documents
        are few where there are several: the wide path's read-out is the start.
        """
        _, valid = fold
        counts = target.sum(axis=0)
        self.deep_weight_ = 0.0
        self._calibration = choice.read_out.calibration.for_counts(counts)
        self.decoder_ = choice.read_out.decoder
        if len(valid) < ENOUGH_TO_WEIGH:
            return
        wide_scores = choice.scores[: len(valid)]
        deep = np.empty_like(wide_scores)
        _, X = as_if_vectorized_apart(documents.X, *fold)
        held_out = self._scaled(type(documents)(X))
        for rows, logits in self.net_.iter_logits(held_out):
            deep[rows] = self._deep_scores(logits)
        read = self._read_out_of(
            target, weight, [fold], self._path_nodes, choice.read_out
        )
        # Scores times this are log-odds, whatever unit they have.
        slope = max(choice.read_out.calibration.slope, 0.1)
        weights = np.array(DEEP_WEIGHTS, dtype=np.float32) / slope
        outs, losses = [], []
        for deep_weight in weights:
            scores = wide_scores + deep_weight * deep
            out = read(scores)
            p = out.decoder.probabilities(out.calibration.log_odds(scores))
            outs.append(out)
            losses.append(weight[valid] * _log_loss(p, target[valid]))
        # A network that knows frequent labels alone may lower F1 all the same.
        f1 = np.array([(out.micro_f1, out.macro_f1) for out in outs])
        allowed = (f1 >= f1[0]).all(axis=1)
        # The wide path is trained again, on all documents, and the network is not, so
        # these overrate it: the least weight within a standard error of the best.
        means = np.mean(losses, axis=1)
        excess = losses - losses[np.where(allowed, means, np.inf).argmin()]
        error = excess.std(axis=1) / np.sqrt(len(valid))
        chosen = int(np.argmax(allowed & (excess.mean(axis=1) <= error)))
        if weights[chosen]:
            self.deep_weight_ = float(weights[chosen])
            self._calibration = outs[chosen].calibration.for_counts(counts)
            self.decoder_ = outs[chosen].decoder

    def _deep_scores(self, logits: np.ndarray) -> np.ndarray:
        """Turn the network's logits into log-odds beyond those of the labels' shares.

        So a label of which it knows nothing has 0, however rare the label is.
        """
        p = self._deep_decoder.probabilities(logits)
        return logit(p) - self._log_odds_of_shares

    def _folds(
        self, n_documents: int, wide: bool
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Split rows, if anything is to be decided by some of them."""
        if not (wide or self.early_stopping):
            return []
        folds = held_out_folds(n_documents, self.validation_fraction, self._rng)
        # A network is trained but once.
        return folds if wide else folds[:1]

    def _plan(
        self,
        documents: Any,
        target: sparse.csr_array,
        path_nodes: np.ndarray,
        device: str,
    ) -> NetworkPlan:
        """Plan a net, and how it is decoded; refuse what can't be."""
        single_path = self._decodes_path(path_nodes)
        self._path_nodes = path_nodes
        plan = make_plan(self, documents, self._make_graph(), self._n_tokens, device)
        pretrained_embeddings(self, plan)
        self.loss_ = plan.loss
        self._check_paths(target)
        self.decoder_ = make_decoder(
            self.hierarchy_,
            path_nodes if single_path else path_nodes[:0],
            self.threshold,
        )
        self._deep_decoder = make_decoder(self.hierarchy_, path_nodes, self.threshold)
        shares = (self._counts + 0.5) / (self._n_documents + 1)
        self._log_odds_of_shares = logit(shares).astype(np.float32)
        return plan

    def _build(self, plan: NetworkPlan, device: str) -> None:
        """Make a net with random weights from torch's global generator."""
        self.net_ = HTCNet(
            partial(build_model, plan),
            partial(build_objective, plan),
            optimizer=self.optimizer,
            lr=self.lr,
            **fused_if_possible(self.optimizer),
            device=device,
            mixed_precision=self.mixed_precision,
        ).initialize()
        pretrained = pretrained_embeddings(self, plan)
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

    def _n_epochs(self, n_documents: int, *, least: int = 10) -> int:
        if self.max_epochs != "auto":
            return self.max_epochs
        steps_an_epoch = -(-n_documents // self._batch_size(n_documents))
        return max(least, -(-100 // steps_an_epoch))

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
        labels = self.net_.label_representations()
        if len(labels):
            self.label_embeddings_ = labels
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


def _log_loss(probabilities: np.ndarray, target: sparse.csr_array) -> np.ndarray:
    """Compute the negative log-likelihood of each document's labels, (n,)."""
    present = target.multiply(logit(probabilities)).sum(axis=1)
    return -np.log1p(-probabilities).sum(axis=1, dtype=np.float64) - present
