"""A bidirectional GRU layer that is fast on a CPU, both directions in one step."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["bidirectional_gru"]

aten = torch.ops.aten

# Steps whose derivatives are taken at once: few enough for the processor's cache.
CHUNK = 8


def bidirectional_gru(
    tokens: Tensor, mask: Tensor, forward: nn.GRU, backward: nn.GRU
) -> Tensor:
    """Read each document from its first token on, and from its last token back.

    With x the token and h the state before, the state at a position is

        r, z = sigmoid(V_r x + a_r + W_r h + b_r), sigmoid(V_z x + a_z + W_z h + b_z)
        m = W_n h + b_n
        n = tanh(V_n x + a_n + r m)
        h' = (1 - z) n + z h

    and 0 beyond a document's end. torch's own GRU takes one direction after the other,
    and in the backward pass makes a product for the gradient of W at each position.
    Here the directions share each step, one product serves all positions, and a step
    is a few operations in place on arrays of all positions.

    Parameters
    ----------
    tokens : Tensor of shape (K, B, n_inputs)
        Position by position.
    mask : bool Tensor of shape (B, K)
        Which positions exist: the first ones of each document.
    forward, backward : nn.GRU
        Hold the weights, in one layer of h units each.

    Returns
    -------
    states : Tensor of shape (B, K, 2 h)
        Both directions' states at each position, the forward ones first.
    """
    both: tuple[Any, Any] = (forward, backward)
    return _BidirectionalGRU.apply(
        tokens,
        mask,
        torch.stack([gru.weight_ih_l0 for gru in both]),
        torch.stack([gru.bias_ih_l0 for gru in both]),
        torch.stack([gru.weight_hh_l0 for gru in both]),
        torch.stack([gru.bias_hh_l0 for gru in both]),
    )


class _BidirectionalGRU(torch.autograd.Function):
    """Forward and backward pass by hand.

    Arrays of all positions have shape (2, K, B, ...), the direction first. `gates`
    holds n, r, z and m beside each other: a token adds to the first three, the state
    before to the last three.
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        tokens, mask, input_weight, input_bias, weight, bias = inputs
        length, batch, _ = tokens.shape
        size = weight.shape[2]
        input_weight = input_weight.roll(size, dims=1)
        input_bias = input_bias.roll(size, dims=1)
        input_bias[:, size:] += bias[:, : 2 * size]
        # tanh(x) = 2 sigmoid(2 x) - 1, and torch's sigmoid is much the faster: twice
        # the weights give twice the x, to the last bit.
        factor = weight.new_ones(4 * size)
        factor[:size] = factor[3 * size :] = 2
        gates = tokens.new_empty(2, length, batch, 4 * size)
        for direction in range(2):
            torch.addmm(
                input_bias[direction] * factor[: 3 * size],
                tokens.flatten(0, 1),
                input_weight[direction].T * factor[: 3 * size],
                out=gates[direction].flatten(0, 1)[:, : 3 * size],
            )
            gates[direction, ..., 3 * size :] = 2 * bias[direction, 2 * size :]
        recurrent_weight = weight.transpose(1, 2) * factor[size:]
        states = tokens.new_zeros(2, length + 1, batch, size)
        exists = _exists(mask, tokens.dtype)
        shortest = int(mask.sum(dim=1).amin())
        minus_one = tokens.new_tensor(-1.0)
        for k in range(length):
            state, after = _at_step(states, k), _at_step(states, k + 1)
            new, of_state = _at_step(gates, k).split([size, 3 * size], dim=-1)
            of_state.baddbmm_(state, recurrent_weight)
            of_state[..., : 2 * size].sigmoid_()
            reset, update, recurrent = of_state.split(size, dim=-1)
            new.addcmul_(reset, recurrent).sigmoid_()
            torch.add(minus_one, new, alpha=2, out=new)
            torch.lerp(new, state, update, out=after)
            position = length - 1 - k
            if position >= shortest:
                after[1] *= exists[position]
        ctx.save_for_backward(tokens, mask, states, input_weight, weight)
        ctx.gates = gates
        output = tokens.new_empty(batch, length, 2 * size)
        output[..., :size] = states[0, 1:].transpose(0, 1)
        output[..., size:] = states[1, :-1].transpose(0, 1)
        return output

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, *gradients: Any) -> Any:  # type: ignore[override]
        tokens, mask, states, input_weight, weight = ctx.saved_tensors
        # The gradient takes its place, so this serves for one pass.
        gates = ctx.gates
        del ctx.gates
        size = weight.shape[2]
        _to_gradient_of_gates(gates, states, mask, gradients[0], weight)
        of_gates = gates.flatten(1, 2)
        of_token, of_state = of_gates[..., : 3 * size], of_gates[..., size:]
        flat = tokens.flatten(0, 1)
        before = (states[0, :-1].flatten(0, 1), states[1, 1:].flatten(0, 1))
        of_weight = torch.stack([of_state[i].T @ before[i] for i in range(2)])
        of_input_weight = torch.stack([of_token[i].T @ flat for i in range(2)])
        of_tokens = of_token[0] @ input_weight[0]
        of_tokens.addmm_(of_token[1], input_weight[1])
        of_bias = of_gates.sum(dim=1)
        return (
            of_tokens.view_as(tokens),
            None,
            of_input_weight.roll(-size, dims=1),
            of_bias[:, : 3 * size].roll(-size, dims=1),
            of_weight,
            of_bias[:, size:],
        )


