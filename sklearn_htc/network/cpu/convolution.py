"""A convolution of width 3 over positions, as products of whole matrices."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

__all__ = ["convolve"]


def convolve(text: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve each document with a kernel of width 3, with zeros around it.

    On a CPU the documents stand in one matrix, with rows of zeros between them; each
    tap of the kernel multiplies this matrix, one row further down than the last. In
    the backward pass this is faster than torch's convolution, and text needs not be
    turned round for it.

    Parameters
    ----------
    text : Tensor of shape (B, K, d)
        Text features.
    weight : Tensor of shape (h, d, 3)
        As `nn.Conv1d` has it.
    bias : Tensor of shape (h,)
        As `nn.Conv1d` has it.

    Returns
    -------
    hidden : Tensor of shape (B, K, h)
        One vector per position.
    """
    if text.is_cuda:
        return F.conv1d(text.transpose(1, 2), weight, bias, padding=1).transpose(1, 2)
    return _Convolution.apply(text, weight, bias)


class _Convolution(torch.autograd.Function):
    """hidden_i = x_(i-1) W_0 + x_i W_1 + x_(i+1) W_2 + b, over rows i of all texts."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        text, weight, bias = inputs
        rows = _with_zeros_between(text)
        first, middle, last = weight.unbind(2)
        hidden = text.new_empty(len(rows), len(bias))
        torch.addmm(bias, rows[:-2], first.T, out=hidden[1:-1])
        hidden[1:-1].addmm_(rows[1:-1], middle.T).addmm_(rows[2:], last.T)
        ctx.save_for_backward(rows, weight)
        return _without_between(hidden, text)

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, *gradients: Any) -> Any:  # type: ignore[override]
        rows, weight = ctx.saved_tensors
        of_rows = _with_zeros_between(gradients[0])
        first, middle, last = weight.unbind(2)
        of_text = torch.empty_like(rows)
        torch.mm(of_rows[2:], first, out=of_text[1:-1])
        of_text[1:-1].addmm_(of_rows[1:-1], middle).addmm_(of_rows[:-2], last)
        inner = of_rows[1:-1].T
        of_weight = torch.stack(
            [inner @ rows[:-2], inner @ rows[1:-1], inner @ rows[2:]], dim=2
        )
        of_bias = of_rows.sum(dim=0)
        return _without_between(of_text, gradients[0]), of_weight, of_bias


def _with_zeros_between(values: Tensor) -> Tensor:
    """Stack documents (B, K, d) to rows (B (K + 2), d), each with a 0 at either end."""
    return F.pad(values, (0, 0, 1, 1)).flatten(0, 1)


def _without_between(rows: Tensor, like: Tensor) -> Tensor:
    """Return rows (B (K + 2), d) as documents (B, K, d)."""
    return rows.view(len(like), like.shape[1] + 2, -1)[:, 1:-1]
