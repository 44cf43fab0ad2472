"""Calibration, coherent probabilities and decisions as torch modules."""

from collections.abc import Iterable
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.read_out.calibration import Calibration, log_odds_of_scores
from sklearn_htc.read_out.decoders import (
    PartialPathDecoder,
    PathDecoder,
    ThresholdDecoder,
)

__all__ = [
    "MARGIN",
    "CalibratedLogOdds",
    "Coherence",
    "log_odds",
    "make_decoding",
    "softplus",
    "store_edges",
]

MARGIN = float(np.finfo(np.float32).eps)


class CalibratedLogOdds(nn.Module):
    """`Calibration`, in float64.

    Parameters
    ----------
    calibration : Calibration
        Fitted.
    """

    frequency: Tensor

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        frequency = calibration.log_frequency.astype(np.float64)
        self.register_buffer("frequency", torch.from_numpy(frequency))
        self.coef = [float(each) for each in calibration.coef_]
        self.center = float(np.float32(calibration.center_))
        self.half_range = float(np.float32(calibration.half_range_))

    def forward(self, scores: Tensor) -> Tensor:
        """Turn scores into log-odds.

        Parameters
        ----------
        scores : Tensor of shape (B, N)
            Of every label.

        Returns
        -------
        log_odds : Tensor of shape (B, N)
            Of every label.
        """
        values = ((scores - self.center) / self.half_range).double()
        calibrated: Tensor = log_odds_of_scores(
            self.coef, values, self.frequency, torch.exp, softplus
        )
        return calibrated.float()


def log_odds(probabilities: Tensor) -> Tensor:
    """Return log(p / (1 - p)), of any shape."""
    return torch.log(probabilities / (1 - probabilities))


@singledispatch
def make_decoding(decoder: Any) -> Any:
    """Make a module that decodes log-odds.

    Parameters
    ----------
    decoder : ThresholdDecoder, PathDecoder or PartialPathDecoder
        Fitted.

    Returns
    -------
    decoding : Module
        From log-odds (B, N) to probabilities of paths or nodes, and a closed indicator
        (B, N). Its method `probabilities` gives those of nodes (B, N) alone.

    Raises
    ------
    NotImplementedError
        For any other decoder.
    """
    raise NotImplementedError(type(decoder).__name__)


class Coherence(nn.Module):
    """Values along a hierarchy, one row per node.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    """

    def __init__(self, hierarchy: Hierarchy) -> None:
        super().__init__()
        self.down = store_edges(self, "down", hierarchy.parents_by_level)
        self.up = store_edges(self, "up", list(hierarchy.children_by_level)[::-1])

    def forward(self, values: Tensor) -> Tensor:
        """Let a node and those above and below it meet halfway; see `make_coherent`.

        Parameters
        ----------
        values : Tensor of shape (B, N)
            Log-odds or probabilities.

        Returns
        -------
        coherent : Tensor of shape (B, N)
            No child is above a parent.
        """
        lowered = self._spread(values.T, self.down, "amin")
        raised = self._spread(values.T, self.up, "amax")
        return ((lowered + raised) / 2).T

    def close(self, chosen: Tensor) -> Tensor:
        """Choose the ancestors of all that is chosen, too.

        Parameters
        ----------
        chosen : bool Tensor of shape (B, N)
            Nodes.

        Returns
        -------
        closed : bool Tensor of shape (B, N)
            With their ancestors.
        """
        return self._spread(chosen.T.float(), self.up, "amax").T > 0.5

    def raised(self, values: Tensor, is_raising: Tensor) -> Tensor:
        """Let no ancestor of some nodes be below them; see `raise_ancestors`.

        Parameters
        ----------
        values : Tensor of shape (B, N)
            Log-odds or probabilities.
        is_raising : bool Tensor of shape (N,)
            Which nodes their ancestors are to reach.

        Returns
        -------
        raised : Tensor of shape (B, N)
            Unchanged but for these ancestors.
        """
        least = torch.where(is_raising, values, -torch.inf)
        return torch.maximum(values, self._spread(least.T, self.up, "amax").T)

    def _spread(self, values: Tensor, levels: list[str], reduce: str) -> Tensor:
        """Let the extreme of a node's row and its neighbours' replace it (N, B)."""
        for name in levels:
            nodes, neighbours = getattr(self, f"{name}_to"), getattr(self, name)
            index = nodes.unsqueeze(1).expand(-1, values.shape[1])
            values = values.scatter_reduce(0, index, values[neighbours], reduce)
        return values


