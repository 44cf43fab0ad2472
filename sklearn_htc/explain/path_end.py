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
    label : label or None
        The most specific node that is predicted; None where no node is.
    next_label : label or None
        The child that was nearest to being predicted, or the root where no node is;
        None where there is none.
    probability : float
        Of `next_label`, or of the best path through it where whole paths are predicted;
        NaN where there is none.
    needed : float
        The probability that it would have taken; NaN where there is none.
    """

    label: Any
    next_label: Any
    probability: float
    needed: float

    def __str__(self) -> str:
        start = "No label is predicted"
        if self.label is not None:
            start = f"The path ends at {self.label!r}"
        if self.next_label is None:
            return f"{start}, below which there is nothing."
        return (
            f"{start}; {self.next_label!r} has probability "
            f"{self.probability:.2f}, and would need {self.needed:.2f}."
        )


def path_ends(
    decoder: Decoder,
    hierarchy: Hierarchy,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    of_paths: np.ndarray | None,
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
    of_paths : ndarray of shape (n_paths,) or None
        Of whole paths, where one is predicted.

    Returns
    -------
    ends : list of PathEnd
        One per predicted node without a predicted child; one where no node is
        predicted.
    """
    if isinstance(decoder, PartialPathDecoder):
        needed = _needed_to_go_on(decoder, hierarchy, predicted, probabilities)
    elif isinstance(decoder, ThresholdDecoder):
        needed = np.broadcast_to(decoder.threshold, len(hierarchy))
    else:
        assert isinstance(decoder, PathDecoder)
        assert of_paths is not None
        probabilities = _best_paths(decoder, len(hierarchy), of_paths)
        needed = np.full(len(hierarchy), probabilities.max())
    is_predicted = np.zeros(len(hierarchy), dtype=bool)
    is_predicted[predicted] = True

    def end(label: Any, below: np.ndarray) -> PathEnd:
        if not len(below):
            return PathEnd(label, None, np.nan, np.nan)
        gap = needed[below] - probabilities[below]
        nearest = int(below[gap.argmin()])
        return PathEnd(
            label,
            hierarchy.nodes[nearest],
            float(probabilities[nearest]),
            float(needed[nearest]),
        )

    if not len(predicted):
        return [end(None, hierarchy.roots)]
    bounds = hierarchy.children.indptr
    ends = []
    for node in predicted.tolist():
        children = hierarchy.children.indices[bounds[node] : bounds[node + 1]]
        if not is_predicted[children].any():
            ends.append(end(hierarchy.nodes[node], children))
    return ends


def _needed_to_go_on(
    decoder: PartialPathDecoder,
    hierarchy: Hierarchy,
    predicted: np.ndarray,
    probabilities: np.ndarray,
) -> np.ndarray:
    """Return the probability that each node would have taken, (n_nodes,).

    A node comes with all its ancestors. Where it has several parents, those that are
    not predicted have to be worth it, too.
    """
    worth = decoder.gain * (probabilities - decoder.threshold)
    of_others = worth.copy()
    of_others[predicted] = 0
    with_own = hierarchy.ancestors @ of_others
    gain = np.maximum(decoder.gain, np.finfo(np.float64).tiny)
    needed: np.ndarray = decoder.threshold - (with_own - of_others) / gain
    return needed


def _best_paths(decoder: PathDecoder, n_nodes: int, of_paths: np.ndarray) -> np.ndarray:
    """Return the probability of the best path through each node, (n_nodes,).

    Where whole paths are predicted they compete, and a node has to be on the best one.
    """
    best, members = np.zeros(n_nodes), decoder.paths
    of_members = np.repeat(of_paths, np.diff(members.indptr))
    np.maximum.at(best, members.indices, of_members)
    return best