def _to_gradient_of_gates(
    gates: Tensor, states: Tensor, mask: Tensor, gradient: Tensor, weight: Tensor
) -> None:
    """Write over n, r, z, 2 m (2, K, B, 4 h) the gradients of their arguments, and m.

    Each is the gradient of the state h' after it times a derivative that is known
    beforehand. So a step back is three operations: that product, and two to h.
    """
    _, length, batch, size = states[:, 1:].shape
    exists = _exists(mask, states.dtype)
    of_states = gradient.view(batch, length, 2, size).permute(2, 1, 0, 3).contiguous()
    carried = _at_step(of_states, length - 1)
    for stop in range(length, 0, -CHUNK):
        start = max(0, stop - CHUNK)
        kept = _to_derivatives(
            _steps(gates, start, stop),
            _steps(states, start, stop),
            exists[length - stop : length - start],
        )
        for k in reversed(range(start, stop)):
            of_gates = _at_step(gates, k)
            of_gates.unflatten(-1, (4, size)).mul_(carried.unsqueeze(2))
            if k:
                carried = torch.addcmul(
                    _at_step(of_states, k - 1), carried, _at_step(kept, k - start)
                ).baddbmm_(of_gates[..., size:], weight)


def _to_derivatives(gates: Tensor, before: Tensor, exists: Tensor) -> Tensor:
    """Write over n, r, z, 2 m the derivatives of h' by their arguments, and by m.

    Returns that by h, past the gates. All are 0 beyond the end of the document.
    """
    new, reset, update, recurrent = gates.chunk(4, dim=-1)
    of_new = aten.tanh_backward(1 - update, new)
    of_update = aten.sigmoid_backward(before - new, update)
    kept = update.clone()
    for derivative in (of_new, of_update, kept):
        derivative[1] *= exists
    of_reset = aten.sigmoid_backward(of_new * recurrent, reset)
    torch.mul(of_new, reset, out=recurrent)
    torch.mul(of_reset, 0.5, out=reset)
    new.copy_(of_new)
    update.copy_(of_update)
    return kept


def _steps(values: Tensor, start: int, stop: int) -> Tensor:
    """View some steps (2, stop - start, B, ...) of both directions.

    The second direction's first step is at the last position.
    """
    _, length, *shape = values.shape
    between, step, *strides = values.stride()
    return values.as_strided(
        (2, stop - start, *shape),
        (between + (length - stop - start) * step, step, *strides),
        values.storage_offset() + start * step,
    )


def _at_step(values: Tensor, k: int) -> Tensor:
    """View one step (2, B, ...) of both directions."""
    return _steps(values, k, k + 1).squeeze(1)


def _exists(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Say for each position which documents have it, (K, B, 1)."""
    return mask.T.unsqueeze(-1).to(dtype)
