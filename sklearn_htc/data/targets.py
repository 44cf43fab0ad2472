"""Every form of Y to a closed indicator, and predictions back to that form."""

from collections.abc import Hashable, Iterable, Iterator, Sequence, Set
from copy import copy
from importlib import import_module
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from sklearn_htc._sklearn_compat import encoding_caller
from sklearn_htc.data.column_types import (
    holds_numbers,
    polars_frame,
    typed_array,
    typed_column,
    typed_frame,
    types_of,
)
from sklearn_htc.hierarchy import Hierarchy, column_names
from sklearn_htc.labels import is_missing, refuse_mixed_truth, short_repr
from sklearn_htc.level_tables import (
    as_rows,
    holds_levels,
    is_blank,
    paths_of,
    refuse_other_columns,
    table_of,
)

__all__ = ["TargetEncoder", "object_array"]

# Their frames are made from a mapping of each column's name to its values.
FRAME_LIBRARIES = ("pandas", "polars")


class TargetEncoder:
    """Learn the form of Y once, then translate in both directions.

    Parameters
    ----------
    hierarchy : Hierarchy or None
        The label graph. None makes one without edges from what Y holds.
    kind : {"dense", "sparse", "collections", "labels", "table"}
        The form of Y: a dense or a sparse indicator, a sequence of label
        collections, one most specific label per document, or a table with one column
        per level.
    classes : ndarray
        `arange(n_nodes)` where a document may have several labels, otherwise the
        sorted labels that may occur.
    frame_library : str, default=None
        "pandas" or "polars" where Y was a frame of theirs; predictions are such frames.
    columns : list, default=None
        Of a table: the names of its levels, or their numbers.
    missing : list, default=None
        Of a table: what stands in each column below the end of a path.
    dtypes : list, default=None
        Of a table: the type of each column of a frame, or of the whole array, as
        `types_of` returns them.

    Attributes
    ----------
    hierarchy : Hierarchy
        As given, or made from Y.
    kind, classes, frame_library, columns, missing, dtypes
        As above.
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        kind: str,
        classes: np.ndarray,
        frame_library: str | None = None,
        columns: list[Any] | None = None,
        missing: list[Any] | None = None,
        dtypes: list[Any] | None = None,
    ) -> None:
        self.hierarchy = hierarchy
        self.kind = kind
        self.classes = classes
        self.frame_library = frame_library
        self.columns = columns
        self.missing = missing
        self.dtypes = dtypes

    @classmethod
    def fit(
        cls,
        Y: Any,
        hierarchy: Hierarchy | str | None,
        classes: Any = None,
        *,
        piecewise: bool = False,
    ) -> "TargetEncoder":
        """Find out the form of Y.

        Parameters
        ----------
        Y : array-like, sparse array or sequence
            In any of the accepted forms.
        hierarchy : Hierarchy, "infer" or None
            The label graph, if there is one; "infer" reads it off a table.
        classes : array-like, default=None
            All labels that may occur in 1-D `y`.
        piecewise : bool, default=False
            Whether Y is a piece of the data, so that labels may occur later that it
            does not have.

        Returns
        -------
        encoder : TargetEncoder
            Which `transform` and `inverse_transform` this form.

        Raises
        ------
        ValueError
            If Y is of no accepted form, or names a label that is not a node.
        """
        Y = as_known_container(Y)
        if isinstance(hierarchy, str):
            return cls._of_table(Y, None, piecewise=piecewise)
        kind = kind_of(Y, hierarchy)
        if kind == "table":
            if hierarchy is None:
                raise ValueError(
                    "Y is a table with one column per level, and there is no "
                    "hierarchy. Use hierarchy='infer', which reads it off the table."
                )
            return cls._of_table(Y, hierarchy, piecewise=piecewise)
        if kind == "labels":
            _refuse_codes(hierarchy)
            y = as_labels(Y, hierarchy)
            _refuse_no_codes(y, hierarchy)
            if classes is None and piecewise and hierarchy is None:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit, unless "
                    "the estimator has a hierarchy."
                )
            if classes is None and piecewise and hierarchy is not None:
                classes = list(hierarchy.nodes)
            classes = _unique(y if classes is None else as_labels(classes, hierarchy))
            if classes.dtype.kind in "bO":
                nodes = [] if hierarchy is None else hierarchy.nodes
                refuse_mixed_truth(chain(nodes, y.tolist(), classes.tolist()))
            if hierarchy is None:
                hierarchy = Hierarchy([], nodes=classes.tolist())
            hierarchy.index(classes.tolist())
            return cls(hierarchy, kind, classes)
        if hierarchy is None and kind == "collections":
            labels = list(labels_in(as_collections(Y)))
            if not labels:
                raise ValueError("No document has a label: there is nothing to learn.")
            refuse_mixed_truth(labels)
            hierarchy = Hierarchy([], nodes=_sorted(set(labels)))
        elif hierarchy is None:
            nodes = column_names(Y) or range(np.shape(Y)[1])
            hierarchy = Hierarchy([], nodes=nodes)
        library = _frame_library(Y) if kind == "dense" else None
        return cls(hierarchy, kind, np.arange(len(hierarchy)), library)

    @classmethod
    def _of_table(
        cls, Y: Any, hierarchy: Hierarchy | None, *, piecewise: bool = False
    ) -> "TargetEncoder":
        """Read a table with one column per level, and maybe the hierarchy off it."""
        if piecewise and hierarchy is None:
            raise ValueError(
                "hierarchy='infer' needs all rows at once. In partial_fit, pass "
                "Hierarchy.from_table(table), where the table has every path."
            )
        if encoding_caller()[0] == "cross_val_predict":
            raise ValueError(
                "cross_val_predict replaces the cells of a table by 0, 1, ... before "
                "it calls fit, where its method is not 'predict'. Make an indicator of "
                "the table: hierarchy = Hierarchy.from_table(y), and "
                "hierarchy.to_indicator of its rows, as tuples without missing cells."
            )
        rows = as_rows(Y)
        if hierarchy is None:
            _refuse_an_indicator(rows)
        columns = column_names(Y) or list(range(max(map(len, rows), default=0)))
        library = _frame_library(Y)
        n_levels = 0 if hierarchy is None else int(hierarchy.levels.max()) + 1
        if piecewise and len(columns) < n_levels:
            raise ValueError(
                f"The table has {len(columns)} columns, but the hierarchy has "
                f"{n_levels} levels: a later piece may need one for each."
            )
        dtypes = types_of(Y, library)
        missing: list[Any] = []
        for j in range(len(columns)):
            usual: Any = "" if library is None else None
            if holds_numbers(dtypes[0 if library is None else j], library):
                usual = np.nan
            # The first missing cell says what missing cells of a column look like.
            blank = next(
                (row[j] for row in rows if j < len(row) and is_blank(row[j])), usual
            )
            # Plain values, so that every file format can hold them.
            missing.append(blank if isinstance(blank, (str, float)) else None)
        if hierarchy is None:
            hierarchy = Hierarchy.from_table(rows)
        classes = np.arange(len(hierarchy))
        return cls(hierarchy, "table", classes, library, columns, missing, dtypes)

    def with_classes(self, nodes: np.ndarray) -> "TargetEncoder":
        """Let labels be predicted that no document has.

        Parameters
        ----------
        nodes : int ndarray
            Columns of such labels.

        Returns
        -------
        encoder : TargetEncoder
            For 1-D Y with more classes; otherwise the same, as all nodes have columns.

        Raises
        ------
        ValueError
            If Y is a table, and one of them is on a level that has no column.
        """
        if self.columns is not None:
            n_columns = len(self.columns)
            for node in nodes[self.hierarchy.levels[nodes] >= n_columns]:
                raise ValueError(
                    f"Label {short_repr(self.hierarchy.nodes[node])} has a text and no "
                    f"document, and is on level {self.hierarchy.levels[node] + 1}, but "
                    f"the table has {n_columns} columns. Give it a column per level, "
                    "or leave the text out."
                )
        if self.kind != "labels":
            return self
        more = [self.hierarchy.nodes[node] for node in nodes]
        together = as_labels([*self.classes.tolist(), *more], self.hierarchy)
        return TargetEncoder(self.hierarchy, self.kind, _unique(together))

    def with_hierarchy(
        self, hierarchy: Hierarchy, classes: Sequence[Hashable] | None
    ) -> "TargetEncoder":
        """Read Y of the same form with another hierarchy.

        Parameters
        ----------
        hierarchy : Hierarchy
            The other one.
        classes : sequence of labels or None
            Those of 1-D Y; None for other forms.

        Returns
        -------
        encoder : TargetEncoder
            Of the same form.

        Raises
        ------
        ValueError
            If Y is a table, and has fewer columns than the hierarchy has levels, or a
            node several parents.
        """
        if self.kind == "table" and not hierarchy.is_tree:
            raise ValueError(
                "y was a table at fit, and a node of the new hierarchy has several "
                "parents, which a table can't show. Fit anew on label collections."
            )
        if classes is None:
            own = np.arange(len(hierarchy))
        else:
            own = _unique(as_labels(list(classes), hierarchy))
        n_levels = int(hierarchy.levels.max(initial=0)) + 1
        if self.columns is not None and len(self.columns) < n_levels:
            raise ValueError(
                f"The table at fit had {len(self.columns)} columns, but the new "
                f"hierarchy has {n_levels} levels. Fit anew on a table with a column "
                "for each."
            )
        other = copy(self)
        other.hierarchy, other.classes = hierarchy, own
        return other

    def labels_of(self, y: Any) -> list[Hashable]:
        """List the labels of 1-D y, known or not.

        Parameters
        ----------
        y : array-like of shape (n_documents,)
            One label per document.

        Returns
        -------
        labels : list
            In their order.

        Raises
        ------
        ValueError
            If y is of another form.
        """
        labels: list[Hashable] = as_labels(
            self._of_same_kind(y), self.hierarchy
        ).tolist()
        return labels

    @property
    def is_multilabel(self) -> bool:
        """Whether probabilities are those of all nodes, and not of classes."""
        return self.kind != "labels"

    @property
    def has_one_path(self) -> bool:
        """Whether each document has one path by the form of Y."""
        return self.kind in ("labels", "table")

    @property
    def class_nodes(self) -> np.ndarray:
        """Columns of the classes, for kind "labels"."""
        return self.hierarchy.index(self.classes.tolist())

    def transform(self, Y: Any) -> sparse.csr_array:
        """Turn Y into an indicator that is closed under ancestors.

        Parameters
        ----------
        Y : array-like, sparse array or sequence
            Of the form that was learned.

        Returns
        -------
        indicator : csr_array of shape (n_documents, n_nodes), dtype float32
            0 and 1.

        Raises
        ------
        ValueError
            If Y is of another form, has another number of columns, names of columns
            other than `hierarchy.nodes` in order, values other than 0 and 1, or a label
            that is not a node.
        """
        Y = self._of_same_kind(Y)
        if self.kind == "labels":
            y = as_labels(Y, self.hierarchy).tolist()
            unknown = set(y) - set(self.classes.tolist())
            if unknown:
                label = short_repr(next(iter(unknown)))
                raise ValueError(
                    f"Unknown label {label}: it is not one of the classes."
                )
            closed = self.hierarchy.to_indicator([label] for label in y)
        elif self.kind == "collections":
            rows = as_collections(Y)
            refuse_mixed_truth(chain(self.hierarchy.nodes, labels_in(rows)))
            closed = self.hierarchy.to_indicator(rows)
        elif self.kind == "table":
            closed = table_indicator(Y, self.hierarchy)
        else:
            closed = self.hierarchy.close(as_indicator(Y, self.hierarchy))
        return sparse.csr_array(closed).astype(np.float32)

    def equal(
        self, true: Any, predicted: Any, *, may_be_unknown: bool = False
    ) -> np.ndarray:
        """Say which documents' labels are the same.

        Parameters
        ----------
        true : array-like, sparse array or sequence
            Of the form that was learned; closed before it is compared. A label or path
            that is not one of the classes is equal to no other.
        predicted : ndarray, csr_array, list of lists or data frame
            As `inverse_transform` returns it.
        may_be_unknown : bool, default=False
            Whether the labels of collections may be no nodes, and equal to no other
            then.

        Returns
        -------
        is_equal : bool ndarray of shape (n_documents,)
            One per document.

        Raises
        ------
        ValueError
            As `transform` does; and if there is another number of documents.
        """
        if self.kind == "labels":
            true = as_labels(self._of_same_kind(true), self.hierarchy)
            check_consistent_length(true, predicted)
            pairs = zip(true.tolist(), predicted.tolist(), strict=True)
            return np.array([bool(a == b) for a, b in pairs])
        if self.kind == "table":
            true = self._of_same_kind(true)
            pairs_of = [paths_of(as_rows(Y)) for Y in (true, predicted)]
            check_consistent_length(*pairs_of)
            return np.array([a == b for a, b in zip(*pairs_of, strict=True)])
        all_known: np.ndarray | bool = True
        if self.kind == "collections" and may_be_unknown:
            rows = as_collections(self._of_same_kind(true))
            seen = {label for label in labels_in(rows) if label in self.hierarchy}
            true = [[label for label in row if label in seen] for row in rows]
            all_known = np.array([seen.issuperset(row) for row in rows], dtype=bool)
        indicators = [self.transform(Y) for Y in (true, predicted)]
        check_consistent_length(*indicators)
        return all_known & ((indicators[0] != indicators[1]).sum(axis=1) == 0)

    def _of_same_kind(self, Y: Any) -> Any:
        """Return Y in a known container; refuse another form than was learned."""
        Y = as_known_container(Y)
        if self.kind == "table":
            # Numbers and lists can be read in other ways.
            refuse_other_columns(self.columns or [], Y)
            return Y
        kind = kind_of(Y, self.hierarchy)
        # Some Y can be read in two ways: as it was read at first.
        is_column = self.kind == "labels" and _is_column(Y)
        is_lists = self.kind == "collections" and isinstance(Y, (list, tuple))
        if is_column or (is_lists and kind == "dense"):
            return Y
        if kind != self.kind and not {kind, self.kind} <= {"dense", "sparse"}:
            raise ValueError(
                f"Y is given as {_DESCRIPTIONS[kind]}, but earlier it was given as "
                f"{_DESCRIPTIONS[self.kind]}. Use one form throughout."
            )
        return Y

    def inverse_transform(self, indicator: sparse.csr_array, X: Any = None) -> Any:
        """Turn predictions into the form that was learned.

        Parameters
        ----------
        indicator : csr_array of shape (n_documents, n_nodes)
            Closed under ancestors; one path per row where the kind is "labels" or
            "table".
        X : Any, default=None
            The documents. Where they are a pandas object, a frame gets their index.

        Returns
        -------
        Y : ndarray, csr_array, data frame, list of lists, or ndarray of labels
            Of the learned kind. Label collections name all nodes, general ones too.
        """
        if self.kind == "sparse":
            return indicator
        if self.kind == "table":
            return self._as_table(indicator, X)
        if self.frame_library is not None:
            return self._as_frame(indicator.toarray(), X)
        if self.kind == "dense":
            return indicator.toarray()
        if self.kind == "collections":
            return self.hierarchy.to_labels(indicator)
        specific = self.hierarchy.most_specific(indicator).indices
        position = np.empty(len(self.hierarchy), dtype=np.int64)
        position[self.class_nodes] = np.arange(len(self.classes))
        return self.classes[position[specific]]

    def _as_table(self, indicator: sparse.csr_array, X: Any) -> Any:
        """Write the most specific node of each row as its path."""
        specific = self.hierarchy.most_specific(indicator).indices
        paths = self.hierarchy.paths
        assert self.missing is not None
        assert self.dtypes is not None
        rows = (paths[node] for node in specific.tolist())
        table = table_of(rows, len(self.missing), self.missing)
        if self.frame_library is None:
            return typed_array(table, self.dtypes[0])
        frame = self._as_frame(table, X)
        if self.frame_library == "polars":
            return typed_frame(frame, self.dtypes)
        for j, kind in enumerate(self.dtypes):
            frame.isetitem(j, typed_column(frame.iloc[:, j], kind))
        return frame

    def _as_frame(self, values: np.ndarray, X: Any) -> Any:
        library = import_module(self.frame_library or "")
        names = self.hierarchy.nodes if self.columns is None else self.columns
        if self.frame_library == "polars":
            if values.dtype == object:
                return polars_frame(list(names), values.T.tolist())
            return library.DataFrame(dict(zip(names, values.T, strict=True)))
        # Otherwise labels that are tuples become levels of the columns.
        columns = library.Index(list(names), tupleize_cols=False)
        index = X.index if hasattr(X, "iloc") else None
        return library.DataFrame(values, index=index, columns=columns)


def _refuse_an_indicator(rows: list[list[Any]]) -> None:
    """Refuse columns of 0 and 1, from which paths could be read that mean nothing."""
    cells = {cell for row in rows for cell in row if isinstance(cell, Real)}
    n_columns = max(map(len, rows), default=0)
    is_number = all(isinstance(cell, Real) for row in rows for cell in row)
    if n_columns > 1 and is_number and cells <= {0, 1}:
        raise ValueError(
            "hierarchy='infer' needs a table with one column per level, but Y holds "
            "nothing but 0 and 1, as an indicator does. Pass the hierarchy, or give "
            "levels other names."
        )


def _frame_library(Y: Any) -> str | None:
    """Name the library of a data frame, if it is one that predictions can be."""
    library = type(Y).__module__.split(".")[0]
    return library if hasattr(Y, "columns") and library in FRAME_LIBRARIES else None


def _refuse_codes(hierarchy: Hierarchy | None) -> None:
    """Refuse labels that a meta-estimator has replaced by codes unknown to us.

    Codes may be nodes, too, but of other labels.
    """
    if hierarchy is None:
        return
    caller, fits_labels_too = encoding_caller()
    if fits_labels_too:
        raise ValueError(
            f"{caller} replaces labels by 0, 1, ... in some of its fits and not in "
            "others, which no hierarchy can read. Use ensemble=True, or leave it out: "
            "the probabilities are calibrated already."
        )
    if caller is not None and not hierarchy.is_encoded:
        raise ValueError(
            f"{caller} replaces labels by 0, 1, ... before it calls fit, and the "
            "hierarchy does not know which label is which. Give the classifier inside "
            "hierarchy=hierarchy.encoded(y), where y are all labels, 1-D. Of label "
            "collections make an indicator, hierarchy.to_indicator(y).toarray(). "
            "CalibratedClassifierCV needs ensemble=True, and the hierarchy as it is."
        )


def _refuse_no_codes(y: np.ndarray, hierarchy: Hierarchy | None) -> None:
    """Refuse labels themselves, where the hierarchy knows their codes alone."""
    if hierarchy is None or not hierarchy.is_encoded or encoding_caller()[0]:
        return
    unknown = [label for label in y.tolist() if label not in hierarchy]
    if unknown:
        raise ValueError(
            "The hierarchy is encoded: its nodes are 0, 1, ... in the place of labels, "
            f"but y has the label {short_repr(unknown[0])} itself. Give the classifier "
            "the hierarchy that `encoded` was called on."
        )


def object_array(labels: Sequence[Any]) -> np.ndarray:
    """Make a 1-D array of any labels, tuples among them.

    Parameters
    ----------
    labels : sequence of length n
        Labels.

    Returns
    -------
    array : ndarray of shape (n,), dtype object
        The labels themselves.
    """
    array = np.empty(len(labels), dtype=object)
    array[:] = labels
    return array


_DESCRIPTIONS = {
    "dense": "an indicator",
    "sparse": "an indicator",
    "collections": "label collections",
    "labels": "one label per document",
    "table": "a table with one column per level",
}


def as_known_container(Y: Any) -> Any:
    """Turn what only promises to become an array into one; refuse what is no array."""
    if isinstance(Y, Iterator):
        raise ValueError(
            f"Y is a {type(Y).__name__}, which can be read only once. Pass list(Y)."
        )
    library = type(Y).__module__.split(".")[0]
    is_arrow_table = library == "pyarrow" and hasattr(Y, "column_names")
    if is_arrow_table or getattr(getattr(Y, "dtype", None), "names", None):
        remedy = "Y.to_pandas()" if is_arrow_table else "pandas.DataFrame(Y)"
        raise ValueError(
            f"Y is a {type(Y).__name__}, whose rows have named parts. Pass {remedy}."
        )
    only_promises = hasattr(Y, "__array__") and not hasattr(Y, "shape")
    # Elements of a tensor are tensors.
    if only_promises or library == "torch":
        return np.asarray(Y)
    return Y


def kind_of(Y: Any, hierarchy: Hierarchy | None) -> str:
    """Name the form of Y; raise where it is of none or mixes two."""
    if sparse.issparse(Y):
        return "sparse"
    if _is_indicator_in_lists(Y, hierarchy):
        return "dense"
    shape = np.shape(Y) if hasattr(Y, "shape") else None
    if _is_table(Y, hierarchy):
        return "table"
    if shape is not None and len(shape) == 2:
        is_indicator = hierarchy is not None and len(hierarchy) == 1
        return "labels" if _is_column(Y) and not is_indicator else "dense"
    if shape is not None and len(shape) != 1:
        raise ValueError(
            f"Y has shape {shape}. It must be an indicator (n_documents, n_nodes), a "
            "sequence of label collections, or 1-D."
        )
    if not isinstance(Y, Iterable) or isinstance(Y, (str, bytes)):
        raise ValueError(f"Y must be array-like or a sequence, got {short_repr(Y)}.")
    rows = list(Y)
    _refuse_unreadable(rows)
    is_label = [
        not _is_collection(row) or (_is_hashable(row) and _is_node(row, hierarchy))
        for row in rows
    ]
    if all(is_label):
        return "labels"
    if not any(is_label):
        return "collections"
    raise ValueError(
        f"Y mixes kinds: document {is_label.index(True)} has a single label and "
        f"document {is_label.index(False)} a collection. Give every document a "
        "collection of labels."
    )


def _is_column(Y: Any) -> bool:
    """Say whether a dense Y is 1-D labels with an axis too many."""
    is_dense = hasattr(Y, "shape") and not sparse.issparse(Y)
    return is_dense and np.ndim(Y) == 2 and np.shape(Y)[1] == 1


def _refuse_unreadable(rows: list[Any]) -> None:
    """Name the first document whose labels can be read only once, or one is missing."""
    for i, row in enumerate(rows):
        if isinstance(row, Iterator):
            raise ValueError(
                f"The labels of document {i} are a {type(row).__name__}, which can be "
                "read only once. Give every document a list."
            )
        for label in row if _is_collection(row) else [row]:
            if is_missing(label):
                raise ValueError(
                    f"Document {i} has a missing label, {label!r}. Leave it out of the "
                    "document's collection, which may be empty; where documents have "
                    "one label each, leave the document out."
                )


def _is_indicator_in_lists(Y: Any, hierarchy: Hierarchy | None) -> bool:
    """Say whether lists or tuples are an indicator: all 0 and 1, one column per node.

    As label collections they would give every document the labels 0 and 1.
    """
    rows = (list, tuple, np.ndarray)
    if not isinstance(Y, (list, tuple)) or not all(isinstance(row, rows) for row in Y):
        return False
    widths = {len(row) for row in Y}
    width = max(widths, default=0)
    numbers = (Real, np.bool_)
    if (
        len(widths) != 1
        or width < 2
        or any(not isinstance(x, numbers) or x not in (0, 1) for row in Y for x in row)
    ):
        return False
    if hierarchy is None:
        return True
    are_nodes = any(isinstance(row, tuple) and row in hierarchy for row in Y)
    if are_nodes or width == len(hierarchy):
        return not are_nodes
    # Rows of two may be the labels 0 and 1. Longer rows repeat one of them.
    if width > 2 and not _is_table(Y, hierarchy):
        raise ValueError(
            f"Y is an indicator of {width} columns, but the hierarchy has "
            f"{len(hierarchy)} nodes: one column per node is needed."
        )
    return False


def _is_collection(row: Any) -> bool:
    return isinstance(row, Iterable) and not isinstance(row, (str, bytes))


def _is_hashable(row: Any) -> bool:
    try:
        hash(row)
    except TypeError:
        return False
    return True


def _is_node(label: Hashable, hierarchy: Hierarchy | None) -> bool:
    return hierarchy is not None and label in hierarchy


def as_collections(Y: Any) -> list[list[Hashable]]:
    """Return the rows as plain lists, so that labels in arrays hash as themselves."""
    return [row.tolist() if isinstance(row, np.ndarray) else list(row) for row in Y]


def labels_in(rows: list[list[Hashable]]) -> Iterator[Hashable]:
    """Yield the labels of all rows; refuse those that no dict can hold."""
    for i, row in enumerate(rows):
        for label in row:
            try:
                hash(label)
            except TypeError:
                raise ValueError(
                    f"Document {i} has the label {short_repr(label)}. A label must be "
                    "hashable: a list or a set in a collection has to be a tuple."
                ) from None
            yield label


def table_indicator(table: Any, hierarchy: Hierarchy) -> sparse.csr_array:
    """Turn a table with one column per level into a closed indicator."""
    columns = {path: column for column, path in enumerate(hierarchy.paths)}
    rows = []
    for i, path in enumerate(paths_of(as_rows(table))):
        if path not in columns:
            raise ValueError(
                f"Row {i} of the table has the path {short_repr(path)}, which the "
                "hierarchy does not have."
            )
        rows.append([hierarchy.nodes[columns[path]]])
    return hierarchy.to_indicator(rows)


def _is_table(Y: Any, hierarchy: Hierarchy | None) -> bool:
    """Say whether Y is a table with one column per level.

    Text in two columns and more always is one. Numbers, lists and a single column can
    be read in other ways, unless a row of them is a path that the hierarchy knows.
    """
    shape: tuple[int, ...] = getattr(Y, "shape", ())
    if len(shape) == 2 and shape[1] > 1 and holds_levels(Y):
        return True
    if hierarchy is None or sparse.issparse(Y) or not hierarchy.is_named_by_paths:
        return False
    # An indicator, or labels that are tuples.
    is_indicator = len(shape) == 2 and shape[1] == len(hierarchy)
    is_lists = isinstance(Y, list) and all(isinstance(row, (list, tuple)) for row in Y)
    if is_indicator or not (shape or is_lists):
        return False
    nodes = set(hierarchy.nodes)
    if len(shape) < 2 and all(_is_hashable(row) and row in nodes for row in Y):
        # Tuples that are labels.
        return False
    try:
        paths = paths_of(as_rows(Y))
    except (TypeError, ValueError):
        return False
    return bool(paths) and any(path in nodes for path in paths)


def as_labels(y: Any, hierarchy: Hierarchy | None) -> np.ndarray:
    """Return 1-D labels as an array that holds each as it was given.

    Without a hierarchy, numbers that look like measurements are refused.
    """
    if _is_column(y):
        y = column_or_1d(y, warn=True)
    labels = np.asarray(y) if hasattr(y, "__array__") else _unchanged(list(y))
    if labels.dtype.kind not in "biufUSO":
        labels = object_array(list(y))
    if hierarchy is None and labels.dtype.kind == "f":
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
    return labels


def _unchanged(labels: list[Any]) -> np.ndarray:
    """Return labels in the array that NumPy makes, unless it would change them."""
    try:
        array = np.asarray(labels)
    except ValueError:
        return object_array(labels)
    if array.ndim != 1 or array.dtype.kind not in "biufUS" or array.tolist() != labels:
        return object_array(labels)
    # True and 1 are equal, and different labels all the same.
    n_truths = sum(isinstance(label, (bool, np.bool_)) for label in labels)
    return array if n_truths in (0, len(labels)) else object_array(labels)


def _unique(labels: np.ndarray) -> np.ndarray:
    """Return each label once, sorted where they can be."""
    if labels.dtype != object:
        return np.unique(labels)
    return object_array(_sorted(set(labels.tolist())))


def _sorted(labels: set[Hashable]) -> list[Any]:
    """Sort labels; where they have no common order, by type and then by repr."""
    # `<` of two sets means "subset", which is no order to sort by.
    if not any(isinstance(label, Set) for label in labels):
        try:
            return sorted(labels)
        except TypeError:
            pass
    return sorted(
        labels, key=lambda label: (type(label).__name__, _ordered_repr(label))
    )


def _ordered_repr(label: Hashable) -> str:
    """Spell a label out; a set in an order that is the same in every process."""
    return str(sorted(map(repr, label))) if isinstance(label, Set) else repr(label)


def as_indicator(Y: Any, hierarchy: Hierarchy) -> Any:
    settings = {"accept_sparse": "csr", "input_name": "Y", "ensure_min_features": 0}
    matrix = check_array(Y, dtype=None, ensure_all_finite=False, **settings)
    hierarchy.check_columns(Y)
    matrix = check_array(matrix, **settings)
    if sparse.issparse(matrix) and not matrix.has_canonical_format:
        # The same cell may be stored several times.
        matrix = matrix.copy()
        matrix.sum_duplicates()
    values = matrix.data if sparse.issparse(matrix) else matrix
    wrong = (values != 0) & (values != 1)
    if np.any(wrong):
        raise ValueError(
            f"Y is not an indicator: it holds {np.asarray(values)[wrong].flat[0]!r}, "
            "and only 0 and 1 are allowed."
        )
    return matrix
