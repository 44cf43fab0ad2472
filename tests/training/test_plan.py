"""What a network is told of the labels of its training documents."""

import numpy as np
from scipy import sparse

from sklearn_htc.training.plan import LabelCounts


def test_a_document_of_weight_two_counts_like_two():
    rng = np.random.RandomState(0)
    target = sparse.csr_array(rng.randint(2, size=(30, 4)) * 1.0)
    weight = rng.randint(1, 4, size=30).astype(np.float32)
    weighted = LabelCounts.of(target, weight)
    repeated = LabelCounts.of(
        target[np.repeat(np.arange(30), weight.astype(int))],
        np.ones(int(weight.sum()), dtype=np.float32),
    )
    np.testing.assert_array_equal(weighted.counts, repeated.counts)
    assert weighted.n_documents == repeated.n_documents
    np.testing.assert_array_equal(weighted.log_odds, repeated.log_odds)
