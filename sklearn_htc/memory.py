"""How much memory there is, and a clear error before work that needs more."""

import os
import sys
from pathlib import Path, PurePosixPath

if sys.platform != "win32":
    import resource

__all__ = ["available_memory", "require_memory"]

CGROUPS = "/sys/fs/cgroup"
# Of control groups of the second and of the first version: limit, use, and bytes of
# files.
GROUP_FILES = {
    "": ("memory.max", "memory.current", "inactive_file", "active_file"),
    "/memory": (
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
        "total_active_file",
    ),
}


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
        on address space (`ulimit -v`) leaves; and what its control group and those
        above it leave, such as a container's. None where the system says none of them,
        as outside Linux.
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
    """Return the least that the process's control group, and those above it, leave."""
    found = []
    for line in (_read("/proc/self/cgroup") or "0::/").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        # The groups of the second version have no name here.
        kind = "/memory" if "memory" in controllers.split(",") else ""
        if kind or not controllers:
            # Inside a container the root is the container's own group.
            groups = [PurePosixPath(path), *PurePosixPath(path).parents]
            found += [_of_group(f"{CGROUPS}{kind}{group}", kind) for group in groups]
    return min((each for each in found if each is not None), default=None)


def _of_group(folder: str, kind: str) -> int | None:
    folder = folder.rstrip("/")
    of_limit, of_use, *of_files = GROUP_FILES[kind]
    limit, use = _read(f"{folder}/{of_limit}"), _read(f"{folder}/{of_use}")
    if limit is None or use is None or not limit.strip().isdigit():
        return None
    # What was read from files is given up when it is needed.
    stat = dict(
        line.split() for line in (_read(f"{folder}/memory.stat") or "").splitlines()
    )
    return int(limit) - int(use) + sum(int(stat.get(name, 0)) for name in of_files)


def _read(path: str) -> str | None:
    try:
        # Names of groups may hold any bytes.
        return os.fsdecode(Path(path).read_bytes())
    except OSError:
        return None
