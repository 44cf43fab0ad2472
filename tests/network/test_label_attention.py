"""Label attention and masked operations against loops over positions."""

import torch

from sklearn_htc.network.label_attention import label_attention
from sklearn_htc.network.masking import masked_mean, masked_softmax

MASK = torch.arange(4) < torch.tensor([4, 1, 3])[:, None]


def test_label_attention_equals_its_equation():
    torch.manual_seed(0)
    text = torch.randn(3, 4, 5, dtype=torch.float64)
    labels = torch.randn(6, 5, dtype=torch.float64)
    contexts = label_attention(text, MASK, labels)
    for row in range(3):
        positions = text[row][MASK[row]]
        for node in range(6):
            weights = [torch.exp(position @ labels[node]) for position in positions]
            expected = sum(
                weight * position
                for weight, position in zip(weights, positions, strict=True)
            ) / sum(weights)
            torch.testing.assert_close(contexts[row, node], expected)


def test_masked_mean_and_softmax_see_no_padding():
    values = torch.full((3, 4, 2), torch.nan)
    values[MASK] = 2.0
    mean = masked_mean(values.nan_to_num(1e9), MASK)
    torch.testing.assert_close(mean, torch.full((3, 2), 2.0))
    weights = masked_softmax(torch.zeros(3, 4, 1), MASK)
    torch.testing.assert_close(weights[..., 0], MASK / MASK.sum(1, keepdim=True))


def test_mean_of_no_position_is_zero():
    nothing = torch.zeros(1, 2, dtype=torch.bool)
    assert masked_mean(torch.ones(1, 2, 3), nothing).tolist() == [[0, 0, 0]]
