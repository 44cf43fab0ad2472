"""The label graph: nodes, edges, ancestor closure and prior."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence, Set
from functools import cached_property
from html import escape
from itertools import chain, pairwise
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_htc.caches import without_caches
from sklearn_htc.graph import by_level, reachability, topological_levels
from sklearn_htc.labels import (
    are_misplaced,
    as_label,
    as_pair,
    in_fixed_order,
    is_missing,
    refuse_duplicates,
    refuse_mixed_truth,
    refuse_text,
    short_repr,
)
from sklearn_htc.level_tables import as_rows, paths_of, table_of

__all__ = ["Hierarchy", "as_hierarchy", "column_names"]


class Hierarchy:
    """A directed acyclic graph of labels, from the general to the specific.

    A tree, a forest or a graph in which a node has several parents. There is no
    artificial root: a node without parents is a root, a node without children is
    a leaf, and a node without edges is both.

    Parameters
    ----------
    edges : iterable of (parent, child) pairs
        Labels are of any hashable type: text, numbers, bytes, tuples, frozensets.
        Labels that are equal in Python are one label: 1, 1.0 and `numpy.int64(1)`.
    nodes : iterable of labels, default=None
        All nodes, in the column order of every indicator. Must contain each label of
        `edges`. The default is the labels of `edges` in topological order: by level,
        and within a level by first appearance. What is given as a set is sorted.

    Attributes
    ----------
    nodes : tuple of labels, length n_nodes
        The column order of every indicator.
    edges : tuple of two int ndarrays of shape (n_edges,)
        Columns of the parent and of the child of each edge.
    paths : list of tuples of labels, length n_nodes
        The names from a root down to each node, of a tree. In another graph it raises
        ValueError.
    parents : csr_array of shape (n_nodes, n_nodes), int64
        `parents[i, j]` is 1 where node j is a parent of node i.
    children : csr_array of shape (n_nodes, n_nodes), int64
        The transpose: `children[i, j]` is 1 where node j is a child of node i.
    ancestors : csr_array of shape (n_nodes, n_nodes), int64
        `ancestors[i, j]` is 1 where node j is node i or one of its ancestors. Computed
        when it is first asked for: a chain of n nodes has n (n + 1) / 2 entries.
    levels : ndarray of shape (n_nodes,)
        Length of the longest path from a root; roots have level 0.
    roots, leaves : ndarray of int
        Columns of the nodes without parents, and of those without children.
    is_tree : bool
        Whether no node has more than one parent (a forest counts as a tree).

    Raises
    ------
    ValueError
        If the edges have a cycle, an edge or a node is given twice, an edge names
        a label that is not in `nodes`, a label is missing (None, NaN), a truth value
        is a label beside the number that it is equal to (True and 1), or there is no
        node at all.
    TypeError
        If a label is not hashable, an edge is not an ordered pair, or `nodes` is a
        single string.

    See Also
    --------
    Hierarchy.from_dict : From a mapping of each parent to its children.
    Hierarchy.from_paths : From paths such as "science/physics/optics".
    Hierarchy.from_table : From a table with one column per level.

    Examples
    --------
    >>> from sklearn_htc import Hierarchy
    >>> hierarchy = Hierarchy([("science", "physics"), ("physics", "optics")])
    >>> hierarchy.nodes
    ('science', 'physics', 'optics')
    >>> Y = hierarchy.to_indicator([["optics"], ["science"]])
    >>> Y.toarray()
    array([[1, 1, 1],
           [1, 0, 0]])
    >>> hierarchy.to_labels(Y, most_specific=True)
    [['optics'], ['science']]
    """

    def __init__(
        self,
        edges: Iterable[tuple[Hashable, Hashable]],
        nodes: Iterable[Hashable] | None = None,
    ) -> None:
        pairs = [as_pair(edge) for edge in in_fixed_order(edges)]
        if nodes is None:
            names = _topological_order(pairs, chain(*pairs))
        else:
            nodes = in_fixed_order(refuse_text(nodes, "nodes"))
            names = [as_label(node) for node in nodes]
            refuse_mixed_truth(chain(names, *pairs))
            refuse_duplicates(names, "node")
        if not names:
            raise ValueError("A hierarchy needs at least one node.")
        parent, child = _as_index_arrays(pairs, names)

        self.nodes = tuple(names)
        # Whether nodes are codes of labels, which `encoded` makes of them.
        self.is_encoded = False
        self.levels = _levels(parent, child, names)
        self._index = {name: i for i, name in enumerate(self.nodes)}
        shape = (len(names), len(names))
        ones = np.ones(len(pairs), dtype=np.int64)
        self.parents = sparse.csr_array((ones, (child, parent)), shape=shape)
        self.children = self.parents.T.tocsr()
        self.roots = np.flatnonzero(np.diff(self.parents.indptr) == 0)
        self.leaves = np.flatnonzero(np.diff(self.children.indptr) == 0)
        self.is_tree = bool(np.diff(self.parents.indptr).max() <= 1)

    @classmethod
    def from_dict(cls, children: Mapping[Hashable, Any]) -> "Hierarchy":
        """Build from a mapping of each parent to its children.

        Parameters
        ----------
        children : mapping of label to collection of labels, or to another such mapping
            A label with an empty collection, or None, is a node without children. A
            label that two parents list is one node with two parents.

        Returns
        -------
        hierarchy : Hierarchy
            Nodes in topological order.

        Raises
        ------
        TypeError
            If a value is a string instead of a collection of labels.
        ValueError
            If a label stands in two places of nested mappings.

        See Also
        --------
        Hierarchy.to_dict : The way back.

        Examples
        --------
        >>> Hierarchy.from_dict({"science": ["physics"], "sport": []}).nodes
        ('science', 'sport', 'physics')
        >>> Hierarchy.from_dict({"science": {"physics": ["optics"]}}).nodes
        ('science', 'physics', 'optics')
        """
        edges, names = _read_mapping(children)
        return cls(edges, nodes=_topological_order(edges, names))

    @classmethod
    def from_paths(
        cls, paths: Iterable[str | Sequence[Hashable]], *, separator: str = "/"
    ) -> "Hierarchy":
        """Build from paths; each node is named by its whole path from a root.

        Equal names under different parents therefore stay different nodes.

        Parameters
        ----------
        paths : iterable of str or of sequences
            "a/b/c" makes the nodes "a", "a/b" and "a/b/c"; ("a", "b") makes the
            nodes ("a",) and ("a", "b"). Prefixes of a path need not be listed.
        separator : str, default="/"
            Separates the names in a path that is a string.

        Returns
        -------
        hierarchy : Hierarchy
            Nodes in topological order.

        Raises
        ------
        ValueError
            If a path is missing or empty, or has an empty or missing name in it.
        TypeError
            If a path is of bytes or no sequence, or `paths` is a single string.

        Examples
        --------
        >>> Hierarchy.from_paths(["a/x", "b/x"]).nodes
        ('a', 'b', 'a/x', 'b/x')
        """
        edges: dict[tuple[Hashable, Hashable], None] = {}
        names: list[Hashable] = []
        for i, path in enumerate(in_fixed_order(refuse_text(paths, "paths"))):
            if is_missing(path):
                raise ValueError(
                    f"Path {i} is missing, {short_repr(path)}. Leave it out."
                )
            if isinstance(path, bytes) or not isinstance(path, Iterable):
                remedy = " Decode it." if isinstance(path, bytes) else ""
                raise TypeError(
                    f"A path must be a string or a sequence of labels, got "
                    f"{short_repr(path)}.{remedy}"
                )
            steps = path.split(separator) if isinstance(path, str) else list(path)
            if not steps or any(is_missing(step) or step == "" for step in steps):
                raise ValueError(
                    f"Empty path, or an empty name in path {short_repr(path)}. Leave "
                    "out levels that a path does not have."
                )
            steps = [as_label(step) for step in steps]
            prefixes = [steps[: end + 1] for end in range(len(steps))]
            name: Any = separator.join if isinstance(path, str) else tuple
            nodes = [name(prefix) for prefix in prefixes]
            names += nodes
            edges.update(dict.fromkeys(pairwise(nodes)))
        return cls(edges, nodes=_topological_order(list(edges), names))

    @classmethod
    def from_table(cls, table: Any) -> "Hierarchy":
        """Build from the rows of a table with one column per level.

        Parameters
        ----------
        table : data frame, array of shape (n_rows, n_levels) or list of lists
            Each row names a path, from the general to the specific. Missing cells
            (None, NaN, NA, "") end it. Rows may repeat.

        Returns
        -------
        hierarchy : Hierarchy
            Nodes in topological order, each named by its path, a tuple: equal names
            under different parents stay different nodes.

        Raises
        ------
        ValueError
            If a row has a label below a missing one, or no label.

        See Also
        --------
        Hierarchy.to_table : The way back.

        Examples
        --------
        >>> Hierarchy.from_table([["animal", "cat"], ["plant", ""]]).nodes
        (('animal',), ('plant',), ('animal', 'cat'))
        """
        return cls.from_paths(dict.fromkeys(paths_of(as_rows(table))))

    @classmethod
    def from_taxonomy(
        cls, path: str | PathLike[str], *, root: str = "Root"
    ) -> "Hierarchy":
        """Read a taxonomy file as HiAGM distributes it.

        Parameters
        ----------
        path : str or path-like
            UTF-8 text, with or without a byte order mark; on each line a parent, then
            its children, if any, all separated by tabs. A parent may have several
            lines.
        root : str, default="Root"
            The parent of the top nodes in the file. It does not become a node.

        Returns
        -------
        hierarchy : Hierarchy
            Nodes in topological order.

        Raises
        ------
        ValueError
            As the constructor does.
        """
        with open(path, encoding="utf-8-sig") as file:
            rows = [line.rstrip("\r\n").split("\t") for line in file if line.strip()]
        pairs = [(row[0], child) for row in rows for child in row[1:] if child]
        names = (name for name in chain(*rows) if name not in (root, ""))
        edges = [pair for pair in pairs if pair[0] != root]
        return cls(edges, nodes=_topological_order(edges, names))

    @classmethod
    def from_networkx(cls, graph: Any) -> "Hierarchy":
        """Build from a directed networkx graph whose edges go from parent to child.

        Parameters
        ----------
        graph : networkx.DiGraph
            Its nodes are the labels.

        Returns
        -------
        hierarchy : Hierarchy
            Nodes in topological order.

        Raises
        ------
        ValueError
            If the graph is not directed, or as the constructor does.
        """
        if not graph.is_directed():
            raise ValueError(
                "A hierarchy needs a directed graph (networkx.DiGraph) whose edges go "
                "from parent to child."
            )
        edges = list(graph.edges())
        return cls(edges, nodes=_topological_order(edges, graph.nodes()))

    def to_dict(self) -> dict[Hashable, list[Hashable]]:
        """Return each node's children.

        Returns
        -------
        children : dict of label to list of labels
            With an empty list for a leaf. `from_dict` makes the same graph of it, with
            nodes in topological order.
        """
        starts, columns = self.children.indptr, self.children.indices
        return {
            node: [self.nodes[j] for j in columns[starts[i] : starts[i + 1]]]
            for i, node in enumerate(self.nodes)
        }

    def to_table(self) -> np.ndarray:
        """Return one row per leaf, with one column per level.

        Returns
        -------
        table : ndarray of shape (n_leaves, n_levels), dtype object
            The names from a root down to each leaf, and None below it.

        Raises
        ------
        ValueError
            If a node has several parents.
        """
        paths = [self.paths[leaf] for leaf in self.leaves]
        n_levels = int(self.levels.max()) + 1
        return table_of(paths, n_levels, [None] * n_levels)

    def to_networkx(self) -> Any:
        """Return the graph as networkx has it, with edges from parent to child.

        Returns
        -------
        graph : networkx.DiGraph
            Its nodes are the labels, in the order of `nodes`.
        """
        from networkx import DiGraph

        graph = DiGraph()
        graph.add_nodes_from(self.nodes)
        parent, child = (columns.tolist() for columns in self.edges)
        graph.add_edges_from(
            (self.nodes[i], self.nodes[j]) for i, j in zip(parent, child, strict=True)
        )
        return graph

    def __getstate__(self) -> dict[str, Any]:
        state = without_caches(self)
        # Its keys are labels, which some file formats would turn into text.
        del state["_index"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._index = {name: i for i, name in enumerate(self.nodes)}

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, label: Hashable) -> bool:
        return label in self._index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hierarchy):
            return NotImplemented
        return self.nodes == other.nodes and (self.parents != other.parents).nnz == 0

    def __hash__(self) -> int:
        return hash(self.nodes)

    def __repr__(self) -> str:
        return (
            f"Hierarchy(n_nodes={len(self)}, n_edges={self.parents.nnz}, "
            f"n_levels={self.levels.max() + 1}, is_tree={self.is_tree})"
        )

    def _repr_html_(self) -> str:
        """Show the graph in a notebook, as a list that folds."""
        return f"<div>{escape(repr(self))}{_folded(self)}</div>"

    @property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Columns of the parent and of the child of each edge.

        Edges have the order in which `children` and `prior` store their entries.
        """
        n_children = np.diff(self.children.indptr)
        child = self.children.indices.copy()
        return np.repeat(np.arange(len(self)), n_children), child

    @cached_property
    def paths(self) -> list[tuple[Hashable, ...]]:
        """The names from a root down to each node.

        Where nodes are named by their whole path, as `from_table` names them, a name is
        the last part of it.
        """
        if not self.is_tree:
            raise ValueError(
                "A node of the hierarchy has several parents, so that it has no one "
                "path from a root: a table with one column per level can't show it."
            )
        above = [-1] * len(self)
        parent, child = (columns.tolist() for columns in self.edges)
        for i, j in zip(parent, child, strict=True):
            above[j] = i
        if all(
            isinstance(node, tuple)
            and node[:-1] == (() if i < 0 else self.nodes[i])
            and len(node) > 0
            for node, i in zip(self.nodes, above, strict=True)
        ):
            return [node for node in self.nodes if isinstance(node, tuple)]
        paths: list[tuple[Hashable, ...]] = [()] * len(self)
        for column in np.argsort(self.levels, kind="stable").tolist():
            before = paths[above[column]] if above[column] >= 0 else ()
            paths[column] = (*before, self.nodes[column])
        return paths

    @property
    def is_named_by_paths(self) -> bool:
        """Whether every node is the tuple of the names from a root down to it."""
        return self.is_tree and self.paths == list(self.nodes)

    def subgraph(self, labels: Iterable[Hashable]) -> "Hierarchy":
        """Return the hierarchy of some nodes, with the edges between them.

        Parameters
        ----------
        labels : iterable of labels
            The nodes, in the order that they are to have.

        Returns
        -------
        hierarchy : Hierarchy
            Of these nodes. One whose parents are left out is a root.

        Raises
        ------
        ValueError
            If a label is no node, or comes twice.

        Examples
        --------
        >>> hierarchy = Hierarchy.from_dict({"animal": ["cat"], "cat": ["lion"]})
        >>> hierarchy.subgraph(["animal", "cat"]).nodes
        ('animal', 'cat')
        """
        names = list(labels)
        columns = self.index(names)
        children, parents = self.parents[columns][:, columns].nonzero()
        edges = [(names[p], names[c]) for p, c in zip(parents, children, strict=True)]
        return Hierarchy(edges, nodes=names)

    @cached_property
    def ancestors(self) -> sparse.csr_array:
        """The ancestors of each node, itself included, as a matrix of 0 and 1."""
        return reachability(self.parents, self.levels)

    @cached_property
    def parents_by_level(self) -> list[tuple[np.ndarray, sparse.csr_array]]:
        """The nodes of each level from 1 on, and their rows of `parents`."""
        return [(nodes, self.parents[nodes]) for nodes in by_level(self.levels)[1:]]

    @cached_property
    def children_by_level(self) -> list[tuple[np.ndarray, sparse.csr_array]]:
        """The inner nodes of each level, and their rows of `children`."""
        is_inner = np.diff(self.children.indptr) > 0
        # All nodes of the last level are leaves.
        of_level = [nodes[is_inner[nodes]] for nodes in by_level(self.levels)[:-1]]
        return [(nodes, self.children[nodes]) for nodes in of_level]

    def index(self, labels: Iterable[Hashable]) -> np.ndarray:
        """Look up the columns of labels.

        Parameters
        ----------
        labels : iterable of labels
            Each must be a node.

        Returns
        -------
        columns : ndarray of shape (n_labels,)
            The column of each label.

        Raises
        ------
        ValueError
            If a label is not a node of the hierarchy.
        TypeError
            If a label is not hashable, or `labels` is a single string.
        """
        labels = list(refuse_text(labels, "labels"))
        try:
            columns = map(self._index.__getitem__, labels)
            return np.fromiter(columns, np.int64, len(labels))
        except (KeyError, TypeError):
            unknown = next(x for x in labels if as_label(x) not in self._index)
        raise ValueError(
            f"Unknown label {short_repr(unknown)}: it is not a node of the hierarchy."
        )

    def encoded(self, y: Any) -> "Hierarchy":
        """Rename the nodes for a classifier inside a meta-estimator of scikit-learn.

        `BaggingClassifier`, `VotingClassifier`, `StackingClassifier` and
        `cross_val_predict(method="predict_proba")` replace the labels of 1-D `y` by
        their positions among the sorted labels before the classifier sees them. Give
        the classifier inside this hierarchy, and the meta-estimator the labels.

        Parameters
        ----------
        y : array-like of shape (n_documents,)
            The labels that the meta-estimator is fitted to.

        Returns
        -------
        hierarchy : Hierarchy
            The same graph, in the same order of columns. The node of the i-th of the
            sorted distinct labels of `y` is the integer i; each other node is the
            tuple (label,).

        Raises
        ------
        ValueError
            If a label is not a node of the hierarchy, or `y` is empty or not 1-D.
        TypeError
            If the labels can't be sorted. Then scikit-learn can't encode them either.

        Examples
        --------
        >>> from sklearn_htc import Hierarchy
        >>> hierarchy = Hierarchy.from_dict({"science": ["physics", "biology"]})
        >>> hierarchy.nodes
        ('science', 'physics', 'biology')
        >>> hierarchy.encoded(["physics", "biology", "physics"]).nodes
        (('science',), 1, 0)
        """
        y = refuse_text(y, "y")
        labels = y if hasattr(y, "shape") else list(y)
        if isinstance(labels, list) and any(isinstance(x, tuple) for x in labels):
            # An array of tuples would have two dimensions.
            distinct = set(labels)
        else:
            array = np.asarray(labels)
            if array.ndim != 1:
                raise ValueError(
                    f"y has shape {array.shape}, but one label per document is needed."
                )
            distinct = set(array.tolist())
        if not distinct:
            raise ValueError("y is empty: there is no label to encode.")
        self.index(distinct)
        try:
            ordered = sorted(distinct)
        except TypeError:
            ordered = []
        # `<` of two sets means "subset", which is no order to sort by.
        if not ordered or any(isinstance(label, Set) for label in distinct):
            raise TypeError(
                "The labels of y have no common order, so scikit-learn can't encode "
                "them. Use only text, or only numbers."
            )
        names: list[Hashable] = [(label,) for label in self.nodes]
        for i, column in enumerate(self.index(ordered).tolist()):
            names[column] = i
        parent, child = (columns.tolist() for columns in self.edges)
        edges = [(names[i], names[j]) for i, j in zip(parent, child, strict=True)]
        encoded = Hierarchy(edges, nodes=names)
        encoded.is_encoded = True
        return encoded

    def to_indicator(self, labels: Iterable[Collection[Hashable]]) -> sparse.csr_array:
        """Turn label collections into an indicator that is closed under ancestors.

        Parameters
        ----------
        labels : iterable of collections of labels
            One collection per document, in any order; an empty one means "no label".

        Returns
        -------
        Y : csr_array of shape (n_documents, n_nodes), dtype int64
            1 where the document has the node or one of its descendants.

        Raises
        ------
        ValueError
            If a label is not a node of the hierarchy.
        TypeError
            If the labels of a document are not a collection.
        """
        rows = []
        for i, row in enumerate(labels):
            if isinstance(row, (str, bytes, Mapping)) or not isinstance(row, Iterable):
                raise TypeError(
                    f"The labels of document {i} must be a collection of labels, got "
                    f"{short_repr(row)}. Put a "
                    "single label in a list."
                )
            rows.append(list(row))
        columns = self.index(chain.from_iterable(rows))
        lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        indptr = np.concatenate(([0], np.cumsum(lengths)))
        shape = (len(rows), len(self))
        ones = np.ones(len(columns), dtype=np.int64)
        return self.close(sparse.csr_array((ones, columns, indptr), shape=shape))

    def to_labels(self, Y: Any, *, most_specific: bool = False) -> list[list[Hashable]]:
        """Turn an indicator back into label collections.

        Parameters
        ----------
        Y : {array-like, sparse array} of shape (n_documents, n_nodes)
            An indicator; every value other than 0 counts as a label.
        most_specific : bool, default=False
            Whether to name only nodes without a descendant in the same row.

        Returns
        -------
        labels : list of lists of labels
            One list per document, in column order.

        Raises
        ------
        ValueError
            If Y does not have one column per node, is a DataFrame whose columns are
            not `nodes` in order, or holds NaN or text.
        """
        Y = self._as_boolean(Y)
        if most_specific:
            Y = self.most_specific(Y)
        Y.sort_indices()
        names = [self.nodes[i] for i in Y.indices]
        bounds = Y.indptr.tolist()
        return [names[start:stop] for start, stop in pairwise(bounds)]

    def close(self, Y: Any) -> Any:
        """Close an indicator upward: all ancestors of a document's nodes are set too.

        Parameters
        ----------
        Y : {array-like, sparse array} of shape (n_documents, n_nodes)
            An indicator; every value other than 0 counts as a label.

        Returns
        -------
        closed : {ndarray, csr_array} of shape (n_documents, n_nodes)
            0 and 1, of the dtype of Y; CSR where Y is sparse.

        Raises
        ------
        ValueError
            If Y does not have one column per node, is a DataFrame whose columns are
            not `nodes` in order, or holds NaN or text.
        """
        closed = self._as_boolean(Y).astype(np.int64)
        # Mostly it is closed already, which parents tell, of whom there are few.
        parents = closed @ self.parents
        parents.data.fill(1)
        if (parents > closed).nnz:
            closed = closed @ self.ancestors
            closed.data.fill(1)
        closed.sort_indices()
        return _like(closed, Y)

    def most_specific(self, Y: Any) -> Any:
        """Keep only the nodes of each document that have no descendant set.

        Parameters
        ----------
        Y : {array-like, sparse array} of shape (n_documents, n_nodes)
            An indicator; every value other than 0 counts as a label.

        Returns
        -------
        specific : {ndarray, csr_array} of shape (n_documents, n_nodes)
            0 and 1, of the dtype of Y; CSR where Y is sparse.

        Raises
        ------
        ValueError
            If Y does not have one column per node, is a DataFrame whose columns are
            not `nodes` in order, or holds NaN or text.
        """
        given = self._as_boolean(Y)
        has_child = self.close(given).astype(np.int64) @ self.parents
        return _like((given > (has_child > 0)).tocsr(), Y)

    def is_coherent(self, Y: Any) -> bool:
        """Tell whether no child exceeds any of its parents.

        Parameters
        ----------
        Y : {array-like, sparse array} of shape (n_documents, n_nodes)
            An indicator, or probabilities.

        Returns
        -------
        coherent : bool
            For an indicator: whether it is closed under ancestors. For
            probabilities: whether P(child) <= P(parent) along every edge.

        Raises
        ------
        ValueError
            If Y does not have one column per node, or is a DataFrame whose columns
            are not `nodes` in order.
        """
        self.check_columns(Y)
        parent, child = self.edges
        if sparse.issparse(Y):
            columns = sparse.csc_array(Y).astype(np.float64)
            excess = columns[:, child] - columns[:, parent]
            return bool(excess.nnz == 0 or excess.max() <= 0)
        values = np.asarray(Y)
        return bool(np.all(values[:, child] <= values[:, parent]))

    def prior(self, Y: Any) -> sparse.csr_array:
        """Estimate P(child | parent) from the labels of training documents.

        The estimate is that of HiAGM: the count of the child, divided by the sum of the
        counts of all children of the parent. If no child of a parent occurs, all its
        children are equally likely.

        Parameters
        ----------
        Y : {array-like, sparse array} of shape (n_documents, n_nodes)
            An indicator; it is closed upward before counting.

        Returns
        -------
        prior : csr_array of shape (n_nodes, n_nodes), dtype float64
            `prior[i, j]` is P(j | i) where node j is a child of node i. The row of a
            node with children sums to 1. Edges of probability 0 are stored.

        Raises
        ------
        ValueError
            If Y does not have one column per node, is a DataFrame whose columns are
            not `nodes` in order, or holds NaN or text.
        """
        closed = self.close(self._as_boolean(Y))
        return self.prior_from_counts(np.bincount(closed.indices, minlength=len(self)))

    def prior_from_counts(self, counts: np.ndarray) -> sparse.csr_array:
        """Estimate P(child | parent) from the number of documents of each node.

        Parameters
        ----------
        counts : array-like of shape (n_nodes,)
            Number of documents of each node, counted on a closed indicator.

        Returns
        -------
        prior : csr_array of shape (n_nodes, n_nodes), dtype float64
            As `prior` returns it.

        Raises
        ------
        ValueError
            If there is not one count per node.
        """
        counts = np.asarray(counts, dtype=np.float64)
        if counts.shape != (len(self),):
            raise ValueError(
                f"counts has shape {counts.shape}, but the hierarchy has {len(self)} "
                "nodes: one count per node is needed."
            )
        parent, child = self.edges
        total = np.bincount(parent, weights=counts[child], minlength=len(self))[parent]
        n_children = np.diff(self.children.indptr)[parent]
        share = np.where(
            total > 0, counts[child] / np.where(total > 0, total, 1), 1 / n_children
        )
        # Whoever changes it changes no edge.
        indptr = self.children.indptr.copy()
        return sparse.csr_array((share, child, indptr), shape=self.children.shape)

    def check_columns(self, Y: Any) -> None:
        """Refuse a wrong number of columns, and columns of a frame in another order.

        Parameters
        ----------
        Y : {array-like, sparse array} of shape (n_documents, n_nodes)
            An indicator, or probabilities.

        Raises
        ------
        ValueError
            If Y does not have one column per node, or is a DataFrame whose columns are
            not `nodes` in order.
        """
        names = column_names(Y)
        if names and are_misplaced(names, self.nodes):
            self._refuse_names(names)
        shape = np.shape(Y)
        if len(shape) != 2 or shape[1] != len(self):
            raise ValueError(
                f"Y has shape {shape}, but the hierarchy has {len(self)} nodes: one "
                "column per node is needed, in the order of `hierarchy.nodes`."
            )

    def _refuse_names(self, names: list[Hashable]) -> None:
        """Say which column of a data frame is wrong, and what to do about it."""
        unknown = [name for name in names if name not in self]
        if unknown:
            raise ValueError(
                f"Y has a column {short_repr(unknown[0])}, which is not a node of the "
                "hierarchy. If the columns are `hierarchy.nodes` in order, under other "
                "names, pass Y.to_numpy()."
            )
        raise ValueError(
            "The columns of Y are not `hierarchy.nodes`, or are in another order. Pass "
            "Y.reindex(columns=list(hierarchy.nodes), fill_value=0), or Y.to_numpy() "
            "if their names have no meaning."
        )

    def _as_boolean(self, Y: Any) -> sparse.csr_array:
        """Return a CSR copy of Y: True where Y is not 0, without stored zeros."""
        self.check_columns(Y)
        if sparse.issparse(Y):
            # What follows sorts indices in place.
            matrix = sparse.csr_array(Y, copy=True)
            matrix.sum_duplicates()
            matrix.data = _nonzero(matrix.data)
        else:
            matrix = sparse.csr_array(_nonzero(Y))
        matrix.eliminate_zeros()
        return matrix


