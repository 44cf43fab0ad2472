"""One source of random numbers per training, whatever other threads do."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from sklearn_htc.network.randomness import (
    drawing_from,
    global_generator,
    global_state_kept,
)

__all__ = ["Draws", "back_on_failure"]


@contextmanager
def back_on_failure(rng: np.random.RandomState) -> Iterator[None]:
    """Take random numbers back that were drawn for what has failed.

    Parameters
    ----------
    rng : RandomState
        What they are drawn from.

    Yields
    ------
    None
        With `rng` as it is.
    """
    state = rng.get_state()
    try:
        yield
    except BaseException:
        rng.set_state(state)
        raise


class Draws:
    """The random numbers of one training: initial weights, batches and dropout.

    On a CPU they are the same whatever other threads draw. On a GPU dropout draws from
    the GPU's one generator, so that they are the same only where one network is trained
    on it at a time.

    Parameters
    ----------
    rng : RandomState
        Gives the seed, and moves on.
    device : str
        Where the network is trained.
    """

    def __init__(self, rng: np.random.RandomState, device: str) -> None:
        self.seed = int(rng.randint(np.iinfo(np.int32).max))
        self.device = torch.device(device)
        self.generator = torch.Generator().manual_seed(self.seed)

    def state(self) -> dict[str, np.ndarray | None]:
        """Say where the random numbers are.

        Returns
        -------
        state : dict
            Of the generators, as arrays of bytes.
        """
        on_gpu = self.device.type == "cuda"
        return {
            "cpu": self.generator.get_state().numpy(),
            "gpu": torch.cuda.get_rng_state(self.device).numpy() if on_gpu else None,
        }

    def restore(self, state: dict[str, np.ndarray | None]) -> None:
        """Go on from where random numbers were.

        Parameters
        ----------
        state : dict
            As `state` returns it.
        """
        self.generator.set_state(torch.from_numpy(state["cpu"]))
        if self.device.type == "cuda" and state["gpu"] is not None:
            torch.cuda.set_rng_state(torch.from_numpy(state["gpu"]), self.device)

    @contextmanager
    def initial_weights(self) -> Iterator[None]:
        """Let torch's own layers start from the seed, in single precision.

        Yields
        ------
        None
            With the global generator seeded; the caller's state comes back.
        """
        with global_generator() as generator:
            # Another thread that has the generator changes it for a while.
            precision = torch.get_default_dtype()
            generator.set_state(self.generator.get_state())
            torch.set_default_dtype(torch.float32)
            try:
                yield
            finally:
                torch.set_default_dtype(precision)
                self.generator.set_state(generator.get_state())

    @contextmanager
    def steps(self, rank: int = 0) -> Iterator[None]:
        """Let batches and dropout go on from where the initial weights ended.

        Parameters
        ----------
        rank : int, default=0
            Which of several processes this is; each has a dropout of its own.

        Yields
        ------
        None
            With the generator in use.
        """
        if rank:
            self.generator.manual_seed(self.seed + rank)
        with (
            global_state_kept(),
            self._gpu_from(self.seed + rank),
            drawing_from(self.generator),
        ):
            yield

    @contextmanager
    def _gpu_from(self, seed: int) -> Iterator[None]:
        """Seed the network's GPU for a while, where it is on one."""
        if self.device.type != "cuda":
            yield
            return
        before = torch.cuda.get_rng_state(self.device)
        with torch.cuda.device(self.device):
            torch.cuda.manual_seed(seed)
        try:
            yield
        finally:
            torch.cuda.set_rng_state(before, self.device)
