"""Downloads: whole, broken off, resumed, damaged, refused."""

import hashlib

import pytest

from sklearn_htc.datasets._download import RemoteFile, fetch_file

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
