"""How many threads a fit may have."""

from collections.abc import Iterator
from contextlib import contextmanager

import joblib
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits

__all__ = ["resolve_n_threads", "torch_threads"]


def resolve_n_threads(n_jobs: int | None) -> int:
    """Turn a parameter `n_jobs` into a number of threads.

    Parameters
    ----------
    n_jobs : int or None
        As in scikit-learn, -1 for all processors. None means torch's number of threads,
        but one inside a worker of a parallel search, which has others beside it.

    Returns
    -------
    n_threads : int
        At least 1.
    """
    if n_jobs is not None:
        return int(joblib.effective_n_jobs(n_jobs))
    backend, _ = get_active_backend()
    if (backend.nesting_level or 0) > 0:
        return 1
    import torch

    return torch.get_num_threads()


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
    """Let torch and linear algebra have a number of threads for a while.

    Parameters
    ----------
    n_threads : int
        At least 1.

    Yields
    ------
    None
        With so many threads; the caller's number comes back.
    """
    import torch

    before = torch.get_num_threads()
    with threadpool_limits(n_threads):
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
