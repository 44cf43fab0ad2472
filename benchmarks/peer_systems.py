"""Libraries for many labels, as systems that are fitted and that rank labels.

Each reads the same CSR of terms and an indicator closed under ancestors, and ranks
columns. Without a system's library, it can't be made.
"""

import json
import pickle
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from scipy import sparse
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from benchmarks.data_sets import paths_of
from benchmarks.flat import FlatLinearSVC
from sklearn_htc import (
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
)

__all__ = ["N_RANKED", "PEERS", "Estimator", "Ranker"]

# Labels that are ranked for a threshold.
N_RANKED = 50
# The probability of labels that are not ranked.
LEAST = 1e-6


class Ranker(ABC):
    """A system that ranks labels.

    Parameters
    ----------
    hierarchy : Hierarchy
        For systems that know it.
    folder : Path
        Empty, for what the system stores.
    threads : int
        How many it may have.
    options : dict
        What only some systems need.
    """

    def __init__(
        self, hierarchy: Hierarchy, folder: Path, threads: int, options: dict[str, Any]
    ) -> None:
        self.hierarchy = hierarchy
        self.folder = folder
        self.threads = threads
        self.options = options

    def prepare(  # noqa: B027 - most systems read arrays.
        self, X: sparse.csr_array, Y: sparse.csr_array
    ) -> None:
        """Write what the system reads from files, which is not timed."""

    @abstractmethod
    def fit(self, X: sparse.csr_array, Y: sparse.csr_array) -> None:
        """Train on documents (n, n_features) and labels (n, n_nodes)."""

    @abstractmethod
    def rank(self, X: sparse.csr_array, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the k best columns (n, k) and their scores; -1 for none."""

    @abstractmethod
    def size(self) -> int:
        """Return the bytes of the stored model."""


class Omikuji(Ranker):
    """omikuji's default: three Parabel trees."""

    def prepare(self, X: sparse.csr_array, Y: sparse.csr_array) -> None:
        """Write the format of the extreme classification repository."""
        # It does not read documents without terms.
        some = np.flatnonzero(np.diff(X.indptr)).tolist()
        lines = [f"{len(some)} {X.shape[1]} {Y.shape[1]}"]
        for row in some:
            labels = _row(Y, row)[0].tolist()
            terms = " ".join(f"{j}:{v:.5f}" for j, v in _pairs(X, row))
            lines.append(f"{','.join(map(str, labels))} {terms}")
        text = "\n".join(lines) + "\n"
        (self.folder / "train.txt").write_text(text, encoding="utf8")

    def fit(self, X: sparse.csr_array, Y: sparse.csr_array) -> None:
        """Train from the file."""
        import omikuji

        self.model = omikuji.Model.train_on_data(
            str(self.folder / "train.txt"),
            omikuji.Model.default_hyper_param(),
            self.threads,
        )

    def rank(self, X: sparse.csr_array, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Rank document by document, as the library has no other way."""
        self.model.init_prediction_thread_pool(self.threads)
        found = [
            self.model.predict(_pairs(X, row), top_k=k) for row in range(X.shape[0])
        ]
        return _table(found, k)

    def size(self) -> int:
        """Store the model."""
        self.model.save(str(self.folder / "model"))
        return _bytes(self.folder / "model")


class NapkinXC(Ranker):
    """napkinXC's probabilistic label tree, with the tree that it makes."""

    def fit(self, X: sparse.csr_array, Y: sparse.csr_array) -> None:
        """Train in memory; the library stores the model by itself."""
        from napkinxc.models import PLT

        self.model = PLT(str(self.folder / "model"), threads=self.threads, seed=0)
        self._shape(self.model)
        labels = [_row(Y, row)[0].tolist() for row in range(Y.shape[0])]
        self.model.fit(sparse.csr_matrix(X), labels)

    def _shape(self, model: Any) -> None:
        """Leave the tree to the library."""

    def rank(self, X: sparse.csr_array, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Rank all documents at once."""
        return _table(self.model.predict_proba(sparse.csr_matrix(X), top_k=k), k)

    def size(self) -> int:
        """Count what is stored."""
        return _bytes(self.folder / "model")


class NapkinXCOurTree(NapkinXC):
    """napkinXC's probabilistic label tree along the hierarchy.

    A label of its trees is a leaf, so that each inner node gets one more.
    """

    def _shape(self, model: Any) -> None:
        parent = np.full(len(self.hierarchy), -1)
        above, below = self.hierarchy.edges
        parent[below] = above
        n_nodes = len(self.hierarchy)
        is_inner = np.zeros(n_nodes, dtype=bool)
        is_inner[above] = True
        tree = [(-1, 0, -1)]
        next_free = n_nodes + 1
        for node in np.argsort(self.hierarchy.levels, kind="stable").tolist():
            label = -1 if is_inner[node] else node
            tree.append((int(parent[node]) + 1, node + 1, label))
            if is_inner[node]:
                tree.append((node + 1, next_free, node))
                next_free += 1
        model.set_tree_structure(tree)


class Pecos(Ranker):
    """libpecos' XR-Linear, in a Python of its own, as it needs an older numpy."""

    SCRIPT = Path(__file__).with_name("pecos_xlinear.py")

    def fit(self, X: sparse.csr_array, Y: sparse.csr_array) -> None:
        """Train; the seconds are those that the script measures."""
        self._store(X, "X")
        self._store(Y.astype(np.float32), "Y")
        self.reported = self._run("fit")

    def rank(self, X: sparse.csr_array, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Rank all documents at once."""
        self._store(X, "X_test")
        self.reported = self._run("rank", str(k))
        ranked = sparse.load_npz(self.folder / "ranked.npz").tocsr()
        rows = [list(zip(*_row(ranked, row), strict=True)) for row in range(X.shape[0])]
        return _table([sorted(row, key=lambda pair: -pair[1]) for row in rows], k)

    def size(self) -> int:
        """Count what is stored."""
        return _bytes(self.folder / "model")

    def _store(self, matrix: sparse.csr_array, name: str) -> None:
        # It refuses rows whose columns are not in order.
        ordered = sparse.csr_matrix(matrix, copy=True)
        ordered.sort_indices()
        sparse.save_npz(self.folder / f"{name}.npz", ordered)

    def _run(self, task: str, *arguments: str) -> dict[str, float]:
        command = [self.options["pecos"], self.SCRIPT, task, self.folder]
        done = subprocess.run(
            [*map(str, command), str(self.threads), *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return json.loads(done.stdout.splitlines()[-1])


class OneVsRestLinearSVC(Ranker):
    """scikit-learn's OneVsRestClassifier(LinearSVC())."""

    def fit(self, X: sparse.csr_array, Y: sparse.csr_array) -> None:
        """Train in as many threads."""
        self.model = FlatLinearSVC(threads=self.threads).fit(X, Y)

    def rank(self, X: sparse.csr_array, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Sort the decision functions."""
        return _top(self.model.decision_function(X), k)

    def size(self) -> int:
        """Pickle the model."""
        return len(pickle.dumps(self.model))


class LibMultiLabel(Ranker):
    """LibMultiLabel's one-vs-rest machines, with LIBLINEAR."""

    def fit(self, X: sparse.csr_array, Y: sparse.csr_array) -> None:
        """Train on as many threads as there are cores, as it takes no number."""
        self.model = self._train(sparse.csr_matrix(Y), sparse.csr_matrix(X))

    def _train(self, Y: sparse.csr_matrix, X: sparse.csr_matrix) -> Any:
        from libmultilabel import linear

        return linear.train_1vsrest(Y, X, verbose=False)

    def rank(self, X: sparse.csr_array, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Sort the decision values, of a thousand documents at a time."""
        parts = [
            _top(
                self.model.predict_values(sparse.csr_matrix(X[start : start + 1000])), k
            )
            for start in range(0, X.shape[0], 1000)
        ]
        columns, scores = zip(*parts, strict=True)
        return np.concatenate(columns), np.concatenate(scores)

    def size(self) -> int:
        """Pickle the model."""
        return len(pickle.dumps(self.model))


class LibMultiLabelTree(LibMultiLabel):
    """LibMultiLabel's label tree, with LIBLINEAR."""

    def _train(self, Y: sparse.csr_matrix, X: sparse.csr_matrix) -> Any:
        from libmultilabel import linear

        return linear.train_tree(Y, X, verbose=False)


class HiClass(Ranker):
    """hiclass's local classifiers per parent node; each document has one path."""

    def fit(self, X: sparse.csr_array, Y: sparse.csr_array) -> None:
        """Train on a column per level."""
        from hiclass import LocalClassifierPerParentNode

        paths = paths_of(self.hierarchy, Y)
        if paths is None:
            raise ValueError("hiclass needs one path per document.")
        self.model = LocalClassifierPerParentNode(
            local_classifier=LogisticRegression(C=10, max_iter=1000),
            return_all_probabilities=True,
            probability_combiner="multiply",
        ).fit(X, paths)

    def rank(self, X: sparse.csr_array, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Sort the probabilities of all levels."""
        column = {str(node): place for place, node in enumerate(self.hierarchy.nodes)}
        scores = np.full((X.shape[0], len(column)), -np.inf)
        levels = zip(self.model.predict_proba(X), self.model.classes_, strict=True)
        for probabilities, names in levels:
            known = [place for place, name in enumerate(names) if name in column]
            columns = [column[names[place]] for place in known]
            scores[:, columns] = probabilities[:, known]
        return _top(scores, k)

    def size(self) -> int:
        """Pickle the model."""
        return len(pickle.dumps(self.model))


class Estimator(Ranker):
    """An estimator of this package."""

    @abstractmethod
    def make(self) -> Any:
        """Return the estimator, with its defaults."""

    def fit(self, X: sparse.csr_array, Y: sparse.csr_array) -> None:
        """Train on the indicator."""
        self.model = self.make().fit(X, Y)

    def rank(self, X: sparse.csr_array, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Ask for the most probable labels."""
        labels, probabilities = self.model.predict_top_k(X, k)
        columns = self.hierarchy.index(labels.ravel()).reshape(labels.shape)
        return columns, probabilities

    def size(self) -> int:
        """Pickle the model."""
        return len(pickle.dumps(self.model))


class OursLinear(Estimator):
    """HierarchicalLinearClassifier."""

    def make(self) -> Any:
        """Return the linear estimator."""
        return HierarchicalLinearClassifier(
            self.hierarchy, random_state=0, n_jobs=self.threads
        )


class OursTwoPaths(Estimator):
    """HTCInfoMaxClassifier."""

    def make(self) -> Any:
        """Return both paths."""
        return HTCInfoMaxClassifier(self.hierarchy, random_state=0, n_jobs=self.threads)


class OmikujiReadOut(Estimator):
    """omikuji, calibrated and decoded by this package."""

    def make(self) -> Any:
        """Wrap omikuji."""
        peer = RankedScores(Omikuji, self.hierarchy, self.threads)
        return HierarchicalDecodingClassifier(peer, self.hierarchy, random_state=0)

    def size(self) -> int:
        """Count omikuji's model alone."""
        ranker: Ranker = self.model.estimator_.ranker_
        return ranker.size()


class RankedScores(ClassifierMixin, BaseEstimator):
    """A system that ranks labels by probabilities, as a classifier of scikit-learn.

    Labels that it does not rank have the lowest score of all.
    """

    def __init__(
        self, system: type[Ranker], hierarchy: Hierarchy, threads: int
    ) -> None:
        self.system = system
        self.hierarchy = hierarchy
        self.threads = threads

    def fit(self, X: Any, y: Any) -> Self:
        """Train on documents (n, n_features) and an indicator (n, n_nodes)."""
        X, Y = sparse.csr_array(X), sparse.csr_array(y)
        # The folder is there as long as the model.
        self.folder_ = TemporaryDirectory()
        folder = Path(self.folder_.name)
        self.ranker_ = self.system(self.hierarchy, folder, self.threads, {})
        self.ranker_.prepare(X, Y)
        self.ranker_.fit(X, Y)
        self.classes_ = np.arange(Y.shape[1])
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the log-odds of the ranked probabilities (n, n_nodes)."""
        n_nodes = len(self.classes_)
        columns, p = self.ranker_.rank(sparse.csr_array(X), min(N_RANKED, n_nodes))
        found = columns >= 0
        scores = np.full((X.shape[0], n_nodes), logit(LEAST))
        rows = np.nonzero(found)[0]
        scores[rows, columns[found]] = logit(np.clip(p[found], LEAST, 1 - LEAST))
        return scores


PEERS: dict[str, type[Ranker]] = {
    "HierarchicalLinearClassifier": OursLinear,
    "HTCInfoMaxClassifier": OursTwoPaths,
    "omikuji": Omikuji,
    "napkinXC PLT": NapkinXC,
    "napkinXC PLT, our tree": NapkinXCOurTree,
    "libpecos XR-Linear": Pecos,
    "LibMultiLabel tree": LibMultiLabelTree,
    "LibMultiLabel one-vs-rest": LibMultiLabel,
    "one-vs-rest LinearSVC": OneVsRestLinearSVC,
    "hiclass LCPPN": HiClass,
    "omikuji, our read-out": OmikujiReadOut,
}


def _row(matrix: Any, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted columns and the values of a row."""
    own = slice(matrix.indptr[row], matrix.indptr[row + 1])
    order = np.argsort(matrix.indices[own])
    return matrix.indices[own][order], matrix.data[own][order]


def _pairs(X: sparse.csr_array, row: int) -> list[tuple[int, float]]:
    """List the columns and values of a row."""
    columns, values = _row(X, row)
    return list(zip(columns.tolist(), values.tolist(), strict=True))


def _table(
    found: list[list[tuple[int, float]]], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Make arrays (n, k) of pairs of column and score; -1 where there are fewer."""
    columns = np.full((len(found), k), -1)
    scores = np.full((len(found), k), -np.inf)
    for row, pairs in enumerate(found):
        for place, (column, score) in enumerate(pairs[:k]):
            columns[row, place], scores[row, place] = column, score
    return columns, scores


def _top(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k largest columns (n, k) of each row, and their scores."""
    columns = np.argsort(-scores, axis=1)[:, :k]
    return columns, np.take_along_axis(scores, columns, axis=1)


def _bytes(path: Path) -> int:
    """Add up the sizes of the files at or below a path."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
