"""Heads for pretrained text features, and mean pooling."""

import pytest
import torch

from sklearn_htc.network.heads import (
    MeanPoolingHead,
    MeanPoolingStart,
    PretrainedMeanPoolingHead,
)


def batch(rng):
    text = torch.randn(3, 4, 6, generator=rng, dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]).bool()
    labels = torch.randn(5, 6, generator=rng, dtype=torch.float64)
    return text, mask, labels


def head_with(weight):
    head = MeanPoolingStart(n_nodes=5, dimension=6, dropout=0.0).double()
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(torch.arange(5))
    return head


def test_nothing_is_scored_before_the_first_step():
    text, mask, labels = batch(torch.Generator().manual_seed(0))
    head = MeanPoolingStart(n_nodes=5, dimension=6).double()
    assert (head(text, mask, labels) == 0).all()


def test_labels_that_attend_to_nothing_read_the_mean():
    rng = torch.Generator().manual_seed(0)
    text, mask, labels = batch(rng)
    weight = torch.randn(5, 6, generator=rng, dtype=torch.float64)
    found = head_with(weight)(text, mask, 0 * labels)
    for row, n_tokens in enumerate((4, 2, 1)):
        mean = text[row, :n_tokens].mean(dim=0)
        expected = 5 * weight @ mean + torch.arange(5)
        torch.testing.assert_close(found[row], expected)


def test_attention_is_divided_by_the_root_of_the_dimension():
    rng = torch.Generator().manual_seed(0)
    text, mask, labels = batch(rng)
    weight = torch.randn(5, 6, generator=rng, dtype=torch.float64)
    head = head_with(weight)
    found = head(text, mask, labels)
    contexts = torch.empty(3, 5, 6, dtype=torch.float64)
    for row, n_tokens in enumerate((4, 2, 1)):
        own = text[row, :n_tokens]
        for label in range(5):
            attention = torch.softmax(own @ labels[label] / 6**0.5, dim=0)
            contexts[row, label] = attention @ own
    expected = 5 * (contexts * weight).sum(dim=-1) + torch.arange(5)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(head.score(contexts), expected)


@pytest.mark.parametrize(
    ("kind", "scale"), [(MeanPoolingHead, 1), (PretrainedMeanPoolingHead, 5)]
)
def test_mean_pooling_reads_the_mean_whatever_the_labels_are(kind, scale):
    rng = torch.Generator().manual_seed(0)
    text, mask, labels = batch(rng)
    head = kind(n_nodes=5, dimension=6, dropout=0.0).double()
    assert bool((head.weight == 0).all()) == (scale == 5)
    weight = torch.randn(5, 6, generator=rng, dtype=torch.float64)
    with torch.no_grad():
        head.weight.copy_(weight)
    found = head(text, mask, labels)
    for row, n_tokens in enumerate((4, 2, 1)):
        mean = text[row, :n_tokens].mean(dim=0)
        torch.testing.assert_close(found[row], scale * weight @ mean)
