"""Readers of labelled documents in files."""

import gzip
import json
import lzma

import pytest

from sklearn_htc import Hierarchy
from sklearn_htc.datasets import read_hiagm, read_jsonl

RECORDS = [
    {"text": "a cat", "labels": ["cat"], "split": "train"},
    {"text": "nothing", "labels": []},
]


@pytest.fixture
def taxonomy(tmp_path):
    path = tmp_path / "hierarchy.tsv"
    path.write_text("Root\tanimal\nanimal\tcat\tdog\n", encoding="utf8")
    return path


@pytest.mark.parametrize(
    ("name", "opener"),
    [("d.jsonl", open), ("d.jsonl.xz", lzma.open), ("d.jsonl.gz", gzip.open)],
)
def test_json_lines_plain_and_compressed(tmp_path, taxonomy, name, opener):
    path = tmp_path / name
    with opener(path, "wt", encoding="utf8") as file:
        file.write("\n".join(json.dumps(record) for record in RECORDS) + "\n\n")
    bunch = read_jsonl(path, taxonomy)
    assert bunch.data == ["a cat", "nothing"]
    assert bunch.target.toarray().tolist() == [[1, 1, 0], [0, 0, 0]]
    assert bunch.target_names == ["animal", "cat", "dog"]
    assert bunch.split.tolist() == ["train", ""]
    assert "2 documents" in bunch.DESCR


def test_hiagm_files_hold_tokens(tmp_path, taxonomy):
    path = tmp_path / "train.json"
    record = {"token": ["a", "dog"], "label": ["animal", "dog"], "doc_topic": []}
    path.write_text(json.dumps(record), encoding="utf8")
    bunch = read_hiagm(path, Hierarchy.from_taxonomy(taxonomy))
    assert bunch.data == ["a dog"]
    assert bunch.target.toarray().tolist() == [[1, 0, 1]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"labels": []}', "line 2: KeyError: 'text'"),
        ('{"text": "", "labels": ["cow"]}', "line 2: .*Unknown label 'cow'"),
        ("{", "line 2: JSONDecodeError"),
    ],
)
def test_bad_lines_are_named(tmp_path, taxonomy, line, message):
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps(RECORDS[0]) + "\n" + line, encoding="utf8")
    with pytest.raises(ValueError, match=message):
        read_jsonl(path, taxonomy)
