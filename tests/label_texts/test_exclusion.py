import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logit

from sklearn_htc.label_texts.exclusion import (
    LikelyPairs,
    NewEnds,
    fit_exclusion,
    make_room,
)


def test_surprisal_is_that_of_having_none_of_the_unrelated_ends(dag):
    # d is below a and b; e is below d.
    new = np.sort(dag.index(["d", "e", "f"]))
    log_odds = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    counts = np.array([0, 3, 8, 10**8, 0, 24])
    found = NewEnds.of(new, dag, counts).surprisal(log_odds)
    p = dict(zip((dag.nodes[i] for i in new), expit(log_odds.T), strict=True))
    # "d" is no end, since "e" is below it.
    related = {"a": "e", "b": "e", "d": "e", "e": "e", "c": "f", "f": "f"}
    for node, own in related.items():
        (column,) = dag.index([node])
        expected = sum(-np.log1p(-p[end]) for end in "ef" if end != own)
        # A label gives way the further the more documents it has.
        share = 1 - 1 / np.sqrt(1 + counts[column])
        np.testing.assert_allclose(found[:, column], share * expected, atol=1e-6)


@pytest.mark.parametrize("exclusion", [0.3, 1.0, 2.0])
def test_probabilities_are_multiplied(exclusion):
    rng = np.random.default_rng(0)
    log_odds = rng.uniform(-12, 12, size=(50, 4))
    surprisal = rng.exponential(size=(50, 4))
    surprisal[0] = 0
    found = make_room(
        log_odds.astype(np.float32), surprisal.astype(np.float32), exclusion
    )
    p = expit(log_odds) * np.exp(-exclusion * surprisal)
    np.testing.assert_allclose(found, logit(p), rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(found[0], log_odds[0].astype(np.float32))


def parts_of(is_exclusive, shape=(1, 1), n=4000):
    """Return documents of which a third has a new label, and one known label."""
    rng = np.random.default_rng(0)
    p_new = rng.beta(0.5, 1, size=n)
    is_new = rng.random(n) < p_new
    p = rng.beta(*shape, size=n)
    is_true = rng.random(n) < p
    if is_exclusive:
        is_true &= ~is_new
    target = sparse.csr_array(np.stack([is_true, is_new], axis=1).astype(np.float32))
    # Nothing that was learned knows of new labels.
    log_odds = np.stack([logit(p), np.zeros(n)], axis=1)
    pairs = LikelyPairs.of(log_odds, target, np.array([0]))
    surprisal = -np.log1p(-p_new)
    return [(pairs, surprisal[pairs.rows], np.ones(len(pairs.rows)))]


def test_exclusion_is_found():
    assert fit_exclusion(parts_of(True)) == pytest.approx(1, abs=0.1)
    assert fit_exclusion(parts_of(False)) < 0.05
    # Most labels are improbable.
    rare = parts_of(True, shape=(0.3, 10), n=100_000)
    assert fit_exclusion(rare) == pytest.approx(1, abs=0.1)


def test_likely_pairs_are_chosen_whether_true_or_not():
    log_odds = np.array([[5.0, -9.0, 3.0], [-9.0, -9.0, 3.0]])
    target = sparse.csr_array(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    pairs = LikelyPairs.of(log_odds, target, np.array([0, 1]))
    np.testing.assert_array_equal(pairs.rows, [0])
    np.testing.assert_array_equal(pairs.labels, [0])
    np.testing.assert_array_equal(pairs.log_odds, [5])
    np.testing.assert_array_equal(pairs.is_true, [False])
