"""Explanations of 1,000 docstrings: their time, their sums, and whether they are right.

`HierarchicalLinearClassifier` on raw texts of `load_api_docs`. "largest error" is
between a score and the sum of its parts. "deleting helps" is the share of texts, of at
least 20 different words, in which deleting the ten words that add most to the most
specific label lowers its probability more than deleting ten random words.

    .venv/bin/python -m benchmarks.explanations
"""

import argparse
import re
from collections import Counter
from collections.abc import Set
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.data_sets import load_texts
from benchmarks.reporting import markdown_table, pinned_threads, publish
from sklearn_htc import HierarchicalLinearClassifier
from sklearn_htc.explain import Explanation

N_TEXTS = 1000
N_DELETED = 10
WORD = re.compile(r"\w+")


def main() -> None:
    """Explain, check, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    arguments = parser.parse_args()
    with pinned_threads(arguments.threads):
        runs = [measure(seed) for seed in arguments.seeds]
    columns = {
        "seed": "{seed}",
        "seconds": "{seconds:.2f}",
        "largest error": "{error:.1e}",
        "texts": "{n_texts}",
        "deleting helps": "{share:.1%}",
    }
    table = markdown_table(columns, runs)
    publish("explanations", runs, table, threads=arguments.threads)


def measure(seed: int) -> dict[str, Any]:
    """Explain the first test texts of one split."""
    texts = load_texts("load_api_docs", seed, None)
    clf = HierarchicalLinearClassifier(texts.hierarchy, random_state=seed)
    clf.fit(texts.train, texts.Y)
    some = texts.test[:N_TEXTS]
    start = perf_counter()
    explanations = clf.explain(some)
    seconds = perf_counter() - start
    frame = explanations.to_frame()
    sums = frame.groupby(["document", "label"])["contribution"].sum()
    scores = frame.groupby(["document", "label"])["score"].first()
    rng = np.random.default_rng(seed)
    strongest, at_random, columns = [], [], []
    for text, explanation in zip(some, explanations, strict=True):
        totals = words_of(text, explanation)
        if len(totals) < 2 * N_DELETED:
            continue
        best = {word for word, _ in totals.most_common(N_DELETED)}
        others = set(rng.choice(list(totals), N_DELETED, replace=False).tolist())
        strongest.append(without(text, best))
        at_random.append(without(text, others))
        columns.append(texts.hierarchy.index([explanation.labels[-1].label])[0])
    rows = np.arange(len(columns))
    lowered, usual = (
        clf.predict_proba(part)[rows, columns] for part in (strongest, at_random)
    )
    return {
        "seed": seed,
        "seconds": seconds,
        "error": float((sums - scores).abs().max()),
        "n_texts": len(columns),
        "share": float(np.mean(lowered < usual)),
    }


def words_of(text: str, explanation: Explanation) -> Counter[str]:
    """Add up what each word adds to the most specific label."""
    totals: Counter[str] = Counter()
    for start, end, value in explanation.words(explanation.labels[-1].label):
        totals[text[start:end].lower()] += value  # type: ignore[assignment]
    return totals


def without(text: str, words: Set[str]) -> str:
    """Delete words from a text."""
    return WORD.sub(lambda found: "" if found[0].lower() in words else found[0], text)


if __name__ == "__main__":
    main()
