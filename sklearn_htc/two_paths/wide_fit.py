"""A fitted wide path, with all that a network beside it is weighed by."""

from dataclasses import dataclass

import numpy as np

from sklearn_htc.data.training_data import Fold, TrainingData
from sklearn_htc.predictor import TwoPathPredictor
from sklearn_htc.training.embedder import Embedder
from sklearn_htc.two_paths.label_texts import Teaching
from sklearn_htc.wide.base import WideModel
from sklearn_htc.wide.selection import WideChoice

__all__ = ["WideFit"]


@dataclass(frozen=True)
class WideFit:
    """A wide path, and how it was chosen.

    Parameters
    ----------
    path : WideModel
        Fitted to all documents.
    choice : WideChoice
        What its settings gave held-out documents.
    data : TrainingData
        All documents, as it reads them.
    folds : list of Fold
        By which it was chosen. The network is weighed by the first one.
    embedder : Embedder or None, default=None
        What makes the embeddings that it reads beside terms.
    teaching : Teaching or None, default=None
        Label texts, if there are any.
    """

    path: WideModel
    choice: WideChoice
    data: TrainingData
    folds: list[Fold]
    embedder: Embedder | None = None
    teaching: Teaching | None = None

    @property
    def first_fold(self) -> Fold:
        """The fold that the network is weighed by."""
        return self.folds[0]

    @property
    def counts(self) -> np.ndarray:
        """How many documents of each label the path has learned from, (n_nodes,)."""
        if self.teaching is None:
            return self.data.counts
        return self.teaching.counts_of(self.data)

    def alone(self) -> TwoPathPredictor:
        """Return the wide path without a network.

        Returns
        -------
        predictor : TwoPathPredictor
            As chosen.
        """
        read_out = self.choice.read_out.for_counts(self.counts)
        return TwoPathPredictor(self.path, None, 0.0, read_out)
