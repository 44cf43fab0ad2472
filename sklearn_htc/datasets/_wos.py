"""Web of Science (WOS-46985), with the labels and the split of HiAGM and HTCInfoMax."""

import io
import os
import zipfile
from pathlib import Path
from warnings import warn

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

__all__ = ["fetch_wos"]

ARCHIVE = RemoteFile(
    "https://data.mendeley.com/public-files/datasets/9rw3vkcfy4/files/"
    "c9ea673d-5542-44c0-ab7b-f1311f7d61df/file_downloaded",
    "WebOfScience.zip",
)
MEMBER = "Meta-data/Data.txt"
COLUMNS = ["Y1", "Y2", "Y", "Domain", "area", "keywords", "Abstract"]
N_DOCUMENTS, N_NODES = 46_985, 141

DESCRIPTION = """\
Web of Science, WOS-46985
-------------------------

Abstracts of papers with their domain and area (K. Kowsari et al., "HDLTex:
Hierarchical Deep Learning for Text Classification", ICMLA 2017; Mendeley Data
9rw3vkcfy4, CC BY 4.0).

Here: {n_documents} documents, {n_nodes} nodes on 2 levels, one path per document.
Labels and split are those of HiAGM (ACL 2020) and HTCInfoMax (NAACL 2021): areas are
merged by name, apart from case and surrounding spaces; rows are shuffled with NumPy's
seed 7, a fifth is for testing and a fifth of the rest for validation, both drawn with
seed 0. Of the whole data set these are 30,070, 7,518 and 9,397 documents. Texts are the
abstracts as published; HiAGM leaves out punctuation and stop words.
"""


def fetch_wos(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
    sha256: str | None = None,
) -> Bunch:
    """Load the Web of Science data set, after downloading it once.

    46,985 abstracts in 134 areas of 7 domains, with the split of HiAGM and HTCInfoMax.

    Parameters
    ----------
    data_home : path-like, default=None
        Where the archive is kept, in the folder sklearn_htc; scikit-learn's data folder
        by default (`sklearn.datasets.get_data_home`).
    download_if_missing : bool, default=True
        Whether to download the archive if it is not there.
    n_retries : int, default=3
        How many more times to try after a failed download.
    delay : float, default=1.0
        Seconds between tries.
    sha256 : str, default=None
        SHA-256 of the archive, 64 hexadecimal digits. None is published, so by default
        a download is checked only against the checksums inside the archive, which
        reveal damage but not that the archive was replaced. Give the checksum of a
        copy that you trust; a file that is there already is compared with it too.

    Returns
    -------
    bunch : Bunch
        - data : list of str. The abstracts.
        - target : csr_array of shape (n_documents, n_nodes). Indicator, closed.
        - hierarchy : Hierarchy. Domains and their areas.
        - target_names : list of str. `hierarchy.nodes`.
        - split : ndarray of str. "train", "val" or "test".
        - DESCR : str. Where the data come from.

    Raises
    ------
    OSError
        If the archive is missing and may not, or cannot, be downloaded. An incomplete
        download is kept, and the next call resumes it.
    ValueError
        If the archive is empty or damaged, has another checksum than `sha256`, or does
        not have the layout that is expected; or if `sha256` is no SHA-256.

    Warns
    -----
    UserWarning
        If there are not 46,985 documents and 141 nodes, if a try to download fails and
        another follows, or if another call downloads the archive already.
    """
    path = fetch_file(
        with_checksum(ARCHIVE, sha256),
        Path(get_data_home(data_home)) / "sklearn_htc",
        check=_check_archive,
        download_if_missing=download_if_missing,
        n_retries=n_retries,
        delay=delay,
    )
    with reading(path):
        data, pairs = _read(path)
    hierarchy = Hierarchy(sorted(set(pairs)))
    split = _split(len(data))
    if (len(data), len(hierarchy)) != (N_DOCUMENTS, N_NODES):
        warn(
            f"{path} has {len(data)} documents and {len(hierarchy)} nodes, not "
            f"{N_DOCUMENTS} and {N_NODES}: results on it can't be compared with "
            "published ones.",
            stacklevel=2,
        )
    return Bunch(
        data=data,
        target=hierarchy.to_indicator([area] for _, area in pairs),
        hierarchy=hierarchy,
        target_names=list(hierarchy.nodes),
        split=split,
        DESCR=DESCRIPTION.format(n_documents=len(data), n_nodes=len(hierarchy)),
    )


def _check_archive(path: Path) -> None:
    """Compare the checksums inside the archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error
    if damaged is not None:
        raise ValueError(f"the checksum of {damaged} is wrong")


def _read(path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Read abstracts and their (domain, area)."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(MEMBER)]
        if not names:
            raise ValueError(f"it has no {MEMBER}")
        with archive.open(names[0]) as member:
            # Split only at line feeds, as some abstracts hold other line ends.
            text = io.TextIOWrapper(member, encoding="utf8", newline="\n")
            header = [name.strip() for name in next(text, "").split("\t")]
            if header != COLUMNS:
                raise ValueError(
                    f"{names[0]}: the columns are {short_repr(header)}, not {COLUMNS}"
                )
            data, pairs = [], []
            spelling: dict[str, str] = {}
            for number, line in enumerate(text, 2):
                fields = line.rstrip("\r\n").split("\t")
                if len(fields) != len(COLUMNS):
                    raise ValueError(
                        f"{names[0]}, line {number}: {len(fields)} columns, not "
                        f"{len(COLUMNS)}"
                    )
                domain, area = (
                    spelling.setdefault(name.lower(), name)
                    for name in (fields[3].strip(), fields[4].strip())
                )
                pairs.append((domain, area))
                data.append(fields[6].strip())
    if not data:
        raise ValueError(f"{names[0]} has no document")
    return data, pairs


def _split(n_documents: int) -> np.ndarray:
    """Draw HiAGM's split of documents in the order of the file."""
    order = list(range(n_documents))
    np.random.RandomState(7).shuffle(order)
    rest, test = train_test_split(order, test_size=0.2, random_state=0)
    _, valid = train_test_split(rest, test_size=0.2, random_state=0)
    split = np.full(n_documents, "train", dtype="<U5")
    split[test] = "test"
    split[valid] = "val"
    return split
