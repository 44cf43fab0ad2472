"""The paper's training step as its text reads, for `benchmarks.step` to compare with.

The same mathematics and the same weights as `sklearn_htc.network`, without any of its
rewrites: every document padded to the full length, a packed GRU, all contexts (B, N, d)
in memory, D_MI run on both texts, and Python loops over labels (prior matching), nodes
(TreeLSTM) and edges (recursive regularisation).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sklearn_htc import Hierarchy
from sklearn_htc.network.losses.mutual_information import TextLabelDiscriminator
from sklearn_htc.network.losses.objective import HTCInfoMaxObjective
from sklearn_htc.network.losses.prior_matching import LabelPriorDiscriminator
from sklearn_htc.network.model import HTCInfoMax
from sklearn_htc.network.structure_encoders import GCNEncoder

MAX_LENGTH = 256


class LiteralStep:
    """Computes the loss of a batch with the modules of a model and an objective.

    Parameters
    ----------
    model : HTCInfoMax
        With the paper's parts: BiGRU and joint head.
    objective : HTCInfoMaxObjective
        With both information maximization modules.
    hierarchy : Hierarchy
        The label graph.
    """

    def __init__(
        self, model: HTCInfoMax, objective: HTCInfoMaxObjective, hierarchy: Hierarchy
    ) -> None:
        self.model = model
        self.objective = objective
        self.edges = [edge.tolist() for edge in hierarchy.edges]
        self.gru = _bidirectional(model.text_encoder)

    def parameters(self) -> list[nn.Parameter]:
        """List all weights, those of the GRU in its packed form."""
        text = self.model.text_encoder
        separate = {
            id(weight)
            for gru in (text.forward_gru, text.backward_gru)
            for weight in gru.parameters()
        }
        both = [*self.model.parameters(), *self.objective.parameters()]
        return [w for w in both if id(w) not in separate] + list(self.gru.parameters())

    def loss(
        self, ids: Tensor, target: Tensor, others: Tensor, samples: Tensor
    ) -> Tensor:
        """Compute L of Eq. 6.

        Parameters
        ----------
        ids : int Tensor of shape (B, MAX_LENGTH)
            Token ids, 0 after the end.
        target : Tensor of shape (B, N)
            0 or 1.
        others : int Tensor of shape (B,)
            The other text of each document, for D_MI.
        samples : Tensor of shape (N, d)
            Samples of the prior.

        Returns
        -------
        loss : Tensor of shape ()
            Averaged over the documents.
        """
        model, objective = self.model, self.objective
        mask = ids > 0
        text = self._read(ids, mask)
        labels = self._encode_labels()
        scores = torch.einsum("bkd,nd->bnk", text, labels)
        attention = scores.masked_fill(~mask.unsqueeze(1), -torch.inf).softmax(dim=-1)
        contexts = attention @ text
        logits = model.head.linear(model.head.dropout(contexts.flatten(1)))
        classification = F.binary_cross_entropy_with_logits(
            logits, target, reduction="none"
        ).mean(dim=1)
        mean = text.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        weight = objective.loss_weight(mean, labels)
        mutual = self._mutual_information(
            objective.text_label_discriminator, text, mask, labels, target, others
        )
        prior = _prior_matching(objective.label_prior_discriminator, labels, samples)
        loss = (classification + weight * mutual + (1 - weight) * prior).mean()
        penalty = text.new_zeros(())
        for parent, child in zip(*self.edges, strict=True):
            difference = model.head.weight[parent] - model.head.weight[child]
            penalty = penalty + 0.5 * (difference**2).sum()
        return loss + objective.recursive_regularization_weight * penalty

    def _read(self, ids: Tensor, mask: Tensor) -> Tensor:
        encoder = self.model.text_encoder
        tokens = encoder.embedding_dropout(encoder.embedding(ids))
        packed = pack_padded_sequence(
            tokens, mask.sum(dim=1), batch_first=True, enforce_sorted=False
        )
        text, _ = pad_packed_sequence(
            self.gru(packed)[0], batch_first=True, total_length=MAX_LENGTH
        )
        return encoder.dropout(text) * mask.unsqueeze(-1)

    def _encode_labels(self) -> Tensor:
        encoder = self.model.structure_encoder
        embeddings = self.model.label_embedding
        if isinstance(encoder, GCNEncoder):
            return _gcn(encoder, embeddings)
        parent, child = self.edges
        up = _tree_lstm(
            encoder.bottom_up, embeddings, _sources(child, parent, encoder.certain)
        )
        down = _tree_lstm(
            encoder.top_down, embeddings, _sources(parent, child, encoder.prior)
        )
        return encoder.dropout(torch.cat([up, down], dim=1))

    def _mutual_information(
        self,
        discriminator: TextLabelDiscriminator,
        text: Tensor,
        mask: Tensor,
        labels: Tensor,
        target: Tensor,
        others: Tensor,
    ) -> Tensor:
        own = target @ labels / target.sum(dim=1, keepdim=True)
        scores = []
        for rows in (torch.arange(len(text)), others):
            keep = mask[rows].unsqueeze(1)
            hidden = F.relu(discriminator.conv1(text[rows].transpose(1, 2))) * keep
            features = discriminator.conv2(hidden) * keep
            mean = features.sum(dim=2) / keep.sum(dim=2)
            scores.append(discriminator.score(torch.cat([mean, own], 1)).squeeze(-1))
        return F.softplus(-scores[0]) + F.softplus(scores[1])


def _bidirectional(encoder: nn.Module) -> nn.GRU:
    """Make one bidirectional GRU of the two of an encoder."""
    forward, backward = encoder.forward_gru, encoder.backward_gru
    gru = nn.GRU(
        forward.input_size, forward.hidden_size, batch_first=True, bidirectional=True
    ).to(forward.weight_ih_l0.dtype)
    for name, weight in forward.named_parameters():
        getattr(gru, name).data = weight.data.clone()
    for name, weight in backward.named_parameters():
        getattr(gru, f"{name}_reverse").data = weight.data.clone()
    return gru


def _gcn(encoder: GCNEncoder, embeddings: Tensor) -> Tensor:
    n = len(embeddings)
    down = embeddings.new_zeros(n, n)
    up = embeddings.new_zeros(n, n)
    down[encoder.child, encoder.parent] = encoder.prior
    up[encoder.parent, encoder.child] = 1
    gates = encoder.gates(embeddings)
    messages = (
        torch.sigmoid(gates[:, 0] + encoder.gate_bias[:, 0]).unsqueeze(1)
        * (down @ embeddings + encoder.down_bias),
        torch.sigmoid(gates[:, 1] + encoder.gate_bias[:, 1]).unsqueeze(1)
        * (up @ embeddings + encoder.up_bias),
        torch.sigmoid(gates[:, 2]).unsqueeze(1) * embeddings,
    )
    return torch.relu(sum(encoder.dropout(message) for message in messages))


def _sources(
    source: list[int], target: list[int], weight: Tensor
) -> dict[int, list[tuple[int, Tensor]]]:
    """List the (source, weight) pairs of each target."""
    sources: dict[int, list[tuple[int, Tensor]]] = {}
    for j, k, w in zip(source, target, weight, strict=True):
        sources.setdefault(k, []).append((j, w))
    return sources


def _tree_lstm(
    cell: nn.Module,
    embeddings: Tensor,
    sources: dict[int, list[tuple[int, Tensor]]],
) -> Tensor:
    """Compute one node after the other, each after its sources."""
    size = cell.forget.in_features
    states: dict[int, tuple[Tensor, Tensor]] = {}

    def visit(k: int) -> tuple[Tensor, Tensor]:
        if k in states:
            return states[k]
        own = cell.inputs(embeddings[k])
        of_gates, of_forget = own[: 3 * size], own[3 * size :]
        gathered = embeddings.new_zeros(size)
        carried = embeddings.new_zeros(size)
        for j, weight in sources.get(k, []):
            hidden, memory = visit(j)
            gathered = gathered + weight * hidden
            carried = carried + torch.sigmoid(of_forget + cell.forget(hidden)) * memory
        let_in, let_out, update = (of_gates + cell.gates(gathered)).chunk(3)
        memory = torch.sigmoid(let_in) * torch.tanh(update) + carried
        states[k] = torch.sigmoid(let_out) * torch.tanh(memory), memory
        return states[k]

    return torch.stack([visit(k)[0] for k in range(len(embeddings))])


def _prior_matching(
    discriminator: LabelPriorDiscriminator, labels: Tensor, samples: Tensor
) -> Tensor:
    losses = []
    for sample, label in zip(samples, labels, strict=True):
        of_sample = F.softplus(-discriminator(sample.unsqueeze(0)))
        # The label as it is, with its gradient reversed: the two are adversaries.
        reverse = 2 * label.detach() - label
        losses.append(of_sample + F.softplus(discriminator(reverse.unsqueeze(0))))
    return torch.cat(losses).mean()
