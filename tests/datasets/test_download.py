"""Downloads: whole, broken off, resumed, damaged, refused."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request

import pytest

from sklearn_htc.datasets import _rcv1_v2, _wos
from sklearn_htc.datasets._download import (
    RemoteFile,
    StaysEncrypted,
    _acquired,
    fetch_file,
    with_checksum,
)

# Without the package, whose import takes seconds.
HOLD = """
import fcntl, sys
file = open(sys.argv[1], "ab")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def remote(server):
    server.files["/data"] = CONTENT
    return RemoteFile(f"{server.url}/data", "data.bin")


def fetch(remote, folder, **settings):
    def check(path):
        if path.read_bytes() != CONTENT:
            raise ValueError("not what was sent")

    return fetch_file(remote, folder, check=check, delay=0, **settings)


def test_a_file_is_downloaded_once(server, remote, tmp_path):
    path = fetch(remote, tmp_path / "new")
    assert path == tmp_path / "new" / "data.bin"
    assert path.read_bytes() == CONTENT
    assert fetch(remote, tmp_path / "new") == path
    assert len(server.requests) == 1
    assert [file.name for file in path.parent.iterdir()] == ["data.bin"]


def test_a_download_goes_on_where_it_was_cut_off(server, remote, tmp_path):
    server.breaks_off = [1000, 3000]
    with pytest.warns(UserWarning, match="1000 of 10240 bytes"):
        path = fetch(remote, tmp_path)
    assert path.read_bytes() == CONTENT
    ranges = [asked for _, asked in server.requests]
    assert ranges == [None, "bytes=1000-", "bytes=4000-"]


def test_a_later_call_goes_on_too(server, remote, tmp_path):
    server.breaks_off = [1000]
    with pytest.raises(OSError, match=r"kept in .*data\.bin\.part: call again"):
        fetch(remote, tmp_path, n_retries=0)
    assert fetch(remote, tmp_path, n_retries=0).read_bytes() == CONTENT
    assert server.requests[-1][1] == "bytes=1000-"


def test_a_server_without_ranges_starts_again(server, remote, tmp_path):
    server.knows_ranges = False
    (tmp_path / "data.bin.part").write_bytes(b"something old")
    assert fetch(remote, tmp_path).read_bytes() == CONTENT


def test_a_complete_part_is_checked_and_taken(server, remote, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert fetch(remote, tmp_path).read_bytes() == CONTENT


def test_another_address_is_followed(server, remote, tmp_path, monkeypatch):
    server.moved = {"/data": f"{server.url}/elsewhere"}
    server.files["/elsewhere"] = CONTENT
    assert fetch(remote, tmp_path).read_bytes() == CONTENT

    def refuse(*_):
        raise OSError("it stays")

    monkeypatch.setattr(StaysEncrypted, "redirect_request", refuse)
    with pytest.raises(OSError, match="it stays"):
        fetch(remote, tmp_path / "again", n_retries=0)


def test_an_encrypted_download_stays_encrypted():
    request = Request("https://example.org/data")
    follow = StaysEncrypted().redirect_request
    for url in ("http://example.org/data", "ftp://example.org/data"):
        with pytest.raises(OSError, match=f"points to {url}, which is not https"):
            follow(request, None, 302, "Found", {}, url)
    found = follow(request, None, 302, "Found", {}, "https://example.org/other")
    assert found.full_url == "https://example.org/other"


@pytest.mark.parametrize("how", ["content", "checksum"])
def test_a_damaged_file_is_refused_and_deleted(server, remote, tmp_path, how):
    if how == "content":
        server.files["/data"] = b"<html>try later</html>"
    else:
        remote = remote._replace(sha256="0" * 64)
    with pytest.raises(ValueError, match="damaged, and was deleted"):
        fetch(remote, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_published_checksum_is_compared(server, remote, tmp_path):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert fetch(remote._replace(sha256=sha256), tmp_path).exists()


def test_two_downloads_at_once_are_one(server, remote, tmp_path):
    server.delay = 0.3

    def fetch_thrice():
        with ThreadPoolExecutor(3) as pool:
            calls = [pool.submit(fetch, remote, tmp_path) for _ in range(3)]
            return {call.result() for call in calls}

    with pytest.warns(
        UserWarning, match=r"Another call .* holds .*data\.bin\.lock.* Waiting"
    ):
        paths = fetch_thrice()
    assert paths == {tmp_path / "data.bin"}
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["data.bin"]


def test_a_killed_process_leaves_a_lock_file_that_locks_nobody_out(
    server, remote, tmp_path
):
    pytest.importorskip("fcntl")
    lock = tmp_path / "data.bin.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, lock],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline().strip() == b"held"
        assert _acquired(lock) is None
        holder.kill()
    assert lock.exists()
    assert fetch(remote, tmp_path).read_bytes() == CONTENT
    assert not lock.exists()


def test_a_lock_is_freed_by_a_failure(server, remote, tmp_path):
    with pytest.raises(OSError, match="could not be downloaded"):
        fetch(remote._replace(url=f"{server.url}/nothing"), tmp_path, n_retries=0)
    assert fetch(remote, tmp_path).read_bytes() == CONTENT


def test_a_file_in_the_cache_is_compared_with_its_checksum(server, remote, tmp_path):
    path = fetch(remote, tmp_path)
    right = with_checksum(remote, hashlib.sha256(CONTENT).hexdigest().upper())
    assert fetch(right, tmp_path) == path
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"data\.bin can't be read.*Delete it"):
        fetch(right, tmp_path)
    assert path.exists()
    for wrong in ("abc", "x" * 64, 3):
        with pytest.raises(ValueError, match=r"sha256 of data\.bin must be 64"):
            with_checksum(remote, wrong)
    assert with_checksum(right, None) == right


def test_a_missing_file_may_be_refused(remote, tmp_path):
    with pytest.raises(OSError, match="download_if_missing=True, or put there"):
        fetch(remote, tmp_path, download_if_missing=False)


def test_a_wrong_address_is_named(server, tmp_path):
    remote = RemoteFile(f"{server.url}/nothing", "data.bin")
    with (
        pytest.warns(UserWarning, match="Trying again"),
        pytest.raises(OSError, match=r"/nothing could not be downloaded: .*404"),
    ):
        fetch(remote, tmp_path, n_retries=1)


def test_data_sets_come_over_https():
    urls = [_wos.ARCHIVE.url, _rcv1_v2.TOPICS.url, _rcv1_v2.HIERARCHY.url]
    assert all(url.startswith("https://") for url in [*urls, _rcv1_v2.TOKENS_FOLDER])
