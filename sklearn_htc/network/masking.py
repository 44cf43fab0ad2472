"""Operations over the positions of a document that never see padding."""

import torch
from torch import Tensor

__all__ = ["masked_mean", "masked_softmax"]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Average over the positions of each document.

    Parameters
    ----------
    values : Tensor of shape (B, K, d)
        One vector per position.
    mask : bool Tensor of shape (B, K)
        Which positions exist; a document without any has mean 0.

    Returns
    -------
    mean : Tensor of shape (B, d)
        The average over the positions that exist.
    """
    share = mask.to(values) / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return (share.unsqueeze(1) @ values).squeeze(1)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Normalise scores over the positions of each document.

    Parameters
    ----------
    scores : Tensor of shape (B, K, N)
        One score per position and label.
    mask : bool Tensor of shape (B, K)
        Which positions exist; each document needs at least one.

    Returns
    -------
    weights : Tensor of shape (B, K, N)
        Non-negative, summing to 1 over the positions that exist, 0 elsewhere.
    """
    return torch.softmax(scores.masked_fill(~mask.unsqueeze(-1), -torch.inf), dim=1)
