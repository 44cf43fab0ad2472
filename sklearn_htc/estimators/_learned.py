"""What fit leaves behind: one object, so that no estimator is ever half fitted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any, Self

import numpy as np

from sklearn_htc.caches import without_caches
from sklearn_htc.data.documents import Documents
from sklearn_htc.data.input_form import InputForm
from sklearn_htc.data.pieces import gathered
from sklearn_htc.label_tree.tree import LabelTree
from sklearn_htc.persistence import as_pairs, from_pairs
from sklearn_htc.predictor import Predictor
from sklearn_htc.training.history import in_full, in_short
from sklearn_htc.updating.predictor import UpdatedPredictor
from sklearn_htc.wide.representation import label_basis, represent

__all__ = ["Learned", "NetworkLearned", "view"]


@dataclass(frozen=True)
class Learned:
    """The forms of X and y, and what predicts from them.

    Parameters
    ----------
    form : InputForm
        The forms of X and y.
    predictor : Predictor
        From documents to labels.
    """

    form: InputForm
    predictor: Predictor

    def compact(self, weights: str, min_weight: float) -> Self:
        """Make the predictor smaller.

        Parameters
        ----------
        weights : {"float32", "float16", "pruned"}
            How weights are stored.
        min_weight : float
            As for `WideModel.compact`.

        Returns
        -------
        learned : Learned
            A new one.
        """
        return replace(self, predictor=self.predictor.compact(weights, min_weight))


@dataclass(frozen=True)
class NetworkLearned(Learned):
    """The same, with all that a later training goes on from.

    Parameters
    ----------
    parameters : mapping of str to value
        The estimator's parameters at `fit`.
    rng : RandomState
        Draws what is random in later trainings.
    history : list of dict
        Losses and scores of each epoch.
    loss : str
        The classification loss in use.
    dimension : int
        Size of text and label representations.
    is_compact : bool, default=False
        Whether what training goes on from was left out.
    """

    parameters: Mapping[str, Any]
    rng: np.random.RandomState
    history: list[dict[str, Any]]
    loss: str
    dimension: int
    is_compact: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """Let every format of files write parameters whose labels are no text."""
        return {
            **without_caches(self),
            "parameters": as_pairs(dict(self.parameters)),
            "history": in_short(self.history),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read them."""
        vars(self).update(
            state,
            parameters=from_pairs(state["parameters"]),
            history=in_full(state["history"]),
        )

    def compact(self, weights: str, min_weight: float) -> Self:
        """Leave out what training goes on from; see `Learned.compact`."""
        return replace(super().compact(weights, min_weight), is_compact=True)

    @cached_property
    def label_embeddings(self) -> np.ndarray | None:
        """Label representations (n_nodes, d); None with text propagation.

        Of nodes that were merged since the fit the mean, of added ones zeros.
        """
        labels = self._fitted_label_embeddings
        predictor = self.predictor
        if labels is not None and isinstance(predictor, UpdatedPredictor):
            return predictor.carry_over(labels)
        return labels

    @cached_property
    def _fitted_label_embeddings(self) -> np.ndarray | None:
        """Those of the nodes that there were at the fit."""
        if self.parameters.get("variant") == "tp":
            return None
        if self.predictor.deep is not None:
            return self.predictor.deep.net.label_representations()
        return label_basis(self.predictor.wide.weights(), self.dimension)

    def represent(self, documents: Documents) -> np.ndarray:
        """Represent texts.

        Parameters
        ----------
        documents : Documents
            Of the form that was learned from.

        Returns
        -------
        representations : ndarray of shape (n_documents, d), float32
            One row per document.
        """
        if self.predictor.deep is not None:
            assert documents.encoder_input is not None
            return self.predictor.deep.represent(documents.encoder_input)
        wide = self.predictor.wide
        labels = self._fitted_label_embeddings
        if labels is None:
            labels = label_basis(wide.weights(), self.dimension)
        shape = (len(documents), labels.shape[1])
        if isinstance(wide, LabelTree):
            return gathered(wide.iter_represented(documents, labels), shape)
        pieces = (
            (rows, represent(scores, wide, labels))
            for rows, scores in wide.iter_scores(documents)
        )
        return gathered(pieces, shape)


def view(path: str, doc: str, *, may_be_none: bool = False) -> property:
    """Make a fitted attribute that reads off what was learned.

    Parameters
    ----------
    path : str
        Attributes to follow, from `Learned` on.
    doc : str
        What it is.
    may_be_none : bool, default=False
        Whether None is a value. Otherwise it stands for no such attribute.

    Returns
    -------
    view : property
        Raises AttributeError before `fit`, and where there is no such thing.
    """

    def get(self: Any) -> Any:
        is_fitted = "_learned" in vars(self)
        value = self._learned if is_fitted else None
        for name in path.split("."):
            # Where there is no network it has no parts.
            value = None if value is None else getattr(value, name)
        if value is None and not (may_be_none and is_fitted):
            members = (vars(kind).items() for kind in type(self).__mro__)
            name = next(name for name, of in chain(*members) if of is made)
            raise AttributeError(
                f"{type(self).__name__} has no {name}: it is not fitted, or was fitted "
                "without."
            )
        return value

    made = property(get, doc=doc)
    return made
