"""RCV1-V2 (LYRL2004) as texts of stems, with its topic hierarchy."""

import gzip
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from sklearn.datasets import get_data_home
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from sklearn_htc.datasets._download import (
    RemoteFile,
    fetch_file,
    reading,
    with_checksum,
)
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.labels import short_repr

__all__ = ["fetch_rcv1_v2"]

APPENDIX = "https://www.jmlr.org/papers/volume5/lewis04a"
TOKENS = {
    "train": ["lyrl2004_tokens_train.dat.gz"],
    "test": [f"lyrl2004_tokens_test_pt{part}.dat.gz" for part in range(4)],
}
TOKENS_FOLDER = f"{APPENDIX}/a12-token-files"
# The one file whose checksum is published: it comes with scikit-learn's fetch_rcv1.
TOPICS = RemoteFile(
    "https://ndownloader.figshare.com/files/5976048",
    "rcv1v2.topics.qrels.gz",
    "2a98e5e5d8b770bded93afc8930d88299474317fe14181aee1466cc754d0d1c1",
)
HIERARCHY = RemoteFile(
    f"{APPENDIX}/a02-orig-topics-hierarchy/rcv1.topics.hier.orig",
    "rcv1.topics.hier.orig",
)

DESCRIPTION = """\
RCV1-V2
-------

Reuters newswire stories as stems without stop words, with their topics (D. D. Lewis, Y.
Yang, T. G. Rose and F. Li, "RCV1: A New Benchmark Collection for Text Categorization
Research", JMLR 5, 2004; the token files of its online appendix 12).

Here: {n_documents} documents of subset {subset!r}, {n_nodes} nodes on {n_levels}
levels, several paths per document. The whole data set has 20,834 documents for
training, 2,315 for validation and 781,265 for testing, as HiAGM and HTCInfoMax have
them. The 23,149 of LYRL2004's training file are divided at random with seed 0, which
need not be the division that those papers drew.
"""


def fetch_rcv1_v2(
    *,
    subset: str = "all",
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
    sha256: Mapping[str, str] | None = None,
) -> Bunch:
    """Load RCV1-V2 with its topic hierarchy, after downloading it once.

    804,414 stories with 103 topics on 4 levels. `sklearn.datasets.fetch_rcv1` has term
    weights of the same stories; here are the tokens in their order.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="all"
        "train" is training and validation rows, 23,149; "test" the other 781,265,
        about 1 GB of text.
    data_home : path-like, default=None
        Where the files are kept, in the folder sklearn_htc; scikit-learn's data folder
        by default (`sklearn.datasets.get_data_home`).
    download_if_missing : bool, default=True
        Whether to download files that are not there.
    n_retries : int, default=3
        How many more times to try after a failed download.
    delay : float, default=1.0
        Seconds between tries.
    sha256 : mapping of file name to str, default=None
        SHA-256 of files as they are called in the folder: rcv1.topics.hier.orig,
        rcv1v2.topics.qrels.gz, lyrl2004_tokens_train.dat.gz and
        lyrl2004_tokens_test_pt0.dat.gz to pt3. Only that of the second one is
        published, and it is always compared. By default the token files are checked
        only against the checksums that gzip stores in them, which reveal damage but
        not that a file was replaced, and rcv1.topics.hier.orig only for its layout.
        Give the checksums of copies that you trust; files that are there already are
        compared with them too.

    Returns
    -------
    bunch : Bunch
        - data : list of str. Tokens of each document, joined by spaces.
        - target : csr_array of shape (n_documents, n_nodes). Indicator, closed.
        - hierarchy : Hierarchy. Topic codes.
        - target_names : list of str. Their descriptions, in the order of
          `hierarchy.nodes`.
        - split : ndarray of str. "train", "val" or "test".
        - ids : ndarray of int. Reuters' numbers of the documents.
        - DESCR : str. Where the data come from.

    Raises
    ------
    OSError
        If a file is missing and may not, or cannot, be downloaded. An incomplete
        download is kept, and the next call resumes it.
    ValueError
        If `subset` is unknown, or a file is empty, damaged or of another layout or has
        another checksum; or if `sha256` names another file or holds no SHA-256.

    Warns
    -----
    UserWarning
        If a try to download fails and another follows, or if another call downloads the
        file already.
    """
    subsets = ["train", "test"] if subset == "all" else [subset]
    if not set(subsets) <= TOKENS.keys():
        raise ValueError(
            f"subset must be 'train', 'test' or 'all', got {short_repr(subset)}."
        )
    checksums = _checksums(sha256)

    def fetch(remote: RemoteFile) -> Path:
        return fetch_file(
            with_checksum(remote, checksums.get(remote.name)),
            Path(get_data_home(data_home)) / "sklearn_htc",
            check=_check_gzip if remote.name.endswith(".gz") else _check_hierarchy,
            download_if_missing=download_if_missing,
            n_retries=n_retries,
            delay=delay,
        )

    path = fetch(HIERARCHY)
    with reading(path):
        edges, descriptions = _read_hierarchy(path)
        hierarchy = Hierarchy(edges, nodes=list(descriptions))
    path = fetch(TOPICS)
    with reading(path):
        topics = _read_topics(path)
    ids: list[int] = []
    data: list[str] = []
    parts: list[str] = []
    for part in subsets:
        for name in TOKENS[part]:
            path = fetch(RemoteFile(f"{TOKENS_FOLDER}/{name}", name))
            with reading(path):
                numbers, texts = _read_documents(path, topics)
            ids += numbers
            data += texts
        parts += [part] * (len(ids) - len(parts))
    return Bunch(
        data=data,
        target=hierarchy.to_indicator(topics[number] for number in ids),
        hierarchy=hierarchy,
        target_names=list(descriptions.values()),
        split=_with_validation_rows(np.array(parts)),
        ids=np.array(ids),
        DESCR=DESCRIPTION.format(
            n_documents=len(data),
            subset=subset,
            n_nodes=len(hierarchy),
            n_levels=hierarchy.levels.max() + 1,
        ),
    )


