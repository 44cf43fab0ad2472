"""From a fitted estimator and documents to explanations."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from sklearn_htc.data.documents import Documents
from sklearn_htc.explain.contributions import contributions
from sklearn_htc.explain.explanation import (
    Explanation,
    Explanations,
    label_explanation,
)
from sklearn_htc.explain.path_end import path_ends
from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.predictor import Predictor
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
    n_terms: int,
) -> Explanations:
    """Explain what a predictor says about documents.

    Parameters
    ----------
    predictor : Predictor
        With a wide path.
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
    n_terms : int
        How many terms for and against are shown.

    Returns
    -------
    explanations : Explanations
        One per document.

    Raises
    ------
    TypeError
        If scores are those of a classifier of the user's.
    ValueError
        If there is no wide path, or a label is no node.
    """
    if predictor.wide is None:
        raise ValueError(
            "There is only a network, whose scores are no sums over terms. Fit with "
            "wide_path='auto' and at least 50 documents."
        )
    if not isinstance(predictor.wide, WideModel):
        inner = type(getattr(predictor.wide, "estimator", predictor.wide)).__name__
        raise TypeError(
            "explain takes the package's own linear and kernel models apart, not "
            f"{inner}. Use HierarchicalLinearClassifier or HTCInfoMaxClassifier."
        )
    asked = None if labels is None else hierarchy.index(labels)
    decoder = predictor.read_out.decoder
    made: list[Any] = [None] * len(documents)
    vectors = documents.vectors
    assert vectors is not None
    for rows, wide, deep in predictor.iter_parts(documents):
        assert wide is not None
        scores = wide if deep is None else wide + deep
        log_odds = predictor.read_out.log_odds(scores)
        probabilities = decoder.probabilities(log_odds)
        decided = decoder.decide(log_odds)
        decided.sort_indices()
        predicted = np.split(decided.indices, decided.indptr[1:-1])
        nodes = predicted if asked is None else [asked] * len(rows)
        parts = contributions(predictor.wide, vectors.X[rows], nodes)
        for i, (row, found) in enumerate(zip(rows.tolist(), parts, strict=True)):
            network = np.zeros(len(nodes[i])) if deep is None else deep[i, nodes[i]]
            total = found.intercept + found.of_terms.sum(axis=0)
            total = total + found.of_rows.sum(axis=0) + network
            is_predicted = np.isin(nodes[i], predicted[i])
            made[row] = Explanation(
                None if texts is None else texts[row],
                [
                    label_explanation(
                        found,
                        position,
                        names,
                        label=hierarchy.nodes[node],
                        is_predicted=bool(is_predicted[position]),
                        probability=float(probabilities[i, node]),
                        score=float(total[position]),
                        network=float(network[position]),
                        n_shown=n_terms,
                    )
                    for position, node in enumerate(nodes[i].tolist())
                ],
                path_ends(
                    decoder, hierarchy, predicted[i], probabilities[i], log_odds[i]
                ),
            )
    return Explanations(made)
