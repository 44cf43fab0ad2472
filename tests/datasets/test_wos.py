"""Web of Science from an archive of the published layout."""

import hashlib
import io
import zipfile

import numpy as np
import pytest

from sklearn_htc.datasets import _wos, fetch_wos

ROWS = [
    ("CS ", "Symbolic computation ", "an abstract; it\x85goes on"),
    ("Medical", " Parkinson's Disease", "tremor"),
    ("Medical", "Parkinson's disease ", "tremor, again"),
    ("Psychology", "Attention", "looking"),
    ("CS", "Symbolic computation", "more of it"),
] * 5
HEADER = "Y1\tY2\tY\tDomain\tarea\tkeywords\tAbstract"


def archive(rows=ROWS, header=HEADER, member="Meta-data/Data.txt"):
    lines = [header] + [
        f"0\t0\t0\t{domain}\t{area}\ta; b\t{abstract}"
        for domain, area, abstract in rows
    ]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("README.txt", "read me")
        file.writestr(member, "\n".join(lines) + "\n")
    return buffer.getvalue()


def test_members_of_an_archive_are_written_nowhere(serve, tmp_path):
    content = io.BytesIO(archive())
    with zipfile.ZipFile(content, "a") as file:
        for name in ("../../outside.txt", "/tmp/outside.txt", "Meta-data/inside.txt"):
            file.writestr(name, "hostile")
    serve(content.getvalue())
    home = tmp_path / "home"
    with pytest.warns(UserWarning, match="25 documents"):
        fetch_wos(data_home=home)
    found = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert found == ["WebOfScience.zip"]


@pytest.fixture
def serve(server, monkeypatch):
    def put(content):
        server.files["/wos"] = content
        remote = _wos.ARCHIVE._replace(url=f"{server.url}/wos")
        monkeypatch.setattr(_wos, "ARCHIVE", remote)

    return put


def test_documents_labels_and_hierarchy_are_read(serve, tmp_path):
    serve(archive())
    with pytest.warns(UserWarning, match="25 documents and 6 nodes, not 46985 and 141"):
        wos = fetch_wos(data_home=tmp_path)
    assert wos.data[:2] == ["an abstract; it\x85goes on", "tremor"]
    assert set(wos.hierarchy.nodes) == {
        "CS",
        "Medical",
        "Psychology",
        "Symbolic computation",
        "Parkinson's Disease",
        "Attention",
    }
    labels = wos.hierarchy.to_labels(wos.target)
    assert labels[2] == ["Medical", "Parkinson's Disease"]
    assert labels[4] == ["CS", "Symbolic computation"]
    assert wos.hierarchy.is_coherent(wos.target)
    assert wos.target_names == list(wos.hierarchy.nodes)
    assert "25 documents" in wos.DESCR
    assert (tmp_path / "sklearn_htc" / "WebOfScience.zip").exists()


def test_the_split_has_the_published_sizes():
    split = _wos._split(46_985)
    counts = {name: (split == name).sum() for name in ("train", "val", "test")}
    assert counts == {"train": 30_070, "val": 7_518, "test": 9_397}
    np.testing.assert_array_equal(_wos._split(46_985), split)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>try later</html>", "damaged, and was deleted"),
        (archive(member="Data.csv"), "has no Meta-data/Data.txt"),
        (archive(header="Y1\tAbstract"), r"the columns are \['Y1', 'Abstract'\]"),
        (archive(rows=[("CS", "a\tb", "c")]), "line 2: 8 columns, not 7"),
    ],
    ids=["archive", "member", "header", "columns"],
)
def test_other_layouts_are_refused(serve, tmp_path, content, message):
    serve(content)
    with pytest.raises(ValueError, match=message):
        fetch_wos(data_home=tmp_path)


def test_a_damaged_member_is_found(serve, tmp_path):
    content = bytearray(archive())
    at = content.index(b"tremor")
    content[at] ^= 1
    serve(bytes(content))
    with pytest.raises(ValueError, match=r"checksum of Meta-data/Data\.txt is"):
        fetch_wos(data_home=tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", archive()[:-30], archive(rows=[]), archive()[:200], archive(header="")],
    ids=["empty", "cut off", "no documents", "no directory", "no header"],
)
def test_a_bad_archive_in_the_cache_is_named(server, tmp_path, content):
    path = tmp_path / "sklearn_htc" / "WebOfScience.zip"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"WebOfScience\.zip can't .*Delete it"
    ) as error:
        fetch_wos(data_home=tmp_path, download_if_missing=False)
    assert str(path) in str(error.value)
    assert path.exists()


def test_a_given_checksum_is_compared_after_the_download_and_later(serve, tmp_path):
    serve(archive())
    right = hashlib.sha256(archive()).hexdigest()
    with pytest.raises(ValueError, match="must be 64 hexadecimal digits"):
        fetch_wos(data_home=tmp_path, sha256="1234")
    with pytest.raises(ValueError, match="was deleted: SHA-256 is"):
        fetch_wos(data_home=tmp_path, sha256="0" * 64)
    with pytest.warns(UserWarning, match="25 documents"):
        assert len(fetch_wos(data_home=tmp_path, sha256=right).data) == 25
    with pytest.raises(ValueError, match=f"SHA-256 is {right}, not 0.*Delete it"):
        fetch_wos(data_home=tmp_path, sha256="0" * 64)
