"""Files and copies of an object are the same before and after its caches are filled."""

import pickle
from copy import deepcopy
from functools import cached_property

import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer

from sklearn_htc import HierarchicalLinearClassifier, Hierarchy
from sklearn_htc.caches import ForgetsCaches, without_caches


class Squares(ForgetsCaches):
    def __init__(self, values):
        self.values = values

    @cached_property
    def squares(self):
        return [value**2 for value in self.values]


class MoreSquares(Squares):
    pass


@pytest.mark.parametrize("kind", [Squares, MoreSquares])
def test_what_was_computed_is_left_out(kind):
    made = kind([1, 2])
    assert made.squares == [1, 4]
    assert without_caches(made) == {"values": [1, 2]}
    for twin in (deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert "squares" not in vars(twin)
        assert twin.squares == [1, 4]


def test_predictions_do_not_change_the_file_of_an_estimator():
    vectorizer = HashingVectorizer(alternate_sign=False)
    clf = HierarchicalLinearClassifier(vectorizer=vectorizer, random_state=0)
    clf.fit(["a cat", "one dog"] * 30, ["cat", "dog"] * 30)
    before = pickle.dumps(clf)
    assert clf.predict(["a cat"]) == ["cat"]
    assert pickle.dumps(clf) == before


def test_questions_do_not_change_the_file_of_a_hierarchy():
    hierarchy = Hierarchy.from_dict({"animal": ["cat", "dog"]})
    before = pickle.dumps(hierarchy)
    assert hierarchy.ancestors.nnz == 5
    assert hierarchy.paths
    assert pickle.dumps(hierarchy) == before
    again = pickle.loads(before)
    assert again == hierarchy
    np.testing.assert_array_equal(again.index(["dog"]), hierarchy.index(["dog"]))
