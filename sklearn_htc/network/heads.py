"""Heads: from the text as each label sees it to one logit a label."""

import torch
from torch import Tensor, nn

__all__ = ["JointHead", "LabelwiseHead"]


class LabelwiseHead(nn.Module):
    """Each label reads its own context: weights grow linearly with the labels.

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
        self.weight = nn.Parameter(torch.empty(n_nodes, dimension))
        self.bias = nn.Parameter(torch.zeros(n_nodes))
        nn.init.normal_(self.weight, std=dimension**-0.5)
        self.dropout = nn.Dropout(dropout)

    def forward(self, contexts: Tensor) -> Tensor:
        """Score every label by its own context.

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
        self.dropout = nn.Dropout(dropout)

    @property
    def weight(self) -> Tensor:
        """Classifier weights (N, N * d), a row a label."""
        return self.linear.weight

    @property
    def bias(self) -> Tensor:
        """Classifier biases (N,)."""
        return self.linear.bias

    def forward(self, contexts: Tensor) -> Tensor:
        """Score every label by the contexts of all.

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
