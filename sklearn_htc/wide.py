"""The wide path: linear models of each label, on terms scaled by relevance.

On TF-IDF of a few thousand documents no network comes near a linear model. A linear
model that leaves out what no label needs goes further still.
"""

import warnings
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC
from torch.nn import functional

from sklearn_htc.documents import BagOfTerms
from sklearn_htc.held_out import as_if_vectorized_apart
from sklearn_htc.term_weighting import term_relevance
from sklearn_htc.wide_choice import (
    SelectionData,
    WideChoice,
    best_choice,
    judge_wide_path,
)

__all__ = [
    "WidePath",
    "choose_wide_path",
    "iter_scores",
    "mean_length",
    "relevance_of",
    "suits_wide_path",
]

# Powers of the terms' relevance to choose from: 0 leaves the terms as they are.
POWERS = (0.0, 0.5, 1.0)
# Shares of ridge regression to choose from, besides none and all. The machines' scores
# are the larger ones, so that it takes three quarters to be level with them.
RIDGE_SHARES = (0.5, 0.75)
RIDGE_PENALTY = 0.3
# Of the machines' optimum. LIBLINEAR has one random generator for all threads, so that
# fits differ by this much; it costs a tenth more time than scikit-learn's 1e-4.
TOLERANCE = 1e-8
# Documents or features, whichever are fewer, that ridge regression solves for at once.
MAX_RIDGE_SIZE = 5000
# Documents times labels, which it holds as a whole (400 MB).
MAX_RIDGE_TARGETS = 5 * 10**7
# Documents scored at a time.
BATCH_SIZE = 1024
# With fewer documents there is too little to hold out.
MIN_DOCUMENTS = 50
# Weights (1 GB), and entries of X times labels (ten minutes or so on two cores). Where
# there are more, terms of little relevance are left out.
MAX_WEIGHTS = 25 * 10**7
MAX_WORK = 3 * 10**10
# With fewer terms, in all or a document, linear models are no longer of use.
MIN_TERMS = 1000
MIN_TERMS_A_DOCUMENT = 10
# The same, for finding out how much the relevance of terms counts.
MAX_TRIED_WORK = 3 * 10**9


