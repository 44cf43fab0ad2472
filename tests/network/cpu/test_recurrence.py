"""The bidirectional GRU by hand, against torch's own over packed sequences."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sklearn_htc.network.cpu.recurrence import bidirectional_gru
from sklearn_htc.network.text_encoders import BiGRUEncoder

LENGTHS = torch.tensor([9, 1, 3, 19])
MASK = torch.arange(19) < LENGTHS[:, None]


def test_states_and_gradients_equal_a_packed_gru():
    torch.manual_seed(0)
    both = nn.GRU(6, 4, batch_first=True, bidirectional=True).double()
    halves = [nn.GRU(6, 4, batch_first=True).double() for _ in range(2)]
    for half, suffix in zip(halves, ("", "_reverse"), strict=True):
        for name, weight in half.named_parameters():
            weight.data = getattr(both, name + suffix).data.clone()
    tokens = torch.randn(19, 4, 6, dtype=torch.float64, requires_grad=True)
    packed = pack_padded_sequence(
        tokens.transpose(0, 1), LENGTHS, batch_first=True, enforce_sorted=False
    )
    expected = pad_packed_sequence(both(packed)[0], batch_first=True)[0]
    states = bidirectional_gru(tokens, MASK, *halves)
    keep = MASK.unsqueeze(-1)
    torch.testing.assert_close(states * keep, expected)

    weights = [weight for half in halves for weight in half.parameters()]
    of = torch.randn_like(expected)
    gradients = torch.autograd.grad((states * keep * of).sum(), [tokens, *weights])
    packed_weights = [
        getattr(both, name + suffix)
        for suffix in ("", "_reverse")
        for name, _ in halves[0].named_parameters()
    ]
    direct = torch.autograd.grad((expected * of).sum(), [tokens, *packed_weights])
    for gradient, other in zip(gradients, direct, strict=True):
        torch.testing.assert_close(gradient, other)


def test_both_ways_to_read_give_the_same_states_and_gradients():
    torch.manual_seed(0)
    encoder = BiGRUEncoder(n_tokens=20, dimension=8, embedding_size=6).double()
    tokens = torch.randn(19, 4, 6, dtype=torch.float64, requires_grad=True)
    results = []
    for read in (encoder._read, encoder._read_whole):
        states = read(tokens, MASK) * MASK.unsqueeze(-1)
        (gradient,) = torch.autograd.grad(states.square().sum(), tokens)
        results.append((states, gradient))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)
