"""What each term of a document adds to a network's scores, by integrated gradients."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import singledispatch
from threading import get_ident
from typing import Any

import numpy as np
import torch
from skorch.utils import to_device
from torch import Tensor, nn

from sklearn_htc.data.documents import (
    BagOfTerms,
    EncoderInput,
    TokenEmbeddings,
    TokenSequences,
)
from sklearn_htc.network.transformer_encoder import TransformerEncoder
from sklearn_htc.read_out.decoders import Decoder, PathDecoder, ThresholdDecoder
from sklearn_htc.training.deep import DeepModel

__all__ = ["NetworkTerms", "coherent_log_odds"]

# Documents that go through the network at a time.
BATCH_SIZE = 32


class NetworkTerms:
    """Share a network's scores among the terms of a document.

    With p in [0, 1]^K saying how much of each term is there, and F(p) a score, term k
    adds the integral over a from 0 to 1 of dF/dp_k at p = (a, ..., a): integrated
    gradients (Sundararajan et al., ICML 2017) from the document without its terms,
    summed over the coordinates of a term. All terms add up to F(1) - F(0), up to the
    error of a quadrature with 50 nodes. In the place of a token that is not there is
    the embedding of padding; special tokens are always there.

    Parameters
    ----------
    deep : DeepModel
        The network.
    documents : EncoderInput
        Documents, as given.
    names : sequence of sequences of (str or None), or None
        The name of each term of each document, None for a special token; or None where
        terms are the columns of X, or token ids, which stand for themselves.
    weight : float or None
        What the log-odds beyond those of the labels' shares are multiplied by, beside a
        wide path. None takes the log-odds as they are, of a network that is alone.

    Raises
    ------
    ImportError
        If captum is not installed.
    """

    def __init__(
        self,
        deep: DeepModel,
        documents: EncoderInput,
        names: Sequence[Sequence[str | None]] | None,
        *,
        weight: float | None,
    ) -> None:
        try:
            from captum.attr import IntegratedGradients
        except ImportError as error:
            raise ImportError(
                "network='integrated_gradients' needs captum: pip install "
                "'sklearn-htc[gradients]'."
            ) from error
        self.method = IntegratedGradients
        self.deep = deep
        self.documents = deep.scaled(documents)
        self.names = names
        self.weight = weight

    def of(self, row: int, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Share the scores of one document.

        Parameters
        ----------
        row : int
            Which document.
        nodes : int ndarray of shape (n_labels,)
            Whose scores.

        Returns
        -------
        terms : ndarray of shape (n_terms,)
            The document's terms, each once: names, or numbers of columns or token ids.
        contributions : ndarray of shape (n_terms, n_labels)
            What they add.
        """
        terms = _terms(self.documents.take(np.array([row])))
        is_special = np.zeros(len(terms), dtype=bool)
        if self.names is not None:
            # A document without any token is read as one padding token.
            own = [*self.names[row], *[None] * len(terms)][: len(terms)]
            is_special = np.array([name is None for name in own], dtype=bool)
            terms = np.array(["" if name is None else name for name in own], object)
        if is_special.all() or not len(nodes):
            return terms[:0], np.zeros((0, len(nodes)))
        here = torch.ones(len(nodes), len(terms), device=self.deep.net.device)
        always = torch.from_numpy(is_special).to(here).expand_as(here)
        found = self.method(self._forward(row, nodes)).attribute(
            here,
            always,
            target=torch.arange(len(nodes), device=here.device),
            internal_batch_size=max(BATCH_SIZE, len(nodes)),
        )
        values = found.detach().cpu().numpy().T[~is_special]
        unique, first = np.unique(terms[~is_special], return_inverse=True)
        total = np.zeros((len(unique), len(nodes)))
        np.add.at(total, first, values)
        return unique, total

    def _forward(self, row: int, nodes: np.ndarray) -> Callable[[Tensor], Tensor]:
        """Return what gives scores (B, n_labels) of a document's terms (B, K)."""
        net, weight = self.deep.net, self.weight

        def scores(presence: Tensor) -> Tensor:
            net.module_.eval()
            batch = self.documents.batch(np.full(len(presence), row))
            batch = to_device(batch, net.device)
            text_encoder = net.module_.text_encoder
            # cuDNN has no gradients of a GRU outside training.
            with (
                torch.backends.cudnn.flags(enabled=False),
                _only(text_encoder, batch, presence) as partial,
            ):
                logits = net.module_(**partial).logits
            if weight is None:
                return logits[:, nodes]
            log_odds = coherent_log_odds(self.deep.decoder, logits, nodes)
            shares = torch.from_numpy(self.deep.log_odds_of_shares[nodes])
            return weight * (log_odds - shares.to(log_odds))

        return scores


