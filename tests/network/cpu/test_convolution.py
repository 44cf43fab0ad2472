"""The convolution as products, against torch's own."""

import torch
from torch.nn import functional as F

from sklearn_htc.network.cpu.convolution import convolve


def test_values_and_gradients_equal_torchs_convolution():
    torch.manual_seed(0)
    text = torch.randn(3, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 4, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(6, dtype=torch.float64, requires_grad=True)
    hidden = convolve(text, weight, bias)
    expected = F.conv1d(text.transpose(1, 2), weight, bias, padding=1).transpose(1, 2)
    torch.testing.assert_close(hidden, expected)
    of = torch.randn_like(expected)
    for ours, theirs in zip(
        *(
            torch.autograd.grad((value * of).sum(), [text, weight, bias])
            for value in (hidden, expected)
        ),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_a_single_position():
    text = torch.randn(2, 1, 4)
    weight, bias = torch.randn(6, 4, 3), torch.randn(6)
    expected = text @ weight[:, :, 1].T + bias
    torch.testing.assert_close(convolve(text, weight, bias), expected)
