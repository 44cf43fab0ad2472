"""The documentation: what it shows runs, what it links to is there, and all is listed.

The API reference and links between its own pages are checked by Sphinx, too.
"""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest

from sklearn_htc import Hierarchy
from tests.conftest import TREE

pandas = pytest.importorskip("pandas")

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "guide"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *GUIDE.glob("*.md")])
PUBLIC_MODULES = (
    "sklearn_htc",
    "sklearn_htc.datasets",
    "sklearn_htc.explain",
    "sklearn_htc.export",
    "sklearn_htc.inspection",
    "sklearn_htc.metrics",
    "sklearn_htc.persistence",
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NUMBER = re.compile(r"[+-]?\d+\.\d+")
# What needs a download, a cluster or another package.
NOT_RUN = {
    "clusters.md",
    "large_data.md",
    "reproducing.md",
    "serving.md",
    "texts.md",
}


def blocks(path):
    """Return the code of a page."""
    text = path.read_text(encoding="utf-8")
    return [code for language, code in FENCE.findall(text) if language == "python"]


def relative(path):
    """Return the name of a page, for ids."""
    return str(path.relative_to(ROOT))


def test_the_readme_prints_what_it_says(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = FENCE.findall(text)
    names: dict = {}
    n_compared = 0
    for (language, code), (next_language, shown) in zip(
        found, [*found[1:], ("", "")], strict=True
    ):
        if language != "python":
            continue
        exec(compile(code, "README.md", "exec"), names)
        printed = capsys.readouterr().out
        if printed:
            assert next_language == ""
            n_compared += 1
            # The last digit depends on the processor.
            assert NUMBER.sub("0", printed).split() == NUMBER.sub("0", shown).split()
            np.testing.assert_allclose(
                [float(each) for each in NUMBER.findall(printed)],
                [float(each) for each in NUMBER.findall(shown)],
                atol=0.015,
            )
    assert n_compared == 3


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_code_of_pages_is_python(path):
    for code in blocks(path):
        indent = len(code) - len(code.lstrip())
        compile(re.sub(f"^ {{{indent}}}", "", code, flags=re.MULTILINE), path, "exec")


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(GUIDE.glob("*.md")) if path.name not in NOT_RUN],
    ids=relative,
)
def test_the_guide_runs(path, corpus, tmp_path, monkeypatch):
    codes = [code for code in blocks(path) if "mlflow" not in code]
    if not codes:
        pytest.skip("no code")
    monkeypatch.chdir(tmp_path)
    names = names_of(path.name, corpus)
    for code in codes:
        exec(compile(code, str(path), "exec"), names)


class CountingEncoder:
    """Texts as numbers, in place of a sentence encoder."""

    def encode(self, texts):
        letters = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[text.count(each) for each in letters] for text in texts])


def names_of(page, corpus):
    """Return what the code of a page reads without making it."""
    from sklearn_htc import HierarchicalLinearClassifier, HTCInfoMaxClassifier

    texts, leaves = corpus
    if page == "label_texts.md":
        names = {"cat": "T1059.001", "dog": "T1566.002"}
        hierarchy = Hierarchy([], nodes=names.values())
        labels = [[names[leaf]] if leaf in names else [] for leaf in leaves]
    else:
        hierarchy = Hierarchy.from_dict(TREE)
        labels = [[leaf] for leaf in leaves]
    paths = dict(zip(hierarchy.nodes, hierarchy.paths, strict=True))
    y = [[*paths[row[0]], "", ""][:3] for row in labels if row]
    table = pandas.DataFrame(
        [[text, *row[:2]] for text, row in zip(texts, y, strict=False)],
        columns=["text", "area", "topic"],
    )
    Y = hierarchy.to_indicator(labels)
    hierarchy_of_today = Hierarchy.from_dict(
        {"animal": ["tomcat", "dog"], "plant": ["tree", "herb"], "tree": ["oak"]}
    )
    if page == "changing.md":
        of_today = {"cat": "tomcat", "fir": "tree"}
        y = hierarchy_of_today.to_indicator(
            [of_today.get(leaf, leaf)] for leaf in leaves
        )
    return {
        "HTCInfoMaxClassifier": HTCInfoMaxClassifier,
        "HierarchicalLinearClassifier": HierarchicalLinearClassifier,
        "Hierarchy": Hierarchy,
        "X": texts,
        "Y": Y,
        "clf": HierarchicalLinearClassifier(hierarchy, random_state=0).fit(texts, Y),
        "encoder": CountingEncoder(),
        "hierarchy": hierarchy,
        "hierarchy_of_today": hierarchy_of_today,
        "labels": labels,
        "mapping": {"cat": "tomcat"},
        "names": dict.fromkeys(hierarchy.nodes, "name"),
        "new_texts": texts[:3],
        "table": table,
        "texts": texts,
        "y": y,
    }


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_links_lead_somewhere(path):
    for link in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", link):
            assert link.startswith(("https://", "mailto:")), link
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if "gallery" in target.parts:
            # Made from examples/ when the pages are.
            continue
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(path):
    """Return the names of a page's headings in links."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each).lower().replace(" ", "-") for each in titles}


def test_the_api_reference_lists_every_public_name():
    listed: dict = {name: set() for name in PUBLIC_MODULES}
    module = ""
    for line in (ROOT / "docs" / "api.rst").read_text(encoding="utf-8").splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.removeprefix(".. currentmodule:: ")
        elif found := re.fullmatch(r"   (\w+)|\.\. autodata:: (\w+)", line):
            listed[module].add(found[1] or found[2])
    for name in PUBLIC_MODULES:
        assert listed[name] == set(importlib.import_module(name).__all__)
