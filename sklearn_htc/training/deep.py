"""The deep path: a network that is trained, and what it then says about documents."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, fields
from time import perf_counter
from typing import Any, Self

import numpy as np
import torch
from scipy.special import logit
from skorch.history import History

from sklearn_htc.data.documents import DocumentVectors, EncoderInput
from sklearn_htc.data.pieces import gathered
from sklearn_htc.data.training_data import TrainingData
from sklearn_htc.halving import halved
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.memory import require_memory
from sklearn_htc.network.build import NetworkPlan, least_weights, load_embeddings
from sklearn_htc.pretrained import load_weights
from sklearn_htc.read_out.decoders import Decoder, make_decoder
from sklearn_htc.training.batches import DocumentDataset
from sklearn_htc.training.callbacks.early_stopping import early_stopping
from sklearn_htc.training.callbacks.gradient_clipping import ClipGradientNorm
from sklearn_htc.training.callbacks.progress_bar import ProgressBar
from sklearn_htc.training.callbacks.schedule import (
    Progress,
    StopWhenOver,
    WarmupThenDecay,
)
from sklearn_htc.training.checkpoint import KeepEpochs, TrainingFile, resume
from sklearn_htc.training.net import HTCNet, stopped_by_user
from sklearn_htc.training.plan import LabelCounts, make_graph, make_plan
from sklearn_htc.training.saving import as_arrays, make_net, restore_net
from sklearn_htc.training.seeding import Draws
from sklearn_htc.training.settings import NetworkSettings, TrainingSettings

__all__ = ["DeepModel", "TrainingReport"]

# Share of the learning rates with which held-out documents are learned from at last.
FINISHING_RATE = 0.25


@dataclass(frozen=True)
class TrainingReport:
    """How a training went.

    Parameters
    ----------
    n_epochs : int
        Epochs that were to be trained.
    n_done : int
        Epochs that were begun.
    is_interrupted : bool
        Whether the user ended it.
    n_steps : int
        Batches that were learned from.
    saw_all : bool
        Whether every document was learned from.
    history : list of dict
        Losses and scores of each epoch of the network, earlier trainings included.
    """

    n_epochs: int
    n_done: int
    is_interrupted: bool
    n_steps: int
    saw_all: bool
    history: list[dict[str, Any]]

    @property
    def is_useful(self) -> bool:
        """Whether the training was not ended because the network was of no use."""
        return not self.history or self.history[-1].get("is_useful", True)


class DeepModel:
    """A network over a hierarchy, with all that is needed to read its scores.

    Parameters
    ----------
    net : HTCNet
        Initialised.
    plan : NetworkPlan
        What it was built from.
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray
        The paths of the training documents; empty where one has none or several.
    counts : LabelCounts
        Of the documents that it was trained on first.
    feature_scale : ndarray of shape (n_features,) or None
        What features are multiplied by before the network reads them.
    """

    def __init__(
        self,
        net: HTCNet,
        plan: NetworkPlan,
        hierarchy: Hierarchy,
        path_nodes: np.ndarray,
        counts: LabelCounts,
        feature_scale: np.ndarray | None,
    ) -> None:
        self.net = net
        self.plan = plan
        self.hierarchy = hierarchy
        self.path_nodes = path_nodes
        self.counts = counts
        self.feature_scale = feature_scale
        self.stored_as = "float32"
        # How many documents the last fit had, and which of them it did not learn from,
        # one bit per document; None where it has learned from all. Pieces are others.
        self.held_out: tuple[int, np.ndarray] | None = None
        self.log_odds_of_shares = counts.log_odds
        self.decoder: Decoder = make_decoder(hierarchy, path_nodes, 0.5)

    @classmethod
    def build(
        cls,
        settings: NetworkSettings,
        training: TrainingSettings,
        data: TrainingData,
        counts: LabelCounts,
        draws: Draws,
        *,
        n_tokens: int | None,
        feature_scale: np.ndarray | None = None,
    ) -> Self:
        """Make a network with random weights.

        Parameters
        ----------
        settings : NetworkSettings
            Resolved.
        training : TrainingSettings
            How it will be trained.
        data : TrainingData
            All training documents, as given.
        counts : LabelCounts
            Of those that it will be trained on.
        draws : Draws
            Gives the initial weights.
        n_tokens : int or None
            Size of the vocabulary of token ids, for sequence encoders.
        feature_scale : ndarray of shape (n_features,), default=None
            What features are multiplied by before the network reads them.

        Returns
        -------
        model : DeepModel
            Not trained.
        """
        documents = _scaled(data.encoder_input, feature_scale)
        graph = make_graph(data.hierarchy, data.path_nodes, counts)
        plan = make_plan(settings, training, documents, graph, n_tokens)
        _require_memory(plan)
        net = make_net(
            plan,
            draws,
            None if settings.pretrained is None else load_weights(settings.pretrained),
            optimizer=training.optimizer,
            lr=training.lr,
            device=training.device,
            mixed_precision=training.mixed_precision,
            encoder_lr=training.encoder_lr,
            layer_decay=training.layer_decay,
            gradient_accumulation=training.gradient_accumulation,
        )
        if settings.embedding_weights is not None:
            load_embeddings(net.module_, torch.from_numpy(settings.embedding_weights))
        return cls(net, plan, data.hierarchy, data.path_nodes, counts, feature_scale)

    @staticmethod
    def require_memory(
        settings: NetworkSettings,
        training: TrainingSettings,
        data: TrainingData,
        n_tokens: int | None,
    ) -> None:
        """Refuse a network for whose weights there is no room, before any work.

        Parameters
        ----------
        settings : NetworkSettings
            What the network is to be, resolved.
        training : TrainingSettings
            How it is to be trained.
        data : TrainingData
            All documents.
        n_tokens : int or None
            Size of the vocabulary of token ids, for sequence encoders.

        Raises
        ------
        MemoryError
            If there is too little.
        """
        graph = make_graph(
            data.hierarchy,
            data.path_nodes,
            LabelCounts.of(data.target, data.sample_weight),
        )
        plan = make_plan(settings, training, data.encoder_input, graph, n_tokens)
        _require_memory(plan)

    def fit(
        self,
        training: TrainingSettings,
        data: TrainingData,
        draws: Draws,
        progress: Progress,
        *,
        rows: tuple[np.ndarray, np.ndarray | None],
        decoder: Decoder,
        is_beside: bool,
        file: TrainingFile | None = None,
    ) -> TrainingReport:
        """Train for some epochs, with a learning rate that rises and falls.

        Parameters
        ----------
        training : TrainingSettings
            How.
        data : TrainingData
            All documents, as given.
        draws : Draws
            Gives batches and dropout.
        progress : Progress
            Since when, and how much time there is.
        rows : tuple of (int ndarray, int ndarray or None)
            Documents to learn from, and those that early stopping looks at.
        decoder : Decoder
            With which early stopping reads the network.
        is_beside : bool
            Whether a wide path stands beside the network.
        file : TrainingFile, default=None
            Keeps how far the training is, and a former one is gone on with.

        Returns
        -------
        report : TrainingReport
            How it went.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        train, held_out = rows
        schedule: list[Any] = [("schedule", WarmupThenDecay(progress))]
        callbacks = self._callbacks(training, progress, schedule)
        if training.early_stopping:
            callbacks += early_stopping(
                decoder, scoring=training.scoring, patience=training.patience
            )
        # After early stopping, which has to see the last epoch's score.
        callbacks.append(("end", StopWhenOver(progress)))
        n_epochs = training.n_epochs_for(len(train), is_beside=is_beside)
        documents = self.scaled(data.encoder_input)
        datasets = [
            None
            if part is None
            else DocumentDataset(documents, data.target, data.sample_weight, part)
            for part in (train, held_out if training.early_stopping else None)
        ]
        self.held_out = None
        if held_out is not None:
            is_held_out = np.isin(np.arange(len(data)), held_out)
            self.held_out = len(data), np.packbits(is_held_out)
        kept = None if file is None else (file, progress)
        return self._run(training, datasets, draws, n_epochs, callbacks, kept)

    def finish(
        self,
        training: TrainingSettings,
        data: TrainingData,
        draws: Draws,
        progress: Progress,
        file: TrainingFile | None = None,
    ) -> TrainingReport:
        """Train for one more epoch on all documents, with low learning rates.

        Parameters
        ----------
        training : TrainingSettings
            How.
        data : TrainingData
            All documents, those held out before among them.
        draws : Draws
            Gives batches and dropout.
        progress : Progress
            Since when, and how much time there is.
        file : TrainingFile, default=None
            As for `fit`.

        Returns
        -------
        report : TrainingReport
            How it went.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        self.held_out = None
        schedule = WarmupThenDecay(progress, peak=FINISHING_RATE)
        callbacks = self._callbacks(training, progress, [("schedule", schedule)])
        callbacks.append(("end", StopWhenOver(progress)))
        kept = None if file is None else (file, progress)
        datasets = [self._dataset(data), None]
        return self._run(training, datasets, draws, 1, callbacks, kept)

    def fit_piece(
        self, training: TrainingSettings, data: TrainingData, draws: Draws
    ) -> TrainingReport:
        """Train for one epoch on a piece of the data, with a constant learning rate.

        Parameters
        ----------
        training : TrainingSettings
            How.
        data : TrainingData
            The piece.
        draws : Draws
            Gives batches and dropout.

        Returns
        -------
        report : TrainingReport
            How it went.
        """
        callbacks = self._callbacks(training, Progress(None), [])
        return self._run(training, [self._dataset(data), None], draws, 1, callbacks)

    def count(self, counts: LabelCounts) -> None:
        """Let the prior of the hierarchy follow more labels.

        Parameters
        ----------
        counts : LabelCounts
            Of documents besides those counted before.
        """
        self.counts = self.counts + counts
        graph = make_graph(self.hierarchy, self.path_nodes, self.counts)
        self.net.module_.set_prior(graph.prior)

    def iter_logits(
        self, documents: EncoderInput
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Score documents batch by batch, in order of length.

        Parameters
        ----------
        documents : EncoderInput
            Any documents, as given.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents.
        logits : ndarray of shape (B, n_nodes), float32
            Log-odds of every label.
        """
        yield from self.net.iter_logits(self.scaled(documents))

    def iter_scores(
        self, documents: EncoderInput
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give log-odds beyond those of the labels' shares.

        So a label of which the network knows nothing has 0, however rare the label is.

        Parameters
        ----------
        documents : EncoderInput
            Any documents, as given.

        Yields
        ------
        rows : int ndarray of shape (B,)
            Which documents.
        scores : ndarray of shape (B, n_nodes), float32
            What a wide path's scores can be added to.
        """
        for rows, logits in self.iter_logits(documents):
            p = self.decoder.probabilities(logits)
            yield rows, logit(p) - self.log_odds_of_shares

    def represent(self, documents: EncoderInput) -> np.ndarray:
        """Represent documents by the mean of their text features (t of Eq. 5).

        Parameters
        ----------
        documents : EncoderInput
            Any documents, as given.

        Returns
        -------
        representations : ndarray of shape (n_documents, d), float32
            One row per document.
        """
        shape = (len(documents), self.net.module_.dimension)
        return gathered(self.net.iter_representations(self.scaled(documents)), shape)

    def scaled(self, documents: EncoderInput) -> EncoderInput:
        """Give documents the form in which the network reads them.

        Parameters
        ----------
        documents : EncoderInput
            Any documents, as given.

        Returns
        -------
        documents : EncoderInput
            With terms scaled as those of the training rows were.
        """
        return _scaled(documents, self.feature_scale)

    def compact(self, weights: str) -> Self:
        """Make a network that only predicts, and is stored in less space.

        Parameters
        ----------
        weights : {"float32", "float16", "pruned"}
            With "float16" weights are rounded to it, and stored so. Memory still holds
            them as float32, which processors compute with.

        Returns
        -------
        deep : DeepModel
            A new one, without what the optimiser has noted.
        """
        twin = deepcopy(self)
        twin.net.optimizer_.state.clear()
        if weights == "float16":
            twin.stored_as = "float16"
            with torch.no_grad():
                for part in twin.net.module_.state_dict().values():
                    if part.dtype == torch.float32:
                        part.copy_(torch.from_numpy(halved(part.cpu().numpy())))
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Return all as plain arrays; the graph follows from the hierarchy."""
        names = [field.name for field in fields(self.plan)]
        plan = {name: getattr(self.plan, name) for name in names if name != "graph"}
        return vars(self) | {"net": as_arrays(self.net, self.stored_as), "plan": plan}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the network anew, with the weights that it had."""
        graph = make_graph(state["hierarchy"], state["path_nodes"], state["counts"])
        plan = NetworkPlan(graph=graph, **state["plan"])
        net = restore_net(plan, state["net"])
        vars(self).update(state, plan=plan, net=net)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy the net itself; the way by arrays would draw weights first."""
        # Batches of epochs that are over stay as they are. A stream of pieces has
        # thousands of them.
        memo[id(self.net.history)] = History(map(dict, self.net.history))
        twin = object.__new__(type(self))
        vars(twin).update(deepcopy(vars(self), memo))
        return twin

    def _dataset(self, data: TrainingData) -> DocumentDataset:
        """Give the network all documents to learn from."""
        documents = self.scaled(data.encoder_input)
        return DocumentDataset(documents, data.target, data.sample_weight)

    def _callbacks(
        self, training: TrainingSettings, progress: Progress, schedule: list[Any]
    ) -> list[Any]:
        """List what runs in every training, the user's own callbacks last."""
        callbacks: list[Any] = [("progress", progress), *schedule]
        if training.gradient_clip is not None:
            clipping = ClipGradientNorm(training.gradient_clip)
            callbacks.append(("gradient_clip", clipping))
        if training.verbose:
            callbacks.append(("progress_bar", ProgressBar(progress)))
        return callbacks + list(training.callbacks or [])

    def _run(
        self,
        training: TrainingSettings,
        datasets: Sequence[DocumentDataset | None],
        draws: Draws,
        n_epochs: int,
        callbacks: list[Any],
        kept: tuple[TrainingFile, Progress] | None = None,
    ) -> TrainingReport:
        """Train, from where a former training of the same file was, if there is one."""
        train: Any = datasets[0]
        done = len(self.net.history)
        batch_size = training.batch_size_for(len(train))
        self.net.set_params(
            lr=training.lr,
            max_epochs=n_epochs,
            batch_size=batch_size,
            verbose=max(0, training.verbose - 1),
            progress_bar=bool(training.verbose),
        )
        for group in self.net.optimizer_.param_groups:
            group["lr"] = group.get("largest_lr", training.lr)
        file = None if kept is None else kept[0]
        has_ended, state = resume(self.net, file)
        if kept is not None and has_ended:
            is_interrupted = False
            # Files of older versions don't say.
            kept[1].count_from(state.get("seconds", 0.0))
        else:
            if kept is not None:
                callbacks.append(("checkpoint", KeepEpochs(*kept, state, draws)))
            left = n_epochs - len(self.net.history) + done
            with draws.steps(training.rank):
                self.net.fit_on(train, datasets[1], left, callbacks, training.processes)
            is_interrupted = stopped_by_user(self.net, done, n_epochs)
            if kept is not None and not is_interrupted:
                seconds = perf_counter() - kept[1].started
                kept[0].write(self.net, has_ended=True, state={"seconds": seconds})
        # The net outlives what callbacks refer to.
        self.net.callbacks, self.net.callbacks_ = [], []
        epochs = self.net.history[done:]
        # An epoch that was interrupted has no count.
        n_steps = sum(epoch.get("train_batch_count", 0) for epoch in epochs)
        return TrainingReport(
            n_epochs=n_epochs,
            n_done=len(epochs),
            is_interrupted=is_interrupted,
            n_steps=n_steps,
            saw_all=n_steps * batch_size >= len(train),
            history=self.net.history.to_list(),
        )


def _require_memory(plan: NetworkPlan) -> None:
    """Refuse a network whose weights have no room."""
    n_weights = least_weights(plan)
    require_memory(
        4 * n_weights,
        f"A network of {len(plan.graph.frequency)} labels with {n_weights:,} weights",
        "Take fewer terms, a smaller dimension or head='labelwise', or leave the "
        "network out (deep_path=False).",
    )


def _scaled(documents: EncoderInput, feature_scale: np.ndarray | None) -> EncoderInput:
    """Give the network the terms as the machines of its training rows had them."""
    if feature_scale is None:
        return documents
    assert isinstance(documents, DocumentVectors)
    return documents.scaled(feature_scale)
