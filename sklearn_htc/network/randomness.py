"""Where random numbers come from: a generator of each training's own.

torch has one global generator for all threads, so that networks which are trained at
the same time would take numbers from each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock

import torch

__all__ = ["drawing_from", "generator_on", "global_generator", "global_state_kept"]

# torch's own layers and readers draw initial weights from its global generator.
_GLOBAL = Lock()

_GENERATOR: ContextVar[torch.Generator | None] = ContextVar("generator", default=None)


def generator_on(device: torch.device) -> torch.Generator | None:
    """Return the generator that random numbers on a device are drawn from.

    Parameters
    ----------
    device : torch.device
        Where the numbers will lie.

    Returns
    -------
    generator : torch.Generator or None
        That of the innermost `drawing_from`, if it is of this kind of device; None
        stands for torch's global one.
    """
    generator = _GENERATOR.get()
    if generator is None or generator.device.type != device.type:
        return None
    return generator


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Let all modules draw from a generator; in other threads nothing changes.

    Parameters
    ----------
    generator : torch.Generator
        Moves on with each number.

    Yields
    ------
    None
        With the generator in use.
    """
    token = _GENERATOR.set(generator)
    try:
        yield
    finally:
        _GENERATOR.reset(token)


@contextmanager
def global_generator() -> Iterator[torch.Generator]:
    """Have torch's global generator of the CPU for oneself.

    Yields
    ------
    generator : Generator
        To be seeded. Its state comes back; generators of other devices stay as they
        are.
    """
    with _GLOBAL, torch.random.fork_rng(devices=[]):
        yield torch.default_generator


@contextmanager
def global_state_kept() -> Iterator[None]:
    """Bring the state of torch's global generator of the CPU back in the end.

    Yields
    ------
    None
        While others may draw from it, too.
    """
    # Not while another thread has it for itself.
    with _GLOBAL:
        before = torch.get_rng_state()
    try:
        yield
    finally:
        with _GLOBAL:
            torch.set_rng_state(before)
