"""Labels for a file of texts that is larger than memory: one text a line, in and out.

    python examples/serving/predict_file.py model.skops texts.txt labels.jsonl

Each line of the result is `{"labels": {"hardware": 0.99, "printer": 0.94}}`. It is
written beside its place, and moved there when it is complete.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sklearn_htc.persistence import load, moved_into_place

# Texts predicted at a time.
BATCH_SIZE = 1024


def iter_labels(clf: Any, texts: Iterable[str]) -> Iterator[dict[str, float]]:
    """Predict labels of any number of texts, some at a time.

    Parameters
    ----------
    clf : estimator
        Fitted to raw texts and label collections.
    texts : iterable of str
        Read as far as needed.

    Yields
    ------
    labels : dict of str to float
        Of each text: its labels, general ones first, and their probabilities.
    """
    column = {label: i for i, label in enumerate(clf.hierarchy_.nodes)}
    rest = iter(texts)
    while batch := list(islice(rest, BATCH_SIZE)):
        probabilities = clf.predict_proba(batch)
        for labels, row in zip(clf.predict(batch), probabilities, strict=True):
            yield {str(label): float(row[column[label]]) for label in labels}


def refuse_other_forms(clf: Any) -> None:
    """Refuse an estimator whose predictions are no label collections.

    Parameters
    ----------
    clf : estimator
        Fitted.

    Raises
    ------
    ValueError
        If it was fitted to an indicator, a table, or one label per text.
    """
    if not isinstance(clf.predict([""]), list):
        raise ValueError(
            "The model was fitted to labels of another form. Fit it to label "
            "collections, such as [['printer'], ['printer', 'email']]."
        )


def main(model: str, source: str, target: str) -> None:
    """Predict the lines of a file."""
    clf = load(model)
    refuse_other_forms(clf)
    with (
        # A carriage return inside a text ends no line.
        open(source, encoding="utf8", newline="\n") as lines,
        moved_into_place(target) as part,
        open(part, "w", encoding="utf8") as result,
    ):
        texts = (line.rstrip("\r\n") for line in lines)
        for labels in iter_labels(clf, texts):
            result.write(json.dumps({"labels": labels}) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 4 or not Path(sys.argv[1]).exists():
        sys.exit(__doc__)
    main(*sys.argv[1:])