class WidePath:
    """One-vs-rest linear support vector machines, mixed with ridge regressions.

    The machines have the squared hinge loss. The squared loss of ridge regression makes
    use of every document, not of support vectors alone, and does better on a few
    thousand long texts. The weights are (1 - share) times the former plus share times
    the latter.

    Parameters
    ----------
    power : float, default=0.0
        Of the relevance of the terms, by which they are multiplied.
    C : float, default=1.0
        Inverse of the penalty on the machines' weights, as in `sklearn.svm.LinearSVC`.
    ridge_share : float, default=0.0
        Share of the ridge regressions.

    Attributes
    ----------
    features_ : int ndarray of shape (n_used,)
        Those that have weights, in their order: all that occur, or where these would be
        too many those whose relevance times root mean square is largest.
    feature_scale_ : ndarray of shape (n_features,), float32
        What features were multiplied by: relevance to its power, and such that the
        average document has length 1.
    coef_ : ndarray of shape (n_used, n_nodes), float32
        Weights of these features as given, `feature_scale_` included; 0 where all
        training documents have the label, or none.
    intercept_ : ndarray of shape (n_nodes,), float32
        Scores of a document without features.
    """

    def __init__(
        self, *, power: float = 0.0, C: float = 1.0, ridge_share: float = 0.0
    ) -> None:
        self.power = power
        self.C = C
        self.ridge_share = ridge_share

    def fit(
        self,
        documents: Any,
        relevance: np.ndarray,
        target: sparse.csr_array,
        sample_weight: np.ndarray,
        seed: int,
    ) -> Self:
        """Learn every label by itself.

        Parameters
        ----------
        documents : BagOfTerms or DenseDocuments
            Documents.
        relevance : ndarray of shape (n_features,)
            As `relevance_of` gives it.
        target : csr_array of shape (n_documents, n_nodes)
            Labels, closed under ancestors.
        sample_weight : ndarray of shape (n_documents,)
            Weight of each document.
        seed : int
            Of the order in which documents are visited.

        Returns
        -------
        self : WidePath
            Fitted.
        """
        used = _affordable_features(documents, relevance, target.shape[1])
        scale = relevance**self.power
        scale /= mean_length(documents.scaled(scale).X[:, used])
        X = _as_machines_read_it(documents.scaled(scale).X[:, used])
        self.features_, self.feature_scale_ = used, scale
        self._row_of_feature = np.full(len(scale), -1, dtype=np.int32)
        self._row_of_feature[used] = np.arange(len(used), dtype=np.int32)
        if self.ridge_share == 1:
            self.coef_, self.intercept_ = _ridge(X, target, sample_weight)
        else:
            self.coef_, self.intercept_ = _machines(
                X, target, sample_weight, C=self.C, seed=seed
            )
        if 0 < self.ridge_share < 1:
            ridge = _ridge(X, target, sample_weight)
            for own, other in zip((self.coef_, self.intercept_), ridge, strict=True):
                own *= 1 - self.ridge_share
                own += self.ridge_share * other
        self.coef_ *= scale[used, None]
        return self

    def refit(
        self,
        documents: Any,
        target: sparse.csr_array,
        sample_weight: np.ndarray,
        rng: np.random.RandomState,
    ) -> Self:
        """Learn anew from more documents, the relevance of their terms included.

        Parameters
        ----------
        documents, target, sample_weight
            As for `fit`.
        rng : RandomState
            Draws what is random.

        Returns
        -------
        self : WidePath
            Fitted.
        """
        seed = int(rng.randint(np.iinfo(np.int32).max))
        relevance = np.ones(documents.n_features, dtype=np.float32)
        if self.power or not _is_affordable(documents, target.shape[1]):
            relevance = relevance_of(documents, target, sample_weight, rng)
        return self.fit(documents, relevance, target, sample_weight, seed)

    def scores(self, X: Any) -> np.ndarray:
        """Score every label.

        Parameters
        ----------
        X : csr_array or ndarray of shape (n_documents, n_features)
            Documents.

        Returns
        -------
        scores : ndarray of shape (n_documents, n_nodes), float32
            Positive where a machine says yes.
        """
        if not sparse.issparse(X):
            # Otherwise a row's scores depend on where in the product it stands.
            products = X.astype(np.float64) @ self.coef_
            return products.astype(np.float32) + self.intercept_
        with warnings.catch_warnings():
            # Weights that joblib maps from a file are not written to here.
            warnings.filterwarnings("ignore", ".*NumPy array is not writable")
            coef = torch.from_numpy(self.coef_)
        rows = self._row_of_feature[X.indices]
        # Five times as fast as scipy's product.
        products = functional.embedding_bag(
            torch.from_numpy(np.maximum(rows, 0).astype(np.int64)),
            coef,
            torch.from_numpy(X.indptr.astype(np.int64)),
            mode="sum",
            per_sample_weights=torch.from_numpy(np.where(rows < 0, 0, X.data)),
            include_last_offset=True,
        )
        return products.numpy() + self.intercept_


def suits_wide_path(documents: Any, n_nodes: int) -> bool:
    """Say whether a linear model can be learned from documents in reasonable time.

    Parameters
    ----------
    documents : Documents
        Those to learn from.
    n_nodes : int
        Number of labels.

    Returns
    -------
    suits : bool
        False for sequences, for few documents, and where there are so many of them, or
        of labels, that hardly any term of a document could be looked at.
    """
    n_documents = len(documents.lengths)
    if not hasattr(documents, "scaled") or n_documents < MIN_DOCUMENTS:
        return False
    if _is_affordable(documents, n_nodes):
        return True
    return isinstance(documents, BagOfTerms) and (
        MIN_TERMS * n_nodes <= MAX_WEIGHTS
        and MIN_TERMS_A_DOCUMENT * n_documents * n_nodes <= MAX_WORK
    )


def _is_affordable(documents: Any, n_nodes: int) -> bool:
    """Say whether all features can be learned from."""
    return (
        len(_occurring_features(documents)) * n_nodes <= MAX_WEIGHTS
        and _n_entries(documents) * n_nodes <= MAX_WORK
    )


