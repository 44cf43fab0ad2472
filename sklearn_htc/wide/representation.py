"""Texts and labels as vectors, where no network represents them."""

from typing import Any

import numpy as np
from sklearn.utils.extmath import randomized_svd

from sklearn_htc.wide.base import WideModel

__all__ = ["label_basis", "represent"]


def label_basis(weights: Any, dimension: int) -> np.ndarray:
    """Represent labels by the leading right singular vectors of a wide path's weights.

    Parameters
    ----------
    weights : {ndarray, csr_array} of shape (n_weights, n_nodes)
        What labels differ by.
    dimension : int
        Size d of the vectors.

    Returns
    -------
    labels : ndarray of shape (n_nodes, d), float32
        Orthonormal columns; of zeros where there are fewer than d.
    """
    size = min(dimension, *weights.shape)
    *_, right = randomized_svd(weights, size, random_state=0)
    labels = np.zeros((weights.shape[1], dimension), dtype=np.float32)
    labels[:, :size] = right.T
    return labels


def represent(scores: np.ndarray, path: WideModel, labels: np.ndarray) -> np.ndarray:
    """Represent texts such that products with the labels' vectors are their scores.

    Parameters
    ----------
    scores : ndarray of shape (n_documents, n_nodes)
        What the wide path gives the texts.
    path : WideModel
        Fitted.
    labels : ndarray of shape (n_nodes, d)
        As `label_basis` returns them.

    Returns
    -------
    texts : ndarray of shape (n_documents, d), float32
        `texts @ labels.T` are the scores beyond those of a text without features:
        exactly with d of at least n_nodes, and as well as d numbers can otherwise.
    """
    return (scores - path.intercept_) @ labels
