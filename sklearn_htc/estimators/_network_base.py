"""What every estimator with a network does: train it beside the wide path."""

from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import replace
from numbers import Integral
from typing import Any, Self
from warnings import warn

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted
from skorch.history import History

from sklearn_htc._sklearn_compat import fit_context
from sklearn_htc.data.held_out import split_rows
from sklearn_htc.data.input_form import DocumentForm, InputForm
from sklearn_htc.data.label_texts import LabelDocuments, texts_of
from sklearn_htc.data.targets import as_labels
from sklearn_htc.data.texts import unfrozen
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.estimators._base import BaseHierarchicalClassifier
from sklearn_htc.estimators._fit_task import fit_task
from sklearn_htc.estimators._label_texts import read_labels
from sklearn_htc.estimators._learned import NetworkLearned, view
from sklearn_htc.estimators._paper import PAPER_SETTINGS, PAPER_STRUCTURE_ENCODERS
from sklearn_htc.estimators._parameters import (
    NETWORK_CONSTRAINTS,
)
from sklearn_htc.estimators._warm_start import (
    generator_for,
    refuse_changes,
    refuse_new_labels,
    refuse_new_paths,
    remembered,
)
from sklearn_htc.labels import short_repr
from sklearn_htc.predictor import Predictor, TwoPathPredictor
from sklearn_htc.preprocessing import TokenSequenceVectorizer
from sklearn_htc.pretrained import SubwordTokenizer
from sklearn_htc.read_out.fitting import DecodingRule, ReadOut
from sklearn_htc.threads import resolve_n_threads, torch_threads
from sklearn_htc.training.callbacks.epoch_tasks import EpochTasks
from sklearn_htc.training.callbacks.schedule import Progress
from sklearn_htc.training.checkpoint import Checkpoint
from sklearn_htc.training.deep import DeepModel, TrainingReport
from sklearn_htc.training.plan import LabelCounts
from sklearn_htc.training.seeding import Draws, back_on_failure
from sklearn_htc.training.settings import NetworkSettings, TrainingSettings
from sklearn_htc.two_paths.fitting import fit_two_paths
from sklearn_htc.two_paths.task import TwoPathSettings, pass_on_ctrl_c
from sklearn_htc.updating.predictor import UpdatedPredictor
from sklearn_htc.wide.base import WideOptions

__all__ = ["BaseHierarchicalNetwork"]


