"""From a fitted estimator and documents to explanations."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from sklearn_htc.data.documents import Documents, DocumentVectors
from sklearn_htc.explain.contributions import contributions
from sklearn_htc.explain.explanation import (
    Explanation,
    Explanations,
    label_explanation,
)
from sklearn_htc.explain.path_end import path_ends
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.label_tree.tree import LabelTree
from sklearn_htc.predictor import Predictor
from sklearn_htc.updating.predictor import UpdatedPredictor
from sklearn_htc.wide.base import WideModel

__all__ = ["explain"]


def explain(
    predictor: Predictor,
    hierarchy: Hierarchy,
    documents: Documents,
    *,
    texts: list[str] | None,
    labels: Iterable[Any] | None,
    names: Any,
    tokens: Sequence[Sequence[str | None]] | None,
    n_terms: int,
    network: str,
) -> Explanations:
    """Explain what a predictor says about documents.

    Parameters
    ----------
    predictor : Predictor
        What has been learned.
    hierarchy : Hierarchy
        The label graph.
    documents : Documents
        Of the form that was learned from.
    texts : list of str or None
        The documents as they were given, if they are texts.
    labels : iterable of labels or None
        Nodes to explain in every document; None explains those that are predicted.
    names : array of str or None
        Of the columns of X; None numbers them.
    tokens : sequence of sequences of (str or None), or None
        The tokens of each document, where a network reads texts as sequences.
    n_terms : int
        How many terms for and against are shown.
    network : {"sum", "integrated_gradients"}
        Whether what the network adds is one number, or is shared out among terms.

    Returns
    -------
    explanations : Explanations
        One per document.

    Raises
    ------
    ImportError
        If gradients are asked for and captum is not installed.
    TypeError
        If scores are those of a classifier of the user's.
    ValueError
        If there is only a network, and it is to add one number, a label is no node, or
        the hierarchy has changed since the fit.
    """
    if isinstance(predictor, UpdatedPredictor):
        raise ValueError(
            "explain takes the scores of a fit apart, and update_hierarchy has changed "
            "the labels since then. Fit anew to explain."
        )
    if predictor.wide is None and network == "sum":
        raise ValueError(
            "There is only a network, whose scores are no sums over terms. Pass "
            "network='integrated_gradients', or fit with wide_path='auto' and at least "
            "50 documents."
        )
    if not isinstance(predictor.wide, WideModel | LabelTree | None):
        inner = type(getattr(predictor.wide, "estimator", predictor.wide)).__name__
        raise TypeError(
            "explain takes the package's own linear and kernel models apart, not "
            f"{inner}. Use HierarchicalLinearClassifier or HTCInfoMaxClassifier."
        )
    asked = None if labels is None else hierarchy.index(labels)
    decoder = predictor.read_out.decoder
    made: list[Any] = [None] * len(documents)
    sharing = None
    if network != "sum" and predictor.deep is not None and predictor.deep_weight:
        assert documents.encoder_input is not None
        weight = None if predictor.wide is None else predictor.deep_weight
        from sklearn_htc.explain.network_terms import NetworkTerms

        sharing = NetworkTerms(
            predictor.deep, documents.encoder_input, tokens, weight=weight
        )
    reads_columns = isinstance(documents.encoder_input, DocumentVectors)
    for judged in predictor.iter_judged(documents):
        rows, deep, probabilities = judged.rows, judged.deep, judged.probabilities
        decided = judged.decided
        decided.sort_indices()
        predicted = np.split(decided.indices, decided.indptr[1:-1])
        nodes = predicted if asked is None else [asked] * len(rows)
        X = None if documents.vectors is None else documents.vectors.X[rows]
        parts = contributions(predictor.wide, X, nodes)
        for i, (row, found) in enumerate(zip(rows.tolist(), parts, strict=True)):
            added = np.zeros(len(nodes[i])) if deep is None else deep[i, nodes[i]]
            total = found.intercept + found.of_terms.sum(axis=0)
            total = total + found.of_rows.sum(axis=0) + added
            shared = sharing.of(row, nodes[i]) if sharing else _no_terms(len(nodes[i]))
            if reads_columns and names is not None:
                shared = names[shared[0]], shared[1]
            elif tokens is None:
                shared = shared[0].astype(str), shared[1]
            is_predicted = np.isin(nodes[i], predicted[i])
            made[row] = Explanation(
                None if texts is None else texts[row],
                [
                    label_explanation(
                        found,
                        shared,
                        position,
                        names,
                        label=hierarchy.nodes[node],
                        is_predicted=bool(is_predicted[position]),
                        probability=float(probabilities[i, node]),
                        score=float(total[position]),
                        network=float(added[position]),
                        n_shown=n_terms,
                        network_has_names=tokens is not None
                        or (reads_columns and names is not None),
                    )
                    for position, node in enumerate(nodes[i].tolist())
                ],
                path_ends(
                    decoder,
                    hierarchy,
                    predicted[i],
                    probabilities[i],
                    None if judged.of_paths is None else judged.of_paths[i],
                ),
            )
    return Explanations(made)


def _no_terms(n_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return no terms of a network."""
    return np.empty(0, dtype=np.int64), np.empty((0, n_labels), dtype=np.float32)
