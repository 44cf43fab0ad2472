"""The hierarchy as an icicle: a node's height is its documents, its colour its F1."""

from typing import Any, Self

import numpy as np

from sklearn_htc.hierarchy import Hierarchy
from sklearn_htc.inspection._display import LabelDisplay, axes, names_of
from sklearn_htc.inspection._node_scores import node_scores

__all__ = ["HierarchyDisplay"]

# Share of the height below which a node has no room for its name.
ROOM_FOR_NAME = 0.022


class HierarchyDisplay(LabelDisplay):
    """An icicle of the hierarchy: levels from left to right, children beside parents.

    A node is as high as its share of the documents, so that a thousand nodes have room,
    and is coloured by its F1. A node with several parents stands beside the first.

    Parameters
    ----------
    hierarchy : Hierarchy
        The label graph.
    counts : ndarray of shape (n_nodes,)
        Documents of each node.
    f1 : ndarray of shape (n_nodes,) or None
        Of each node; NaN where it is not known. None colours nothing.

    Attributes
    ----------
    boxes_ : matplotlib.collections.PatchCollection
        One box per node of `nodes_`, in that order.
    nodes_ : int ndarray
        Columns of the nodes that are drawn: those with documents.
    texts_ : list of matplotlib.text.Text
        Names of the nodes whose boxes have the height for one; cut off where the box
        ends.
    ax_, figure_ : matplotlib artists
        What it was drawn on last.
    """

    def __init__(
        self, hierarchy: Hierarchy, counts: np.ndarray, f1: np.ndarray | None = None
    ) -> None:
        self.hierarchy = hierarchy
        self.counts = counts
        self.f1 = f1

    @classmethod
    def from_predictions(  # type: ignore[override]
        cls, y_true: Any, y_pred: Any, hierarchy: Hierarchy, *, ax: Any = None
    ) -> Self:
        """Count and score labels, and draw.

        Parameters
        ----------
        y_true, y_pred : array-like, sparse array or sequence
            Labels in every form that the estimators take; closed upward first.
        hierarchy : Hierarchy
            The label graph.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : HierarchyDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If labels are of no accepted form.
        """
        scores = node_scores(y_true, y_pred, hierarchy)
        return cls(hierarchy, scores.support, scores.f1).plot(ax)

    @classmethod
    def from_labels(cls, y: Any, hierarchy: Hierarchy, *, ax: Any = None) -> Self:
        """Count labels, and draw.

        Parameters
        ----------
        y : array-like, sparse array or sequence
            Labels in every form that the estimators take; closed upward first.
        hierarchy : Hierarchy
            The label graph.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : HierarchyDisplay
            Drawn, without colours.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If labels are of no accepted form.
        """
        return cls(hierarchy, node_scores(y, y, hierarchy).support).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw a box per node that has documents.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : HierarchyDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = axes(ax, figsize=(9, 7))
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle
        from matplotlib.transforms import TransformedBbox

        bottoms, heights = self._layout()
        self.nodes_ = np.flatnonzero(heights > 0)
        levels = self.hierarchy.levels
        boxes = [
            Rectangle((levels[node], bottoms[node]), 1, heights[node])
            for node in self.nodes_
        ]
        self.boxes_ = PatchCollection(boxes, edgecolor="white", linewidth=0.5)
        if self.f1 is None:
            self.boxes_.set_facecolor("lightsteelblue")
        else:
            self.boxes_.set(cmap="RdYlGn", clim=(0, 1), alpha=0.8)
            self.boxes_.set_array(self.f1[self.nodes_])
            ax.figure.colorbar(self.boxes_, ax=ax, label="F1")
        ax.add_collection(self.boxes_)
        names = names_of(self.hierarchy)
        self.texts_ = []
        for node, box in zip(self.nodes_, boxes, strict=True):
            if heights[node] <= ROOM_FOR_NAME:
                continue
            text = ax.text(
                levels[node] + 0.03,
                bottoms[node] + heights[node] / 2,
                f"{names[node]} ({self.counts[node]})",
                va="center",
                fontsize=8,
            )
            # A long name would run over those of the next level.
            text.set_clip_box(TransformedBbox(box.get_bbox(), ax.transData))
            text.set_clip_on(True)
            self.texts_.append(text)
        n_levels = int(levels.max()) + 1
        ax.set(xlim=(0, n_levels), ylim=(1, 0), yticks=[])
        ax.set_xticks(
            np.arange(n_levels) + 0.5, [f"level {i}" for i in range(n_levels)]
        )
        ax.spines[:].set_visible(False)
        return self._drawn_on(ax)

    def _layout(self) -> tuple[np.ndarray, np.ndarray]:
        """Return where each node starts, and how high it is, (n_nodes,).

        Children share what their parent has, where together they have more documents
        than it.
        """
        hierarchy, counts = self.hierarchy, self.counts
        bottoms, heights = np.zeros(len(hierarchy)), np.zeros(len(hierarchy))
        is_placed = np.zeros(len(hierarchy), dtype=bool)

        def place(
            nodes: np.ndarray, bottom: float, height: float, total: float
        ) -> None:
            nodes = nodes[~is_placed[nodes]]
            is_placed[nodes] = True
            nodes = nodes[np.argsort(-counts[nodes], kind="stable")]
            share = counts[nodes] / max(total, counts[nodes].sum(), 1)
            heights[nodes] = height * share
            bottoms[nodes] = bottom + height * (np.cumsum(share) - share)

        place(hierarchy.roots, 0.0, 1.0, 0.0)
        bounds, columns = hierarchy.children.indptr, hierarchy.children.indices
        for node in np.argsort(hierarchy.levels, kind="stable"):
            children = columns[bounds[node] : bounds[node + 1]]
            place(children, bottoms[node], heights[node], counts[node])
        return bottoms, heights
