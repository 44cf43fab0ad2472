"""A bidirectional GRU layer that is fast on a CPU, both directions in one step."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["bidirectional_gru"]

aten = torch.ops.aten


def bidirectional_gru(
    tokens: Tensor, mask: Tensor, forward: nn.GRU, backward: nn.GRU
) -> Tensor:
    """Read each document from its first token on, and from its last token back.

    With x the token and h the state before, the state at a position is

        r, z = sigmoid(V_r x + a_r + W_r h + b_r), sigmoid(V_z x + a_z + W_z h + b_z)
        n = tanh(V_n x + a_n + r (W_n h + b_n))
        h' = (1 - z) n + z h

    and 0 beyond a document's end. torch's own GRU takes one direction after the other,
    and in the backward pass makes a product for the gradient of W at each position.
    Here the directions share each step, and one product serves all positions; arrays
    of all positions are written once, in place, since large ones are slow to get.

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

    Arrays of all positions have shape (2, K, B, ...), in the order of the steps: the
    first step of the second direction is at the last position.
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        tokens, mask, input_weight, input_bias, weight, bias = inputs
        length, batch, _ = tokens.shape
        size = weight.shape[2]
        gates = tokens.new_empty(2, length * batch, 3 * size)
        for direction in range(2):
            torch.addmm(
                input_bias[direction],
                _in_order(tokens, direction).flatten(0, 1),
                input_weight[direction].T,
                out=gates[direction],
            )
        gates = gates.view(2, length, batch, 3 * size)
        transposed = weight.transpose(1, 2).contiguous()
        exists = _exists(mask, tokens.dtype)
        recurrent_n = tokens.new_empty(2, length, batch, size)
        states = tokens.new_zeros(2, length + 1, batch, size)
        output = tokens.new_empty(batch, length, 2 * size)
        for k in range(length):
            state = states[:, k]
            recurrent = torch.baddbmm(bias.unsqueeze(1), state, transposed)
            gates_of_state, new = gates[:, k].split([2 * size, size], dim=-1)
            gates_of_state.add_(recurrent[..., : 2 * size]).sigmoid_()
            reset, update = gates_of_state.split(size, dim=-1)
            recurrent_n[:, k] = recurrent[..., 2 * size :]
            # tanh(x) = 2 sigmoid(2 x) - 1, and torch's sigmoid is much the faster.
            new.addcmul_(reset, recurrent_n[:, k]).mul_(2).sigmoid_().mul_(2).sub_(1)
            after = torch.lerp(new, state, update, out=states[:, k + 1])
            after[1].mul_(exists[k])
            output[:, k, :size] = after[0]
            output[:, length - 1 - k, size:] = after[1]
        ctx.save_for_backward(tokens, mask, states, input_weight, weight)
        ctx.gates, ctx.recurrent_n = gates, recurrent_n
        return output

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, *gradients: Any) -> Any:  # type: ignore[override]
        tokens, mask, states, input_weight, weight = ctx.saved_tensors
        # Their gradients take their place, so this serves for one pass.
        gates, recurrent_n = ctx.gates, ctx.recurrent_n
        del ctx.gates, ctx.recurrent_n
        _, length, batch, size = recurrent_n.shape
        exists = _exists(mask, tokens.dtype)
        weight_of_state, weight_n = weight.split([2 * size, size], dim=1)
        gradient = gradients[0].transpose(0, 1).contiguous()
        carried = gates.new_zeros(2, batch, size)
        for k in reversed(range(length)):
            reset, update, new = gates[:, k].split(size, dim=-1)
            carried[0] += gradient[k, :, :size]
            carried[1] += gradient[length - 1 - k, :, size:]
            carried[1] *= exists[k]
            passed_on = carried * update
            of_new = aten.tanh_backward(carried - passed_on, new)
            of_reset = aten.sigmoid_backward(of_new * recurrent_n[:, k], reset)
            carried *= states[:, k] - new
            of_update = aten.sigmoid_backward(carried, update)
            of_n = torch.mul(of_new, reset, out=recurrent_n[:, k])
            reset.copy_(of_reset)
            update.copy_(of_update)
            new.copy_(of_new)
            carried = torch.baddbmm(
                passed_on, gates[:, k, :, : 2 * size], weight_of_state
            ).baddbmm_(of_n, weight_n)
        of_gates, of_recurrent_n = gates, recurrent_n
        of_gates = of_gates.flatten(1, 2)
        of_recurrent_n = of_recurrent_n.flatten(1, 2)
        of_weights = []
        of_input_weights = []
        of_tokens = torch.zeros_like(tokens)
        for direction in range(2):
            before = states[direction, :-1].flatten(0, 1)
            of_weights.append(
                torch.cat(
                    [
                        of_gates[direction, :, : 2 * size].T @ before,
                        of_recurrent_n[direction].T @ before,
                    ]
                )
            )
            read = _in_order(tokens, direction).flatten(0, 1)
            of_input_weights.append(of_gates[direction].T @ read)
            of_read = of_gates[direction] @ input_weight[direction]
            of_tokens += _in_order(of_read.view_as(tokens), direction)
        of_input_bias = of_gates.sum(dim=1)
        of_bias = torch.cat(
            [of_input_bias[:, : 2 * size], of_recurrent_n.sum(dim=1)], dim=1
        )
        return (
            of_tokens,
            None,
            torch.stack(of_input_weights),
            of_input_bias,
            torch.stack(of_weights),
            of_bias,
        )


def _in_order(values: Tensor, direction: int) -> Tensor:
    """Return values (K, B, ...) in the order of a direction's steps."""
    return values.flip(0) if direction else values


def _exists(mask: Tensor, dtype: torch.dtype) -> list[Tensor]:
    """List, for each step of the second direction, which documents have it, (B, 1)."""
    return list(mask.T.flip(0).unsqueeze(-1).to(dtype))
