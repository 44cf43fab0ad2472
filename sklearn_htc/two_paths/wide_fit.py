"""A fitted wide path, with all that a network beside it is weighed by."""

from dataclasses import dataclass

import numpy as np

from sklearn_htc.data.training_data import Fold
from sklearn_htc.predictor import Predictor, TwoPathPredictor
from sklearn_htc.training.embedder import Embedder
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
    first_fold : Fold
        The fold that the network is weighed by.
    embedder : Embedder or None, default=None
        What makes the embeddings that it reads beside terms.
    """

    path: WideModel
    choice: WideChoice
    first_fold: Fold
    embedder: Embedder | None = None

    def alone(self, counts: np.ndarray) -> Predictor:
        """Return the wide path without a network.

        Parameters
        ----------
        counts : ndarray of shape (n_nodes,)
            Documents of each label.

        Returns
        -------
        predictor : Predictor
            As chosen.
        """
        read_out = self.choice.read_out.for_counts(counts)
        return TwoPathPredictor(self.path, None, 0.0, read_out)
