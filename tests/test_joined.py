"""Terms and embeddings side by side: told apart, learned apart, and added up."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_htc import Hierarchy, HTCInfoMaxClassifier
from sklearn_htc.calibration import Calibration
from sklearn_htc.documents import BagOfTerms, DenseDocuments
from sklearn_htc.joined import (
    KERNEL_SHARES,
    JoinedPath,
    Part,
    choose_joined_path,
    suits_joined_path,
)
from sklearn_htc.kernel import KernelPath
from sklearn_htc.read_out import ReadOut
from sklearn_htc.wide import WidePath
from sklearn_htc.wide_choice import SelectionData

FOLD = (np.arange(200), np.arange(200, 300))


def documents(n_documents=300, seed=0):
    """Draw texts of one of two words, and embeddings that lie near 0 or far away.

    Documents have label 0 by the words and label 1 by the embeddings.
    """
    rng = np.random.default_rng(seed)
    Y = rng.integers(2, size=(n_documents, 2))
    others = rng.choice(["one", "two", "three"], size=n_documents)
    texts = [
        f"{('no', 'yes')[y]} {word}" for y, word in zip(Y[:, 0], others, strict=True)
    ]
    terms = TfidfVectorizer(vocabulary=["no", "yes", "one", "two", "three"])
    embeddings = rng.normal(size=(n_documents, 16))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    embeddings *= np.where(Y[:, 1:] > 0, 2, 0.5)
    return (
        terms.fit_transform(texts).astype(np.float32),
        embeddings.astype(np.float32),
        sparse.csr_array(Y.astype(np.int64)),
    )


def joined(*sides):
    return sparse.csr_array(sparse.hstack(sides, format="csr"))


def choose(X, Y, best_call):
    """Choose by read-outs of which one is the best; return the scores they got, too."""
    seen = []

    def read_out(scores):
        seen.append(scores)
        calibration = Calibration(np.ones(2))
        calibration.half_range_ = scores.std()
        return ReadOut(calibration, None, 0.5, float(len(seen) == best_call))

    data = SelectionData(BagOfTerms(X), Y, np.ones(X.shape[0]), [FOLD], read_out)
    choice = choose_joined_path(data, C=1.0, rng=np.random.RandomState(0))
    return choice, seen


def test_scores_are_the_weighted_sum_of_both_paths():
    terms, embeddings, Y = documents()
    weight = np.random.default_rng(1).random(300) + 0.1
    parts = [
        Part(WidePath(C=2.0), np.arange(16, 21), 0.5),
        Part(KernelPath(gamma=1.0), np.arange(16), 3.0),
    ]
    X = joined(embeddings, terms)
    rng = np.random.RandomState(0)
    path = JoinedPath(parts).refit(BagOfTerms(X), Y, weight, rng)
    wide = WidePath(C=2.0).refit(
        BagOfTerms(sparse.csr_array(terms)), Y, weight, np.random.RandomState(0)
    )
    kernel = KernelPath(gamma=1.0).refit(DenseDocuments(embeddings), Y, weight, rng)
    expected = 0.5 * wide.scores(terms) + 3 * kernel.scores(embeddings)
    np.testing.assert_allclose(path.scores(X), expected, atol=1e-4)
    assert path.scores(X).dtype == np.float32
    # The settings that were given stay settings.
    assert not hasattr(parts[0].path, "coef_")


@pytest.mark.parametrize("share", [0, 1, *KERNEL_SHARES])
def test_the_share_with_the_best_read_out_is_chosen(share):
    terms, embeddings, Y = documents()
    X = joined(terms, embeddings)
    n_before = len(choose(X, Y, 0)[1]) - len(KERNEL_SHARES)
    # The first is one of terms, and the last before the mixtures one of embeddings.
    best_call = [1, n_before, *range(n_before + 1, n_before + 4)]
    best_call = best_call[[0, 1, *KERNEL_SHARES].index(share)]
    choice, seen = choose(X, Y, best_call)
    assert choice.scores is seen[best_call - 1]
    expected = [
        (kind, size)
        for kind, size, weight in (
            (WidePath, 5, 1 - share),
            (KernelPath, 16, share),
        )
        if weight
    ]
    found = [(type(part.path), len(part.columns)) for part in choice.wide.parts]
    assert found == expected
    train, valid = FOLD
    rng = np.random.RandomState(0)
    path = choice.wide.refit(BagOfTerms(X[train]), Y[train], np.ones(200), rng)
    np.testing.assert_allclose(path.scores(X[valid]), choice.scores, atol=1e-2)


def test_scores_are_mixed_in_units_of_the_calibration():
    terms, embeddings, Y = documents()
    choice, seen = choose(joined(terms, embeddings), Y, 0)
    # Where all are as good, the first is chosen.
    assert [type(part.path) for part in choice.wide.parts] == [WidePath]
    of_terms = choice.scores / choice.scores.std()
    of_embeddings = (seen[-3] - 0.75 * of_terms) / 0.25
    np.testing.assert_allclose(of_embeddings.std(), 1, rtol=1e-5)
    for share, scores in zip(KERNEL_SHARES, seen[-3:], strict=True):
        expected = (1 - share) * of_terms + share * of_embeddings
        np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_features_are_scaled_as_each_path_scales_them():
    terms, embeddings, Y = documents()
    scale = choose(joined(embeddings, terms), Y, 0)[0].feature_scale
    length = np.sqrt(np.square(embeddings[FOLD[0]]).sum(axis=1).mean())
    np.testing.assert_allclose(scale[:16], 1 / length, rtol=1e-5)
    # A row of TF-IDF has length 1 already.
    np.testing.assert_allclose(scale[16:], 1, rtol=1e-5)


def test_it_is_for_terms_with_embeddings_beside_them():
    terms, embeddings, _ = documents()
    both = joined(terms, embeddings)
    assert suits_joined_path(BagOfTerms(both), 2)
    assert not suits_joined_path(BagOfTerms(both[:49]), 2)
    assert not suits_joined_path(BagOfTerms(both), 10**6)
    assert not suits_joined_path(BagOfTerms(sparse.csr_array(terms)), 2)
    assert not suits_joined_path(BagOfTerms(sparse.csr_array(embeddings)), 2)
    assert not suits_joined_path(DenseDocuments(embeddings), 2)


def test_the_classifier_learns_from_both_in_any_order():
    terms, embeddings, Y = documents()
    terms_test, embeddings_test, Y_test = documents(200, seed=1)
    hierarchy = Hierarchy([], nodes=["yes", "far"])
    scores = []
    for order in (1, -1):
        X = joined(*(terms, embeddings)[::order])
        X_test = joined(*(terms_test, embeddings_test)[::order])
        model = HTCInfoMaxClassifier(hierarchy, max_epochs=1, random_state=0)
        model.fit(X, Y)
        assert isinstance(model.wide_, JoinedPath)
        assert {type(part.path) for part in model.wide_.parts_} == {
            WidePath,
            KernelPath,
        }
        accuracy = 1 - (model.predict(X_test) != Y_test).mean()
        assert accuracy > 0.95
        scores.append(model.wide_.scores(X_test))
        one = model.wide_.scores(X_test[:1])
        np.testing.assert_allclose(one, scores[-1][:1], atol=1e-5)
    np.testing.assert_allclose(*scores, atol=1e-2)