def _folded(hierarchy: Hierarchy) -> str:
    """Write the nodes as nested lists; below a second parent a node is named alone."""
    bounds, columns = hierarchy.children.indptr, hierarchy.children.indices
    seen: set[int] = set()
    parts: list[str] = []
    # What is to be written next, from the end: nodes, or what closes their lists.
    to_write: list[int | str] = list(reversed(hierarchy.roots.tolist()))
    while to_write:
        item = to_write.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        name = escape(str(hierarchy.nodes[item]))
        children = columns[bounds[item] : bounds[item + 1]].tolist()
        if not children or item in seen:
            parts.append(f"<div style='margin-left: 1em'>{name}</div>")
            continue
        seen.add(item)
        parts.append(
            f"<details style='margin-left: 1em'><summary>{name} ({len(children)})"
            "</summary>"
        )
        to_write.append("</details>")
        to_write.extend(reversed(children))
    return "".join(parts)


def column_names(Y: Any) -> list[Hashable]:
    """Return the names of the columns of a data frame.

    Parameters
    ----------
    Y : Any
        A data frame, or another container.

    Returns
    -------
    names : list of length n_columns
        Empty for containers other than data frames.
    """
    return list(getattr(Y, "columns", ()))


def _read_mapping(
    children: Mapping[Hashable, Any],
) -> tuple[list[tuple[Hashable, Hashable]], list[Hashable]]:
    """Return the edges and the labels of a mapping, and of those inside it."""
    edges: list[tuple[Hashable, Hashable]] = []
    names: list[Hashable] = []
    inside: list[Hashable] = []
    to_read = [children]
    # It grows while it is read: level by level, however deep.
    for mapping in to_read:
        for parent, below in mapping.items():
            if isinstance(below, (str, bytes)) or not isinstance(
                below, Iterable | None
            ):
                raise TypeError(
                    f"The children of {short_repr(parent)} must be a collection of "
                    f"labels, got {short_repr(below)}."
                )
            listed = [] if below is None else in_fixed_order(below)
            labels = [as_label(child) for child in listed]
            names += [parent, *labels]
            edges += [(parent, child) for child in labels]
            if isinstance(below, Mapping):
                to_read.append(below)
                inside += labels
    n_parents = Counter(child for _, child in edges)
    for label in inside:
        if n_parents[label] > 1 or label in children:
            raise ValueError(
                f"{short_repr(label)} stands in two places of the nested mappings. Use "
                "from_paths or from_table, which tell equal names apart."
            )
    return edges, names


