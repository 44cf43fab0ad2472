"""Heads: from the text as each label sees it to one logit per label."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sklearn_htc.network.cpu.dropout import Dropout
from sklearn_htc.network.label_attention import attention_weights, label_attention
from sklearn_htc.network.masking import masked_mean

__all__ = [
    "JointHead",
    "LabelwiseHead",
    "MeanPoolingHead",
    "MeanPoolingStart",
    "PretrainedMeanPoolingHead",
]

# Attention weights (B, K, N) that stand in memory at a time: 64 MiB of float32.
BLOCK_ELEMENTS = 2**24


class LabelwiseHead(nn.Module):
    """Each label reads its own context: weights grow linearly with the labels.

    w_l . c_l = sum_k a_kl (w_l . t_k), where a_kl are the attention weights: scoring
    every position first and attending to the scores gives the logits without any
    context, so that nothing of size (B, N, d) exists. Where the attention weights
    are large, labels are taken in blocks, and blocks are computed again in the
    backward pass.

    Parameters
    ----------
    n_nodes : int
        Number of labels N.
    dimension : int
        Size d of the contexts.
    dropout : float, default=0.5
        Dropout on the text features that are read, not on those attended by.
    """

    def __init__(self, *, n_nodes: int, dimension: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_nodes, dimension))
        self.bias = nn.Parameter(torch.zeros(n_nodes))
        nn.init.normal_(self.weight, std=dimension**-0.5)
        self.dropout = Dropout(dropout)

    def forward(self, text: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
        """Score every label by its own context.

        Parameters
        ----------
        text : Tensor of shape (B, K, d)
            Text features.
        mask : bool Tensor of shape (B, K)
            Which positions exist; each document needs at least one.
        labels : Tensor of shape (N, d)
            Label representations.

        Returns
        -------
        logits : Tensor of shape (B, N)
            Log-odds of every label.
        """
        values = self.dropout(text)
        if text.shape[1] == 1:
            # One position has all the attention of every label.
            return values.squeeze(1) @ self.weight.T + self.bias
        size = max(1, BLOCK_ELEMENTS // mask.numel())
        if size >= len(labels):
            return self._attend(text, values, mask, labels, self.weight) + self.bias
        blocks = [
            checkpoint(
                self._attend,
                text,
                values,
                mask,
                *block,
                use_reentrant=False,
                preserve_rng_state=False,
            )
            for block in zip(labels.split(size), self.weight.split(size), strict=True)
        ]
        return torch.cat(blocks, dim=1) + self.bias

    def score(self, contexts: Tensor) -> Tensor:
        """Score every label by its own context, where contexts are given.

        Parameters
        ----------
        contexts : Tensor of shape (B, N, d)
            The text as each label sees it.

        Returns
        -------
        logits : Tensor of shape (B, N)
            Log-odds of every label.
        """
        return (self.dropout(contexts) * self.weight).sum(dim=-1) + self.bias

    @staticmethod
    def _attend(
        text: Tensor, values: Tensor, mask: Tensor, labels: Tensor, weight: Tensor
    ) -> Tensor:
        """Compute w_l . c_l of some labels, (B, n)."""
        attention = attention_weights(text, mask, labels)
        return (attention * (values @ weight.T)).sum(dim=1)


class MeanPoolingStart(LabelwiseHead):
    """A labelwise head for pretrained text features, which starts as mean pooling.

    Attention is divided by sqrt(d), so that it is nearly uniform at first, and grows
    label by label where that pays. Weights start at 0, and read the text features times
    5: they move at once as far as the encoder needs it.

    Parameters
    ----------
    **sizes
        As for `LabelwiseHead`.
    """

    scale = 5.0

    def __init__(self, **sizes: Any) -> None:
        super().__init__(**sizes)
        nn.init.zeros_(self.weight)

    def forward(self, text: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
        """Score every label by its own context.

        Parameters
        ----------
        text : Tensor of shape (B, K, d)
            Text features.
        mask : bool Tensor of shape (B, K)
            Which positions exist; each document needs at least one.
        labels : Tensor of shape (N, d)
            Label representations.

        Returns
        -------
        logits : Tensor of shape (B, N)
            Log-odds of every label.
        """
        softer = labels * (text.shape[-1] ** -0.5 / self.scale)
        return super().forward(self.scale * text, mask, softer)

    def score(self, contexts: Tensor) -> Tensor:
        """Score every label by its own context, where contexts are given.

        Parameters
        ----------
        contexts : Tensor of shape (B, N, d)
            The text as each label sees it.

        Returns
        -------
        logits : Tensor of shape (B, N)
            Log-odds of every label.
        """
        return super().score(self.scale * contexts)


class MeanPoolingHead(LabelwiseHead):
    """All labels read the mean of the text features: there is no label attention.

    Parameters
    ----------
    **sizes
        As for `LabelwiseHead`.
    """

    scale = 1.0

    def forward(self, text: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
        """Score every label by the mean of the text features.

        Parameters
        ----------
        text : Tensor of shape (B, K, d)
            Text features.
        mask : bool Tensor of shape (B, K)
            Which positions exist; each document needs at least one.
        labels : Tensor of shape (N, d)
            Not read.

        Returns
        -------
        logits : Tensor of shape (B, N)
            Log-odds of every label.
        """
        mean = self.scale * masked_mean(text, mask)
        return self.dropout(mean) @ self.weight.T + self.bias


class PretrainedMeanPoolingHead(MeanPoolingHead):
    """The same for pretrained text features, with the start of `MeanPoolingStart`.

    Parameters
    ----------
    **sizes
        As for `LabelwiseHead`.
    """

    scale = MeanPoolingStart.scale

    def __init__(self, **sizes: Any) -> None:
        super().__init__(**sizes)
        nn.init.zeros_(self.weight)


class JointHead(nn.Module):
    """The paper's head: every label reads the contexts of all labels.

    It has N * N * d weights, 6 million at 141 labels and 30 billion at 10,000.

    Parameters
    ----------
    n_nodes : int
        Number of labels N.
    dimension : int
        Size d of the contexts.
    dropout : float, default=0.5
        Dropout on the contexts.
    """

    def __init__(self, *, n_nodes: int, dimension: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.linear = nn.Linear(n_nodes * dimension, n_nodes)
        self.dropout = Dropout(dropout)

    @property
    def weight(self) -> Tensor:
        """Classifier weights (N, N * d), one row per label."""
        return self.linear.weight

    @property
    def bias(self) -> Tensor:
        """Classifier biases (N,)."""
        return self.linear.bias

    def forward(self, text: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
        """Score every label by the contexts of all.

        Parameters
        ----------
        text : Tensor of shape (B, K, d)
            Text features.
        mask : bool Tensor of shape (B, K)
            Which positions exist; each document needs at least one.
        labels : Tensor of shape (N, d)
            Label representations.

        Returns
        -------
        logits : Tensor of shape (B, N)
            Log-odds of every label.
        """
        return self.score(label_attention(text, mask, labels))

    def score(self, contexts: Tensor) -> Tensor:
        """Score every label by all contexts, where contexts are given.

        Parameters
        ----------
        contexts : Tensor of shape (B, N, d)
            The text as each label sees it.

        Returns
        -------
        logits : Tensor of shape (B, N)
            Log-odds of every label.
        """
        return self.linear(self.dropout(contexts.flatten(1)))
