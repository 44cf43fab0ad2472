"""Why a predicted path ends where it does, and what it would have taken to go on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.read_out.decoders import (
    Decoder,
    PartialPathDecoder,
    PathDecoder,
    ThresholdDecoder,
)

__all__ = ["PathEnd", "path_ends"]


@dataclass(frozen=True)
class PathEnd:
    """Where a path ends.

    Parameters
    ----------
    label : label
        The most specific node that is predicted.
    next_label : label or None
        The child that was nearest to being predicted; None where there is none.
    probability : float
        Of that child; NaN where there is none.
    needed : float
        The probability that it would have taken; NaN where there is no child.
    """

    label: Any
    next_label: Any
    probability: float
    needed: float

    def __str__(self) -> str:
        if self.next_label is None:
            return f"ends at {self.label!r}, below which there is nothing"
        return (
            f"ends at {self.label!r}; {self.next_label!r} has probability "
            f"{self.probability:.2f}, and would need {self.needed:.2f}"
        )


def path_ends(
    decoder: Decoder,
    hierarchy: Hierarchy,
    predicted: np.ndarray,
    probabilities: np.ndarray,
) -> list[PathEnd]:
    """Explain the ends of all paths of a document.

    Parameters
    ----------
    decoder : Decoder
        Which has predicted them.
    hierarchy : Hierarchy
        The label graph.
    predicted : int ndarray
        Columns of the predicted nodes.
    probabilities : ndarray of shape (n_nodes,)
        Of all nodes.

    Returns
    -------
    ends : list of PathEnd
        One per predicted node without a predicted child.
    """
    needed = _needed(decoder, hierarchy, predicted, probabilities)
    is_predicted = np.zeros(len(hierarchy), dtype=bool)
    is_predicted[predicted] = True
    ends = []
    bounds = hierarchy.children.indptr
    for node in predicted.tolist():
        children = hierarchy.children.indices[bounds[node] : bounds[node + 1]]
        if is_predicted[children].any():
            continue
        label = hierarchy.nodes[node]
        if not len(children):
            ends.append(PathEnd(label, None, np.nan, np.nan))
            continue
        gap = needed[children] - probabilities[children]
        nearest = int(children[gap.argmin()])
        ends.append(
            PathEnd(
                label,
                hierarchy.nodes[nearest],
                float(probabilities[nearest]),
                float(needed[nearest]),
            )
        )
    return ends


def _needed(
    decoder: Decoder,
    hierarchy: Hierarchy,
    predicted: np.ndarray,
    probabilities: np.ndarray,
) -> np.ndarray:
    """Return the probability from which on each node would be predicted, (n_nodes,)."""
    if isinstance(decoder, (PartialPathDecoder, ThresholdDecoder)):
        return np.broadcast_to(decoder.threshold, len(hierarchy))
    assert isinstance(decoder, PathDecoder)
    # Paths compete: a longer one has to be more probable than this one is.
    end = predicted[hierarchy.levels[predicted].argmax()]
    bounds = hierarchy.children.indptr
    children = hierarchy.children.indices[bounds[end] : bounds[end + 1]]
    own = probabilities[end] - probabilities[children].sum()
    return np.full(len(hierarchy), max(float(own), 0.0))
