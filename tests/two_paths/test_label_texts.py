import numpy as np
from scipy import sparse

from sklearn_htc.data.documents import BagOfTerms
from sklearn_htc.label_texts.similarity import LabelVectors
from sklearn_htc.two_paths.label_texts import Teaching
from tests.makers import training_data


def test_a_text_counts_as_much_beside_some_documents_as_beside_all():
    X = sparse.csr_array(np.eye(40, 5, dtype=np.float32))
    data = training_data(BagOfTerms(X), sparse.csr_array(np.eye(40, 3)))
    labels = LabelVectors(np.array([1, 2]), X[:2])
    teaching = Teaching(labels, as_documents=True, n_documents=40)
    for part, weight in ((data, 1), (data.take(np.arange(10)), 0.25)):
        np.testing.assert_array_equal(
            teaching.of(part).sample_weight[len(part) :], [weight, weight]
        )
        np.testing.assert_allclose(
            teaching.counts_of(part) - part.counts, [0, weight, weight]
        )
    without = Teaching(labels, as_documents=False, n_documents=40)
    assert without.of(data) is data
