"""RCV1-V2 from files of the published layout."""

import gzip
import hashlib

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from sklearn_htc.datasets import _rcv1_v2, fetch_rcv1_v2

HIERARCHY = """\
parent: None  child: Root  child-description: Root
parent: Root  child: CCAT  child-description: CORPORATE/INDUSTRIAL
parent: Root  child: ECAT  child-description: ECONOMICS
parent: CCAT  child: C15   child-description: PERFORMANCE
parent: C15   child: C151  child-description: ACCOUNTS/EARNINGS
"""


def tokens(numbers):
    return "".join(
        f".I {number}\n.W\nrecov stem{number} excit\nsecond line\n\n"
        for number in numbers
    )


TRAIN = range(2286, 2306)
TEST = [range(2310 + 5 * part, 2315 + 5 * part) for part in range(4)]


@pytest.fixture
def served(server, monkeypatch):
    topics = "".join(
        f"{topic} {number} 1\n"
        for number in [*TRAIN, *np.concatenate(TEST)]
        for topic in (["C151", "C15", "CCAT", "ECAT"] if number % 2 else ["ECAT"])
    )
    topics = gzip.compress(topics.encode())
    server.files = {
        "/hier": HIERARCHY.encode(),
        "/qrels": topics,
        "/lyrl2004_tokens_train.dat.gz": gzip.compress(tokens(TRAIN).encode()),
    }
    for part, numbers in enumerate(TEST):
        name = f"/lyrl2004_tokens_test_pt{part}.dat.gz"
        server.files[name] = gzip.compress(tokens(numbers).encode())
    monkeypatch.setattr(_rcv1_v2, "TOKENS_FOLDER", server.url)
    for name, path in {"HIERARCHY": "/hier", "TOPICS": "/qrels"}.items():
        remote = getattr(_rcv1_v2, name)
        sha256 = remote.sha256 and hashlib.sha256(topics).hexdigest()
        remote = remote._replace(url=server.url + path, sha256=sha256)
        monkeypatch.setattr(_rcv1_v2, name, remote)
    return server


def test_everything_is_read_in_order(served, tmp_path):
    rcv1 = fetch_rcv1_v2(data_home=tmp_path)
    assert rcv1.ids.tolist() == [*TRAIN, *np.concatenate(TEST)]
    assert rcv1.data[0] == "recov stem2286 excit second line"
    assert list(rcv1.hierarchy.nodes) == ["CCAT", "ECAT", "C15", "C151"]
    assert rcv1.target_names[-1] == "ACCOUNTS/EARNINGS"
    labels = rcv1.hierarchy.to_labels(rcv1.target[:2])
    assert labels == [["ECAT"], ["CCAT", "ECAT", "C15", "C151"]]
    names, counts = np.unique(rcv1.split, return_counts=True)
    assert dict(zip(names, counts, strict=True)) == {"train": 18, "val": 2, "test": 20}
    assert "40 documents" in rcv1.DESCR


def test_a_subset_downloads_what_it_needs(served, tmp_path):
    rcv1 = fetch_rcv1_v2(subset="train", data_home=tmp_path)
    assert rcv1.ids.tolist() == list(TRAIN)
    assert not any("test" in path for path, _ in served.requests)
    test = fetch_rcv1_v2(subset="test", data_home=tmp_path)
    assert set(test.split) == {"test"}
    assert len(served.requests) == 7


def test_hiagms_numbers_come_out_of_the_published_ones():
    # 23,149 documents, a tenth of them held out.
    train, valid = train_test_split(np.arange(23_149), test_size=0.1, random_state=0)
    assert (len(train), len(valid)) == (20_834, 2_315)
    assert 804_414 - 23_149 == 781_265


def test_an_unknown_subset_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be 'train', 'test' or 'all', got 'dev'"):
        fetch_rcv1_v2(subset="dev", data_home=tmp_path)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/qrels", gzip.compress(b"C15 1 1\n")),
        ("/hier", b"<html>try later</html>"),
        ("/hier", b""),
        ("/lyrl2004_tokens_train.dat.gz", gzip.compress(b"x" * 9999)[:-20]),
        ("/lyrl2004_tokens_train.dat.gz", b""),
    ],
    ids=["topics", "hierarchy", "empty hierarchy", "tokens", "empty tokens"],
)
def test_damaged_files_are_refused(served, tmp_path, path, content):
    served.files[path] = content
    with pytest.raises(ValueError, match="damaged, and was deleted"):
        fetch_rcv1_v2(subset="train", data_home=tmp_path)


def test_a_damaged_hierarchy_names_its_line(tmp_path):
    path = tmp_path / "hier"
    path.write_text(HIERARCHY + "child: C16\n")
    with pytest.raises(ValueError, match="line 6 is no edge: 'child: C16'"):
        _rcv1_v2._read_hierarchy(path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("rcv1.topics.hier.orig", b"", "it has no topic"),
        ("rcv1v2.topics.qrels.gz", b"", "SHA-256 is"),
        ("lyrl2004_tokens_train.dat.gz", b"", "it has no document"),
        ("lyrl2004_tokens_train.dat.gz", b"not gzip", "Not a gzipped file"),
        ("lyrl2004_tokens_train.dat.gz", gzip.compress(b"x y")[:-9], "ended before"),
        ("lyrl2004_tokens_train.dat.gz", gzip.compress(b"x y\n"), "before the first"),
        (
            "lyrl2004_tokens_train.dat.gz",
            gzip.compress(b".I 7\n.W\nx\n"),
            "document 7 has no topic",
        ),
    ],
    ids=[
        "hierarchy",
        "topics",
        "empty tokens",
        "tokens of another kind",
        "tokens cut off",
        "tokens without a document",
        "tokens without topics",
    ],
)
def test_a_bad_file_in_the_cache_is_named(served, tmp_path, name, content, reason):
    path = tmp_path / "sklearn_htc" / name
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=f"can't be read.*{reason}.*Delete it"
    ) as error:
        fetch_rcv1_v2(subset="train", data_home=tmp_path)
    assert str(path) in str(error.value)
    assert path.exists()


def test_topics_of_another_layout_name_the_line(tmp_path):
    path = tmp_path / "qrels.gz"
    path.write_bytes(gzip.compress(b"C15 1 1\nC15 1\n"))
    with pytest.raises(ValueError, match=r"line 2 is no topic, document and 1: 'C15 1"):
        _rcv1_v2._read_topics(path)


def test_given_checksums_are_compared_with_their_files(served, tmp_path):
    name = "lyrl2004_tokens_train.dat.gz"
    right = hashlib.sha256(served.files[f"/{name}"]).hexdigest()
    for wrong in ({"other": right}, right):
        with pytest.raises(ValueError, match="sha256 must map names of"):
            fetch_rcv1_v2(subset="train", data_home=tmp_path, sha256=wrong)
    fetch_rcv1_v2(subset="train", data_home=tmp_path, sha256={name: right})
    for wrong in (name, "rcv1.topics.hier.orig"):
        with pytest.raises(ValueError, match=f"{wrong} can't be read.*SHA-256 is"):
            fetch_rcv1_v2(subset="train", data_home=tmp_path, sha256={wrong: "0" * 64})
