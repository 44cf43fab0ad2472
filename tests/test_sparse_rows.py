"""Products of sparse arrays, beside those of dense ones."""

import numpy as np
import torch
from scipy import sparse

from sklearn_htc.sparse_rows import SparseRows


def test_rows_times_columns():
    rng = np.random.default_rng(0)
    X = sparse.random_array((30, 50), density=0.1, rng=rng, format="lil")
    X[3] = 0
    X = sparse.csr_array(X)
    other = np.random.default_rng(1).normal(size=(50, 7))
    product = SparseRows(X) @ torch.from_numpy(other)
    np.testing.assert_allclose(product.numpy(), X.toarray() @ other, atol=1e-12)
