"""From settings and training data to a network plan."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse
from scipy.special import logit

from sklearn_htc.data.documents import (
    DocumentVectors,
    EncoderInput,
    TokenEmbeddings,
)
from sklearn_htc.data.reading import SEQUENCE_ENCODERS
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.network.build import LabelGraph, NetworkPlan
from sklearn_htc.training.rowwise_adam import RowwiseAdam
from sklearn_htc.training.settings import NetworkSettings, TrainingSettings

__all__ = ["LabelCounts", "make_graph", "make_plan"]


@dataclass(frozen=True)
class LabelCounts:
    """How many training documents each label has, by their weights.

    Parameters
    ----------
    counts : ndarray of shape (n_nodes,)
        Documents of each node.
    n_documents : float
        Documents in all.
    """

    counts: np.ndarray
    n_documents: float

    @classmethod
    def of(cls, target: sparse.csr_array, sample_weight: np.ndarray) -> Self:
        """Count the labels of documents.

        Parameters
        ----------
        target : csr_array of shape (n_documents, n_nodes)
            Labels, closed under ancestors.
        sample_weight : ndarray of shape (n_documents,)
            How many documents each counts as, one on the average.

        Returns
        -------
        counts : LabelCounts
            Of these.
        """
        weight = sample_weight.astype(np.float64)
        return cls(weight @ target, float(weight.sum()))

    def __add__(self, other: "LabelCounts") -> "LabelCounts":
        return LabelCounts(
            self.counts + other.counts, self.n_documents + other.n_documents
        )

    @property
    def log_odds(self) -> np.ndarray:
        """Log-odds of the labels' shares, (n_nodes,) float32; of no share 0 or 1."""
        return logit((self.counts + 0.5) / (self.n_documents + 1)).astype(np.float32)


def make_graph(
    hierarchy: Hierarchy, path_nodes: np.ndarray, counts: LabelCounts
) -> LabelGraph:
    """Describe the hierarchy, and the labels of the training rows, to the network.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    path_nodes : int ndarray
        The most specific node of each path that may be predicted.
    counts : LabelCounts
        Of the training documents.

    Returns
    -------
    graph : LabelGraph
        Tensors on the CPU.
    """
    parent, child = hierarchy.edges
    # The prior stores one entry per edge, in the order of `edges`.
    prior = hierarchy.prior_from_counts(counts.counts).data
    paths = hierarchy.ancestors[path_nodes]
    frequency = (counts.counts / counts.n_documents).astype(np.float32)
    return LabelGraph(
        parent=torch.from_numpy(parent.astype(np.int64)),
        child=torch.from_numpy(child.astype(np.int64)),
        prior=torch.from_numpy(prior.astype(np.float32)),
        frequency=torch.from_numpy(frequency),
        path_nodes=torch.from_numpy(path_nodes.astype(np.int64)),
        path_members=torch.from_numpy(paths.indices.astype(np.int64)),
        path_starts=torch.from_numpy(paths.indptr.astype(np.int64)),
    )


def make_plan(
    settings: NetworkSettings,
    training: TrainingSettings,
    documents: EncoderInput,
    graph: LabelGraph,
    n_tokens: int | None,
) -> NetworkPlan:
    """Put the names and sizes of a network together.

    Parameters
    ----------
    settings : NetworkSettings
        Resolved.
    training : TrainingSettings
        The optimiser and the device are read.
    documents : EncoderInput
        The training documents.
    graph : LabelGraph
        The hierarchy.
    n_tokens : int or None
        Size of the vocabulary of token ids, for sequence encoders.

    Returns
    -------
    plan : NetworkPlan
        What `build_model` and `build_objective` need.
    """
    options = _text_encoder_options(settings, documents, n_tokens)
    if "sparse" in options:
        options["sparse"] = _takes_sparse_gradients(training)
    return NetworkPlan(
        graph=graph,
        dimension=settings.size,
        variant=settings.variant,
        text_encoder=settings.text_encoder,
        text_encoder_options=options,
        structure_encoder=settings.structure_encoder,
        node_dropout=settings.node_dropout,
        head=settings.head,
        classifier_dropout=settings.classifier_dropout,
        loss=settings.loss,
        loss_reduction=settings.loss_reduction,
        mutual_information=settings.mutual_information,
        label_prior=settings.label_prior,
        prior_matching=settings.prior_matching,
        objective_options={
            "mutual_information_weight": settings.mutual_information_weight,
            "label_prior_weight": settings.label_prior_weight,
            "recursive_regularization_weight": settings.recursive_regularization,
        },
    )


def _takes_sparse_gradients(training: TrainingSettings) -> bool:
    # A GPU updates the whole vocabulary in less time than it finds distinct rows.
    optimizer = training.optimizer
    lazy = isinstance(optimizer, type) and issubclass(optimizer, RowwiseAdam)
    return lazy and torch.device(training.device).type == "cpu"


def _text_encoder_options(
    settings: NetworkSettings, documents: EncoderInput, n_tokens: int | None
) -> dict[str, Any]:
    """Collect what one text encoder takes besides the dimension."""
    if settings.text_encoder == "transformer":
        return {
            "configuration": settings.configuration,
            "trains_words": not settings.freeze_word_embeddings,
            "checkpoints": settings.gradient_checkpointing,
            "lora": settings.lora,
        }
    if settings.text_encoder in SEQUENCE_ENCODERS:
        return {
            "n_tokens": n_tokens,
            "embedding_size": settings.embedding_size,
            "embedding_dropout": settings.embedding_dropout,
            "dropout": settings.text_dropout,
            "sparse": False,
        }
    options: dict[str, Any] = {"dropout": settings.embedding_dropout}
    if isinstance(documents, (DocumentVectors, TokenEmbeddings)):
        options["scale"] = documents.scale
    if settings.text_encoder == "bag":
        return options | {"n_terms": documents.n_features, "sparse": False}
    return options | {"n_features": documents.n_features}