def as_hierarchy(value: Any) -> Hierarchy:
    """Accept a hierarchy in any of the forms that the estimators take.

    Parameters
    ----------
    value : Hierarchy, mapping, networkx.DiGraph or iterable of pairs
        A mapping goes from each parent to its children; pairs are (parent, child).

    Returns
    -------
    hierarchy : Hierarchy
        `value` itself if it is a Hierarchy.

    Raises
    ------
    TypeError
        If `value` has none of these types.
    ValueError
        As `Hierarchy` does.
    """
    if isinstance(value, Hierarchy):
        return value
    if isinstance(value, Mapping):
        return Hierarchy.from_dict(value)
    if hasattr(value, "is_directed"):
        return Hierarchy.from_networkx(value)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return Hierarchy(value)
    raise TypeError(
        "hierarchy must be a Hierarchy, a mapping of each parent to its children, "
        "(parent, child) edges, a networkx.DiGraph, 'infer' (for a table with one "
        f"column per level) or None, got {short_repr(value)}."
    )


def _topological_order(
    pairs: Sequence[tuple[Hashable, Hashable]], names: Iterable[Hashable]
) -> list[Hashable]:
    """Sort names by level; within a level they keep the order of first appearance."""
    names = [as_label(name) for name in names]
    refuse_mixed_truth(names)
    unique = list(dict.fromkeys(names))
    levels = _levels(*_as_index_arrays(pairs, unique), unique)
    return [unique[i] for i in np.argsort(levels, kind="stable")]


