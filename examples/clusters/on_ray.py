"""Searches and predictions on a ray cluster."""

from typing import Any

import joblib
import numpy as np
import ray
from forms import refuse_other_forms
from ray.util.joblib import register_ray

from sklearn_htc.persistence import load


def fit_search(search: Any, X: Any, y: Any) -> Any:
    """Fit a search on the workers of a cluster.

    Parameters
    ----------
    search : estimator
        Such as `GridSearchCV`, with n_jobs=-1.
    X : array-like, sparse array or sequence of str
        Documents.
    y : array-like or sequence
        Their labels.

    Returns
    -------
    search : estimator
        Fitted. Its best estimator is fitted where this runs.
    """
    register_ray()
    with joblib.parallel_config("ray"):
        return search.fit(X, y)


class Labels:
    """What a worker does with batches of texts; it loads the model once.

    Parameters
    ----------
    path : str
        Of a file that `sklearn_htc.persistence.save` has written, and that every worker
        can read. Its estimator was fitted to raw texts and label collections.

    Raises
    ------
    ValueError
        If it was fitted to labels of another form.
    """

    def __init__(self, path: str) -> None:
        self.clf = load(path)
        refuse_other_forms(self.clf)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, Any]:
        """Add the labels of the column `text`, as JSON-like lists."""
        return {**batch, "labels": self.clf.predict(batch["text"].tolist())}


def labels_of_dataset(path: str, texts: ray.data.Dataset, n_workers: int) -> Any:
    """Predict the labels of a dataset, batch by batch, as they stream through.

    Parameters
    ----------
    path : str
        As for `Labels`.
    texts : Dataset
        With a column `text`; of any size.
    n_workers : int
        How many load the model.

    Returns
    -------
    labels : Dataset
        With a column `labels` beside the others, computed when it is asked for.
    """
    return texts.map_batches(
        Labels,
        fn_constructor_args=(path,),
        batch_size=1024,
        compute=ray.data.ActorPoolStrategy(size=n_workers),
    )
