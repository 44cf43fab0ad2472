"""Adam for a vocabulary of any size: a step costs what its batch holds."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam

__all__ = ["RowwiseAdam"]


class RowwiseAdam(Adam):
    """Adam that updates of an embedding layer only the rows that occur.

    Weights with a dense gradient are updated as `torch.optim.Adam` does it, in one
    fused kernel. A weight with a sparse gradient has one second moment per row, and no
    first moment: for a row r with gradient g, in step t,

        v_r = b2 v_r + (1 - b2) mean(g^2)
        w_r = w_r - lr g / (sqrt(v_r / (1 - b2^t)) + eps)

    Rows that do not occur stay as they are, their moments too. This reads and writes a
    quarter of what Adam does per row, and keeps one number per row in memory instead of
    two rows.

    Parameters
    ----------
    params : iterable of Tensor or of dict
        Weights, or parameter groups.
    lr : float, default=1e-3
        Learning rate.
    betas : tuple of (float, float), default=(0.9, 0.999)
        Decay of the first and of the second moment.
    eps : float, default=1e-8
        Added to the root of the second moment.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all weights that have a gradient.

        Parameters
        ----------
        closure : callable, default=None
            Computes the loss and the gradients.

        Returns
        -------
        loss : Any
            What `closure` returns; None without one.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        sparse = []
        for group in self.param_groups:
            for weight in group["params"]:
                gradient = weight.grad
                if gradient is not None and gradient.is_sparse:
                    self._step_rows(weight, gradient.coalesce(), group)
                    sparse.append((weight, gradient))
                    # Adam would refuse it.
                    weight.grad = None
        super().step()
        for weight, gradient in sparse:
            weight.grad = gradient
        return loss

    def _step_rows(
        self, weight: Tensor, gradient: Tensor, group: dict[str, Any]
    ) -> None:
        state = self.state[weight]
        if not state:
            # As Adam has it, and makes of whatever a file holds.
            state["step"] = torch.tensor(0.0)
            state["row_exp_avg_sq"] = weight.new_zeros(len(weight))
        state["step"] += 1
        rows, values = gradient.indices()[0], gradient.values()
        beta2 = group["betas"][1]
        second = state["row_exp_avg_sq"].index_select(0, rows)
        second.lerp_(values.square().mean(dim=1), 1 - beta2)
        state["row_exp_avg_sq"].index_copy_(0, rows, second)
        corrected = second / (1 - beta2 ** float(state["step"]))
        rate = group["lr"] / (corrected.sqrt() + group["eps"])
        # Faster than index_add_, and the same, as rows are distinct.
        updated = weight.index_select(0, rows).addcmul_(
            values, rate.unsqueeze(1), value=-1
        )
        weight.index_copy_(0, rows, updated)
