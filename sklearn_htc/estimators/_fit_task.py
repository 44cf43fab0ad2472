"""How every `fit` runs: as a task for callbacks, whatever the mode of torch."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

from sklearn.callback import with_callbacks

__all__ = ["fit_task"]


def fit_task(max_subtasks: int | None) -> Callable[[Callable[..., Any]], Any]:
    """Let callbacks see `fit`, and let gradients be computed in it.

    Parameters
    ----------
    max_subtasks : int or None
        How many tasks there are in it, at most; None where that is not known before.

    Returns
    -------
    decorator : callable
        For the method `fit` of an estimator with `CallbackSupportMixin`. Callbacks get
        the data when it begins and ends, and a fitted estimator when it ends.
    """

    def decorate(fit: Callable[..., Any]) -> Any:
        parameters = signature(fit)

        @with_callbacks
        @wraps(fit)
        def run(self: Any, *args: Any, **kwargs: Any) -> Any:
            import torch

            given = parameters.bind(self, *args, **kwargs)
            given.apply_defaults()
            X, y, weight = (
                given.arguments[name] for name in ("X", "y", "sample_weight")
            )
            context = self._init_callback_context(max_subtasks=max_subtasks)
            metadata = {"sample_weight": weight}
            told = {"estimator": self, "X": X, "y": y, "metadata": metadata}
            context.call_on_fit_task_begin(**told)
            with torch.inference_mode(False):
                try:
                    fit(*given.args, **given.kwargs)
                except RuntimeError as error:
                    # What torch raises where NumPy raises a MemoryError.
                    if "can't allocate memory" not in str(error):
                        raise
                    raise MemoryError(str(error)) from error
            context.call_on_fit_task_end(**told, reconstruction_attributes={})
            return self

        return run

    return decorate
