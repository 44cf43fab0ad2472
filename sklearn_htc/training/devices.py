"""Where a network is trained, and what the device makes possible."""

from inspect import signature
from typing import Any
from warnings import warn

import torch

__all__ = ["fused_if_possible", "has_fast_bfloat16", "resolve_device", "usable_device"]


def resolve_device(device: str) -> str:
    """Turn "auto" into a device, and refuse one that is not there.

    Parameters
    ----------
    device : str
        "auto" (a CUDA device if there is one, else the CPU), or as torch names it.

    Returns
    -------
    device : str
        As torch names it.

    Raises
    ------
    ValueError
        If torch does not know the device, or can't use it here.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={device!r} can't be used here: {str(error).rstrip('.')}. Use "
            "device='auto' or 'cpu'."
        ) from error
    return device


def usable_device(device: str) -> str:
    """Say where a network that was trained on a device can be used here.

    Parameters
    ----------
    device : str
        As torch names it.

    Returns
    -------
    device : str
        The same, or "cpu" where torch can't use it.

    Warns
    -----
    UserWarning
        Where it is another one.
    """
    try:
        return resolve_device(device)
    except ValueError:
        warn(
            f"The network was trained on {device!r}, which can't be used here. It runs "
            "on the CPU instead.",
            stacklevel=2,
        )
        return "cpu"


def has_fast_bfloat16(device: str) -> bool:
    """Say whether a device has units that multiply matrices of bfloat16.

    Parameters
    ----------
    device : str
        As torch names it.

    Returns
    -------
    has : bool
        True for a CPU with AVX512-BF16 or AMX, and for a GPU since Ampere.
    """
    kind = torch.device(device).type
    if kind == "cpu":
        # torch has no public names for these.
        asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, bool)() for name in asked)
    return kind == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def fused_if_possible(optimizer: Any) -> dict[str, bool]:
    """Ask for the fused step, one kernel for all weights, where there is one.

    Parameters
    ----------
    optimizer : callable
        An optimiser's class.

    Returns
    -------
    parameters : dict
        For a skorch net; empty where the optimiser has no fused step.
    """
    has = "fused" in signature(optimizer).parameters
    return {"optimizer__fused": True} if has else {}
