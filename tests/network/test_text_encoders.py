"""Text encoders: sizes, padding that touches nothing, and direct forms."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sklearn_htc.network.text_encoders import (
    BagOfTermsEncoder,
    BiGRUEncoder,
    DenseEncoder,
    RCNNEncoder,
    TokenEmbeddingEncoder,
)

LENGTHS = torch.tensor([5, 1, 3])
MASK = torch.arange(5) < LENGTHS[:, None]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def token_ids():
    return torch.randint(1, 20, (3, 5)) * MASK


def make(name):
    """Return an encoder in evaluation mode and a batch of 3 documents."""
    if name == "dense":
        encoder = DenseEncoder(n_features=7, dimension=8)
        batch = {"values": torch.randn(3, 7)}
    elif name == "tokens":
        encoder = TokenEmbeddingEncoder(n_features=7, dimension=8)
        batch = {"values": torch.randn(3, 5, 7), "mask": MASK}
    else:
        kind = {"bigru": BiGRUEncoder, "rcnn": RCNNEncoder}[name]
        encoder = kind(n_tokens=20, dimension=8, embedding_size=6)
        batch = {"ids": token_ids(), "mask": MASK}
    return encoder.double().eval(), {
        key: value.double() if value.is_floating_point() else value
        for key, value in batch.items()
    }


@pytest.mark.parametrize("name", ["dense", "tokens", "bigru", "rcnn"])
def test_padding_and_batch_mates_change_nothing(name):
    encoder, batch = make(name)
    text, mask = encoder(**batch)
    assert text.shape[2] == 8
    assert mask.any(dim=1).all()
    for row, length in enumerate(LENGTHS):
        alone = {key: value[row : row + 1] for key, value in batch.items()}
        if "mask" in batch:
            alone = {key: value[:, :length] for key, value in alone.items()}
        own, own_mask = encoder(**alone)
        torch.testing.assert_close(text[row][mask[row]], own[0][own_mask[0]])


def test_a_bag_is_the_sum_of_its_own_weighted_terms():
    encoder = BagOfTermsEncoder(n_terms=20, dimension=8, scale=2.0).double().eval()
    with torch.no_grad():
        encoder.background.normal_()
    ids, weights = torch.tensor([3, 7, 3, 11]), torch.rand(4).double()
    text, mask = encoder(ids, weights, torch.tensor([0, 2, 2, 4]))
    assert mask.tolist() == [[True], [True], [True]]
    terms = 2.0 * weights.unsqueeze(1) * encoder.embedding.weight[ids]
    torch.testing.assert_close(text[0, 0], encoder.background + terms[0] + terms[1])
    torch.testing.assert_close(text[1, 0], encoder.background)
    torch.testing.assert_close(text[2, 0], encoder.background + terms[2] + terms[3])


@pytest.mark.parametrize("kind", [BiGRUEncoder, BagOfTermsEncoder])
def test_sparse_gradients_equal_dense_ones(kind):
    gradients = []
    for sparse in (False, True):
        torch.manual_seed(0)
        if kind is BagOfTermsEncoder:
            encoder = kind(n_terms=20, dimension=8, dropout=0.0, sparse=sparse)
            batch = (torch.tensor([3, 7, 3]), torch.rand(3), torch.tensor([0, 2, 3]))
        else:
            encoder = kind(n_tokens=19, dimension=8, embedding_size=6, sparse=sparse)
            batch = (token_ids(), MASK)
        encoder.eval()(*batch)[0].square().sum().backward()
        gradients.append(encoder.embedding.weight.grad)
    assert gradients[1].is_sparse
    torch.testing.assert_close(gradients[1].to_dense(), gradients[0])


def test_dense_has_several_positions():
    encoder, batch = make("dense")
    text, _ = encoder(**batch)
    views = batch["values"] @ encoder.views.weight.T + encoder.views.bias
    torch.testing.assert_close(text, views.reshape(3, 8, 8))


def test_bigru_equals_a_packed_bidirectional_gru():
    encoder, batch = make("bigru")
    packed_gru = nn.GRU(6, 4, batch_first=True, bidirectional=True).double()
    for name, weight in encoder.forward_gru.named_parameters():
        getattr(packed_gru, name).data = weight.data
    for name, weight in encoder.backward_gru.named_parameters():
        getattr(packed_gru, name + "_reverse").data = weight.data
    packed = pack_padded_sequence(
        encoder.embedding(batch["ids"]),
        LENGTHS,
        batch_first=True,
        enforce_sorted=False,
    )
    expected, _ = pad_packed_sequence(packed_gru(packed)[0], batch_first=True)
    text, mask = encoder(**batch)
    torch.testing.assert_close(text, expected)
    assert torch.equal(mask, MASK)


def test_bigru_has_the_sizes_of_the_paper():
    encoder = BiGRUEncoder(n_tokens=10, dimension=300)
    assert encoder.embedding.weight.shape == (11, 300)
    for gru in (encoder.forward_gru, encoder.backward_gru):
        assert (gru.input_size, gru.hidden_size) == (300, 150)
    assert encoder.embedding_dropout.p == 0.5
    assert encoder.dropout.p == 0.1


@pytest.mark.parametrize("top_k", [1, 3])
def test_rcnn_pools_the_largest_activations_of_each_kernel(top_k):
    encoder = RCNNEncoder(n_tokens=20, dimension=8, embedding_size=6, top_k=top_k)
    encoder = encoder.double().eval()
    ids = token_ids()
    text, mask = encoder(ids, MASK)
    assert text.shape == (3, 3 * top_k, 8)
    assert mask.all()
    states, _ = encoder.gru(ids, MASK)
    for row in range(3):
        position = 0
        for size, convolution, project in zip(
            (2, 3, 4), encoder.convolutions, encoder.projections, strict=True
        ):
            own = F.pad(states[row, : LENGTHS[row]].T, (0, size - 1))
            active = [
                torch.relu(
                    torch.einsum("fcw,cw->f", convolution.weight, own[:, k : k + size])
                    + convolution.bias
                )
                for k in range(LENGTHS[row])
            ]
            active += [torch.zeros(100).double()] * top_k
            ranked = torch.stack(active).sort(dim=0, descending=True).values
            for rank in range(top_k):
                expected = project(ranked[rank])
                torch.testing.assert_close(text[row, position], expected)
                position += 1


def test_rcnn_has_the_sizes_of_hiagm():
    encoder = RCNNEncoder(n_tokens=10, dimension=300)
    assert encoder.gru.forward_gru.hidden_size == 64
    assert [tuple(conv.weight.shape) for conv in encoder.convolutions] == [
        (100, 128, 2),
        (100, 128, 3),
        (100, 128, 4),
    ]