def _occurring_features(documents: Any) -> np.ndarray:
    """List the features that can have a weight; hashed terms leave most columns empty.

    At least one, for documents without any term.
    """
    if not isinstance(documents, BagOfTerms):
        return np.arange(documents.n_features)
    occurs = np.bincount(documents.X.indices, minlength=documents.n_features) > 0
    occurs[0] |= not occurs.any()
    return np.flatnonzero(occurs)


def _affordable_features(
    documents: Any, relevance: np.ndarray, n_nodes: int
) -> np.ndarray:
    """Choose those that occur, or of many terms those that move scores most; sorted."""
    occurring = _occurring_features(documents)
    if _is_affordable(documents, n_nodes) or not isinstance(documents, BagOfTerms):
        return occurring
    # Relevance alone takes too many rare terms.
    deviation = relevance * np.sqrt(documents.X.power(2).mean(axis=0))
    order = occurring[np.argsort(-deviation[occurring], kind="stable")]
    entries = np.bincount(documents.X.indices, minlength=len(relevance))[order]
    n_used = np.searchsorted(entries.cumsum(), MAX_WORK // n_nodes, side="right")
    return np.sort(order[: max(1, min(n_used, MAX_WEIGHTS // n_nodes))])


def _n_entries(documents: Any) -> int:
    """Count the numbers in X that a linear model has to look at."""
    return getattr(documents.X, "nnz", documents.X.size)


def relevance_of(
    documents: Any,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Say how much each feature tells about the labels.

    Parameters
    ----------
    documents : BagOfTerms or DenseDocuments
        Documents to learn from.
    target : csr_array of shape (n_documents, n_nodes)
        Labels, closed under ancestors.
    sample_weight : ndarray of shape (n_documents,)
        Weight of each document.
    rng : RandomState
        Draws what is random.

    Returns
    -------
    relevance : ndarray of shape (n_features,), float32
        `term_relevance`; 1 for embeddings, whose coordinates are no terms.
    """
    if not isinstance(documents, BagOfTerms):
        return np.ones(documents.n_features, dtype=np.float32)
    return term_relevance(documents.X, target, sample_weight, rng)


def choose_wide_path(
    data: SelectionData, *, C: float, rng: np.random.RandomState
) -> WideChoice:
    """Choose by held-out documents how much the relevance of terms counts, and ridge.

    Parameters
    ----------
    data : SelectionData
        Documents to learn from, and to judge by.
    C : float
        As for `WidePath`.
    rng : RandomState
        Draws what is random.

    Returns
    -------
    choice : WideChoice
        The best.
    """

    def part_of(learned_from: Any, train: np.ndarray, most: int) -> tuple[Any, ...]:
        if most < len(train):
            few = rng.permutation(len(train))[:most]
            learned_from, train = learned_from[few], train[few]
        part = type(documents)(learned_from), target[train], data.sample_weight[train]
        seed = int(rng.randint(np.iinfo(np.int32).max))
        relevance = relevance_of(*part, rng)
        return part[0], relevance, *part[1:], seed

    def parts_of(most: int) -> list[tuple[Any, ...]]:
        return [
            part_of(X, train, most)
            for (X, _), (train, _) in zip(apart, folds, strict=True)
        ]

    def tried(
        power: float, ridge_share: float, parts: list[tuple[Any, ...]]
    ) -> WideChoice:
        wide = WidePath(power=power, C=C, ridge_share=ridge_share)
        return judge_wide_path(wide, parts, held_out, data.read_out)

    def mixed(ridge_share: float) -> WideChoice:
        # The scores of a mixture of models are the mixture of their scores.
        scores = np.float32(1 - ridge_share) * machines.scores
        scores += np.float32(ridge_share) * ridge.scores
        wide = WidePath(power=power, C=C, ridge_share=ridge_share)
        return WideChoice(wide, scores, data.read_out(scores), ridge.feature_scale)

    documents, target, folds = data.documents, data.target, data.folds
    apart = [as_if_vectorized_apart(documents.X, *fold) for fold in folds]
    held_out = [X for _, X in apart]
    powers = POWERS if isinstance(documents, BagOfTerms) else POWERS[:1]
    most = max(len(train) for train, _ in folds)
    with_ridge = (
        min(most, documents.n_features) <= MAX_RIDGE_SIZE
        and most * target.shape[1] <= MAX_RIDGE_TARGETS
    )
    work = _n_entries(documents) * target.shape[1]
    # To find the power with; at least one document.
    enough = len(documents.lengths) * MAX_TRIED_WORK // max(1, work) + 1
    with_few = len(powers) > 1 and enough < most
    parts = parts_of(enough if with_few else most)
    # Ridge regression, where it is possible, is the faster one to find the power with.
    first = best_choice([tried(power, float(with_ridge), parts) for power in powers])
    power = first.wide.power
    if with_few:
        parts = parts_of(most)
        first = tried(power, float(with_ridge), parts)
    if not with_ridge:
        return first
    machines, ridge = tried(power, 0.0, parts), first
    return best_choice([machines, *(mixed(share) for share in RIDGE_SHARES), ridge])


def _as_machines_read_it(X: Any) -> Any:
    """Give numbers and indices LIBLINEAR's types, once and not for every label."""
    X = X.astype(np.float64)
    if sparse.issparse(X):
        X.indices, X.indptr = sparse.safely_cast_index_arrays(X, np.int32)
    return X


def _machines(
    X: Any,
    target: sparse.csr_array,
    sample_weight: np.ndarray,
    *,
    C: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Train as many machines at a time as torch has threads.

    Return weights (n_features, n_nodes) and intercepts (n_nodes,), float32.
    """
    by_label = sparse.csc_array(target)
    n_documents, n_nodes = target.shape
    coef = np.zeros((X.shape[1], n_nodes), dtype=np.float32)
    intercept = np.zeros(n_nodes, dtype=np.float32)
    # Coordinates of the dual cost what a row's entries do: the faster way (3 times on
    # short texts) unless rows are full.
    dual = True if sparse.issparse(X) else "auto"

    def learn(node: int) -> None:
        rows = by_label.indices[by_label.indptr[node] : by_label.indptr[node + 1]]
        y = np.full(n_documents, -1)
        y[rows] = 1
        if len(rows) in (0, n_documents):
            intercept[node] = y[0]
            return
        model = LinearSVC(C=C, tol=TOLERANCE, dual=dual, random_state=seed)
        model.fit(X, y, sample_weight)
        coef[:, node] = model.coef_[0]
        intercept[node] = model.intercept_[0]

    with warnings.catch_warnings():
        # A label whose machine stopped early still has a good one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        Parallel(n_jobs=torch.get_num_threads(), prefer="threads")(
            delayed(learn)(node) for node in range(n_nodes)
        )
    return coef, intercept


def _ridge(
    X: Any, target: sparse.csr_array, sample_weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Regress all labels at once; return what `_machines` does."""
    Y = target.toarray().astype(np.float64)
    intercept = np.average(Y, axis=0, weights=sample_weight)
    # Exact, and by documents or features, whichever are fewer.
    ridge = Ridge(RIDGE_PENALTY, fit_intercept=False, solver="cholesky")
    ridge.fit(X, Y - intercept, sample_weight)
    # The weights of a single label come without an axis for it.
    coef = ridge.coef_.reshape(Y.shape[1], -1).T
    return coef.astype(np.float32, order="C"), intercept.astype(np.float32)


def iter_scores(wide: Any, documents: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Score documents batch by batch, in their order.

    Parameters
    ----------
    wide : WidePath or KernelPath
        Fitted.
    documents : BagOfTerms or DenseDocuments
        Any documents.

    Yields
    ------
    rows : int ndarray of shape (B,)
        Which documents.
    scores : ndarray of shape (B, n_nodes), float32
        What it gives them.
    """
    n_documents = len(documents.lengths)
    for start in range(0, n_documents, BATCH_SIZE):
        rows = np.arange(start, min(start + BATCH_SIZE, n_documents))
        yield rows, wide.scores(documents.X[rows])


def mean_length(X: Any) -> np.float32:
    """Compute the root mean square of the rows' lengths.

    Parameters
    ----------
    X : csr_array or ndarray of shape (n_documents, n_features)
        Documents.

    Returns
    -------
    length : float32
        1 where all rows are empty.
    """
    total = np.square(X.data if sparse.issparse(X) else X, dtype=np.float64).sum()
    return np.float32(np.sqrt(total / X.shape[0]) or 1)
