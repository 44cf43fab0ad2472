"""Products of documents, beside those of dense arrays."""

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_htc.wide import products
from sklearn_htc.wide.products import DocumentProducts, inner_products


def documents():
    """Return 30 documents of 50 features, one of them empty."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((30, 50), density=0.1, rng=rng, format="lil")
    X[3] = 0
    return sparse.csr_array(X)


@pytest.mark.parametrize("kind", ["inner products", "features", "dense"])
def test_scores_are_those_of_sums_of_documents(kind, monkeypatch):
    monkeypatch.setattr(products, "DENSE_FACTOR", 100 * (kind == "inner products"))
    X = documents()
    shares = np.random.default_rng(1).normal(size=(30, 7))
    of = DocumentProducts(X.toarray() if kind == "dense" else X)
    sums = of.sums(torch.from_numpy(shares)).numpy()
    np.testing.assert_allclose(sums, X.toarray().T @ shares, atol=1e-12)
    scores = of.scores(torch.from_numpy(shares)).numpy()
    np.testing.assert_allclose(scores, X.toarray() @ sums, atol=1e-12)


@pytest.mark.parametrize("share", [0, 0.1, 1])
def test_inner_products_of_frequent_and_rare_features(share, monkeypatch):
    monkeypatch.setattr(products, "DENSE_SHARE", share)
    monkeypatch.setattr(products, "PIECE", 8)
    X = documents()
    dense = X.toarray()
    np.testing.assert_allclose(inner_products(X), dense @ dense.T, atol=1e-12)
    np.testing.assert_allclose(inner_products(dense), dense @ dense.T, atol=1e-12)


def test_inner_products_of_many_documents_are_not_kept(monkeypatch):
    X = sparse.csr_array(np.random.default_rng(0).random((40, 30)).astype(np.float32))
    shares = torch.ones((40, 2))
    expected = X @ (X.T @ np.ones((40, 2), dtype=np.float32))
    for most, are_kept in ((40, True), (39, False)):
        monkeypatch.setattr(products, "MAX_INNER", most)
        documents = products.DocumentProducts(X)
        found = documents.scores(shares).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4)
        assert ("inner" in vars(documents)) == are_kept
