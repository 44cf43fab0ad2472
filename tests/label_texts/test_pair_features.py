import numpy as np

from sklearn_htc import Hierarchy
from sklearn_htc.label_texts.pair_features import PairFeatures, parents_log_odds


def random_dag(rng):
    edges = [(0, 2), (0, 3), (1, 3), (2, 4), (3, 4), (3, 5), (5, 6)]
    return Hierarchy(edges, nodes=range(8))


def test_the_most_probable_parent_that_has_documents():
    rng = np.random.default_rng(0)
    hierarchy = random_dag(rng)
    log_odds = rng.normal(size=(20, 8))
    counts = np.array([5, 5, 0, 3, 2, 0, 0, 1])
    parent = parents_log_odds(log_odds, counts, hierarchy)

    def slow(row, node):
        parents = hierarchy.parents[[node]].indices
        if not len(parents):
            return 10.0
        return max(row[p] if counts[p] else slow(row, p) for p in parents)

    expected = [[slow(row, node) for node in range(8)] for row in log_odds]
    np.testing.assert_allclose(parent, expected)


def test_a_root_without_documents_says_nothing():
    hierarchy = Hierarchy([("a", "b")])
    parent = parents_log_odds(np.array([[-3.0, 0.0]]), np.array([0, 0]), hierarchy)
    np.testing.assert_array_equal(parent, [[10.0, 10.0]])


def features(own, rivals, counts=None):
    zero = np.zeros_like(own)
    counts = np.ones(own.shape[1]) if counts is None else counts
    return PairFeatures(own, zero, zero, zero, np.array(rivals), counts)


def test_the_strongest_rival_is_another_label():
    own = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    labels, rivals = np.array([0, 1, 4]), [1, 2, 4]
    strongest = features(own, rivals).of_new(labels)[:, :, 5]
    expected = [
        [max(row[r] for r in rivals if r != label) for label in labels] for row in own
    ]
    np.testing.assert_allclose(strongest, expected)


def test_a_single_label_has_no_rival():
    assert (features(np.zeros((2, 1)), [0]).of_new(np.array([0]))[:, :, 5] == -10).all()


def test_features_of_seen_labels_fade_with_their_documents():
    own = np.array([[1.0, 2.0, 30.0]])
    known = features(own, [0, 1, 2], np.array([0, 3, 99]))
    of_seen = known.of_seen_pairs(np.zeros(3, dtype=int), np.arange(3))
    plain, rare = of_seen[:, :5], of_seen[:, 5:10]
    np.testing.assert_allclose(rare, plain / np.array([[1], [2], [10]]))
    np.testing.assert_allclose(of_seen[:, 10], [1, 0.5, 0.1])
    # Beyond 10, log-odds say nothing more.
    assert plain[2, 0] == 10


def test_log_odds_are_features_times_coefficients():
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(4, 30, 7)).astype(np.float32)
    known = PairFeatures(*parts, np.array([1, 2, 5]), rng.integers(0, 50, 7))
    labels = np.array([0, 2, 5, 6])
    coef = rng.normal(size=6)
    np.testing.assert_allclose(
        known.log_odds_of_new(labels, coef), known.of_new(labels) @ coef, atol=1e-5
    )
    coef = rng.normal(size=12)
    rows, columns = np.divmod(np.arange(120), 4)
    expected = known.of_seen_pairs(rows, labels[columns]) @ coef
    np.testing.assert_allclose(
        known.log_odds_of_seen(labels, coef).ravel(), expected, atol=1e-5
    )
