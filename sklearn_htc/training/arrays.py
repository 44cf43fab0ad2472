"""Trees of tensors as trees of arrays, which any file format can hold, and back."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["to_numpy", "to_torch"]


def to_numpy(tree: Any) -> Any:
    """Replace tensors by arrays.

    Parameters
    ----------
    tree : Any
        Nested dicts, lists and tuples.

    Returns
    -------
    tree : Any
        The same, with lists for tuples.
    """
    if isinstance(tree, Tensor):
        return tree.detach().cpu().numpy()
    if isinstance(tree, dict):
        return {key: to_numpy(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [to_numpy(value) for value in tree]
    return tree


def to_torch(tree: Any) -> Any:
    """Replace arrays by tensors on the CPU.

    Parameters
    ----------
    tree : Any
        As `to_numpy` returns it.

    Returns
    -------
    tree : Any
        The same.
    """
    if isinstance(tree, np.ndarray):
        # A copy, as an array that is mapped from a file can't be written to.
        return torch.from_numpy(tree.copy())
    if isinstance(tree, dict):
        return {key: to_torch(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [to_torch(value) for value in tree]
    return tree