class Thresholds(nn.Module):
    """`ThresholdDecoder`.

    Parameters
    ----------
    decoder : ThresholdDecoder
        With a threshold per node.
    """

    threshold: Tensor

    def __init__(self, decoder: ThresholdDecoder) -> None:
        super().__init__()
        self.coherence = Coherence(decoder.hierarchy)
        n_nodes = len(decoder.hierarchy)
        # Compared in float64, as NumPy does.
        threshold = np.broadcast_to(np.float64(decoder.threshold), n_nodes)
        self.register_buffer("threshold", torch.from_numpy(threshold.copy()))

    def probabilities(self, log_odds: Tensor) -> Tensor:
        """Return probabilities of nodes, (B, N)."""
        return torch.sigmoid(self.coherence(log_odds)).clamp(MARGIN, 1 - MARGIN)

    def forward(self, log_odds: Tensor) -> tuple[Tensor, Tensor]:
        """Decode.

        Parameters
        ----------
        log_odds : Tensor of shape (B, N)
            Of every label.

        Returns
        -------
        probabilities : Tensor of shape (B, N)
            Of the nodes.
        decisions : bool Tensor of shape (B, N)
            Closed under ancestors.
        """
        probabilities = self.probabilities(log_odds)
        reaches = probabilities.double() >= self.threshold
        return probabilities, self.coherence.close(reaches)


class Paths(nn.Module):
    """`PathDecoder`.

    Parameters
    ----------
    decoder : PathDecoder
        With the paths of training documents.
    """

    members: Tensor

    def __init__(self, decoder: PathDecoder) -> None:
        super().__init__()
        self.coherence = Coherence(decoder.hierarchy)
        self.uniform_share = float(decoder.uniform_share)
        self.register_buffer("members", _dense(decoder.paths))

    def of_paths(self, log_odds: Tensor) -> Tensor:
        """Return probabilities of paths, (B, n_paths)."""
        of_paths = torch.softmax(log_odds @ self.members.T, dim=1)
        of_paths = of_paths * (1 - self.uniform_share)
        of_paths = of_paths + self.uniform_share / len(self.members)
        return of_paths.clamp(MARGIN / len(self.members), 1 - MARGIN)

    def marginals(self, log_odds: Tensor) -> Tensor:
        """Add up the probabilities of the paths through each node, (B, N)."""
        return self.of_paths(log_odds) @ self.members

    def probabilities(self, log_odds: Tensor) -> Tensor:
        """Return probabilities of nodes, (B, N)."""
        return self.coherence(self.marginals(log_odds)).clamp(MARGIN, 1 - MARGIN)

    def decisions(self, log_odds: Tensor) -> Tensor:
        """Return the nodes of the most probable path, bool (B, N)."""
        return self.members[(log_odds @ self.members.T).argmax(dim=1)] > 0.5

    def forward(self, log_odds: Tensor) -> tuple[Tensor, Tensor]:
        """Decode.

        Parameters
        ----------
        log_odds : Tensor of shape (B, N)
            Of every label.

        Returns
        -------
        probabilities : Tensor of shape (B, N)
            Of the nodes.
        decisions : bool Tensor of shape (B, N)
            One path per document.
        """
        return self.probabilities(log_odds), self.decisions(log_odds)


class PartialPaths(Paths):
    """`PartialPathDecoder`.

    Parameters
    ----------
    decoder : PartialPathDecoder
        With a threshold and a gain per node.
    """

    parts: Tensor
    gain: Tensor
    threshold: Tensor

    def __init__(self, decoder: PartialPathDecoder) -> None:
        super().__init__(decoder)
        self.register_buffer("parts", _dense(decoder._parts))
        for name in ("gain", "threshold"):
            value = np.asarray(getattr(decoder, name), dtype=np.float64)
            self.register_buffer(name, torch.from_numpy(value.copy()))

    def decisions(self, log_odds: Tensor) -> Tensor:
        """Return the nodes of the path of the largest worth, bool (B, N)."""
        worth = self.gain * (self.marginals(log_odds) - self.threshold)
        return self.parts[(worth @ self.parts.double().T).argmax(dim=1)] > 0.5


@make_decoding.register
def _of_thresholds(decoder: ThresholdDecoder) -> Thresholds:
    return Thresholds(decoder)


@make_decoding.register
def _of_paths(decoder: PathDecoder) -> Paths:
    return Paths(decoder)


@make_decoding.register
def _of_partial_paths(decoder: PartialPathDecoder) -> PartialPaths:
    return PartialPaths(decoder)


def store_edges(
    module: nn.Module,
    prefix: str,
    neighbours_by_level: Iterable[tuple[np.ndarray, sparse.csr_array]],
) -> list[str]:
    """Store where each edge of each level comes from and goes to.

    Parameters
    ----------
    module : Module
        Which gets the buffers NAME and NAME_to: source and target of each edge.
    prefix : str
        That their names begin with.
    neighbours_by_level : iterable of (int ndarray, csr_array)
        Nodes, and the neighbours of each.

    Returns
    -------
    names : list of str
        One per level.
    """
    names = []
    for level, (nodes, neighbours) in enumerate(neighbours_by_level):
        to = np.repeat(nodes, np.diff(neighbours.indptr)).astype(np.int64)
        source = neighbours.indices.astype(np.int64)
        names.append(f"{prefix}_{level}")
        module.register_buffer(names[-1], torch.from_numpy(source))
        module.register_buffer(f"{names[-1]}_to", torch.from_numpy(to))
    return names


def _dense(members: sparse.csr_array) -> Tensor:
    return torch.from_numpy(members.toarray().astype(np.float32))


def softplus(z: Tensor) -> Tensor:
    """Compute log(1 + exp(z)), of which ONNX has no form in float64."""
    return torch.log(1 + torch.exp(-z.abs())) + torch.relu(z)
