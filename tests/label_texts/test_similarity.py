import numpy as np
from scipy import sparse

from sklearn_htc.data.documents import BagOfTerms, DenseDocuments
from sklearn_htc.label_texts.similarity import LabelVectors, Similarity
from tests.makers import training_data


def bag(rng, n, n_terms=40):
    X = sparse.random_array((n, n_terms), density=0.2, rng=rng, dtype=np.float32)
    return sparse.csr_array(X)


def fitted(seed=0):
    rng = np.random.default_rng(seed)
    X, texts = bag(rng, 60), bag(rng, 3)
    target = sparse.csr_array((rng.random((60, 5)) < 0.3).astype(np.float32))
    labels = LabelVectors(np.array([0, 2, 4]), texts)
    data = training_data(BagOfTerms(X), target)
    return Similarity.fit(data, labels, np.random.RandomState(0)), X, texts


def test_coverage_is_the_share_of_a_text_that_occurs():
    similarity, X, texts = fitted()
    coverage = similarity.coverage(X)
    for label, text in zip([0, 2, 4], texts.toarray().astype(np.float64), strict=True):
        occurs = X.toarray() > 0
        expected = (occurs * text**2).sum(axis=1) / (text**2).sum()
        np.testing.assert_allclose(coverage[:, label], expected, rtol=1e-5, atol=1e-7)
    assert (coverage[:, [1, 3]] == 0).all()


def test_labels_without_text_have_no_share():
    similarity, X, _ = fitted()
    log_shares = similarity.log_shares(X)
    assert (log_shares[:, [1, 3]] == -20).all()
    np.testing.assert_allclose(
        np.exp(log_shares[:, [0, 2, 4]]).sum(axis=1), 1, rtol=1e-4
    )


def test_a_row_does_not_depend_on_others():
    similarity, X, _ = fitted()
    np.testing.assert_allclose(
        similarity.log_shares(X)[7], similarity.log_shares(X[7:8])[0], rtol=1e-4
    )


def test_embeddings_cover_nothing():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 6)).astype(np.float32)
    labels = LabelVectors(np.array([1]), X[:1])
    target = sparse.csr_array(np.eye(2, dtype=np.float32)[rng.integers(0, 2, 30)])
    similarity = Similarity.fit(
        training_data(DenseDocuments(X), target), labels, np.random.RandomState(0)
    )
    assert (similarity.coverage(X) == 0).all()


def test_added_labels_share_with_the_former_ones():
    similarity, X, texts = fitted()
    added = similarity.with_labels(LabelVectors(np.array([5]), texts[:1]), 6)
    own, former = added.log_shares(X), similarity.log_shares(X)
    assert own.shape == (60, 6)
    # Its text is that of label 0: both have the same share, of a larger total.
    expected = former[:, 0] - np.log1p(np.exp(former[:, 0]))
    np.testing.assert_allclose(own[:, 5], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(added.coverage(X)[:, 5], similarity.coverage(X)[:, 0])
