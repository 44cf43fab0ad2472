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


def test_a_text_counts_as_much_beside_some_documents_as_beside_all():
    data, taught = teaching(as_documents=True)
    for part, weight in ((data, 1), (data.take(np.arange(10)), 0.25)):
        np.testing.assert_array_equal(
            taught.of(part).sample_weight[len(part) :], [weight, weight]
        )
        np.testing.assert_allclose(
            taught.counts_of(part) - part.counts, [0, weight, weight]
        )
    data, untaught = teaching(as_documents=False)
    assert untaught.of(data) is data


def test_a_part_may_weigh_as_much_as_all_documents():
    choice, rng = SimpleNamespace(settings=Noting()), np.random.RandomState(0)
    data, taught = teaching(as_documents=True)
    weight = taught.fit_like_all(choice, data.take(np.arange(10)), rng).sample_weight
    np.testing.assert_allclose(weight, np.repeat([4, 1], [10, 2]))
    data, untaught = teaching(as_documents=False)
    assert untaught.fit_like_all(choice, data, rng) is data
