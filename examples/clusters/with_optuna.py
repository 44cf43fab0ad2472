"""A search by Optuna, whose trials any number of processes share through a database."""

from typing import Any

import optuna
from sklearn.base import clone
from sklearn.model_selection import cross_val_score


def search(
    clf: Any, X: Any, y: Any, *, storage: str, name: str, n_trials: int, seed: int = 0
) -> optuna.Study:
    """Try values of two parameters, and note each in a database.

    Start it in as many processes as there are machines, with the same storage and name:
    they share what was tried. The first has to make the database before the others
    come: call it once with n_trials=0. A process that is killed loses the trial that it
    was in.

    Parameters
    ----------
    clf : HierarchicalLinearClassifier
        Not fitted.
    X : sequence of str or {array-like, sparse array}
        Documents.
    y : array-like or sequence
        Their labels.
    storage : str
        A URL, such as "sqlite:///search.db" for processes of one machine, or
        "postgresql://user@server/database" for several.
    name : str
        Of the study. One that is there is gone on with.
    n_trials : int
        How many this process adds.
    seed : int, default=0
        What is tried; another one for each process.

    Returns
    -------
    study : Study
        With the trials of all processes.
    """

    def score(trial: optuna.Trial) -> float:
        candidate = clone(clf).set_params(
            C=trial.suggest_float("C", 0.05, 20, log=True),
            validation_fraction=trial.suggest_float("validation_fraction", 0.1, 0.3),
        )
        return float(cross_val_score(candidate, X, y, cv=3).mean())

    study = optuna.create_study(
        storage=storage,
        study_name=name,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
    )
    study.optimize(score, n_trials=n_trials)
    return study
