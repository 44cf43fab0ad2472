"""Downloads that resume where they were cut off and are moved into place whole."""

import gzip
import hashlib
import http.client
import os
import re
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener
from warnings import warn

from sklearn_htc.labels import short_repr

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["RemoteFile", "fetch_file", "reading", "with_checksum"]

CHUNK = 2**20
TIMEOUT = 60
# Seconds between two looks at a file that another call downloads.
POLL = 0.1


class StaysEncrypted(HTTPRedirectHandler):
    """Follows a server to another address, but from https to nothing else."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """Make the request to the other address, or raise OSError."""
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise OSError(f"the server points to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class RemoteFile(NamedTuple):
    """A file on a server.

    Attributes
    ----------
    url : str
        Where it is.
    name : str
        Its name in the folder.
    sha256 : str or None
        Its checksum in lower case, where it is known.
    """

    url: str
    name: str
    sha256: str | None = None


def fetch_file(
    remote: RemoteFile,
    folder: Path,
    *,
    check: Callable[[Path], None],
    download_if_missing: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Path:
    """Return the path of a file, after downloading it if it is not there.

    An incomplete download is kept in a file beside it (`NAME.part`) and resumed by the
    next try, in this call or in a later one. The file gets its name once it is complete
    and has been checked. While it is downloaded, other calls for the same file wait, in
    other threads and processes too. The operating system keeps the lock that they wait
    for (`NAME.lock`) and frees it when the process that holds it ends.

    Parameters
    ----------
    remote : RemoteFile
        The file.
    folder : Path
        Where it is kept.
    check : callable
        Takes the path of a complete file and raises ValueError or EOFError or OSError
        if it is damaged.
    download_if_missing : bool, default=True
        Whether to download at all.
    n_retries : int, default=3
        How many more times to try after a failure.
    delay : float, default=1.0
        Seconds between tries.

    Returns
    -------
    path : Path
        Of the complete file.

    Raises
    ------
    OSError
        If the file is missing and may not, or cannot, be downloaded.
    ValueError
        If the downloaded file is damaged, which is then deleted, or if a file that is
        there already has another checksum, which is then kept.

    Warns
    -----
    UserWarning
        If a try fails and another follows, or if another call downloads the file.
    """
    path = folder / remote.name
    if path.exists():
        return _compared(path, remote.sha256)
    if not download_if_missing:
        raise OSError(
            f"{path} is missing. Use download_if_missing=True, or put there what is at "
            f"{remote.url}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / f"{remote.name}.lock"):
        if path.exists():
            # Another call was quicker.
            return _compared(path, remote.sha256)
        part = folder / f"{remote.name}.part"
        _download(remote, part, path, n_retries=n_retries, delay=delay)
        try:
            _check_sum(part, remote.sha256)
            check(part)
        except (ValueError, OSError, EOFError, zlib.error) as error:
            part.unlink()
            raise ValueError(
                f"What came from {remote.url} is damaged, and was deleted: {error}."
            ) from error
        os.replace(part, path)
    return path


def with_checksum(remote: RemoteFile, sha256: str | None) -> RemoteFile:
    """Add a checksum that a user gives.

    Parameters
    ----------
    remote : RemoteFile
        The file.
    sha256 : str or None
        64 hexadecimal digits; None changes nothing.

    Returns
    -------
    remote : RemoteFile
        With the checksum in lower case.

    Raises
    ------
    ValueError
        If it is no SHA-256, so that no good file could match it.
    """
    if sha256 is None:
        return remote
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise ValueError(
            f"sha256 of {remote.name} must be 64 hexadecimal digits, got "
            f"{short_repr(sha256)}."
        )
    return remote._replace(sha256=sha256.lower())


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say what to do about a file in the cache that can't be read.

    Parameters
    ----------
    path : Path
        What is read inside the `with` block.

    Raises
    ------
    ValueError
        If reading fails because of what the file holds. It names the file.
    """
    try:
        yield
    except (
        ValueError,
        EOFError,
        gzip.BadGzipFile,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(
            f"{path} can't be read, as it is empty, incomplete, damaged or of another "
            f"layout: {error}. Delete it, and call again to download it anew."
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that only one caller has at a time; wait for it with a warning.

    The operating system frees it when its holder ends, so a file that is left behind
    locks nobody out.
    """
    handle = _acquired(path)
    if handle is None:
        warn(
            f"Another call downloads this file and holds {path}. Waiting for it.",
            # Past the context manager and fetch_file.
            stacklevel=4,
        )
    while handle is None:
        time.sleep(POLL)
        handle = _acquired(path)
    try:
        yield
    finally:
        # Deleted while it is held, so that no other lock is deleted. Windows does not
        # delete an open file; there it stays.
        with suppress(OSError):
            path.unlink()
        os.close(handle)


def _acquired(path: Path) -> int | None:
    """Open a file and lock it; None if another holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    is_mine = False
    try:
        _lock(handle)
        # Its last holder may have deleted it before it was locked here.
        is_mine = os.path.samestat(os.fstat(handle), os.stat(path))
    except (BlockingIOError, PermissionError, FileNotFoundError):
        pass
    except OSError as error:
        raise OSError(
            f"{path} can't be locked: {error}. Choose a data_home on a local disk."
        ) from error
    finally:
        if not is_mine:
            os.close(handle)
    return handle if is_mine else None


def _lock(handle: int) -> None:
    """Lock an open file at once, or raise BlockingIOError or PermissionError."""
    if sys.platform == "win32":
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _download(
    remote: RemoteFile, part: Path, path: Path, *, n_retries: int, delay: float
) -> None:
    for tries_left in range(n_retries, -1, -1):
        try:
            _append(remote.url, part)
            return
        except (OSError, http.client.HTTPException) as error:
            if not tries_left:
                raise OSError(
                    f"{remote.url} could not be downloaded: {error}. What has arrived "
                    f"is kept in {part}: call again to go on, or put the file at "
                    f"{path} yourself."
                ) from error
            warn(f"{remote.url}: {error}. Trying again.", stacklevel=3)
            time.sleep(delay)


def _append(url: str, part: Path) -> None:
    """Download what is missing at the end of a file; raise if it stays incomplete."""
    there = part.stat().st_size if part.exists() else 0
    # The server must not compress what it sends: offsets are those of the file.
    headers = {"Accept-Encoding": "identity", "User-Agent": "sklearn_htc"}
    if there:
        headers["Range"] = f"bytes={there}-"
    try:
        # The package's own URLs, all of which are https.
        request = Request(url, headers=headers)  # noqa: S310
        response = build_opener(StaysEncrypted).open(request, timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and there:
            # Nothing is missing, or the file has changed, which the check finds.
            return
        raise
    with response:
        resumed = response.status == 206
        length = response.headers.get("Content-Length")
        with open(part, "ab" if resumed else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)
            size = file.tell()
    expected = None if length is None else int(length) + (there if resumed else 0)
    if expected is not None and size != expected:
        raise OSError(f"{size} of {expected} bytes have arrived")


def _compared(path: Path, sha256: str | None) -> Path:
    """Return the path of a file that was there already, if it is the right one."""
    with reading(path):
        _check_sum(path, sha256)
    return path


def _check_sum(path: Path, sha256: str | None) -> None:
    if sha256 is None:
        return
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(f"SHA-256 is {found}, not {sha256}")