def _levels(
    parent: np.ndarray, child: np.ndarray, names: Sequence[Hashable]
) -> np.ndarray:
    return topological_levels(parent, child, len(names), lambda i: short_repr(names[i]))


def _as_index_arrays(
    pairs: Sequence[tuple[Hashable, Hashable]], names: Sequence[Hashable]
) -> tuple[np.ndarray, np.ndarray]:
    refuse_duplicates(pairs, "edge")
    index = {name: i for i, name in enumerate(names)}
    for pair in pairs:
        for label in pair:
            if label not in index:
                raise ValueError(
                    f"Unknown label {short_repr(label)} in edge {short_repr(pair)}: it "
                    "is not in `nodes`. Add it there, or leave the edge out."
                )
    flat = np.fromiter((index[label] for label in chain(*pairs)), dtype=np.int64)
    return flat[0::2], flat[1::2]


def _nonzero(values: Any) -> np.ndarray:
    """Tell which numbers are not 0. Refuse text and NaN, which are not 0 either."""
    values = np.asarray(values)
    if values.dtype.kind not in "biuf":
        cells = values.ravel().tolist()
        wrong = [x for x in cells if not isinstance(x, (Real, np.bool_))]
        if wrong:
            raise ValueError(
                f"Y holds {short_repr(wrong[0])}, but an indicator holds 0 and 1. Pass "
                "label collections to `to_indicator`."
            )
        values = values.astype(np.float64)
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise ValueError("Y holds NaN, but an indicator holds 0 and 1.")
    return values != 0


def _like(matrix: sparse.csr_array, example: Any) -> Any:
    """Give a CSR result the dtype of the caller's Y, and make it dense if that was."""
    dtype = getattr(example, "dtype", np.int64)
    if not isinstance(dtype, (type, np.dtype)):
        # A tensor's, or one of a column of pandas.
        dtype = np.asarray(example).dtype
    if sparse.issparse(example):
        return matrix.astype(dtype)
    return matrix.toarray().astype(dtype)
