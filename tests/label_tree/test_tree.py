"""The search in a label tree, beside products of all conditional probabilities."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc import HierarchicalLinearClassifier, Hierarchy
from sklearn_htc.label_tree import routing
from sklearn_htc.label_tree.fitting import fit_label_tree
from sklearn_htc.label_tree.tree import scaled
from sklearn_htc.read_out.fitting import DecodingRule
from sklearn_htc.wide.base import WideOptions


@pytest.fixture(params=["narrow", "with clusters"], scope="session")
def tree(request, planted):
    """Return a fitted tree and its documents, in clusters of 4 where asked for."""
    rule = DecodingRule(
        single_path=len(planted.path_nodes) > 0, whole_path=False, threshold="auto"
    )
    rng = np.random.RandomState(0)
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "with clusters":
            patch.setattr(routing, "MAX_BRANCHES", 4)
        predictor = fit_label_tree(planted, rule, WideOptions(), 0.2, rng)
    return predictor.wide, planted.vectors.X


def slow(tree, X):
    """Multiply the conditional probabilities of all branches, in float64."""
    routing = tree.routing
    X = X.toarray() * tree.feature_scale_
    scores = X @ tree.machines.by_feature(routing).toarray().astype(np.float64)
    scores += tree.machines.intercept
    branches = np.arange(len(routing.above))
    flat = np.broadcast_to(branches, scores.shape).ravel()
    log_odds = tree.calibration.log_odds_of(scores.ravel(), flat).astype(np.float64)
    odds = np.exp(log_odds.reshape(scores.shape))
    total = np.ones((len(X), len(branches)))
    ends = np.zeros((len(X), len(tree.hierarchy)))
    if tree.may_end is None:
        conditional = odds / (1 + odds)
    else:
        odds *= tree.may_take
        sums = np.zeros((len(X), routing.n_routers))
        np.add.at(sums.T, routing.above, odds.T)
        sums += tree.may_end
        # No path comes to some routers.
        sums = np.maximum(sums, 1e-300)
        conditional = odds / sums[:, routing.above]
    source = {router: branch for branch, router in enumerate(routing.router)}
    for branch in branches:
        at = branch
        while True:
            total[:, branch] *= conditional[:, at]
            if not routing.above[at]:
                break
            at = source[routing.above[at]]
    if tree.may_end is not None:
        for node in range(len(tree.hierarchy)):
            router = routing.router[node]
            end = 1.0 if router < 0 else tree.may_end[router] / sums[:, router]
            ends[:, node] = total[:, node] * end
    return total[:, : len(tree.hierarchy)], ends


def test_all_routers_give_the_product_along_each_path(tree):
    tree, X = tree
    found = tree.search(X, least=0, n_followed=10**6)
    labels, ends = slow(tree, X)
    if tree.may_end is not None:
        # A path has all ancestors of its end, whatever way it was found.
        labels = ends @ tree.hierarchy.ancestors.toarray()
    elif not tree.hierarchy.is_tree:
        descends = tree.hierarchy.ancestors.T.toarray() > 0
        labels = np.stack([labels[:, below].max(axis=1) for below in descends], axis=1)
    # No probability is below a float32's rounding; sums of paths' are above it.
    np.testing.assert_allclose(found.labels.toarray(), labels, rtol=1e-3, atol=5e-6)
    if tree.may_end is not None:
        np.testing.assert_allclose(found.ends.toarray(), ends, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(found.ends.sum(axis=1), 1, rtol=1e-4)


def test_no_child_is_above_its_parent(tree):
    tree, X = tree
    assert tree.hierarchy.is_coherent(tree.search(X).labels.toarray())


def test_a_search_finds_the_same_probabilities(tree):
    tree, X = tree
    whole = tree.search(X, least=0, n_followed=10**6).labels.toarray()
    some = tree.search(X, least=0.05, n_followed=10**6).labels
    rows = np.repeat(np.arange(X.shape[0]), np.diff(some.indptr))
    if tree.hierarchy.is_tree:
        np.testing.assert_allclose(some.data, whole[rows, some.indices], rtol=1e-5)
        # Nothing that is probable enough is missed.
        assert not ((whole > 0.0501) & (some.toarray() == 0)).any()
    assert some.nnz < (whole > 0).sum()


def test_an_ancestor_of_many_improbable_labels_is_found(tree):
    tree, X = tree
    if tree.may_end is None:
        pytest.skip("Documents may have any labels.")
    whole = tree.search(X, least=0, n_followed=10**6).labels.toarray()
    found = tree.search(X, least=0.05, n_followed=4).labels.toarray()
    assert not ((whole > 0.2) & (found == 0)).any()
    error = np.abs(found - whole)[found > 0]
    assert error.max() < 0.2
    assert error.mean() < 0.01


def test_a_second_parent_of_all_of_a_branch_is_as_probable_as_the_branch(monkeypatch):
    # 60 leaves below each of three parents; those of the first have another parent.
    monkeypatch.setattr("sklearn_htc.wide.limits.MAX_WORK", 0)
    edges = [(f"p{i // 60}", i) for i in range(180)] + [
        ("beside", i) for i in range(60)
    ]
    hierarchy = Hierarchy([*edges, ("beside", "other")])
    rng = np.random.default_rng(0)
    leaves = rng.integers(180, size=2000)
    X = sparse.csr_array(rng.random((2000, 5), dtype=np.float32))
    clf = HierarchicalLinearClassifier(hierarchy, decoding="path", random_state=0)
    clf.fit(X, [[int(leaf)] for leaf in leaves])
    found = clf.wide_.search(X[:50], least=0.2, n_followed=1).labels.toarray()
    p0, beside = hierarchy.index(["p0", "beside"])
    # A label is found where it is as probable as those that are followed.
    is_found = found[:, beside] > 0
    assert is_found.sum() > 25
    whole = clf.predict_proba(X[:50])
    np.testing.assert_allclose(whole[:, beside], whole[:, p0], rtol=1e-4)
    np.testing.assert_allclose(found[is_found, beside], whole[is_found, p0], rtol=1e-4)


def test_a_narrow_search_follows_the_most_probable_branches(tree):
    tree, X = tree
    found = tree.search(X, least=0, n_followed=1)
    # One branch of the first level, and at most one of each below it.
    n_levels = tree.hierarchy.levels.max() + 1
    bound = n_levels if tree.hierarchy.is_tree else len(tree.hierarchy)
    assert (np.diff(found.labels.indptr) <= bound).all()
    roots = np.flatnonzero(tree.routing.above == 0)
    first = tree.score(scaled(X, tree.feature_scale_), *np.zeros((2, 1), dtype=int))
    best = roots[tree.log_odds(first).argmax()]
    if best < len(tree.hierarchy):
        assert found.labels.toarray()[0, best] > 0
    if tree.may_end is not None:
        assert (np.diff(found.ends.indptr) > 0).all()


def test_very_negative_scores_leave_probabilities(tree):
    tree, X = tree
    far = tree.search(X[:9] * 1e4, least=0, n_followed=10**6)
    assert np.isfinite(far.labels.data).all()
    if tree.may_end is not None:
        np.testing.assert_allclose(far.ends.sum(axis=1), 1, rtol=1e-3)


def test_nothing_leads_to_labels_without_documents(tree):
    tree, X = tree
    if tree.may_end is None:
        pytest.skip("Documents may have any labels.")
    found = tree.search(X, least=0, n_followed=10**6)
    assert not found.labels.toarray()[:, 40:].any()
    assert not found.ends.toarray()[:, 40:].any()


def test_batch_mates_change_nothing(tree):
    tree, X = tree
    together = tree.search(X[:20]).labels.toarray()
    alone = np.vstack([tree.search(X[[row]]).labels.toarray() for row in range(20)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_an_empty_document_has_probabilities(tree):
    tree, X = tree
    empty = sparse.csr_array((1, X.shape[1]), dtype=np.float32)
    found = tree.search(empty)
    assert found.labels.nnz > 0
    assert ((found.labels.data > 0) & (found.labels.data < 1)).all()


def test_texts_and_labels_have_products_that_are_scores(tree):
    tree, X = tree
    from sklearn_htc.data.documents import BagOfTerms
    from sklearn_htc.wide.representation import label_basis

    labels = label_basis(tree.weights(), len(tree.hierarchy))
    pieces = tree.iter_represented(BagOfTerms(X), labels)
    texts = np.concatenate([values for _, values in pieces])
    expected = (X.toarray() * tree.feature_scale_) @ tree.weights().toarray()
    np.testing.assert_allclose(texts @ labels.T, expected, atol=1e-4)
