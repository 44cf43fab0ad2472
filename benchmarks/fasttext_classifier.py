"""fastText as a scikit-learn classifier of several labels per text."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

LABEL = "__label__"


class FastTextClassifier(ClassifierMixin, BaseEstimator):
    """A logistic loss a label on the mean embedding of words and pairs of words.

    Needs `pip install sklearn-htc[baselines]`.
    """

    def __init__(
        self,
        *,
        lr: float = 0.5,
        epoch: int = 50,
        dim: int = 100,
        seed: int = 0,
    ) -> None:
        self.lr = lr
        self.epoch = epoch
        self.dim = dim
        self.seed = seed

    def fit(self, X: list[str], y: np.ndarray) -> Self:
        """Write texts (n) and their labels (n, n_labels) to a file, and train on it."""
        lines = [
            " ".join(
                [*(f"{LABEL}{node}" for node in np.flatnonzero(row)), _words(text)]
            )
            for text, row in zip(X, y, strict=True)
        ]
        with TemporaryDirectory() as folder:
            path = Path(folder, "train.txt")
            path.write_text("\n".join(lines), encoding="utf-8")
            self.model_ = self._train(str(path), self.lr)
        self.classes_ = np.arange(y.shape[1])
        return self

    def _train(self, path: str, lr: float) -> Any:
        """Train at this rate, or where that is too high at the next half of it."""
        import fasttext

        try:
            return fasttext.train_supervised(
                path,
                loss="ova",
                wordNgrams=2,
                bucket=500_000,
                minCount=2,
                lr=lr,
                epoch=self.epoch,
                dim=self.dim,
                # In more threads this rate may end in NaN, and another try not end.
                thread=1,
                seed=self.seed,
                verbose=0,
            )
        except RuntimeError as error:
            if "NaN" not in str(error):
                raise
            return self._train(path, lr / 2)

    def predict_proba(self, X: list[str]) -> np.ndarray:
        """Return probabilities (n, n_labels); 0 of labels without training texts."""
        probabilities = np.zeros((len(X), len(self.classes_)))
        predicted = self.model_.predict([_words(text) for text in X], k=-1)
        for row, (labels, values) in enumerate(zip(*predicted, strict=True)):
            nodes = [int(label.removeprefix(LABEL)) for label in labels]
            probabilities[row, nodes] = values
        return probabilities


def _words(text: Any) -> str:
    return " ".join(re.findall(r"\w\w+", text.lower()))
