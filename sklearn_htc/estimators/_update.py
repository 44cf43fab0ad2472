"""What estimators do when their hierarchy changes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from sklearn_htc.data.label_texts import LabelDocuments
from sklearn_htc.estimators._label_texts import read_given
from sklearn_htc.estimators._learned import Learned
from sklearn_htc.hierarchy import Hierarchy, as_hierarchy
from sklearn_htc.label_texts.similarity import LabelVectors
from sklearn_htc.labels import short_repr
from sklearn_htc.threads import resolve_n_threads, torch_threads
from sklearn_htc.updating.fitting import (
    Change,
    changeable,
    counts_of,
    has_text,
    update,
)
from sklearn_htc.updating.sources import Sources

__all__ = ["updated"]


def updated(
    estimator: Any,
    learned: Learned,
    hierarchy: Any,
    mapping: Any,
    X: Any,
    y: Any,
    label_texts: Any,
    label_features: Any,
) -> tuple[Learned, dict[str, Any]]:
    """Let what was learned follow a changed hierarchy.

    Parameters
    ----------
    estimator : estimator
        Stays as it is.
    learned : Learned
        What it has learned.
    hierarchy, mapping, X, y, label_texts, label_features
        As for `BaseHierarchicalClassifier.update_hierarchy`.

    Returns
    -------
    learned : Learned
        After the change.
    parameters : dict of str to value
        Of the estimator, for a fit of the same after the change.

    Raises
    ------
    ValueError
        If something is not as described.
    """
    if (X is None) != (y is None):
        raise ValueError("X and y belong together. Give both, or neither.")
    if isinstance(hierarchy, str) or hierarchy is None:
        raise ValueError(
            f"hierarchy={hierarchy!r}: give the whole hierarchy as it is now, as a "
            "Hierarchy, a dict, edges or a graph."
        )
    hierarchy = as_hierarchy(hierarchy)
    former = changeable(learned.predictor)
    targets = learned.form.targets
    sources = Sources.read(targets.hierarchy, hierarchy, mapping)
    inherited = sources.inherited(counts_of(former))
    classes = None
    if not targets.is_multilabel:
        was_class = np.zeros(len(targets.hierarchy), dtype=np.int64)
        was_class[targets.class_nodes] = 1
        goes_on = np.flatnonzero(sources.matrix.astype(np.int64) @ was_class)
        classes = [hierarchy.nodes[node] for node in goes_on]
        if y is not None:
            given = targets.with_hierarchy(hierarchy, classes).labels_of(y)
            _refuse_new_ends(given, goes_on, inherited, hierarchy)
            classes += given
    form = replace(learned.form, targets=targets.with_hierarchy(hierarchy, classes))
    labels = read_given(form, estimator, label_texts, label_features)
    if labels is not None:
        told = np.intersect1d(labels.nodes, hierarchy.leaves)
        told = told[inherited[told] == 0]
        if not has_text(former).any():
            # What was fitted without texts can tell nothing by them.
            told = told[sources.is_new[told]]
        form = replace(form, targets=form.targets.with_classes(told))
    data = None
    if X is not None:
        documents = form.documents.read(X, estimator)
        no_paths = np.empty(0, dtype=np.int64)
        data = form.training_data(documents, y, None, no_paths)
    class_nodes = None if form.targets.is_multilabel else form.targets.class_nodes
    vectors = None if labels is None else _vectors(labels)
    change = Change(sources, data, vectors, class_nodes)
    rng = check_random_state(estimator.random_state)
    with torch_threads(resolve_n_threads(getattr(estimator, "n_jobs", None))):
        predictor = update(former, change, rng)
    parameters = {"hierarchy": hierarchy}
    parameters |= _label_parameters(estimator, sources, label_texts, label_features)
    return replace(learned, form=form, predictor=predictor), parameters


def _refuse_new_ends(
    labels: list[Any], goes_on: np.ndarray, inherited: np.ndarray, hierarchy: Hierarchy
) -> None:
    """Refuse labels that had documents, but as ancestors of others alone."""
    columns = np.unique(hierarchy.index(labels))
    wrong = np.setdiff1d(columns[inherited[columns] > 0], goes_on)
    if len(wrong):
        label = short_repr(hierarchy.nodes[wrong[0]])
        raise ValueError(
            f"y has {label} as the most specific label of a document, which it was of "
            "none at fit. Fit anew."
        )


def _vectors(labels: LabelDocuments) -> LabelVectors:
    vectors = labels.documents.vectors
    assert vectors is not None
    return LabelVectors(labels.nodes, vectors.X)


def _label_parameters(
    estimator: Any, sources: Sources, label_texts: Any, label_features: Any
) -> dict[str, Any]:
    """Carry label texts and features over to the nodes of today."""
    parameters = estimator.get_params(deep=False)
    former, hierarchy = sources.former, sources.hierarchy
    own_texts = parameters.get("label_texts")
    if own_texts is not None or label_texts is not None:
        texts = _by_label(own_texts, former.nodes)
        carried = {}
        for row in np.flatnonzero((sources.counts == 1) & ~sources.is_part):
            label = former.nodes[sources.matrix[[row]].indices[0]]
            if label in texts:
                carried[hierarchy.nodes[row]] = texts[label]
        return {"label_texts": carried | _by_label(label_texts, hierarchy.nodes)}
    own_features = parameters.get("label_features")
    if own_features is None:
        return {} if label_features is None else {"label_features": label_features}
    share = sources.matrix / np.maximum(sources.counts, 1)[:, None]
    # What a node was is none of the parts that it was split into.
    whole = sparse.diags_array((~sources.is_part).astype(np.float64))
    carried = whole @ (share @ _filled(own_features))
    if label_features is not None:
        # Rows that are given take the place of those that were.
        given = _filled(label_features)
        has_some = np.asarray(abs(given).sum(axis=1) > 0).ravel()
        keep = sparse.diags_array((~has_some).astype(np.float64))
        carried = keep @ carried + given
    return {"label_features": sparse.csr_array(carried)}


def _filled(features: Any) -> sparse.csr_array:
    """Return features with zeros in place of NaN."""
    if not sparse.issparse(features):
        features = np.asarray(features, dtype=np.float64)
    filled = sparse.csr_array(features, copy=True)
    filled.data = np.nan_to_num(filled.data)
    filled.eliminate_zeros()
    return filled


def _by_label(texts: Any, nodes: Any) -> dict[Any, str]:
    if texts is None:
        return {}
    if isinstance(texts, Mapping) or hasattr(texts, "items"):
        return dict(texts.items())
    return dict(zip(nodes, texts, strict=True))
