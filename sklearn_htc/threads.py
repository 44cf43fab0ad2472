"""How many threads a fit may have, and work that is shared out among them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Lock, local
from typing import Any

import joblib
import threadpoolctl
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits

__all__ = ["on_threads", "resolve_n_threads", "torch_threads"]


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
    return _LIMITS.of_caller()


class _Limits:
    """The number of threads of the fits that run, and what was there before them."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.n_fits = 0
        self.before: Any = None
        self.last = 0
        # Those of torch and OpenMP are numbers of each thread: what the fits that run
        # in it have to bring back.
        self.own = local()

    def of_caller(self) -> int:
        """Say how many threads torch has in this thread, fits of others left aside."""
        import torch

        with self.lock:
            of_torch = torch.get_num_threads()
            own = vars(self.own).get("to_restore", [])
            if self.n_fits and not own and of_torch == self.last:
                # A thread that is new to torch has taken what was set last. (One that
                # has set the same number itself can't be told from it.)
                return int(self.before[0])
            return of_torch

    def begin(self, n_threads: int) -> None:
        """Set the number."""
        import torch

        of_torch = self.of_caller()
        with self.lock:
            if self.n_fits:
                _let_any_thread_limit()
            blas, openmp = (
                threadpool_limits(n_threads, user_api=api) for api in ("blas", "openmp")
            )
            if not self.n_fits:
                self.before = of_torch, blas
            own = vars(self.own).setdefault("to_restore", [])
            own.append((of_torch, openmp))
            self.n_fits += 1
            self.last = n_threads
            torch.set_num_threads(n_threads)

    def end(self) -> None:
        """Bring back what this thread had, and all after the last of the fits."""
        import torch

        with self.lock:
            self.n_fits -= 1
            of_torch, openmp = self.own.to_restore.pop()
            openmp.restore_original_limits()
            torch.set_num_threads(of_torch)
            self.last = of_torch
            if not self.n_fits:
                _, blas = self.before
                _let_any_thread_limit()
                blas.restore_original_limits()
                _let_any_thread_limit()


def _let_any_thread_limit() -> None:
    """Let go of OpenBLAS, whose limits the first thread that sets one keeps to itself.

    Older versions of threadpoolctl let every thread set them.
    """
    controller = getattr(threadpoolctl, "OpenBLASController", None)
    clear = getattr(controller, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


_LIMITS = _Limits()


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
    """Let torch and linear algebra have a number of threads for a while.

    Of fits that overlap, in threads of the caller's, the last to begin decides about
    linear algebra, and the last to end brings its number back. Each thread gets the
    number back that it had for torch.

    Parameters
    ----------
    n_threads : int
        At least 1.

    Yields
    ------
    None
        With so many threads; the caller's number comes back.
    """
    _LIMITS.begin(n_threads)
    try:
        yield
    finally:
        _LIMITS.end()


def on_threads(
    work: Callable[[Any], Any], items: Sequence[Any], *, most: int | None = None
) -> list[Any]:
    """Work on items side by side, on as many threads as torch has.

    Each item has one thread: what it computes stays in the caches of one processor.
    Where an operation has several, each has to fetch what the others have written.

    Parameters
    ----------
    work : callable
        Of an item.
    items : sequence
        Any number of them; a single one is worked on with all threads.
    most : int, default=None
        How many may be worked on at a time, where they need much memory.

    Returns
    -------
    results : list
        In the order of the items.

    Raises
    ------
    RuntimeError
        If a thread can't be started.
    """
    import torch

    n_threads = torch.get_num_threads()
    n_workers = min(n_threads, len(items), most or n_threads)
    if n_workers <= 1:
        return [work(item) for item in items]
    all_are_set = Barrier(n_workers + 1)

    def begin() -> None:
        # A thread takes the number of all when it is first asked, and not later.
        torch.get_num_threads()
        torch.set_num_threads(1)
        all_are_set.wait()

    with ThreadPoolExecutor(n_workers) as pool:
        try:
            for _ in range(n_workers):
                pool.submit(begin)
            all_are_set.wait()
        except BaseException:
            # Otherwise those that have begun would wait forever.
            all_are_set.abort()
            raise
        finally:
            # Threads that are new to torch take what was set last.
            torch.set_num_threads(n_threads)
        return list(pool.map(work, items))