def coherent_log_odds(decoder: Decoder, logits: Tensor, nodes: np.ndarray) -> Tensor:
    """Compute what `DeepModel.iter_scores` does, as tensors that have gradients.

    Parameters
    ----------
    decoder : PathDecoder or ThresholdDecoder
        Of the network.
    logits : Tensor of shape (B, N)
        Log-odds of all labels.
    nodes : int ndarray of shape (n_labels,)
        Labels.

    Returns
    -------
    log_odds : Tensor of shape (B, n_labels)
        The logit of the decoder's probabilities.
    """
    if isinstance(decoder, PathDecoder):
        members = torch.from_numpy(decoder.paths.toarray()).to(logits)
        p = torch.softmax(logits @ members.T, dim=1) @ members[:, nodes]
        margin = torch.finfo(p.dtype).eps
        return torch.logit(p.clamp(margin, 1 - margin))
    assert isinstance(decoder, ThresholdDecoder)
    above = decoder.hierarchy.ancestors
    below = above.T.tocsr()
    columns = [
        logits[:, above[[node]].indices].amin(dim=1)
        + logits[:, below[[node]].indices].amax(dim=1)
        for node in nodes
    ]
    return torch.stack(columns, dim=1) / 2


@singledispatch
def _terms(document: EncoderInput) -> np.ndarray:
    """List the terms of one document, in the order of the network's batch."""
    return np.arange(document.n_features)


@_terms.register
def _(document: BagOfTerms) -> np.ndarray:
    return document.X.indices


@_terms.register
def _(document: TokenSequences) -> np.ndarray:
    return document.batch(np.array([0]))["ids"][0].numpy()


@_terms.register
def _(document: TokenEmbeddings) -> np.ndarray:
    return np.arange(max(document.lengths[0], 1))


@contextmanager
def _only(
    text_encoder: nn.Module, batch: dict[str, Tensor], presence: Tensor
) -> Iterator[dict[str, Tensor]]:
    """Let the terms of a batch be there to some degree, their presence (B, K)."""
    if "weights" in batch:
        yield batch | {"weights": batch["weights"] * presence.flatten()}
    elif "values" in batch:
        values = batch["values"]
        factor = presence if values.ndim == 2 else presence.unsqueeze(-1)
        yield batch | {"values": values * factor}
    else:
        layer: Any
        if isinstance(text_encoder, TransformerEncoder):
            encoder: Any = text_encoder.encoder
            layer, factor = encoder.get_input_embeddings(), presence.unsqueeze(-1)
        else:
            # The other encoders read (K, B).
            layer, factor = text_encoder.embedding, presence.T.unsqueeze(-1)
        padding = layer.padding_idx
        absent = 0 if padding is None else layer.weight[padding].detach()
        here = get_ident()

        def scaled(_: nn.Module, __: Any, there: Tensor) -> Tensor:
            # Other threads may predict with the same network.
            if get_ident() != here:
                return there
            return absent + factor * (there - absent)

        handle = layer.register_forward_hook(scaled)
        try:
            yield batch
        finally:
            handle.remove()
