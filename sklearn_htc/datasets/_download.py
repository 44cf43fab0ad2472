"""Downloads that go on where they were cut off, and are moved into place whole."""

import hashlib
import http.client
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from warnings import warn

__all__ = ["RemoteFile", "fetch_file"]

CHUNK = 2**20
TIMEOUT = 60


class RemoteFile(NamedTuple):
    """A file on a server.

    Attributes
    ----------
    url : str
        Where it is.
    name : str
        What it is called here.
    sha256 : str or None
        Its checksum, where it is published.
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

    What has arrived is kept in a file beside it (`NAME.part`), from whose end the next
    try goes on, in this call or in a later one. The file gets its name once it is
    complete and has been checked.

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
        If what was downloaded is damaged; it is deleted.
    """
    path = folder / remote.name
    if path.exists():
        return path
    if not download_if_missing:
        raise OSError(
            f"{path} is missing. Use download_if_missing=True, or put there what is at "
            f"{remote.url}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{remote.name}.part"
    for tries_left in range(n_retries, -1, -1):
        try:
            _append(remote.url, part)
            break
        except (OSError, http.client.HTTPException) as error:
            if not tries_left:
                raise OSError(
                    f"{remote.url} could not be downloaded: {error}. What has arrived "
                    f"is kept in {part}: call again to go on, or put the file at "
                    f"{path} yourself."
                ) from error
            warn(f"{remote.url}: {error}. Trying again.", stacklevel=2)
            time.sleep(delay)
    try:
        _check_sum(part, remote.sha256)
        check(part)
    except (ValueError, OSError, EOFError) as error:
        part.unlink()
        raise ValueError(
            f"What came from {remote.url} is damaged, and was deleted: {error}."
        ) from error
    os.replace(part, path)
    return path


def _append(url: str, part: Path) -> None:
    """Download what is missing at the end of a file; raise if it stays incomplete."""
    there = part.stat().st_size if part.exists() else 0
    # Without a compression of its own the server's bytes are the file's.
    headers = {"Accept-Encoding": "identity", "User-Agent": "sklearn_htc"}
    if there:
        headers["Range"] = f"bytes={there}-"
    try:
        response = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and there:
            # Nothing is missing; or the file is not what it was, which the check finds.
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


def _check_sum(path: Path, sha256: str | None) -> None:
    if sha256 is None:
        return
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(f"SHA-256 is {found}, not {sha256}")
