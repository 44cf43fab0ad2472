"""Label prior matching: representations that follow a prior (Eq. 3-4, Table 5)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_htc.network.randomness import generator_on

__all__ = ["LabelPriorDiscriminator"]


# Of Table 5, at d = 300; other dimensions keep the proportion.
HIDDEN_SIZES_AT_300 = (1000, 200)
# A step estimates the mean over labels from at most this many of them.
MAX_LABELS = 256


class LabelPriorDiscriminator(nn.Module):
    """D_pr: tells a label representation from a sample of the prior (Table 5).

    The sizes at d = 300 are those of the paper.

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
        wide, narrow = (
            max(1, round(size * dimension / 300)) for size in HIDDEN_SIZES_AT_300
        )
        self.layers = nn.Sequential(
            nn.Linear(dimension, wide),
            nn.ReLU(),
            nn.Linear(wide, narrow),
            nn.ReLU(),
            nn.Linear(narrow, 1),
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
        draw = torch.rand if self.prior == "uniform" else torch.randn
        return draw(
            labels.shape,
            dtype=labels.dtype,
            device=labels.device,
            generator=generator_on(labels.device),
        )

    def loss(self, labels: Tensor) -> Tensor:
        """Compute L_pr: -log D(sample) - log(1 - D(y)), averaged over the labels.

        Of more than 256 labels a random 256 are averaged over, drawn anew in each step:
        an unbiased estimate, whose cost does not grow with the labels.

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
        if len(labels) > MAX_LABELS:
            chosen = torch.randint(
                len(labels),
                (MAX_LABELS,),
                device=labels.device,
                generator=generator_on(labels.device),
            )
            labels = labels[chosen]
        scores = self(torch.cat([self.sample_prior(labels), labels]))
        of_samples, of_labels = scores.chunk(2)
        return (F.softplus(-of_samples) + F.softplus(of_labels)).mean()


class _ReverseGradient(torch.autograd.Function):
    """Identity forward, sign flip backward: one optimiser can play both sides."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient
