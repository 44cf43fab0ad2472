from types import SimpleNamespace

import numpy as np
from scipy import sparse

from sklearn_htc.data.documents import BagOfTerms
from sklearn_htc.label_texts.similarity import LabelVectors
from sklearn_htc.two_paths.label_texts import Teaching
from tests.makers import training_data


class Noting:
    """Settings that note what they are to be fitted to."""

    def fit(self, data, rng):
        return data


def teaching(*, as_documents):
    """Return 40 documents, and the texts of two of three labels."""
    X = sparse.csr_array(np.eye(40, 5, dtype=np.float32))
    data = training_data(BagOfTerms(X), sparse.csr_array(np.eye(40, 3)))
    labels = LabelVectors(np.array([1, 2]), X[:2])
    return data, Teaching(labels, as_documents=as_documents, n_documents=40)


def test_texts_are_documents_where_they_teach():
    data, taught = teaching(as_documents=True)
    np.testing.assert_array_equal(taught.of(data).sample_weight, np.ones(42))
    np.testing.assert_array_equal(taught.counts_of(data) - data.counts, [0, 1, 1])
    data, untaught = teaching(as_documents=False)
    assert untaught.of(data) is data
    np.testing.assert_array_equal(untaught.counts_of(data), data.counts)


def test_a_part_may_stand_for_all_documents():
    choice, rng = SimpleNamespace(settings=Noting()), np.random.RandomState(0)
    data, taught = teaching(as_documents=True)
    part = data.take(np.arange(10))
    weight = taught.fit_like_all(choice, part, rng).sample_weight
    np.testing.assert_allclose(weight, np.repeat([4, 1], [10, 2]))
    np.testing.assert_allclose(
        taught.counts_like_all(part), 4 * part.counts + [0, 1, 1]
    )
    _, untaught = teaching(as_documents=False)
    weight = untaught.fit_like_all(choice, part, rng).sample_weight
    np.testing.assert_array_equal(weight, np.ones(10))
    np.testing.assert_array_equal(untaught.counts_like_all(part), part.counts)
