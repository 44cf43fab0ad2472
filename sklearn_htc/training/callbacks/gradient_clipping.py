"""Gradient clipping that takes sparse gradients too."""

from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback
from torch.nn.utils import get_total_norm

__all__ = ["ClipGradientNorm"]


class ClipGradientNorm(Callback):
    """Scale each step's gradient down to a largest norm; sparse gradients too.

    Parameters
    ----------
    max_norm : float
        Largest norm of all gradients together.
    """

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm

    def on_grad_computed(
        self, net: NeuralNet, named_parameters: Any = None, **kwargs: Any
    ) -> None:
        """Scale the gradients, without asking the device for their norm."""
        gradients = []
        for _, weight in named_parameters:
            if weight.grad is None:
                continue
            if weight.grad.is_sparse:
                weight.grad = weight.grad.coalesce()
                gradients.append(weight.grad.values())
            else:
                gradients.append(weight.grad)
        norm = get_total_norm(gradients)
        factor = (self.max_norm / (norm + 1e-6)).clamp(max=1)
        for gradient in gradients:
            gradient.mul_(factor)