class BaseHierarchicalNetwork(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseHierarchicalClassifier
):
    """A scikit-learn classifier with a skorch net beside a wide path.

    Subclasses name their constructor parameters, and which network they make.
    """

    _learned: NetworkLearned
    _paper_text_encoder: str

    _parameter_constraints = NETWORK_CONSTRAINTS

    text_encoder_ = view("form.documents.text_encoder", "The text encoder in use.")
    wide_ = view("predictor.wide", "The wide path, or None.", may_be_none=True)
    net_ = view("predictor.deep.net", "The skorch net.")
    loss_ = view("loss", "The classification loss in use.")
    label_embeddings_ = view("label_embeddings", "Label representations.")

    @property
    def deep_weight_(self) -> float:
        """What the network's scores are multiplied by beside the wide path's."""
        if self.wide_ is None:
            raise AttributeError("There is no wide path, so the network has no weight.")
        return self._learned.predictor.deep_weight

    @property
    def history_(self) -> History:
        """Losses and scores of each epoch."""
        check_is_fitted(self)
        return History(self._learned.history)

    @property
    def n_iter_(self) -> int:
        """Epochs trained so far."""
        return len(self.history_)

    @classmethod
    def paper_configuration(cls, data_set: str, **parameters: Any) -> Self:
        """Make an estimator with the paper's settings.

        BiGRU of 150 units per direction (HTCInfoMax) or BiGRU, convolutions and pooling
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

    def _network_settings(self) -> NetworkSettings:
        """Say which network is made; subclasses fix what is no parameter of theirs."""
        raise NotImplementedError

    @fit_task(max_subtasks=None)
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Train the model.

        Ctrl-C keeps what was learned, with a warning, from the moment that there is a
        wide path, or that a network without one is being trained. Before, it raises,
        and so it does where a search or an ensemble has called `fit`. A fit that raises
        leaves the former model as it was.

        Parameters
        ----------
        X : sequence of str, or {array-like, sparse array} of shape (n_documents, \
n_features) or (n_documents, n_positions, n_features)
            Raw texts, or documents in the form that `text_encoder` reads.
        y : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, array-like of shape (n_documents,), or table (n_documents, n_levels)
            An indicator whose columns are `hierarchy.nodes`, label collections, one
            most specific label per document, or a table with one column per level,
            whose missing cells (None, NaN, NA, "") end a path. It is closed upward.
            NumPy arrays and DataFrames are tables where they hold text, or where
            hierarchy="infer", and otherwise indicators; lists of lists are label
            collections, an indicator where all cells are 0 and 1, or a table where
            hierarchy="infer". Where the DataFrame of an
            indicator names its columns, these have to be the nodes' names, in order.
        sample_weight : array-like of shape (n_documents,), default=None
            Weight of each document, not negative; only their ratios matter. It counts
            in the loss, in early stopping and in what the network is told of how
            frequent labels are.

        Returns
        -------
        self : BaseHierarchicalNetwork
            Fitted.

        Raises
        ------
        ValueError
            Before any training, if a parameter, X, y or the hierarchy is not as
            described, or the device is not there.
        TypeError
            If the hierarchy is of no accepted type.
        MemoryError
            Before any training, if weights have no room.
        ImportError
            If "transformer", `lora`, `checkpoint` or "accelerate" needs a package that
            is not installed.
        KeyboardInterrupt
            If the user ends it before anything is learned, or in a search.

        Warns
        -----
        ConvergenceWarning
            If `time_budget` has ended training before every document was seen, or the
            user has ended it.
        UserWarning
            If texts were cut to `max_length`.
        """
        self._validate_params()
        self._check_pretrained()
        self._require_y(y)
        progress = Progress(self.time_budget)
        training = TrainingSettings.of(self.get_params(deep=False))
        epochs = EpochTasks(self, fit_context(self), progress)
        training = replace(training, callbacks=[*(training.callbacks or []), epochs])
        if self.warm_start and self.__sklearn_is_fitted__():
            if self.checkpoint is not None:
                raise ValueError(
                    "checkpoint keeps a fit that starts anew, not a warm start. Set "
                    "checkpoint=None, or warm_start=False."
                )
            with torch_threads(resolve_n_threads(self.n_jobs)):
                return self._go_on(X, y, sample_weight, training, progress)
        network = self._network_settings()
        form, data, labels = self._read(network, X, y, sample_weight)
        training.refuse_other(data)
        if len(data) < 2:
            raise ValueError(
                "n_samples=1: fit needs at least 2 documents of a weight other than 0. "
                "For data that comes in pieces use partial_fit."
            )
        rule = self._rule(form, data.path_nodes)
        keeps, deep_path = bool(self.warm_start), _plain(self.deep_path)
        settings = TwoPathSettings(
            network=network.resolve(
                form.documents, data.path_nodes, single_path=rule.single_path
            ),
            training=training,
            wide=WideOptions(C=float(self.C)),
            wide_path=_plain(self.wide_path),
            # A network that is to be trained further has to be kept.
            deep_path=keeps or "auto" if deep_path == "auto" else deep_path,
            validation_fraction=self.validation_fraction,
            rule=rule,
        )
        threads = torch_threads(resolve_n_threads(self.n_jobs))
        with threads, self._open_checkpoint(data) as checkpoint:
            rng = training.agree(check_random_state(self.random_state))
            learned = fit_two_paths(
                data,
                settings,
                progress,
                rng,
                n_tokens=form.documents.n_tokens,
                labels=labels,
                checkpoint=checkpoint,
            )
            form = form.with_embedder(learned.embedder)
            self._keep(form, learned.predictor, rng, settings.network, learned.report)
            is_done = learned.report is None or not learned.report.is_interrupted
            if checkpoint is not None and is_done:
                try:
                    checkpoint.remove()
                except OSError as error:
                    warn(f"{error}. Delete the checkpoint yourself.", stacklevel=4)
        return self

    @torch.inference_mode(False)
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
        X : sequence of str, or {array-like, sparse array} of shape (n_documents, \
n_features) or (n_documents, n_positions, n_features)
            Documents, as for `fit`.
        y : {array-like, sparse array} of shape (n_documents, n_nodes), sequence of \
