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
        ("/lyrl2004_tokens_train.dat.gz", gzip.compress(b"x" * 9999)[:-20]),
    ],
    ids=["topics", "hierarchy", "tokens"],
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
