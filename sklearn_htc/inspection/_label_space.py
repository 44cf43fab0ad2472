"""The label representations in two dimensions: what the network holds to be alike."""

from typing import Any, Self

import numpy as np
from sklearn.decomposition import PCA

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.inspection._display import Display, axes, names_of
from sklearn_htc.metrics.scorers import classifier_in

__all__ = ["LabelSpaceDisplay"]

# More names than this can't be read.
MAX_NAMES = 40


class LabelSpaceDisplay(Display):
    """Labels as points, in the colour of the branch that they belong to.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    positions : ndarray of shape (n_nodes, 2)
        Where each node is.

    Attributes
    ----------
    points_ : matplotlib.collections.PathCollection
        One point per node, the larger the more general.
    texts_ : list of matplotlib.text.Text
        Names of the most general nodes.
    ax_, figure_ : matplotlib artists
        What it was drawn on last.
    """

    def __init__(self, hierarchy: Hierarchy, positions: np.ndarray) -> None:
        self.hierarchy = hierarchy
        self.positions = positions

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, reducer: Any = None, ax: Any = None
    ) -> Self:
        """Reduce the label representations of an estimator, and draw.

        Parameters
        ----------
        estimator : HTCInfoMaxClassifier or HiAGMClassifier
            Fitted, with `label_embeddings_`.
        reducer : transformer, default=None
            From (n_nodes, d) to (n_nodes, 2): `sklearn.manifold.TSNE()`, for example.
            None takes the first two principal components.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LabelSpaceDisplay
            Drawn.

        Raises
        ------
        AttributeError
            If the estimator represents no labels.
        ImportError
            If matplotlib is not installed.
        ValueError
            If the reducer makes anything but two numbers per node.
        """
        classifier = classifier_in(estimator)
        embeddings = getattr(classifier, "label_embeddings_", None)
        if embeddings is None:
            raise AttributeError(
                f"This {type(classifier).__name__} represents no labels: only networks "
                "with label attention do."
            )
        if reducer is not None:
            positions = np.asarray(reducer.fit_transform(embeddings))
        elif len(embeddings) == 1:
            positions = np.zeros((1, 2))
        else:
            # Representations of size 1 have no second direction.
            n_components = min(2, embeddings.shape[1])
            found = PCA(n_components, random_state=0).fit_transform(embeddings)
            positions = np.pad(found, [(0, 0), (0, 2 - n_components)])
        if positions.shape != (len(embeddings), 2):
            raise ValueError(
                f"The reducer makes an array of shape {positions.shape}, but "
                f"({len(embeddings)}, 2) is needed: use n_components=2."
            )
        return cls(classifier.hierarchy_, positions).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw a point per node, and the names of the most general ones.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LabelSpaceDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes(ax, figsize=(7, 6))
        hierarchy, levels = self.hierarchy, self.hierarchy.levels
        # Of a node below several roots, the first.
        above = hierarchy.ancestors[:, hierarchy.roots].tocsr()
        above.sort_indices()
        branch = above.indices[above.indptr[:-1]]
        self.points_ = ax.scatter(
            *self.positions.T,
            c=branch % 20,
            cmap="tab20",
            vmin=0,
            vmax=20,
            s=80 / (1 + levels) ** 2 + 8,
            alpha=0.8,
        )
        names = names_of(hierarchy)
        general = np.argsort(levels, kind="stable")[:MAX_NAMES]
        self.texts_ = [
            ax.annotate(
                names[node],
                self.positions[node],
                xytext=(3, 3),
                textcoords="offset points",
                fontsize=7,
            )
            for node in general.tolist()
        ]
        ax.set(xticks=[], yticks=[])
        return self._drawn_on(ax)
