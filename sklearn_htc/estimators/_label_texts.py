"""Label texts and label features of an estimator, checked against X and y."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_htc._sklearn_compat import get_feature_names
from sklearn_htc.data.input_form import InputForm
from sklearn_htc.data.label_texts import (
    LabelDocuments,
    read_label_features,
    read_label_texts,
)
from sklearn_htc.data.reading import as_documents

__all__ = ["read_given", "read_labels"]


def read_labels(
    form: InputForm, estimator: Any
) -> tuple[InputForm, LabelDocuments | None]:
    """Read what an estimator is told about labels.

    Parameters
    ----------
    form : InputForm
        The forms of X and y.
    estimator : estimator
        With the parameters `label_texts` and `label_features`.

    Returns
    -------
    form : InputForm
        For 1-D y, leaves that have a text are among the classes.
    labels : LabelDocuments or None
        In the form of X; None where nothing is told.

    Raises
    ------
    ValueError
        If both are given, they don't suit X, or are not as described.
    """
    labels = read_given(
        form, estimator, estimator.label_texts, estimator.label_features
    )
    if labels is None:
        return form, None
    leaves = np.intersect1d(labels.nodes, form.targets.hierarchy.leaves)
    return replace(form, targets=form.targets.with_classes(leaves)), labels


def read_given(
    form: InputForm, estimator: Any, label_texts: Any, label_features: Any
) -> LabelDocuments | None:
    """Read label texts or label features.

    Parameters
    ----------
    form : InputForm
        The forms of X and y.
    estimator : estimator
        Whose name errors use.
    label_texts : mapping, sequence of str or None
        As for `HTCInfoMaxClassifier`.
    label_features : {array-like, sparse array} of shape (n_nodes, n_features) or None
        As for `HTCInfoMaxClassifier`.

    Returns
    -------
    labels : LabelDocuments or None
        In the form of X; None where nothing is given.

    Raises
    ------
    ValueError
        If both are given, they don't suit X, or are not as described.
    """
    if label_texts is None and label_features is None:
        return None
    if label_texts is not None and label_features is not None:
        raise ValueError(
            "label_texts and label_features are both given. For raw texts give "
            "label_texts, for numeric X label_features."
        )
    hierarchy = form.targets.hierarchy
    if label_texts is not None:
        if not form.documents.reads_texts:
            raise ValueError(
                "label_texts needs raw texts as X, and X holds numbers. Give "
                "label_features: features of the labels' texts, computed as X was."
            )
        nodes, texts = read_label_texts(label_texts, hierarchy)
        if not texts:
            return None
        documents = form.documents.read(texts, estimator)
    else:
        if form.documents.reads_texts:
            raise ValueError(
                "label_features needs a numeric X, and X holds raw texts. Give "
                "label_texts."
            )
        if form.documents.text_encoder not in ("bag", "dense"):
            raise ValueError(
                "label_features are compared with term weights or document embeddings, "
                "and X holds sequences. Leave them out."
            )
        _refuse_other_columns(label_features, form)
        nodes, features = read_label_features(label_features, hierarchy)
        if not len(nodes):
            raise ValueError(
                "label_features has no row with numbers other than 0. Leave it out."
            )
        documents = as_documents(
            _of_kind(features, form.documents.text_encoder),
            form.documents.text_encoder,
        )
        if documents.vectors is not None and (
            documents.n_features != form.documents.n_features
        ):
            raise ValueError(
                f"label_features has {documents.n_features} features, but X has "
                f"{form.documents.n_features}. Both need the same columns."
            )
    if documents.vectors is None:
        raise ValueError(
            "Label texts are compared with term weights or document embeddings, and X "
            "holds sequences. Use another text_encoder, or a vectorizer beside it."
        )
    return LabelDocuments(nodes, documents)


def _refuse_other_columns(label_features: Any, form: InputForm) -> None:
    """Compare names of columns with those of X, where both have names."""
    of_labels = get_feature_names(label_features)
    of_documents = form.documents.feature_names
    if of_labels is None or of_documents is None:
        return
    if list(of_labels) != list(of_documents):
        raise ValueError(
            "The columns of label_features are named otherwise than those of X, or "
            "are in another order. Both need the same columns in the same order."
        )


def _of_kind(features: Any, text_encoder: str) -> Any:
    """Let features be sparse where X is, and dense where X is."""
    if text_encoder == "dense" and sparse.issparse(features):
        return features.toarray()
    return sparse.csr_array(features) if text_encoder == "bag" else features
