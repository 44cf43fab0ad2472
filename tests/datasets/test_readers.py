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


def test_a_split_of_null_is_none(tmp_path, taxonomy):
    path = tmp_path / "d.jsonl"
    record = {"text": "a cat", "labels": ["cat"], "split": None}
    path.write_text(json.dumps(record), encoding="utf8")
    assert read_jsonl(path, taxonomy).split.tolist() == [""]


@pytest.mark.parametrize(
    ("name", "opener"),
    [("d.jsonl", open), ("d.jsonl.xz", lzma.open), ("d.jsonl.gz", gzip.open)],
)
def test_a_byte_order_mark_is_skipped(tmp_path, taxonomy, name, opener):
    taxonomy.write_bytes(b"\xef\xbb\xbf" + taxonomy.read_bytes())
    with opener(tmp_path / name, "wt", encoding="utf-8-sig") as file:
        file.write(json.dumps({"text": "a", "labels": ["cat"]}))
    bunch = read_jsonl(tmp_path / name, taxonomy)
    assert bunch.target_names == ["animal", "cat", "dog"]
    assert bunch.data == ["a"]
    with opener(tmp_path / name, "wt", encoding="utf-8-sig") as file:
        file.write(json.dumps({"token": ["a"], "label": ["cat"]}))
    assert read_hiagm(tmp_path / name, taxonomy).data == ["a"]


def test_a_label_of_a_string_is_not_taken_for_its_letters(tmp_path):
    letters = Hierarchy([], nodes=["x", "z"])
    path = tmp_path / "d.jsonl"
    path.write_text('{"text": "", "labels": "xz", "token": [], "label": "xz"}')
    for read in (read_jsonl, read_hiagm):
        with pytest.raises(ValueError, match=r"line 1: .* must be a list of labels"):
            read(path, letters)


def test_a_long_value_is_shortened_in_an_error(tmp_path, taxonomy):
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps({"text": "", "labels": ["x" * 2**20]}))
    with pytest.raises(ValueError, match=r"line 1: .*Unknown label 'xxx") as caught:
        read_jsonl(path, taxonomy)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"labels": []}', "line 2: .*'text' must be .*, got nothing"),
        ('{"text": null, "labels": []}', "'text' must be .*, got None"),
        ('{"text": {"a": 1}, "labels": []}', "'text' must be a string or a list"),
        ('{"text": ["a", 1], "labels": []}', "'text' must be a string or a list"),
        ('{"text": ""}', "line 2: .*'labels' must be a list of labels, got nothing"),
        ('{"text": "", "labels": "cat"}', "'labels' must be a list .* got 'cat'"),
        ('{"text": "", "labels": {"cat": 0}}', "'labels' must be a list of labels"),
        ('{"text": "", "labels": [["cat"]]}', r"must be hashable, got \['cat'\]"),
        ('{"text": "", "labels": [], "split": 1}', "'split' must be a string or null"),
        ('["", []]', "line 2: .*a JSON object is needed"),
        ('{"text": "", "labels": ["cow"]}', "line 2: .*Unknown label 'cow'"),
        ("{", "line 2: JSONDecodeError"),
    ],
)
def test_bad_lines_are_named(tmp_path, taxonomy, line, message):
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps(RECORDS[0]) + "\n" + line, encoding="utf8")
    with pytest.raises(ValueError, match=message):
        read_jsonl(path, taxonomy)
