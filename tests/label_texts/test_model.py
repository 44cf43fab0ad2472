import numpy as np
from scipy.special import softmax

from sklearn_htc import Hierarchy
from sklearn_htc.label_texts.model import _path_scores, along_paths
from sklearn_htc.read_out.coherence import raise_ancestors
from sklearn_htc.read_out.decoders import PathDecoder


def test_paths_get_the_probabilities_of_their_scores():
    hierarchy = Hierarchy([("a", "b"), ("a", "c"), ("c", "d"), ("e", "d")])
    # A path may end above another one's end.
    path_nodes = hierarchy.index(["b", "c", "d"])
    scores = 3 * np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    along = along_paths(scores, path_nodes, hierarchy)
    found = PathDecoder(hierarchy, path_nodes).path_probabilities(along)
    np.testing.assert_allclose(found, softmax(scores, axis=1), rtol=1e-4)


def test_a_new_path_takes_what_its_log_odds_say():
    seen = np.array([[0.2, 0.5, 0.3]])
    log_odds = np.log(seen / (1 - seen))
    with_new = np.insert(log_odds, 1, np.log(0.7 / 0.3), axis=1)
    scores = _path_scores(with_new, np.array([False, True, False, False]))
    expected = [[0.3 * 0.2, 0.7, 0.3 * 0.5, 0.3 * 0.3]]
    np.testing.assert_allclose(softmax(scores, axis=1), expected)


def test_ancestors_are_raised_and_nothing_else():
    hierarchy = Hierarchy([(0, 1), (0, 2), (1, 3), (2, 3), (2, 4)], nodes=range(5))
    values = np.random.default_rng(0).normal(size=(30, 5))
    raised = raise_ancestors(values, np.array([3]), hierarchy)
    above = hierarchy.ancestors[[3]].indices
    for node in range(5):
        expected = values[:, node]
        if node in above:
            expected = np.maximum(expected, values[:, 3])
        np.testing.assert_array_equal(raised[:, node], expected)
