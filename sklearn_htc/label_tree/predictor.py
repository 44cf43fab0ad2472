"""What predicts with a label tree: it looks at the labels that a search finds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from sklearn_htc.data.documents import Documents
from sklearn_htc.label_tree.tree import (
    BATCH_SIZE,
    LEAST_PROBABILITY,
    MARGIN,
    MAX_FOLLOWED,
    LabelTree,
)
from sklearn_htc.predictor import Judged, Predictor, levels_of, top_of
from sklearn_htc.read_out.decoders import PathDecoder
from sklearn_htc.read_out.fitting import ReadOut
from sklearn_htc.read_out.found import Found, largest_per_row

__all__ = ["TreePredictor"]

# Scores at a time (100 MB), where more routers are asked than a search asks.
MAX_SCORES = 25 * 10**6


@dataclass(frozen=True)
class TreePredictor(Predictor):
    """A label tree, and how its probabilities are read.

    Parameters
    ----------
    wide : LabelTree
        Fitted.
    read_out : ReadOut
        From probabilities to labels. The calibration is the tree's.
    """

    wide: LabelTree
    read_out: ReadOut
    deep: None = None
    deep_weight: float = 0.0

    def iter_decisions(
        self, documents: Documents
    ) -> Iterator[tuple[np.ndarray, sparse.csr_array]]:
        """Search, and decide among what is found; see `Predictor.iter_decisions`."""
        pieces = self._search_all(documents, BATCH_SIZE, least=self._least)
        for rows, found in pieces:
            yield rows, self.read_out.decoder.decide_found(found)

    def iter_probabilities(
        self, documents: Documents, *, of_paths: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Ask all routers; see `Predictor.iter_probabilities`."""
        for rows, found in self._ask_all(documents):
            yield rows, self._dense(found, of_paths=of_paths)

    def iter_top(
        self, documents: Documents, k: int, *, of_paths: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Search, until k are found; see `Predictor.iter_top`."""
        levels = levels_of(self.read_out.decoder, of_paths=of_paths)
        # Each branch leads to a label, so that k branches lead to k, unless there are
        # not as many to which a path leads.
        n_followed = max(k, MAX_FOLLOWED)
        size = self._batch_size(n_followed)
        first_size = BATCH_SIZE if n_followed == MAX_FOLLOWED else size
        for rows, found in self._search_all(
            documents, first_size, n_followed=n_followed
        ):
            values = self._values(found, of_paths=of_paths)
            # Less probable ones may stand before others that were not found.
            has_enough = _count_of(values, LEAST_PROBABILITY) >= k
            if has_enough.any():
                top = largest_per_row(values[has_enough], k, levels)
                yield rows[has_enough], *top
            others = rows[~has_enough]
            if len(others):
                again = documents.take(others)
                for some, more in self._search_all(
                    again, size, n_followed=n_followed, least=0
                ):
                    parts = self._top(more, k, levels, of_paths=of_paths)
                    for part, labels, largest in parts:
                        yield others[some[part]], labels, largest

    def compact(self, weights: str, min_weight: float) -> Self:
        """Return this predictor, whose weights are sparse and pruned anyway."""
        return self

    def iter_judged(self, documents: Documents) -> Iterator[Judged]:
        """Ask all routers; see `Predictor.iter_judged`."""
        decoder = self.read_out.decoder
        assert documents.vectors is not None
        for rows, found in self._ask_all(documents):
            of_paths = None
            if isinstance(decoder, PathDecoder):
                of_paths = self._dense(found, of_paths=True)
            probabilities = self._dense(found, of_paths=False)
            # As `predict` decides.
            some = self.wide.search(documents.vectors.X[rows], least=self._least)
            decided = decoder.decide_found(some)
            yield Judged(rows, None, probabilities, of_paths, decided)

    @property
    def _least(self) -> float:
        """The probability from which on labels have to be found to be predicted."""
        threshold = getattr(self.read_out.decoder, "threshold", LEAST_PROBABILITY)
        return min(LEAST_PROBABILITY, float(np.min(threshold)))

    def _search_all(
        self, documents: Documents, batch_size: int, **limits: float
    ) -> Iterator[tuple[np.ndarray, Found]]:
        """Yield rows (B,), and what a search within limits finds of them."""
        vectors = documents.vectors
        assert vectors is not None
        for start in range(0, len(documents), batch_size):
            rows = np.arange(start, min(start + batch_size, len(documents)))
            yield rows, self.wide.search(vectors.X[rows], **limits)  # type: ignore[arg-type]

    def _ask_all(self, documents: Documents) -> Iterator[tuple[np.ndarray, Found]]:
        n_branches = len(self.wide.routing.above)
        size = self._batch_size(self.wide.routing.n_routers)
        return self._search_all(documents, size, least=0, n_followed=n_branches)

    def _batch_size(self, n_routers: int) -> int:
        """Say how many documents may ask so many routers at a time."""
        width = n_routers * self.wide.machines.rows.shape[1]
        return int(np.clip(MAX_SCORES // width, 1, BATCH_SIZE))

    def _values(self, found: Found, *, of_paths: bool) -> sparse.csr_array:
        """Choose probabilities of nodes, or of paths in the order of their columns."""
        decoder = self.read_out.decoder
        if not of_paths or not isinstance(decoder, PathDecoder):
            return found.labels
        column = np.full(len(decoder.hierarchy), -1)
        column[decoder.path_nodes] = np.arange(len(decoder.path_nodes))
        ends = found.ends
        shape = (ends.shape[0], len(decoder.path_nodes))
        return sparse.csr_array(
            (ends.data, column[ends.indices], ends.indptr), shape=shape
        )

    def _top(
        self, found: Found, k: int, levels: np.ndarray, *, of_paths: bool
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Rank all columns. Where k are found that are probable, no others are read."""
        values = self._values(found, of_paths=of_paths)
        has_enough = _count_of(values, 2 * MARGIN) >= k
        if has_enough.any():
            top = largest_per_row(values[has_enough], k, levels)
            yield np.flatnonzero(has_enough), *top
        others = np.flatnonzero(~has_enough)
        # Besides the probabilities there are their negatives, and numbers of columns.
        size = max(1, MAX_SCORES // (4 * values.shape[1]))
        for start in range(0, len(others), size):
            rows = others[start : start + size]
            filled = self._filled(values[rows], of_paths=of_paths)
            yield rows, *top_of(filled, k, levels)

    def _dense(self, found: Found, *, of_paths: bool) -> np.ndarray:
        return self._filled(self._values(found, of_paths=of_paths), of_paths=of_paths)

    def _filled(self, values: sparse.csr_array, *, of_paths: bool) -> np.ndarray:
        """Give what can't be found, as no path leads there, the least probability."""
        are_paths = of_paths and isinstance(self.read_out.decoder, PathDecoder)
        # As of `PathDecoder`: rows of paths still sum to 1.
        least = np.float32(MARGIN / values.shape[1] if are_paths else MARGIN)
        dense = values.toarray()
        return np.maximum(dense, least, out=dense)


def _count_of(values: sparse.csr_array, least: float) -> np.ndarray:
    """Count the values of each row that are not less, (n,)."""
    counted = np.concatenate([[0], (values.data >= least).cumsum()])
    return np.diff(counted[values.indptr])
