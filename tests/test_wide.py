"""The wide path: scikit-learn's machines on scaled features."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from sklearn_htc.documents import as_documents
from sklearn_htc.read_out import ReadOut
from sklearn_htc.wide import WidePath, choose_feature_scale, suits_wide_path


def test_scores_are_those_of_linear_support_vector_machines(bag, indicator):
    X = bag.astype(np.float32)
    wide = WidePath(np.ones(X.shape[1]), C=2.0).fit(X, indicator, np.ones(100), 0)
    flat = OneVsRestClassifier(LinearSVC(C=2.0, random_state=0))
    expected = flat.fit(bag, indicator).decision_function(bag)
    np.testing.assert_allclose(wide.scores(X), expected, atol=2e-3)
    assert wide.scores(X).dtype == np.float32


def test_labels_of_all_documents_or_of_none_have_constant_scores(bag):
    target = sparse.csr_array(np.tile([1, 0], (100, 1)))
    wide = WidePath(np.ones(bag.shape[1])).fit(bag, target, np.ones(100), 0)
    np.testing.assert_array_equal(wide.scores(bag), np.tile([1.0, -1.0], (100, 1)))


def test_documents_count_by_their_weight(bag, indicator):
    weight = np.r_[np.zeros(50), np.ones(50)]
    scale = np.ones(bag.shape[1])
    half = WidePath(scale).fit(bag[50:], indicator[50:], weight[50:], 0)
    weighted = WidePath(scale).fit(bag, indicator, weight, 0)
    np.testing.assert_allclose(weighted.scores(bag), half.scores(bag), atol=2e-3)


@pytest.mark.parametrize("kind", ["bag", "dense"])
def test_the_scale_with_the_best_read_out_is_chosen(bag, indicator, kind):
    X = bag if kind == "bag" else bag.toarray()
    documents = as_documents(X, kind)
    qualities = []

    def read_out(scores):
        assert scores.shape == (40, 8)
        qualities.append(len(qualities) % 2)
        return ReadOut(None, None, qualities[-1], 0.0)

    scale, scores, best = choose_feature_scale(
        documents,
        indicator,
        np.ones(100),
        train=np.arange(60),
        valid=np.arange(60, 100),
        read_out=read_out,
        C=1.0,
        rng=np.random.RandomState(0),
    )
    assert len(qualities) == {"bag": 3, "dense": 1}[kind]
    assert best.quality == max(qualities)
    scaled = documents.scaled(scale).X
    lengths = scaled[:60].power(2) if kind == "bag" else scaled[:60] ** 2
    assert lengths.sum() / 60 == pytest.approx(1, rel=1e-5)
    again = WidePath(scale).fit(scaled[:60], indicator[:60], np.ones(60), 0)
    np.testing.assert_allclose(again.scores(scaled[60:]), scores, atol=5e-3)


@pytest.mark.parametrize(
    ("n_documents", "n_terms", "n_nodes", "suits"),
    [(200, 10, 10, True), (199, 10, 10, False), (200, 10**5, 1001, False)],
)
def test_it_is_for_enough_documents_and_not_too_many_weights(
    n_documents, n_terms, n_nodes, suits
):
    X = sparse.csr_array((n_documents, n_terms), dtype=np.float32)
    assert suits_wide_path(as_documents(X, "bag"), n_nodes) is suits


def test_it_is_not_for_sequences():
    X = np.ones((300, 4, 3))
    assert not suits_wide_path(as_documents(X, "tokens"), 5)
