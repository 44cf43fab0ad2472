"""From scores to log-odds: a sigmoid that knows how frequent a label is."""

from typing import Any, Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

__all__ = ["Calibration"]

# Of the distance from where the fit starts; matters where few documents are held out.
PENALTY = 1e-3


class Calibration:
    """log-odds = (a + b u) score + c + d u + e u^2, with u the label's log frequency.

    Sigmoid calibration (Platt) fits a slope and an intercept a label. Most labels of a
    large hierarchy have too few documents for that, so here all share five
    coefficients; the scores of rare labels are too low, which the frequency mends.

    Parameters
    ----------
    counts : ndarray of shape (n_nodes,)
        Documents of each label that the scores were learned from.

    Attributes
    ----------
    coef_ : ndarray of shape (5,), float32
        a to e. Before `fit` the log-odds are twice the score.
    """

    def __init__(self, counts: np.ndarray) -> None:
        logs = np.log1p(counts)
        spread = logs.std()
        self.log_frequency = np.float32((logs - logs.mean()) / (spread or 1))
        self.coef_ = np.array([2, 0, 0, 0, 0], dtype=np.float32)

    def fit(
        self,
        scores: np.ndarray,
        target: sparse.csr_array,
        path_nodes: np.ndarray,
        paths: sparse.csr_array,
    ) -> Self:
        """Maximise the likelihood of held-out labels.

        Parameters
        ----------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Of documents that were not learned from.
        target : csr_array of shape (n_documents, n_nodes)
            Their labels, closed under ancestors.
        path_nodes : int ndarray of shape (n_paths,)
            The most specific nodes of the paths, one of which each document has;
            empty where it may have several.
        paths : csr_array of shape (n_paths, n_nodes)
            The members of each path.

        Returns
        -------
        self : Calibration
            Fitted.
        """
        frequency = torch.from_numpy(self.log_frequency)
        values = torch.from_numpy(scores)
        start = torch.from_numpy(self.coef_)
        coef = start.clone().requires_grad_()
        optimizer = torch.optim.LBFGS(
            [coef], max_iter=50, line_search_fn="strong_wolfe"
        )
        if len(path_nodes):
            # The longest known path of a document is its own.
            members = torch.from_numpy(paths.toarray().astype(np.float32))
            shared = (target @ paths.T).toarray()
            own = torch.from_numpy((2 * shared - np.diff(paths.indptr)).argmax(axis=1))
        else:
            labels = torch.from_numpy(target.toarray().astype(np.float32))

        def loss(logits: Tensor) -> Tensor:
            if len(path_nodes):
                return functional.cross_entropy(logits @ members.T, own)
            total = functional.binary_cross_entropy_with_logits(
                logits, labels, reduction="sum"
            )
            return total / len(labels)

        def closure() -> Tensor:
            optimizer.zero_grad()
            value = loss(_log_odds(coef, values, frequency))
            value = value + PENALTY * (coef - start).square().sum()
            value.backward()
            return value

        with torch.enable_grad():
            optimizer.step(closure)
        self.coef_ = coef.detach().numpy()
        return self

    def log_odds(self, scores: np.ndarray) -> np.ndarray:
        """Turn scores into log-odds.

        Parameters
        ----------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Of any documents.

        Returns
        -------
        logits : ndarray of shape (n_documents, n_nodes), float32
            Log-odds of every label.
        """
        return _log_odds(self.coef_, scores, self.log_frequency)


def _log_odds(coef: Any, scores: Any, frequency: Any) -> Any:
    """Apply the formula to arrays or to tensors."""
    slope = coef[0] + coef[1] * frequency
    shift = coef[2] + coef[3] * frequency + coef[4] * frequency**2
    return slope * scores + shift
