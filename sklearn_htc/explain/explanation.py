"""Explanations of single documents, and how they are shown: text, HTML, a table."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from sklearn_htc.explain.contributions import Contributions
from sklearn_htc.explain.highlighting import highlighted, words_of
from sklearn_htc.explain.path_end import PathEnd
from sklearn_htc.labels import short_repr

__all__ = ["Explanation", "Explanations", "LabelExplanation", "label_explanation"]

# Characters of a document that its text representation shows.
SHOWN = 200


@dataclass(frozen=True, eq=False, repr=False)
class LabelExplanation:
    """Why one label has the score that it has in one document.

    `intercept` + the sum of `of_terms` + the sum of `of_documents` + `network` is
    `score`.

    Parameters
    ----------
    label : label
        The node.
    is_predicted : bool
        Whether it is predicted.
    probability : float
        That the document has the node, whichever of its descendants it has, too.
    score : float
        Before calibration, which turns it into log-odds.
    intercept : float
        Score of a document that says nothing.
    terms : ndarray of str, shape (n_terms,)
        The document's terms that have weights, the strongest first.
    of_terms : ndarray of shape (n_terms,), float32
        What each of them adds to the score; negative where it speaks against.
    documents : int ndarray of shape (n_documents,)
        Rows of training documents, counted without those of weight 0, those that add
        or take away most first; empty where no kernel method is used.
    of_documents : ndarray of shape (n_documents,), float64
        What each of them adds to the score: its similarity times its weight.
    network : float
        What the network adds; 0 where there is none, or it has no weight.
    network_terms : ndarray of str, shape (n_network_terms,)
        Where it is shared out by integrated gradients, the terms that the network
        reads, the strongest first; else empty.
    of_network_terms : ndarray of shape (n_network_terms,), float64
        What each of them adds to `network`. The rest of it is what the network says of
        a document without terms.
    n_shown : int
        How many terms and documents for and against are shown.
    has_names : bool
        Whether `terms` are names, and not numbers of columns.
    network_has_names : bool
        The same of `network_terms`.
    """

    label: Any
    is_predicted: bool
    probability: float
    score: float
    intercept: float
    terms: np.ndarray
    of_terms: np.ndarray
    documents: np.ndarray
    of_documents: np.ndarray
    network: float
    network_terms: np.ndarray
    of_network_terms: np.ndarray
    n_shown: int
    has_names: bool
    network_has_names: bool

    @property
    def has_words(self) -> bool:
        """Whether any of the terms have names, which a text can be searched for."""
        return self.has_names or self.network_has_names

    def strongest(
        self, *, of_network: bool = False
    ) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        """List the terms that speak most for the label, and most against it.

        Parameters
        ----------
        of_network : bool, default=False
            Whether the network's terms are meant, rather than those of the linear
            model.

        Returns
        -------
        for_it, against_it : list of (str, float)
            Terms and what they add to the score, the strongest first, `n_terms` of each
            at most.
        """
        terms, values = (
            (self.network_terms, self.of_network_terms)
            if of_network
            else (self.terms, self.of_terms)
        )
        pairs = list(zip(terms.tolist(), values.tolist(), strict=True))
        return (
            [pair for pair in pairs if pair[1] > 0][: self.n_shown],
            [pair for pair in pairs if pair[1] < 0][: self.n_shown],
        )

    def named_terms(self) -> list[tuple[list[str], np.ndarray]]:
        """List the terms that have names, and what they add.

        Returns
        -------
        parts : list of (list of str, ndarray)
            Terms, and what they add to the score: of the linear model, and of the
            network, which may have been made in another way.
        """
        parts = (
            (self.has_names, self.terms, self.of_terms),
            (self.network_has_names, self.network_terms, self.of_network_terms),
        )
        return [
            (list(map(str, terms)), added) for named, terms, added in parts if named
        ]

    def rows(self) -> Iterator[tuple[str, Any, float]]:
        """List the parts of the score.

        Yields
        ------
        part : tuple of (str, Any, float)
            "term", "document", "network term", "network" or "intercept"; the term, or
            the row of the training document, or None; and what it adds. Terms and
            documents beyond `n_terms` are added up, as "other terms", "other documents"
            and "other network terms".
        """
        yield from self._rows_of_terms("term", self.of_terms, of_network=False)
        documents = self.documents[: self.n_shown]
        values = self.of_documents[: self.n_shown]
        for row, value in zip(documents.tolist(), values.tolist(), strict=True):
            yield "document", row, value
        if len(self.documents) > self.n_shown:
            rest = float(self.of_documents[self.n_shown :].sum())
            yield "other documents", None, rest
        yield from self._rows_of_terms(
            "network term", self.of_network_terms, of_network=True
        )
        if self.network or len(self.network_terms):
            shared_out = float(self.of_network_terms.sum())
            yield "network", None, self.network - shared_out
        yield "intercept", None, self.intercept

    def _rows_of_terms(
        self, kind: str, values: np.ndarray, *, of_network: bool
    ) -> Iterator[tuple[str, Any, float]]:
        """List the strongest terms of one kind, and the sum of the others."""
        for_it, against_it = self.strongest(of_network=of_network)
        for term, value in for_it + against_it:
            yield kind, term, value
        if len(values) > len(for_it) + len(against_it):
            shown = sum(value for _, value in for_it + against_it)
            yield f"other {kind}s", None, float(values.sum()) - shown

    def __repr__(self) -> str:
        mark = "" if self.is_predicted else ", not predicted"
        lines = [
            f"{self.label!r}: probability {self.probability:.2f}{mark}; "
            f"score {self.score:.3f}"
        ]
        for whose, of_network in (("", False), ("network, ", True)):
            both = self.strongest(of_network=of_network)
            for name, pairs in zip(("for", "against"), both, strict=True):
                if pairs:
                    terms = ", ".join(f"{term} {value:+.3f}" for term, value in pairs)
                    lines.append(f"  {whose}{name}: {terms}")
        others = [row for row in self.rows() if row[0] not in ("term", "network term")]
        documents = [row for row in others if row[0] == "document"]
        if documents:
            pairs_of = ", ".join(f"{row} {value:+.3f}" for _, row, value in documents)
            lines.append(f"  training documents: {pairs_of}")
        rest = [
            f"{kind} {value:+.3f}" for kind, _, value in others if kind != "document"
        ]
        lines.append(f"  besides: {', '.join(rest)}")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Why a document has the labels that it has.

    Parameters
    ----------
    text : str or None
        The document; None where X holds numbers.
    labels : list of LabelExplanation
        Those that are predicted, in column order; or as they were asked for.
    ends : list of PathEnd
        Where the predicted paths end, and why; why no label is predicted where none is.
    """

    text: str | None
    labels: list[LabelExplanation]
    ends: list[PathEnd]

    def words(self, label: Any) -> list[tuple[int, int, float]]:
        """Share what the terms add to a label's score among the words of the text.

        Parameters
        ----------
        label : label
            One of those that are explained.

        Returns
        -------
        words : list of (int, int, float)
            First character, last character + 1, and what the word adds. A term of
            several words gives each of them the same part. What is not found in the
            text as it stands, such as stems, is left out.

        Raises
        ------
        ValueError
            If the label is not explained, X holds no texts, or its columns have no
            names.
        """
        found = [each for each in self.labels if each.label == label]
        if not found:
            raise ValueError(
                f"{short_repr(label)} is not explained: pass it in `labels`."
            )
        if self.text is None or not found[0].has_words:
            raise ValueError(
                "There are no words to point at, as X holds no texts, or its columns "
                "have no names."
            )
        added: dict[tuple[int, int], float] = defaultdict(float)
        for terms, values in found[0].named_terms():
            for start, end, value in words_of(self.text, terms, values):
                added[start, end] += value
        return [(*span, value) for span, value in sorted(added.items())]

    def __repr__(self) -> str:
        lines = []
        if self.text is not None:
            text = " ".join(self.text[: 2 * SHOWN].split())
            lines.append(text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}...")
        lines += [repr(each) for each in self.labels]
        lines += map(str, self.ends)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return highlighted(self)


