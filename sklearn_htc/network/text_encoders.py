"""Text encoders: each turns one kind of document batch into vectors by position.

Every encoder returns the text features T (B, K, d) and a mask (B, K) that says which
positions exist; elsewhere T is 0. No encoder lets padding, and so no other document,
touch a document.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_htc.network.cpu.dropout import Dropout
from sklearn_htc.network.cpu.recurrence import bidirectional_gru

__all__ = [
    "BagOfTermsEncoder",
    "BiGRUEncoder",
    "DenseEncoder",
    "RCNNEncoder",
    "TokenEmbeddingEncoder",
]


class BagOfTermsEncoder(nn.Module):
    """A bag of weighted terms as one position: the sum of their embeddings.

    Terms without an order have no more to say apart than in their sum: with every
    term as a position of its own, label attention takes most of a step's time and F1
    is lower (docs/what_makes_it_fast.md).

    Parameters
    ----------
    n_terms : int
        Size of the vocabulary.
    dimension : int
        Size d of the text features.
    scale : float, default=1.0
        What term weights are multiplied with, such that they have the order of 1.
    dropout : float, default=0.5
        Share of the terms of a document that are left out in a training step.
    sparse : bool, default=False
        Whether the embedding's gradient is sparse.
    """

    def __init__(
        self,
        *,
        n_terms: int,
        dimension: int,
        scale: float = 1.0,
        dropout: float = 0.5,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(
            n_terms, dimension, mode="sum", sparse=sparse, include_last_offset=True
        )
        # Terms that are rare in training keep about this much noise: keep it small.
        nn.init.normal_(self.embedding.weight, std=0.01)
        # What a document without any known term is predicted from.
        self.background = nn.Parameter(torch.zeros(dimension))
        self.dropout = Dropout(dropout)
        self.scale = scale

    def forward(
        self, ids: Tensor, weights: Tensor, offsets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Add weighted term embeddings up.

        Parameters
        ----------
        ids : int Tensor of shape (n_entries,)
            Columns of the terms of all documents, one document after the other.
        weights : Tensor of shape (n_entries,)
            Their weights.
        offsets : int Tensor of shape (B + 1,)
            Where each document starts in `ids`, and where the last one ends.

        Returns
        -------
        text : Tensor of shape (B, 1, d)
            One position per document.
        mask : bool Tensor of shape (B, 1)
            True everywhere.
        """
        weights = self.dropout(weights * self.scale)
        terms = self.embedding(ids, offsets, per_sample_weights=weights)
        text = (self.background + terms).unsqueeze(1)
        return text, text.new_ones(text.shape[:2], dtype=torch.bool)