label collections, array-like of shape (n_documents,), or table (n_documents, n_levels)
            Labels, as for `fit`. A table needs a hierarchy other than "infer".
        classes : array-like of shape (n_classes,), default=None
            All labels that may occur in 1-D `y`. Needed in the first call if there is
            no hierarchy.
        sample_weight : array-like of shape (n_documents,), default=None
            Weight of each document, as for `fit`.

        Returns
        -------
        self : BaseHierarchicalNetwork
            Fitted.

        Raises
        ------
        ValueError
            As for `fit`; if 1-D `y` comes first without `classes` or hierarchy; and if
            a parameter has changed that going on would not heed.
        """
        self._validate_params()
        self._check_pretrained()
        self._require_y(y)
        training = TrainingSettings.of(self.get_params(deep=False))
        if not self.__sklearn_is_fitted__():
            with torch_threads(resolve_n_threads(self.n_jobs)):
                return self._fit_first_piece(X, y, classes, sample_weight, training)
        learned = self._learned
        if classes is not None and not learned.form.targets.is_multilabel:
            now = as_labels(classes, learned.form.targets.hierarchy).tolist()
            first = self.classes_.tolist()
            if set(now) != set(first):
                raise ValueError(
                    f"classes={short_repr(now)} are others than at the first piece, "
                    f"{short_repr(first)}. Give the same, or none."
                )
        self._refuse_changes(training, of_piece=True)
        data = self._read_more(X, y, sample_weight)
        training.refuse_other(data)
        deep = deepcopy(learned.predictor.deep)
        assert deep is not None
        deep.count(LabelCounts.of(data.target, data.sample_weight))
        rng = self._generator()
        with back_on_failure(rng), torch_threads(resolve_n_threads(self.n_jobs)):
            draws = Draws(training.agree(rng), training.device)
            self._keep_on(deep, deep.fit_piece(training, data, draws), rng)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Represent texts as vectors.

        The vectors are the means of their text features, the t of Eq. 5. Where no
        network was kept, they are the scores of the wide path, less its intercepts,
        projected on `label_embeddings_`.

        Parameters
        ----------
        X : sequence of str or {array-like, sparse array}
            Documents, of the form and width that fit has seen.

        Returns
        -------
        representations : ndarray of shape (n_documents, dimension), float32
            One row per document.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is of another form or width than at fit.
        """
        learned, documents = self._read_documents(X)
        representations: np.ndarray = learned.represent(documents)
        return representations

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Representations are float32 whatever X is.
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return self._learned.dimension

    def _check_pretrained(self) -> None:
        """Refuse a pretrained encoder that is missing, or that would not be used."""
        if (self.text_encoder == "transformer") != (self.pretrained is not None):
            raise ValueError(
                f"text_encoder={self.text_encoder!r} with pretrained="
                f"{self.pretrained!r}: 'transformer' needs a folder or the name of an "
                "encoder, and no other text encoder reads one."
            )

    def _read(
        self,
        network: NetworkSettings,
        X: Any,
        y: Any,
        sample_weight: Any,
        classes: Any = None,
        *,
        piecewise: bool = False,
    ) -> tuple[InputForm, TrainingData, LabelDocuments | None]:
        """Check everything that the user gave, and learn its form; set nothing."""
        vectorizer, vocabulary_size = self.vectorizer, self.vocabulary_size
        tokenizer = None
        if network.configuration is not None:
            vocabulary_size = network.configuration["vocab_size"]
            own = unfrozen(vectorizer)
            if isinstance(own, (SubwordTokenizer, TokenSequenceVectorizer)):
                raise ValueError(
                    f"vectorizer={type(own).__name__}(...) makes token ids, but "
                    "beside 'transformer' it makes the terms of the wide path. The "
                    "encoder has its own tokenizer: use vectorizer='auto', and "
                    "max_length."
                )
            tokenizer = SubwordTokenizer(self.pretrained, max_length=self.max_length)
            if piecewise or not self.wide_path:
                # Terms are for a wide path alone.
                vectorizer = None
        document_form, documents = DocumentForm.learn(
            X,
            self.text_encoder,
            vocabulary_size,
            vectorizer,
            tokenizer=tokenizer,
            piecewise=piecewise,
            label_texts=texts_of(self.label_texts),
            sample_weight=sample_weight,
        )
        form = InputForm.of_targets(
            document_form, y, self.hierarchy, classes, piecewise=piecewise
        )
        form, labels = read_labels(form, self)
        paths = self._possible_paths(form) if piecewise else None
        data = form.training_data(documents, y, sample_weight, paths)
        return form, data, labels

    def _refuse_changed_hierarchy(self) -> None:
        """Refuse to go on where labels are others than those of the network."""
        if isinstance(self._learned.predictor, UpdatedPredictor):
            raise ValueError(
                "update_hierarchy has changed labels since the network was trained, "
                "so it can't learn further. Fit anew on all documents."
            )

    def _read_more(self, X: Any, y: Any, sample_weight: Any) -> TrainingData:
        """Check documents that the network goes on with."""
        learned = self._learned
        predictor, deep = learned.predictor, learned.predictor.deep
        if learned.is_compact:
            raise ValueError(
                "compact has left out what training goes on from. Use the estimator "
                "that compact was called on, or fit anew on all documents."
            )
        if deep is None:
            raise ValueError(
                "The last fit kept no network that could learn further: it had no "
                "weight beside the wide path. Fit anew on all documents, with "
                "deep_path=True to keep a network, or with wide_path=False to train "
                "only the network."
            )
        documents = learned.form.documents.read(X, self)
        data = learned.form.training_data(documents, y, sample_weight, deep.path_nodes)
        if learned.loss == "path":
            refuse_new_paths(data)
        refuse_new_labels(data, predictor)
        if predictor.wide is not None and not predictor.deep_weight:
            warn(
                "The first fit gave the network no weight beside the wide path "
                "(deep_weight_=0), and the wide path learns nothing later: predictions "
                "will stay as they are. Fit anew on all documents, or start with "
                "wide_path=False.",
                stacklevel=3,
            )
        return data

    def _rule(self, form: InputForm, path_nodes: np.ndarray) -> DecodingRule:
        return DecodingRule.resolve(
            self.decoding,
            self.threshold,
            path_nodes,
            form.targets,
        )

    def _possible_paths(self, form: InputForm) -> np.ndarray:
        """Return the most specific nodes that later pieces of one-path data may have.

        None where documents may have several paths.
        """
        if not form.targets.is_multilabel:
            return form.targets.class_nodes
        one_path = form.targets.has_one_path or "path" in (self.loss, self.decoding)
        return np.arange(len(form.targets.hierarchy) if one_path else 0)

    def _open_checkpoint(
        self, data: TrainingData
    ) -> AbstractContextManager[Checkpoint | None]:
        """Come back to trainings that did not end, or begin to keep them."""
        if self.checkpoint is None:
            return nullcontext()
        if not isinstance(self.random_state, Integral):
            raise ValueError(
                "checkpoint needs an int as random_state: a fit goes on where it was "
                f"only if it begins in the same way. It is {self.random_state!r}."
            )
        if self.callbacks:
            raise ValueError(
                "checkpoint can't keep what callbacks have noted. Use it without "
                "callbacks; scikit-learn's own (set_callbacks) may be there."
            )
        if self.device == "accelerate":
            raise ValueError(
                "checkpoint keeps what one process trains. Use it without "
                "device='accelerate'."
            )
        return Checkpoint.open(self.checkpoint, data, self.get_params(deep=False))

    def _go_on(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        training: TrainingSettings,
        progress: Progress,
    ) -> Self:
        """Train the network of the last fit further (`warm_start`)."""
        learned = self._learned
        self._refuse_changes(training)
        data = self._read_more(X, y, sample_weight)
        training.refuse_other(data)
        rows: tuple[np.ndarray, np.ndarray | None] = (np.arange(len(data)), None)
        deep = deepcopy(learned.predictor.deep)
        assert deep is not None
        rule = self._rule(learned.form, data.path_nodes)
        rng = self._generator()
        with back_on_failure(rng):
            rng = training.agree(rng)
            if training.early_stopping:
                rows = _held_out_rows(deep, data, self.validation_fraction, rng)
            report = deep.fit(
                training,
                data,
                Draws(rng, training.device),
                progress,
                rows=rows,
                decoder=rule.plain_decoder(data.hierarchy, data.path_nodes),
                is_beside=learned.predictor.wide is not None,
            )
            self._keep_on(deep, report, rng)
        return self

    def _refuse_changes(
        self, training: TrainingSettings, *, of_piece: bool = False
    ) -> None:
        """Refuse to go on with parameters that would not be heeded."""
        learned, parameters = self._learned, self.get_params(deep=False)
        # First, as a change of the hierarchy has changed parameters, too.
        self._refuse_changed_hierarchy()
        deep = learned.predictor.deep
        if deep is not None and str(deep.net.device) == str(training.device):
            # Another name of it, or a file has brought the network here.
            parameters["device"] = learned.parameters["device"]
        refuse_changes(
            parameters, learned.parameters, learned.form.targets, of_piece=of_piece
        )

    def _generator(self) -> np.random.RandomState:
        """Return what a training that goes on draws from."""
        learned = self._learned
        return generator_for(self.random_state, learned.parameters, learned.rng)

    def _fit_first_piece(
        self, X: Any, y: Any, classes: Any, sample_weight: Any, training: Any
    ) -> Self:
        """Make a network for data that comes in pieces, and train it on the first."""
        network = self._network_settings()
        if self.label_texts is not None or self.label_features is not None:
            raise ValueError(
                "partial_fit learns nothing from label_texts or label_features. Call "
                "fit first, or leave them out."
            )
        form, data, _ = self._read(
            network, X, y, sample_weight, classes, piecewise=True
        )
        training.refuse_other(data)
        rule = self._rule(form, data.path_nodes)
        settings = network.resolve(
            form.documents, data.path_nodes, single_path=rule.single_path
        )
        if settings.loss == "path":
            refuse_new_paths(data)
        decoder = rule.plain_decoder(data.hierarchy, data.path_nodes)
        rng = check_random_state(self.random_state)
        with back_on_failure(rng):
            rng = training.agree(rng)
            draws = Draws(rng, training.device)
            deep = DeepModel.build(
                settings,
                training,
                data,
                LabelCounts.of(data.target, data.sample_weight),
                draws,
                n_tokens=form.documents.n_tokens,
            )
            report = deep.fit_piece(training, data, draws)
            predictor = TwoPathPredictor(None, deep, 1.0, ReadOut(None, decoder))
            self._keep(form, predictor, rng, settings, report)
        return self

    def _keep(
        self,
        form: InputForm,
        predictor: Predictor,
        rng: np.random.RandomState,
        network: NetworkSettings,
        report: TrainingReport | None,
    ) -> None:
        """Store what was learned, all at once, and say how training went."""
        if report is not None:
            pass_on_ctrl_c(report)
        self._warn_of(report)
        parameters = remembered(self.get_params(deep=False))
        self._learned = NetworkLearned(
            form,
            predictor,
            parameters=parameters,
            rng=rng,
            history=[] if report is None else report.history,
            loss=network.loss,
            dimension=network.size,
        )

    def _keep_on(
        self, deep: DeepModel, report: TrainingReport, rng: np.random.RandomState
    ) -> None:
        """Store what was learned further, all at once, and say how training went."""
        pass_on_ctrl_c(report)
        # Where warnings are errors, the former model stays.
        self._warn_of(report)
        learned = self._learned
        assert isinstance(learned.predictor, TwoPathPredictor)
        predictor = replace(learned.predictor, deep=deep)
        parameters = {**learned.parameters, "random_state": self.random_state}
        self._learned = replace(
            learned,
            predictor=predictor,
            history=report.history,
            parameters=parameters,
            rng=rng,
        )

    def _warn_of(self, report: TrainingReport | None) -> None:
        """Say so where training ended before its time."""
        if report is None:
            return
        if report.is_interrupted:
            warn(
                f"Training was interrupted in epoch {report.n_done} of "
                f"{report.n_epochs}. The estimator keeps what it learned until then.",
                ConvergenceWarning,
                stacklevel=4,
            )
        elif not report.saw_all:
            warn(
                f"time_budget={self.time_budget} ended training after "
                f"{report.n_steps} steps, before every document was seen. Give more "
                "time, or fewer documents.",
                ConvergenceWarning,
                stacklevel=4,
            )


def _held_out_rows(
    deep: DeepModel, data: TrainingData, fraction: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Hold out the same documents as before, where as many of as many are to be.

    The network has learned from the others.
    """
    learned_from, held_out = split_rows(len(data), fraction, rng)[0]
    if deep.held_out is None or deep.held_out[0] != len(data):
        return learned_from, held_out
    was_held_out = np.unpackbits(deep.held_out[1], count=len(data)).astype(bool)
    if was_held_out.sum() != len(held_out):
        return learned_from, held_out
    return np.flatnonzero(~was_held_out), np.flatnonzero(was_held_out)


def _plain(value: Any) -> bool | str:
    """Turn one of NumPy's truth values, as searches have them, into Python's."""
    return value if isinstance(value, str) else bool(value)
