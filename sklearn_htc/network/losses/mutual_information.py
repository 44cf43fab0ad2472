"""Text-label mutual information estimation and maximization (Eq. 1-2, Table 4)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_htc.network.masking import masked_mean
from sklearn_htc.network.randomness import generator_on

__all__ = ["TextLabelDiscriminator", "derangement"]

# Table 4 has 512 features at d = 300; other dimensions keep the proportion.
HIDDEN_SIZE_PER_DIMENSION = 512 / 300


class TextLabelDiscriminator(nn.Module):
    """D_MI: tells a text with its own labels from a text with another's.

    Two convolutions over the positions, the mean over positions, joined with the mean
    of the label representations, then three linear layers (Table 4). At d = 300 and
    kernel size 3 the sizes are those of the paper: h = 512 features.

    Two exact rewrites save most of the work. The second convolution is linear and only
    its mean is used: the mean of shifted features is a shifted sum less the features
    at one end, so three matrix products on means do the work of a convolution over all
    positions. And the first linear layer reads a text and a label set side by side, so
    either half is computed once, however the halves are paired.

    Parameters
    ----------
    dimension : int
        Size d of text features and label representations.
    kernel_size : {1, 3}, default=3
        3 for positions that stand in an order, 1 for those that do not.
    """

    def __init__(self, *, dimension: int, kernel_size: int = 3) -> None:
        super().__init__()
        padding = kernel_size // 2
        self.conv1 = nn.Conv1d(dimension, dimension, kernel_size, padding=padding)
        size = max(1, round(HIDDEN_SIZE_PER_DIMENSION * dimension))
        self.conv2 = nn.Conv1d(dimension, size, kernel_size, padding=padding)
        self.score = nn.Sequential(
            nn.Linear(size + dimension, size),
            nn.ReLU(),
            nn.Linear(size, size),
            nn.ReLU(),
            nn.Linear(size, 1),
        )

    def text_features(self, text: Tensor, mask: Tensor) -> Tensor:
        """Convolve twice and average over the positions that exist.

        Parameters
        ----------
        text : Tensor of shape (B, K, d)
            Text features, 0 where the mask is False.
        mask : bool Tensor of shape (B, K)
            Which positions exist: the first ones of each document.

        Returns
        -------
        features : Tensor of shape (B, h)
            What the linear layers see of a text.
        """
        weight, bias = self.conv2.weight, self.conv2.bias
        if weight.shape[-1] == 1:
            hidden = F.relu(F.linear(text, self.conv1.weight[:, :, 0], self.conv1.bias))
            return F.linear(masked_mean(hidden, mask), weight[:, :, 0], bias)
        hidden = F.relu(self.conv1(text.transpose(1, 2))).transpose(1, 2)
        length = mask.sum(dim=1, keepdim=True)
        position = torch.arange(mask.shape[1], device=mask.device)
        has_after, has_before = position < length - 1, position > 0
        shares = torch.stack([mask & has_after, mask, mask & has_before], dim=1)
        shifted = (shares.to(hidden) / length.clamp(min=1).unsqueeze(-1)) @ hidden
        return F.linear(shifted.flatten(1), weight.permute(0, 2, 1).flatten(1), bias)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Score pairs of a text and a label set.

        Parameters
        ----------
        features : Tensor of shape (B, h)
            What `text_features` returns.
        labels : Tensor of shape (B, d)
            Mean of the label representations of each label set.

        Returns
        -------
        scores : Tensor of shape (B,)
            Log-odds that the labels are the text's own.
        """
        return self.score(torch.cat([features, labels], dim=-1)).squeeze(-1)

    def _halves(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Compute what the first linear layer makes of texts and of labels, (B, h)."""
        first: Any = self.score[0]
        of_text, of_labels = first.weight.tensor_split([features.shape[1]], dim=1)
        return F.linear(features, of_text), F.linear(labels, of_labels, first.bias)

    def loss(
        self, text: Tensor, mask: Tensor, labels: Tensor, target: Tensor
    ) -> Tensor:
        """Compute L_MI of each document of a batch (Eq. 1-2).

        -log D(t, y) - log(1 - D(t', y)), where y is the mean over the labels of the
        document and t' is another text of the batch. The other texts are a permutation
        of the texts, so each text is convolved once.

        Parameters
        ----------
        text : Tensor of shape (B, K, d)
            Text features.
        mask : bool Tensor of shape (B, K)
            Which positions exist.
        labels : Tensor of shape (N, d)
            Label representations.
        target : Tensor of shape (B, N)
            The labels of each document, 0 or 1.

        Returns
        -------
        loss : Tensor of shape (B,)
            0 for documents without a label, and where the batch has no other text.
        """
        if len(text) < 2:
            return text.new_zeros(len(text))
        n_labels = target.sum(dim=1, keepdim=True)
        own = target @ labels / n_labels.clamp(min=1)
        of_text, of_labels = self._halves(self.text_features(text, mask), own)
        others = of_text[derangement(len(text), text.device)]
        both = torch.stack([of_text + of_labels, others + of_labels])
        matched, unmatched = self.score[1:](both).squeeze(-1)
        loss = F.softplus(-matched) + F.softplus(unmatched)
        return loss * (n_labels.squeeze(-1) > 0)


def derangement(n: int, device: torch.device) -> Tensor:
    """Draw a random permutation without a fixed point: one random cycle.

    Parameters
    ----------
    n : int
        Number of elements, at least 2.
    device : torch.device
        Where the result lies.

    Returns
    -------
    permutation : int Tensor of shape (n,)
        No element is its own index.
    """
    cycle = torch.randperm(n, device=device, generator=generator_on(device))
    return torch.empty_like(cycle).scatter_(0, cycle, cycle.roll(1))