@dataclass(frozen=True, eq=False, repr=False)
class Explanations(Sequence[Explanation]):
    """Explanations of documents, in their order.

    Parameters
    ----------
    documents : list of Explanation
        One per document.
    """

    documents: list[Explanation]

    def __len__(self) -> int:
        return len(self.documents)

    @overload
    def __getitem__(self, index: int) -> Explanation: ...

    @overload
    def __getitem__(self, index: slice) -> "Explanations": ...

    def __getitem__(self, index: Any) -> Any:
        found = self.documents[index]
        return Explanations(found) if isinstance(index, slice) else found

    def to_frame(self) -> Any:
        """Return the parts of all scores as a table.

        Returns
        -------
        frame : pandas.DataFrame
            Columns "document", "label", "is_predicted", "probability", "score", "part",
            "name" and "contribution"; the contributions of a label of a document add up
            to its score. Terms and documents that are not shown are one row.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        from pandas import DataFrame

        rows = [
            (i, each.label, each.is_predicted, each.probability, each.score, *part)
            for i, document in enumerate(self.documents)
            for each in document.labels
            for part in each.rows()
        ]
        names = ["document", "label", "is_predicted", "probability", "score"]
        return DataFrame(rows, columns=[*names, "part", "name", "contribution"])

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self.documents))

    def _repr_html_(self) -> str:
        return "<hr>".join(document._repr_html_() for document in self.documents)


def label_explanation(
    found: Contributions,
    of_network: tuple[np.ndarray, np.ndarray],
    position: int,
    names: Any,
    **fields: Any,
) -> LabelExplanation:
    """Name the parts of a label's score, and put the strongest first.

    Parameters
    ----------
    found : Contributions
        Of the document.
    of_network : tuple of ndarrays of shapes (n_terms,) and (n_terms, n_labels)
        The terms of the document that the network reads, and what each adds.
    position : int
        Of the label, among those that were taken apart.
    names : ndarray of str or None
        Of the columns of X; None numbers them.
    **fields
        The fields of `LabelExplanation` that are in neither.

    Returns
    -------
    explanation : LabelExplanation
        With a score that is the sum of its parts.
    """
    of_terms = found.of_terms[:, position]
    order = np.argsort(-np.abs(of_terms), kind="stable")
    columns = found.columns[order]
    terms = columns.astype(str) if names is None else names[columns]
    of_rows = found.of_rows[:, position]
    nearest = np.argsort(-np.abs(of_rows), kind="stable")
    of_words = of_network[1][:, position]
    strongest = np.argsort(-np.abs(of_words), kind="stable")
    return LabelExplanation(
        intercept=float(found.intercept[position]),
        terms=terms,
        has_names=names is not None,
        of_terms=of_terms[order],
        documents=found.rows[nearest],
        of_documents=of_rows[nearest],
        network_terms=of_network[0][strongest],
        of_network_terms=of_words[strongest],
        **fields,
    )
