"""Searches and predictions on a dask cluster."""

from typing import Any

import dask
import joblib
import numpy as np
from dask.bag import Bag
from distributed import Client
from forms import refuse_other_forms


def fit_search(search: Any, X: Any, y: Any, client: Client) -> Any:
    """Fit a search on the workers of a cluster.

    Parameters
    ----------
    search : estimator
        Such as `GridSearchCV`, with n_jobs=None or -1.
    X : array-like, sparse array or sequence of str
        Documents. They are sent to the workers once, not with each fit.
    y : array-like or sequence
        Their labels.
    client : Client
        Of the cluster.

    Returns
    -------
    search : estimator
        Fitted. Its best estimator is fitted where this runs.
    """
    with client.as_current(), joblib.parallel_config("dask", scatter=[X]):
        return search.fit(X, y)


def labels_of_bag(clf: Any, texts: Bag) -> Bag:
    """Predict the labels of a bag of texts, partition by partition.

    Parameters
    ----------
    clf : estimator
        Fitted to raw texts and label collections. It is sent to each worker once.
    texts : Bag of str
        Of any size: a worker holds one partition at a time.

    Returns
    -------
    labels : Bag of list
        Of each text, computed when it is asked for.

    Raises
    ------
    ValueError
        If it was fitted to labels of another form.
    """
    refuse_other_forms(clf)
    return texts.map_partitions(_labels, dask.delayed(clf))


def probabilities_of_array(clf: Any, X: Any) -> Any:
    """Predict the probabilities of a dask array of embeddings, block by block.

    Parameters
    ----------
    clf : estimator
        Fitted to embeddings.
    X : dask array of shape (n_documents, n_features)
        In blocks of whole rows.

    Returns
    -------
    probabilities : dask array of shape (n_documents, n_classes), float32
        Computed when it is asked for.
    """
    n_classes = len(clf.classes_)
    blocks = (X.chunks[0], (n_classes,))
    return X.map_blocks(
        _probabilities,
        clf=dask.delayed(clf),
        chunks=blocks,
        meta=np.empty((0, 0), dtype=np.float32),
    )


def _labels(texts: Any, clf: Any) -> list[list[Any]]:
    texts = list(texts)
    labels: list[list[Any]] = clf.predict(texts) if texts else []
    return labels


def _probabilities(block: np.ndarray, clf: Any) -> np.ndarray:
    if not len(block):
        return np.empty((0, len(clf.classes_)), dtype=np.float32)
    probabilities: np.ndarray = clf.predict_proba(block)
    return probabilities