def _checksums(sha256: Mapping[str, str] | None) -> Mapping[str, str]:
    """Refuse checksums of files that are not read here."""
    names = [HIERARCHY.name, TOPICS.name, *TOKENS["train"], *TOKENS["test"]]
    checksums = {} if sha256 is None else sha256
    if not isinstance(checksums, Mapping) or not set(checksums) <= set(names):
        raise ValueError(
            f"sha256 must map names of {names} to checksums, got {short_repr(sha256)}."
        )
    return checksums


def _with_validation_rows(split: np.ndarray) -> np.ndarray:
    """Turn a tenth of the training rows into validation rows."""
    is_train = np.flatnonzero(split == "train")
    if len(is_train):
        _, valid = train_test_split(is_train, test_size=0.1, random_state=0)
        split[valid] = "val"
    return split


def _check_gzip(path: Path) -> None:
    """Unpack the whole file, which compares its checksum."""
    with gzip.open(path) as file:
        # gzip reads an empty file without an error.
        if not file.read(1):
            raise ValueError("it is empty")
        while file.read(2**24):
            pass


def _check_hierarchy(path: Path) -> None:
    edges, descriptions = _read_hierarchy(path)
    Hierarchy(edges, nodes=list(descriptions))


def _read_hierarchy(path: Path) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Read (parent, child) pairs without the root, and descriptions by topic."""
    pattern = re.compile(
        r"parent:\s*(\S+)\s+child:\s*(\S+)\s+child-description:\s*(.*)"
    )
    edges, descriptions = [], {}
    for number, line in enumerate(path.read_text("utf8").splitlines(), 1):
        if not line.strip():
            continue
        match = pattern.match(line.strip())
        if match is None:
            raise ValueError(f"line {number} is no edge: {short_repr(line)}")
        parent, child, description = match.groups()
        if child == "Root":
            continue
        descriptions[child] = description.strip()
        if parent != "Root":
            edges.append((parent, child))
    if not descriptions:
        raise ValueError("it has no topic")
    return edges, descriptions


def _read_topics(path: Path) -> dict[int, list[str]]:
    """Read the topics of each document, from lines of topic, document and 1."""
    topics = defaultdict(list)
    with gzip.open(path, "rt", encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            fields = line.split()
            if len(fields) != 3 or not fields[1].isdecimal():
                raise ValueError(
                    f"line {number} is no topic, document and 1: {short_repr(line)}"
                )
            topics[int(fields[1])].append(fields[0])
    return dict(topics)


def _read_documents(
    path: Path, topics: Mapping[int, list[str]]
) -> tuple[list[int], list[str]]:
    """Read the numbers and the tokens of documents that all have topics."""
    ids, data = [], []
    for number, tokens in _read_tokens(path):
        if number not in topics:
            raise ValueError(f"document {number} has no topic")
        ids.append(number)
        data.append(tokens)
    return ids, data


def _read_tokens(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number of each document, and its tokens after the line ".W"."""
    number: int | None = None
    lines: list[str] = []
    with gzip.open(path, "rt", encoding="ascii") as file:
        for line in file:
            if line.startswith(".I"):
                if number is not None:
                    yield number, " ".join(lines)
                number, lines = int(line.removeprefix(".I")), []
            elif number is None and line.strip():
                raise ValueError(
                    f"tokens come before the first document: {short_repr(line)}"
                )
            elif line.strip() and not line.startswith(".W"):
                lines.append(line.strip())
    if number is None:
        raise ValueError("it has no document")
    yield number, " ".join(lines)
