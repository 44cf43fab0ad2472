"""Explanations as HTML: the words of a text, marked by what they add to a score."""

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn_htc.explain.explanation import Explanation, LabelExplanation

__all__ = ["highlighted", "words_of"]

# As scikit-learn's vectorizers have it.
WORD = re.compile(r"\w+")
FOR, AGAINST = "46, 125, 50", "198, 40, 40"


def words_of(
    text: str, terms: Sequence[str], contributions: np.ndarray
) -> list[tuple[int, int, float]]:
    """Share contributions of terms among the words of a text.

    Parameters
    ----------
    text : str
        The document.
    terms : sequence of str
        Words, or several words with spaces between them, all of one vectorizer or
        tokenizer.
    contributions : ndarray of shape (n_terms,)
        What each term adds.

    Returns
    -------
    words : list of (int, int, float)
        Start, end and contribution of each word that is part of a term.
    """
    terms = [str(term) for term in terms]
    spans = [match.span() for match in WORD.finditer(text)]
    words = [text[start:end] for start, end in spans]
    # The terms tell whether what made them keeps upper case, and words of one letter.
    if all(term == term.lower() for term in terms):
        words = [word.lower() for word in words]
    least = min((len(word) for term in terms for word in term.split()), default=1)
    kept = [i for i, word in enumerate(words) if len(word) >= min(least, 2)]
    places: dict[str, list[list[int]]] = {}
    longest = max((term.count(" ") + 1 for term in terms), default=1)
    for size in range(1, longest + 1):
        for first in range(len(kept) - size + 1):
            own = kept[first : first + size]
            places.setdefault(" ".join(words[i] for i in own), []).append(own)
    added = np.zeros(len(words))
    touched = np.zeros(len(words), dtype=bool)
    for term, value in zip(terms, contributions.tolist(), strict=True):
        found = places.get(term, [])
        for own in found:
            added[own] += value / (len(found) * len(own))
            touched[own] = True
    return [(*spans[i], float(added[i])) for i in np.flatnonzero(touched).tolist()]


def highlighted(explanation: "Explanation") -> str:
    """Write an explanation as HTML.

    Parameters
    ----------
    explanation : Explanation
        Of a document.

    Returns
    -------
    html : str
        One part per label, which folds; the last one is open. Without labels, the
        text.
    """
    last = len(explanation.labels) - 1
    parts = [
        _label(explanation, each, is_open=i == last)
        for i, each in enumerate(explanation.labels)
    ]
    # Where no label marks the words, the text stands by itself.
    if not parts and explanation.text is not None:
        parts = [f"<p>{escape(explanation.text)}</p>"]
    ends = "".join(f"<p>{escape(str(end))}</p>" for end in explanation.ends)
    return f"<div>{''.join(parts)}{ends}</div>"


def _label(
    explanation: "Explanation", each: "LabelExplanation", *, is_open: bool
) -> str:
    mark = "" if each.is_predicted else ", not predicted"
    title = (
        f"<b>{escape(str(each.label))}</b>: probability {each.probability:.2f}{mark}, "
        f"score {each.score:.3f}"
    )
    text = ""
    if explanation.text is not None and each.has_words:
        words = explanation.words(each.label)
        text = f"<p>{_marked(explanation.text, words)}</p>"
    rows = "".join(
        f"<tr><td>{escape(kind)}</td><td>{'' if name is None else escape(str(name))}"
        f"</td><td style='text-align: right'>{value:+.3f}</td></tr>"
        for kind, name, value in each.rows()
    )
    state = " open" if is_open else ""
    return (
        f"<details{state}><summary>{title}</summary>{text}"
        f"<table><tbody>{rows}</tbody></table></details>"
    )


def _marked(text: str, words: Sequence[tuple[int, int, float]]) -> str:
    """Mark the words of a text, the more the larger their contribution is."""
    most = max((abs(value) for _, _, value in words), default=0.0) or 1.0
    parts, end = [], 0
    for start, stop, value in words:
        color, strength = FOR if value > 0 else AGAINST, abs(value) / most
        parts.append(escape(text[end:start]))
        parts.append(
            f"<span style='background: rgba({color}, {0.6 * strength:.2f})' "
            f"title='{value:+.3f}'>{escape(text[start:stop])}</span>"
        )
        end = stop
    return "".join(parts) + escape(text[end:])
