"""Terms and embeddings side by side: told apart, learned apart, and added up."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import rbf_kernel

from sklearn_htc import Hierarchy, HTCInfoMaxClassifier
from sklearn_htc.data.documents import BagOfTerms, DenseDocuments
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.fitting import ReadOut
from sklearn_htc.wide.base import WideOptions
from sklearn_htc.wide.joined import (
    KERNEL_SHARES,
    JoinedPath,
    JoinedSettings,
    Part,
    Side,
)
from sklearn_htc.wide.kernel import KernelPath, KernelSettings
from sklearn_htc.wide.linear import LinearPath, LinearSettings
from tests.makers import select, training_data

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

    def read_out(scores, n_before):
        calibration = Calibration(np.ones(2))
        calibration.half_range_ = scores.std()
        return ReadOut(calibration, None, 0.5, float(n_before == best_call - 1))

    documents, options = BagOfTerms(X), WideOptions()
    return select(JoinedSettings, documents, Y, [FOLD], read_out, options)


def test_scores_are_the_weighted_sum_of_both_paths():
    terms, embeddings, Y = documents()
    weight = np.random.default_rng(1).random(300) + 0.1
    linear = LinearSettings(options=WideOptions(C=2.0))
    parts = (
        Part(Side(np.arange(16, 21), is_embedding=False), linear, 0.5),
        Part(Side(np.arange(16), is_embedding=True), KernelSettings(gamma=1.0), 3.0),
    )
    X = joined(embeddings, terms)
    rng = np.random.RandomState

    def fit(settings, documents):
        return settings.fit(training_data(documents, Y, weight), rng(0))

    path = fit(JoinedSettings(parts), BagOfTerms(X))
    of_terms = fit(linear, BagOfTerms(sparse.csr_array(terms)))
    of_embeddings = fit(KernelSettings(gamma=1.0), DenseDocuments(embeddings))
    expected = 0.5 * of_terms.scores(terms) + 3 * of_embeddings.scores(embeddings)
    np.testing.assert_allclose(path.scores(X), expected, atol=1e-4)
    assert path.scores(X).dtype == np.float32
    scale = np.r_[of_embeddings.feature_scale_, of_terms.feature_scale_]
    np.testing.assert_allclose(path.feature_scale_, scale, rtol=1e-6)


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
            (LinearSettings, 5, 1 - share),
            (KernelSettings, 16, share),
        )
        if weight
    ]
    found = [
        (type(part.model), len(part.side.columns)) for part in choice.settings.parts
    ]
    assert found == expected
    train, valid = FOLD
    part = training_data(BagOfTerms(X), Y).take(train)
    path = choice.settings.fit(part, np.random.RandomState(0))
    np.testing.assert_allclose(path.scores(X[valid]), choice.scores, atol=1e-2)


def test_scores_are_mixed_in_units_of_the_calibration():
    terms, embeddings, Y = documents()
    choice, seen = choose(joined(terms, embeddings), Y, 0)
    # Where all are as good, the first is chosen.
    assert [type(part.model) for part in choice.settings.parts] == [LinearSettings]
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
    assert JoinedSettings.suits(BagOfTerms(both), 2)
    assert not JoinedSettings.suits(BagOfTerms(both[:49]), 2)
    assert not JoinedSettings.suits(BagOfTerms(both), 10**6)
    assert not JoinedSettings.suits(BagOfTerms(sparse.csr_array(terms)), 2)
    assert not JoinedSettings.suits(BagOfTerms(sparse.csr_array(embeddings)), 2)
    assert not JoinedSettings.suits(DenseDocuments(embeddings), 2)


def size_of_terms(path, X):
    """Add up the sizes of what a score is the sum of; rounding is in proportion."""
    total = np.zeros((1, 2))
    for part in path.parts:
        own = part.side.read(X)
        if isinstance(part.model, KernelPath):
            gamma = part.model.gamma_
            own = rbf_kernel(own, part.model.landmarks_, gamma=gamma)
        total += part.weight * np.abs(own) @ np.abs(part.model.coef_)
    return total


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
        kinds = {type(part.model) for part in model.wide_.parts}
        assert kinds == {LinearPath, KernelPath}
        accuracy = 1 - (model.predict(X_test) != Y_test).mean()
        assert accuracy > 0.95
        scores.append(model.wide_.scores(X_test))
        one = model.wide_.scores(X_test[:1])
        rounding = np.finfo(np.float32).eps * size_of_terms(model.wide_, X_test[:1])
        assert np.all(np.abs(one - scores[-1][:1]) <= rounding)
    np.testing.assert_allclose(*scores, atol=1e-2)


def test_what_is_shown_of_a_path_is_short():
    terms, embeddings, Y = documents()
    clf = HTCInfoMaxClassifier(Hierarchy([], nodes=range(2)), deep_path=False)
    clf.fit(joined(terms, embeddings), Y)
    assert "is_embedding=True" in repr(clf.wide_)
    assert len(repr(clf.wide_)) < 600
