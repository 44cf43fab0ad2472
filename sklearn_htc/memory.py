"""How much memory there is, and a clear error before work that needs more."""

import sys
from pathlib import Path

if sys.platform != "win32":
    import resource

__all__ = ["available_memory", "require_memory"]

CONTAINER_STAT = "/sys/fs/cgroup/memory.stat"


def require_memory(n_bytes: float, what: str, instead: str) -> None:
    """Refuse to begin what can't end.

    Parameters
    ----------
    n_bytes : float
        Memory that is needed at least.
    what : str
        What needs it, for the error.
    instead : str
        What the user may do instead.

    Raises
    ------
    MemoryError
        If less is there. Where the system doesn't say how much is there, never.
    """
    available = available_memory()
    if available is not None and n_bytes > available:
        raise MemoryError(
            f"{what} would need {n_bytes / 1e9:.1f} GB of memory, and "
            f"{max(available, 0) / 1e9:.1f} GB can be had. {instead}"
        )


def available_memory() -> int | None:
    """Say how much memory this process can still get.

    Returns
    -------
    n_bytes : int or None
        The least of what the machine has left, with its swap; what the process's limit
        on address space (`ulimit -v`) leaves; and what its container leaves. None where
        the system says none of them, as outside Linux.
    """
    found = [_of_machine(), _of_limit(), _of_container()]
    return min((each for each in found if each is not None), default=None)


def _of_machine() -> int | None:
    text = _read("/proc/meminfo")
    if text is None:
        return None
    kilobytes = dict(line.split()[:2] for line in text.splitlines())
    if "MemAvailable:" not in kilobytes:
        return None
    named = ("MemAvailable:", "SwapFree:")
    return 1024 * sum(int(kilobytes.get(name, 0)) for name in named)


def _of_limit() -> int | None:
    statm = _read("/proc/self/statm")
    if statm is None or sys.platform == "win32":
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return None
    return limit - int(statm.split()[0]) * resource.getpagesize()


def _of_container() -> int | None:
    limit = _read("/sys/fs/cgroup/memory.max")
    current = _read("/sys/fs/cgroup/memory.current")
    if limit is None or current is None or not limit.strip().isdigit():
        return None
    # What was read from files is given up when it is needed.
    stat = dict(line.split() for line in (_read(CONTAINER_STAT) or "").splitlines())
    of_files = sum(int(stat.get(f"{each}_file", 0)) for each in ("active", "inactive"))
    return int(limit) - int(current) + of_files


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return None
