from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from sklearn_htc.data.documents import BagOfTerms
from sklearn_htc.data.held_out import make_folds
from sklearn_htc.data.label_texts import LabelDocuments
from sklearn_htc.label_texts.similarity import LabelVectors
from sklearn_htc.read_out.fitting import ReadOut
from sklearn_htc.two_paths import label_texts
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


@pytest.mark.parametrize(
    ("micro", "macro", "has_new", "teaches"),
    [
        (0.8, 0.51, False, True),
        (0.797, 0.51, False, False),
        (0.797, 0.51, True, True),
        (0.79, 0.51, True, False),
        (0.797, 0.49, True, False),
    ],
)
def test_texts_teach_where_that_costs_little(
    micro, macro, has_new, teaches, monkeypatch
):
    data, _ = teaching(as_documents=True)
    if has_new:
        data = data.take(np.flatnonzero(data.target[:, [2]].toarray().ravel() == 0))
    folds = make_folds(data, [(np.arange(20), np.arange(20, len(data)))])
    documents = BagOfTerms(sparse.csr_array(np.eye(3, 5, dtype=np.float32)))
    texts = LabelDocuments(np.arange(3), documents)
    without = SimpleNamespace(read_out=ReadOut(None, None, 0.8, 0.5), settings=None)
    taught = SimpleNamespace(read_out=ReadOut(None, None, micro, macro))
    monkeypatch.setattr(label_texts, "judge", lambda *_, **__: taught)
    rng = np.random.RandomState(0)
    found, choice = Teaching.choose(texts, None, without, folds, None, rng)
    assert found.as_documents == teaches
    assert choice is (taught if teaches else without)
