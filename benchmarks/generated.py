"""Generated hierarchies, labels and documents of any size, for benchmarks of time."""

from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from sklearn_htc import Hierarchy


def make_hierarchy(n_nodes: int, *, depth: int = 4) -> Hierarchy:
    """Make a tree of `depth` levels, each larger than the one above by one factor."""
    # The factor r for which r + r^2 + ... + r^depth nodes are as many as wanted.
    low, high = 1.0, float(n_nodes)
    while high - low > 1e-9:
        middle = (low + high) / 2
        if sum(middle**level for level in range(1, depth + 1)) < n_nodes:
            low = middle
        else:
            high = middle
    sizes = [max(1, round(low**level)) for level in range(1, depth)]
    sizes.append(n_nodes - sum(sizes))
    edges, start = [], 0
    for above, size in pairwise(sizes):
        children = start + above + np.arange(size)
        parents = start + np.arange(size) * above // size
        edges += list(zip(parents.tolist(), children.tolist(), strict=True))
        start += above
    return Hierarchy(edges, nodes=range(n_nodes))


def make_labels(
    hierarchy: Hierarchy, n_documents: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw one leaf a document, some leaves far more often than others."""
    leaves = rng.permutation(hierarchy.leaves)
    frequency = 1 / np.arange(1, len(leaves) + 1)
    return rng.choice(leaves, size=n_documents, p=frequency / frequency.sum())


def make_bags(
    labels: np.ndarray,
    rng: np.random.Generator,
    *,
    n_terms: int = 50_000,
    length: int = 60,
) -> sparse.csr_array:
    """Make bags of terms, a third of which a document shares with its label."""
    n = len(labels)
    common = rng.zipf(1.3, size=(n, length - length // 3)) * 7919 % n_terms
    own = labels[:, None] * 31 + rng.integers(40, size=(n, length // 3))
    ids = np.concatenate([common, own * 104_729 % n_terms], axis=1)
    weights = np.full(ids.size, length**-0.5, dtype=np.float32)
    indptr = np.arange(0, ids.size + 1, length)
    bags = sparse.csr_array((weights, ids.ravel(), indptr), shape=(n, n_terms))
    bags.sum_duplicates()
    return bags


def make_taxonomy(
    n_labels: int,
    n_documents: int,
    *,
    n_terms: int = 200_000,
    length: int = 60,
    n_own: int = 25,
    seed: int = 0,
) -> tuple[Hierarchy, sparse.csr_array, sparse.csr_array]:
    """Make TF-IDF of documents with one to three leaves, and closed indicators.

    Terms have frequencies like those of words, and leaves too. Each node has some terms
    of its own; half of a document's terms are those of its leaves and their ancestors.
    """
    rng = np.random.default_rng(seed)
    hierarchy = make_hierarchy(n_labels)
    terms, leaves = _Zipf(n_terms, 0), _Zipf(len(hierarchy.leaves), 10)
    own = terms.draw((n_labels, n_own), rng)
    n_leaves = rng.integers(1, 4, n_documents)
    document = np.repeat(np.arange(n_documents), n_leaves)
    leaf = rng.permutation(hierarchy.leaves)[leaves.draw(len(document), rng)]
    Y = sparse.csr_array(
        (np.ones(len(leaf), dtype=np.float32), (document, leaf)),
        shape=(n_documents, n_labels),
    )
    lengths = np.maximum(rng.poisson(length, n_documents), 5)
    document = np.repeat(np.arange(n_documents), lengths)
    first = np.cumsum(n_leaves) - n_leaves
    which = (rng.random(len(document)) * n_leaves[document]).astype(int)
    which = leaf[first[document] + which]
    ancestors = hierarchy.ancestors
    n_above = np.diff(ancestors.indptr)[which]
    above = (rng.random(len(document)) * n_above).astype(int)
    node = ancestors.indices[ancestors.indptr[which] + above]
    term = np.where(
        rng.random(len(document)) < 0.5,
        terms.draw(len(document), rng),
        own[node, rng.integers(n_own, size=len(document))],
    )
    counts = sparse.csr_array(
        (np.ones(len(term), dtype=np.float32), (document, term)),
        shape=(n_documents, n_terms),
    )
    X = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    return hierarchy, sparse.csr_array(X, dtype=np.float32), hierarchy.close(Y)


class _Zipf:
    """Numbers from 0 on, of which n comes with frequency 1 / (n + 1 + offset)."""

    def __init__(self, size: int, offset: int) -> None:
        self.size = size
        frequency = 1 / (np.arange(1, size + 1) + offset)
        self.cumulative = np.cumsum(frequency / frequency.sum())

    def draw(self, shape: int | tuple[int, int], rng: np.random.Generator) -> Any:
        """Draw some of them."""
        found = np.searchsorted(self.cumulative, rng.random(shape))
        return np.minimum(found, self.size - 1)


def make_token_ids(
    lengths: np.ndarray, rng: np.random.Generator, *, n_tokens: int = 50_000
) -> sparse.csr_array:
    """Make sequences of token ids of the given lengths."""
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    positions = np.arange(indptr[-1]) - np.repeat(indptr[:-1], lengths)
    ids = rng.zipf(1.2, size=indptr[-1]) % n_tokens + 1
    shape = (len(lengths), int(lengths.max()))
    return sparse.csr_array((ids, positions, indptr), shape=shape)
