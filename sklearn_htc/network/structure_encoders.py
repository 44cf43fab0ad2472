"""Structure encoders: node representations that know the hierarchy (HiAGM).

The nodes' inputs are label embeddings, the same for every document (HiAGM-LA), or what
a document says to each node (HiAGM-TP): any axes may come before nodes and dimension.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from sklearn_htc.network.cpu.dropout import Dropout

__all__ = ["GCNEncoder", "TreeLSTMEncoder"]


class GCNEncoder(nn.Module):
    """Hierarchy-GCN: one gated message from parents, from children and from itself.

    For node k with representation v_k, over its parents p and its children c:

        down_k = sigmoid(w_down . v_k + g_down_k) (sum_p P(k | p) v_p + b_down_k)
        up_k   = sigmoid(w_up . v_k + g_up_k)     (sum_c v_c + b_up_k)
        self_k = sigmoid(w_self . v_k) v_k
        y_k    = ReLU(down_k + up_k + self_k)

    Parameters
    ----------
    parent, child : int Tensor of shape (n_edges,)
        The edges of the hierarchy.
    prior : Tensor of shape (n_edges,)
        P(child | parent) of each edge.
    n_nodes : int
        Number of nodes N.
    dimension : int
        Size d of the label representations.
    dropout : float, default=0.05
        Dropout on each of the three messages.
    """

    parent: Tensor
    child: Tensor
    prior: Tensor

    def __init__(
        self,
        *,
        parent: Tensor,
        child: Tensor,
        prior: Tensor,
        n_nodes: int,
        dimension: int,
        dropout: float = 0.05,
    ) -> None:
        super().__init__()
        self.register_buffer("parent", parent)
        self.register_buffer("child", child)
        self.register_buffer("prior", prior)
        self.down_bias = nn.Parameter(torch.zeros(n_nodes, dimension))
        self.up_bias = nn.Parameter(torch.zeros(n_nodes, dimension))
        self.gates = nn.Linear(dimension, 3, bias=False)
        self.gate_bias = nn.Parameter(torch.zeros(n_nodes, 2))
        self.dropout = Dropout(dropout)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Pass messages along the edges once.

        Parameters
        ----------
        embeddings : Tensor of shape (..., N, d)
            Inputs of the nodes.

        Returns
        -------
        labels : Tensor of shape (..., N, d)
            Representations of the nodes, not negative.
        """
        shape = embeddings.shape
        gates = self.gates(embeddings)
        gates = torch.sigmoid(
            torch.cat([gates[..., :2] + self.gate_bias, gates[..., 2:]], -1)
        )
        of_parents = embeddings.index_select(-2, self.parent)
        of_children = embeddings.index_select(-2, self.child)
        # Sums are in full precision, also where inputs are not.
        from_above = (of_parents * self.prior.unsqueeze(-1)).type_as(self.down_bias)
        from_below = of_children.type_as(self.up_bias)
        down = self.down_bias.expand(shape).index_add(-2, self.child, from_above)
        up = self.up_bias.expand(shape).index_add(-2, self.parent, from_below)
        return torch.relu(
            self.dropout(down * gates[..., 0:1])
            + self.dropout(up * gates[..., 1:2])
            + self.dropout(embeddings * gates[..., 2:3])
        )


