"""One fit at a time in a folder; a process that dies leaves it free."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from warnings import warn

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["locked"]

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, which no other process and no other fit of this one holds.

    Parameters
    ----------
    folder : Path
        That is there.

    Yields
    ------
    None
        While it is held.

    Raises
    ------
    ValueError
        If another fit holds it.

    Warns
    -----
    UserWarning
        If the file system has no locks.
    """
    path = folder / LOCK
    file = _open_locked(path)
    try:
        yield
    finally:
        # Windows deletes no open file.
        with suppress(OSError):
            path.unlink()
        file.close()


def _open_locked(path: Path) -> IO[str]:
    """Open a file that nobody else has locked; the system frees it with the process."""
    while True:
        file = open(path, "a", encoding="utf8")  # noqa: SIM115 - the caller closes it.
        try:
            _lock(file.fileno())
        except (BlockingIOError, PermissionError) as error:
            file.close()
            raise ValueError(
                f"checkpoint: {path.parent} is used by another fit. Wait until that "
                "has ended, or give another folder."
            ) from error
        except OSError:
            # Those of some clusters.
            warn(
                f"checkpoint: the file system of {path.parent} has no locks. See that "
                "no other fit uses the folder.",
                # The caller of fit, past context managers and decorators.
                stacklevel=9,
            )
            return file
        if os.fstat(file.fileno()).st_nlink:
            return file
        # Whoever held it has ended meanwhile, and deleted it.
        file.close()


def _lock(descriptor: int) -> None:
    """Lock a file, or raise where another has."""
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
