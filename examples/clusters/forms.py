"""Which estimators the functions beside this file can predict with."""

from typing import Any


def refuse_other_forms(clf: Any) -> None:
    """Refuse an estimator whose predictions are no label collections.

    Parameters
    ----------
    clf : estimator
        Fitted to raw texts.

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