class TreeLSTMEncoder(nn.Module):
    """Bidirectional tree LSTM: half of y_k comes from below, half from above.

    Bottom-up the sources j of a node are its children, with weight a = 1; top-down
    they are its parents, with weight a = P(k | j). In either direction

        h~_k = sum_j a_kj h_j
        i, o, u = sigmoid, sigmoid, tanh of W v_k + U h~_k + b
        f_kj = sigmoid(W_f v_k + U_f h_j + b_f)
        c_k = i * u + sum_j f_kj * c_j,    h_k = o * tanh(c_k)

    All nodes whose sources are done are computed at once, so there are as many steps
    as the hierarchy has levels.

    Parameters
    ----------
    parent, child : int Tensor of shape (n_edges,)
        The edges of the hierarchy.
    prior : Tensor of shape (n_edges,)
        P(child | parent) of each edge.
    n_nodes : int
        Number of nodes N.
    dimension : int
        Size d of the label representations, even: half for either direction.
    dropout : float, default=0.05
        Dropout on the label representations.
    """

    prior: Tensor
    certain: Tensor

    def __init__(
        self,
        *,
        parent: Tensor,
        child: Tensor,
        prior: Tensor,
        n_nodes: int,
        dimension: int,
        dropout: float = 0.05,
    ) -> None:
        super().__init__()
        self.register_buffer("prior", prior)
        self.register_buffer("certain", torch.ones_like(prior))
        self.bottom_up = _DirectedTreeLSTM(child, parent, n_nodes, dimension)
        self.top_down = _DirectedTreeLSTM(parent, child, n_nodes, dimension)
        self.dropout = Dropout(dropout)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Run both directions and join them.

        Parameters
        ----------
        embeddings : Tensor of shape (..., N, d)
            Inputs of the nodes.

        Returns
        -------
        labels : Tensor of shape (..., N, d)
            Representations of the nodes, within (-1, 1).
        """
        up = self.bottom_up(embeddings, self.certain)
        down = self.top_down(embeddings, self.prior)
        return self.dropout(torch.cat([up, down], dim=-1))


class _DirectedTreeLSTM(nn.Module):
    """One direction of `TreeLSTMEncoder`, along edges from source to target."""

    def __init__(
        self, source: Tensor, target: Tensor, n_nodes: int, dimension: int
    ) -> None:
        super().__init__()
        hidden = dimension // 2
        self.inputs = nn.Linear(dimension, 4 * hidden)
        self.gates = nn.Linear(hidden, 3 * hidden, bias=False)
        self.forget = nn.Linear(hidden, hidden, bias=False)
        self.n_steps = 0
        for nodes, edges in _generations(source, target, n_nodes):
            step = self.n_steps
            # Where each edge's target stands among the nodes of its generation.
            slot = torch.searchsorted(nodes, target[edges])
            self.register_buffer(f"nodes_{step}", nodes, persistent=False)
            self.register_buffer(f"edges_{step}", edges, persistent=False)
            self.register_buffer(f"source_{step}", source[edges], persistent=False)
            self.register_buffer(f"slot_{step}", slot, persistent=False)
            self.n_steps += 1

    def forward(self, embeddings: Tensor, weight: Tensor) -> Tensor:
        """Compute the states of all nodes (..., N, d / 2), a generation at a time."""
        inputs = self.inputs(embeddings)
        size = self.forget.in_features
        # States are in full precision, also where inputs are not.
        hidden = weight.new_zeros(*embeddings.shape[:-1], size)
        memory = hidden
        for step in range(self.n_steps):
            nodes, edges, source, slot = (
                self.get_buffer(f"{name}_{step}")
                for name in ("nodes", "edges", "source", "slot")
            )
            own = inputs.index_select(-2, nodes)
            gate_inputs, forget_input = own.tensor_split([3 * size], dim=-1)
            below = hidden.index_select(-2, source)
            nothing = hidden.new_zeros(*own.shape[:-1], size)
            gathered = nothing.index_add(-2, slot, weight[edges].unsqueeze(-1) * below)
            forget = torch.sigmoid(
                forget_input.index_select(-2, slot) + self.forget(below)
            )
            carried = nothing.index_add(
                -2, slot, forget * memory.index_select(-2, source)
            )
            gates = (gate_inputs + self.gates(gathered)).chunk(3, dim=-1)
            let_in, let_out, update = gates
            new = torch.sigmoid(let_in) * torch.tanh(update) + carried
            memory = memory.index_copy(-2, nodes, new)
            hidden = hidden.index_copy(
                -2, nodes, torch.sigmoid(let_out) * torch.tanh(new)
            )
        return hidden


def _generations(
    source: Tensor, target: Tensor, n_nodes: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (nodes, edges into them), such that every source comes before its target.

    `nodes` is sorted; a node stands in the generation after its last source.
    """
    generation = torch.zeros(n_nodes, dtype=torch.long)
    while True:
        later = generation.scatter_reduce(0, target, generation[source] + 1, "amax")
        if torch.equal(later, generation):
            break
        generation = later
    for step in range(int(generation.max()) + 1):
        nodes = torch.nonzero(generation == step).squeeze(-1)
        edges = torch.nonzero(generation[target] == step).squeeze(-1)
        yield nodes, edges