class DenseEncoder(nn.Module):
    """A document embedding as several positions: linear views of it.

    Parameters
    ----------
    n_features : int
        Size of the document embedding.
    dimension : int
        Size d of the text features.
    n_positions : int, default=8
        Number of views K.
    scale : float, default=1.0
        What embeddings are multiplied with, such that they have the order of 1.
    dropout : float, default=0.1
        Dropout on the views.
    """

    def __init__(
        self,
        *,
        n_features: int,
        dimension: int,
        n_positions: int = 8,
        scale: float = 1.0,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.views = nn.Linear(n_features, n_positions * dimension)
        self.dropout = Dropout(dropout)
        self.n_positions = n_positions
        self.scale = scale

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Project each document to K views.

        Parameters
        ----------
        values : Tensor of shape (B, n_features)
            Document embeddings.

        Returns
        -------
        text : Tensor of shape (B, K, d)
            The views.
        mask : bool Tensor of shape (B, K)
            True everywhere.
        """
        views = self.dropout(self.views(values * self.scale))
        text = views.unflatten(1, (self.n_positions, -1))
        return text, text.new_ones(text.shape[:2], dtype=torch.bool)


class TokenEmbeddingEncoder(nn.Module):
    """Contextual token embeddings, each projected to the size of the labels.

    Parameters
    ----------
    n_features : int
        Size of a token embedding.
    dimension : int
        Size d of the text features.
    scale : float, default=1.0
        What embeddings are multiplied with, such that they have the order of 1.
    dropout : float, default=0.1
        Dropout on the projected tokens.
    """

    def __init__(
        self,
        *,
        n_features: int,
        dimension: int,
        scale: float = 1.0,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.project = nn.Linear(n_features, dimension)
        self.dropout = Dropout(dropout)
        self.scale = scale

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Project every token.

        Parameters
        ----------
        values : Tensor of shape (B, K, n_features)
            Token embeddings.
        mask : bool Tensor of shape (B, K)
            Which positions exist.

        Returns
        -------
        text : Tensor of shape (B, K, d)
            Projected tokens; 0 where the mask is False.
        mask : bool Tensor of shape (B, K)
            As given.
        """
        text = self.dropout(self.project(values * self.scale))
        return text * mask.unsqueeze(-1), mask


class BiGRUEncoder(nn.Module):
    """Token ids through an embedding and a bidirectional GRU (the paper's encoder).

    The reverse direction reads each document from its own last token, so that padding
    changes nothing, without packing the batch.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary; token ids go from 1 to `n_tokens`, 0 is padding.
    dimension : int
        Size d of the text features, even: half for either direction.
    embedding_size : int, default=300
        Size of a token's embedding.
    embedding_dropout : float, default=0.5
        Dropout on the token embeddings.
    dropout : float, default=0.1
        Dropout on the text features.
    sparse : bool, default=False
        Whether the embedding's gradient is sparse.
    """

    def __init__(
        self,
        *,
        n_tokens: int,
        dimension: int,
        embedding_size: int = 300,
        embedding_dropout: float = 0.5,
        dropout: float = 0.1,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(
            n_tokens + 1, embedding_size, padding_idx=0, sparse=sparse
        )
        self.embedding_dropout = Dropout(embedding_dropout)
        self.forward_gru = nn.GRU(embedding_size, dimension // 2, batch_first=True)
        self.backward_gru = nn.GRU(embedding_size, dimension // 2, batch_first=True)
        self.dropout = Dropout(dropout)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read every document in both directions.

        Parameters
        ----------
        ids : int Tensor of shape (B, K)
            Token ids, 0 where the mask is False.
        mask : bool Tensor of shape (B, K)
            Which positions exist: the first ones of each document.

        Returns
        -------
        text : Tensor of shape (B, K, d)
            Both directions' states at each position; 0 where the mask is False.
        mask : bool Tensor of shape (B, K)
            As given.
        """
        tokens = self.embedding_dropout(self.embedding(ids.T))
        read = self._read if tokens.is_cpu else self._read_whole
        return self.dropout(read(tokens, mask)) * mask.unsqueeze(-1), mask

    def _read(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return both directions' states (B, K, d) for tokens (K, B, ...)."""
        return bidirectional_gru(tokens, mask, self.forward_gru, self.backward_gru)

    def _read_whole(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return the same by torch's GRU, with rows turned round for the second one."""
        tokens = tokens.transpose(0, 1)
        flip = _flip_within_length(mask).unsqueeze(-1)
        forward = self.forward_gru(tokens)[0]
        reverse = self.backward_gru(tokens.gather(1, flip.expand_as(tokens)))[0]
        return torch.cat([forward, reverse.gather(1, flip.expand_as(reverse))], dim=-1)


class RCNNEncoder(nn.Module):
    """BiGRU, convolutions of several widths, and top-k pooling (HiAGM's encoder).

    Each kernel width and rank becomes one position, so that label attention has
    3 k vectors to choose from and not their concatenation.

    Parameters
    ----------
    n_tokens : int
        Size of the vocabulary; token ids go from 1 to `n_tokens`, 0 is padding.
    dimension : int
        Size d of the text features.
    embedding_size : int, default=300
        Size of a token's embedding.
    hidden_size : int, default=64
        GRU units per direction.
    kernel_sizes : tuple of int, default=(2, 3, 4)
        Widths of the convolutions.
    n_filters : int, default=100
        Filters of each convolution.
    top_k : int, default=1
        How many of each filter's largest activations are kept.
    embedding_dropout : float, default=0.5
        Dropout on the token embeddings.
    dropout : float, default=0.1
        Dropout on the GRU's states.
    sparse : bool, default=False
        Whether the embedding's gradient is sparse.
    """

    def __init__(
        self,
        *,
        n_tokens: int,
        dimension: int,
        embedding_size: int = 300,
        hidden_size: int = 64,
        kernel_sizes: tuple[int, ...] = (2, 3, 4),
        n_filters: int = 100,
        top_k: int = 1,
        embedding_dropout: float = 0.5,
        dropout: float = 0.1,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        self.gru = BiGRUEncoder(
            n_tokens=n_tokens,
            dimension=2 * hidden_size,
            embedding_size=embedding_size,
            embedding_dropout=embedding_dropout,
            dropout=dropout,
            sparse=sparse,
        )
        self.convolutions = nn.ModuleList(
            nn.Conv1d(2 * hidden_size, n_filters, size) for size in kernel_sizes
        )
        self.projections = nn.ModuleList(
            nn.Linear(n_filters, dimension) for _ in kernel_sizes
        )
        self.kernel_sizes = kernel_sizes
        self.top_k = top_k

    @property
    def embedding(self) -> nn.Embedding:
        """The embedding layer of its GRU."""
        return self.gru.embedding

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Read, convolve, and keep each filter's largest activations.

        Parameters
        ----------
        ids : int Tensor of shape (B, K)
            Token ids, 0 where the mask is False.
        mask : bool Tensor of shape (B, K)
            Which positions exist: the first ones of each document.

        Returns
        -------
        text : Tensor of shape (B, n_kernels * top_k, d)
            One vector per kernel size and rank.
        mask : bool Tensor of shape (B, n_kernels * top_k)
            True everywhere: a document shorter than a kernel is met with zeros.
        """
        states, mask = self.gru(ids, mask)
        states = states.transpose(1, 2)
        # A document of fewer positions than top_k fills the ranks with zeros.
        exists = F.pad(mask, (0, self.top_k)).unsqueeze(1)
        pooled = []
        for size, convolution, project in zip(
            self.kernel_sizes, self.convolutions, self.projections, strict=True
        ):
            padded = F.pad(states, (0, size - 1 + self.top_k))
            active = torch.relu(convolution(padded)) * exists
            largest = active.topk(self.top_k, dim=-1).values
            pooled.append(project(largest.transpose(1, 2)))
        text = torch.cat(pooled, dim=1)
        return text, text.new_ones(text.shape[:2], dtype=torch.bool)


def _flip_within_length(mask: Tensor) -> Tensor:
    """Return positions (B, K) that reverse each row's tokens and keep its padding."""
    position = torch.arange(mask.shape[1], device=mask.device)
    last = mask.sum(dim=1, keepdim=True) - 1
    return torch.where(mask, last - position, position)
