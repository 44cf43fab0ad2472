"""Label prior matching: representations that follow a prior (Eq. 3-4, Table 5)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["LabelPriorDiscriminator"]


class LabelPriorDiscriminator(nn.Module):
    """D_pr: tells a label representation from a sample of the prior (Table 5).

    Parameters
    ----------
    dimension : int
        Size d of the label representations.
    prior : {"uniform", "normal"}, default="uniform"
        Each coordinate uniform on [0, 1), or standard normal.
    matching : {"adversarial", "released"}, default="adversarial"
        "adversarial": the discriminator minimises the loss and the label
        representations maximise it, so that they approach the prior. "released": both
        minimise it, as the authors' released code does; the label representations then
        become *easier* to tell from the prior.
    """

    def __init__(
        self,
        *,
        dimension: int,
        prior: str = "uniform",
        matching: str = "adversarial",
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dimension, 1000),
            nn.ReLU(),
            nn.Linear(1000, 200),
            nn.ReLU(),
            nn.Linear(200, 1),
        )
        self.prior = prior
        self.matching = matching

    def forward(self, labels: Tensor) -> Tensor:
        """Score representations; the sigmoid of Table 5 is left to the loss.

        Parameters
        ----------
        labels : Tensor of shape (N, d)
            Label representations, or samples of the prior.

        Returns
        -------
        scores : Tensor of shape (N,)
            Log-odds that each is a sample of the prior.
        """
        return self.layers(labels).squeeze(-1)

    def sample_prior(self, labels: Tensor) -> Tensor:
        """Draw one sample of the prior for each label.

        Parameters
        ----------
        labels : Tensor of shape (N, d)
            Gives the shape, dtype and device.

        Returns
        -------
        samples : Tensor of shape (N, d)
            Independent coordinates.
        """
        draw = torch.rand_like if self.prior == "uniform" else torch.randn_like
        return draw(labels)

    def loss(self, labels: Tensor) -> Tensor:
        """Compute L_pr: -log D(sample) - log(1 - D(y)), averaged over the labels.

        Parameters
        ----------
        labels : Tensor of shape (N, d)
            Label representations.

        Returns
        -------
        loss : Tensor of shape ()
            Eq. 4.
        """
        if self.matching == "adversarial":
            labels = _ReverseGradient.apply(labels)
        samples = self.sample_prior(labels)
        return (F.softplus(-self(samples)) + F.softplus(self(labels))).mean()


class _ReverseGradient(torch.autograd.Function):
    """Identity forward, sign flip backward: one optimiser can play both sides."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient
