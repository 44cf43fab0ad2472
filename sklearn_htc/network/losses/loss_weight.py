"""The loss weight estimator: how much either auxiliary loss counts (Eq. 5)."""

import torch
from torch import Tensor, nn

__all__ = ["LossWeight"]


class LossWeight(nn.Module):
    """F = sigmoid(W1 t + W2 y), with both weights trained.

    Parameters
    ----------
    dimension : int
        Size d of text features and label representations.
    """

    def __init__(self, *, dimension: int) -> None:
        super().__init__()
        self.text = nn.Linear(dimension, 1, bias=False)
        self.label = nn.Linear(dimension, 1, bias=False)

    def forward(self, text: Tensor, labels: Tensor) -> Tensor:
        """Weigh the two losses for each document.

        Parameters
        ----------
        text : Tensor of shape (B, d)
            Mean text feature t of each document.
        labels : Tensor of shape (N, d)
            All label representations; y is their mean.

        Returns
        -------
        weight : Tensor of shape (B,)
            F of each document, in (0, 1).
        """
        score = self.text(text) + self.label(labels.mean(dim=0))
        return torch.sigmoid(score).squeeze(-1)
