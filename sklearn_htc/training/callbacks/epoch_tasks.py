"""Epochs as tasks of `fit`, which scikit-learn's callbacks follow."""

from typing import Any

from sklearn.callback import CallbackContext
from skorch import NeuralNet
from skorch.callbacks import Callback

from sklearn_htc.training.callbacks.schedule import Progress

__all__ = ["EpochTasks"]


class EpochTasks(Callback):
    """Tell scikit-learn's callbacks of each epoch, and stop where one asks for it.

    Parameters
    ----------
    estimator : estimator
        Whose `fit` it is.
    context : CallbackContext
        Of that `fit`.
    progress : Progress
        Of the training.
    """

    def __init__(
        self, estimator: Any, context: CallbackContext, progress: Progress
    ) -> None:
        self.estimator = estimator
        self.context = context
        self.progress = progress

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Begin a task."""
        self.task_ = self.context.subcontext("epoch")
        self.task_.call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """End the task."""
        if self.task_.call_on_fit_task_end(estimator=self.estimator):
            self.progress.end()
