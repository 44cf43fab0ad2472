"""Kernel ridge regression against the direct formula, and what it is invariant to."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics.pairwise import rbf_kernel

from sklearn_htc import Hierarchy, HTCInfoMaxClassifier
from sklearn_htc.data.documents import DenseDocuments
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.decoders import ThresholdDecoder
from sklearn_htc.read_out.fitting import ReadOut
from sklearn_htc.wide import kernel
from sklearn_htc.wide.base import WideOptions
from sklearn_htc.wide.kernel import KernelPath, KernelSettings
from tests.makers import select, training_data


def rings(n_documents=300, seed=0):
    """Draw points in the plane, and labels by their distance to the middle."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_documents, 2)).astype(np.float32)
    distance = np.linalg.norm(X, axis=1)
    Y = np.stack([distance < 1, (distance >= 1) & (distance < 1.5)], axis=1)
    return X, sparse.csr_array(Y.astype(np.int64))


def fit(X, Y, weight=None, seed=0, **settings):
    data = training_data(DenseDocuments(X), Y, weight)
    return KernelSettings(**settings).fit(data, np.random.RandomState(seed))


def choose(X, Y, read_out, folds, C=1.0):
    """Select settings; return the choice and the scores that read-outs got."""
    documents = DenseDocuments(X)
    return select(KernelSettings, documents, Y, folds, read_out, WideOptions(C=C))


def judged(micro_f1, macro_f1):
    """Return a read-out of two labels that is as good as it is said to be."""
    decoder = ThresholdDecoder(Hierarchy([], nodes=range(2)))
    return ReadOut(Calibration(np.ones(2)), decoder, micro_f1, macro_f1)


def test_scores_are_those_of_weighted_kernel_ridge_regression():
    X, Y = rings()
    weight = np.random.default_rng(1).random(300) + 0.1
    new = rings(50, seed=2)[0]
    scores = fit(X, Y, weight, gamma=2.0, penalty=0.2).scores(new)
    X, Y, new = X.astype(np.float64), Y.toarray(), new.astype(np.float64)
    gamma = 2 / X.var(axis=0).sum()
    mean = np.average(Y, axis=0, weights=weight)
    penalized = rbf_kernel(X, gamma=gamma) + 0.2 * np.diag(1 / weight)
    expected = rbf_kernel(new, X, gamma=gamma) @ np.linalg.solve(penalized, Y - mean)
    np.testing.assert_allclose(scores, expected + mean, atol=2e-3)


def test_with_landmarks_they_are_of_the_best_sum_of_kernels(monkeypatch):
    monkeypatch.setattr(kernel, "BATCH_SIZE", 128)
    X, Y = rings()
    weight = np.random.default_rng(1).random(300) + 0.1
    new = rings(50, seed=2)[0]
    fitted = fit(X, Y, weight, gamma=2.0, penalty=0.2, landmark_share=0.18)
    marks = fitted.landmarks_.astype(np.float64)
    assert len(marks) == 54
    X, Y = X.astype(np.float64), Y.toarray()
    mean = np.average(Y, axis=0, weights=weight)
    to_marks, own = (rbf_kernel(A, marks, gamma=fitted.gamma_) for A in (X, marks))
    gram = to_marks.T @ (weight[:, None] * to_marks)
    penalty = 0.2 * (own + kernel.JITTER * np.eye(len(marks)))
    coef = np.linalg.solve(gram + penalty, to_marks.T @ (weight[:, None] * (Y - mean)))
    expected = rbf_kernel(new.astype(np.float64), marks, gamma=fitted.gamma_) @ coef
    np.testing.assert_allclose(fitted.scores(new), expected + mean, atol=2e-3)


def test_documents_of_weight_zero_teach_nothing():
    X, Y = rings()
    weight = np.repeat([1.0, 0.0], 150)
    changed = Y.toarray()
    changed[150:] = 1 - changed[150:]
    scores = fit(X, Y, weight).scores(X)
    np.testing.assert_allclose(
        fit(X, sparse.csr_array(changed), weight).scores(X), scores
    )


def test_documents_of_rare_labels_are_more_often_landmarks():
    X, Y = rings()
    rare = np.zeros((300, 1), dtype=np.int64)
    rare[:3] = 1
    Y = sparse.csr_array(sparse.hstack([Y, sparse.csr_array(rare)]))
    found = 0
    for seed in range(20):
        fitted = fit(X, Y, seed=seed, landmark_share=0.2)
        assert len(np.unique(fitted.landmarks_, axis=0)) == 60
        found += sum((fitted.landmarks_ == row).all(axis=1).any() for row in X[:3])
    assert found >= 50


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("penalty", [1e-6, 1e-30])
def test_documents_that_occur_twice_need_no_penalty_to_speak_of(share, penalty):
    X, Y = rings(150)
    twice = np.vstack([X, X])
    labels = sparse.vstack([Y, Y], format="csr")
    fitted = fit(twice, labels, penalty=penalty, landmark_share=share)
    assert fitted.scores(X).dtype == np.float32
    decided = fitted.scores(X) > 0.5
    assert (decided == Y.toarray()).mean() > 0.95


def test_what_becomes_of_the_documents_later_changes_nothing():
    X, Y = rings()
    own = X.copy()
    fitted = fit(own, Y)
    scores = fitted.scores(X)
    own[:] = 0
    np.testing.assert_array_equal(fitted.scores(X), scores)


def test_neither_the_unit_nor_the_origin_of_features_matters():
    X, Y = rings()
    scores = fit(X, Y).scores(X)
    moved = fit(10 * X + 3, Y).scores(10 * X + 3)
    np.testing.assert_allclose(moved, scores, atol=1e-3)


def test_scores_do_not_depend_on_batch_mates(monkeypatch):
    X, Y = rings()
    fitted = fit(X, Y)
    together = fitted.scores(X)
    monkeypatch.setattr(kernel, "BATCH_SIZE", 7)
    np.testing.assert_allclose(fitted.scores(X), together, atol=1e-5)


def test_embeddings_that_are_all_alike_have_the_shares_as_scores():
    Y = sparse.csr_array(np.array([[1, 0]] * 3 + [[0, 0]], dtype=np.int64))
    scores = fit(np.ones((4, 3), dtype=np.float32), Y).scores(np.ones((1, 3)))
    np.testing.assert_allclose(scores, [[0.75, 0]], atol=1e-3)


def test_the_choice_is_the_best_on_held_out_documents(monkeypatch):
    X, Y = rings(400)
    folds = [
        (np.arange(300), np.arange(300, 400)),
        (np.arange(100, 400), np.arange(100)),
    ]
    monkeypatch.setattr(kernel, "N_TRIED", 200)

    def read_out(_, n_before):
        # Pretends that the third and the last of five were the best.
        f1 = [0.5, 0.4, 0.6, 0.3, 0.7, 0.1][n_before]
        return judged(f1, f1)

    choice, _ = choose(X, Y, read_out, folds, C=2.0)
    best = choice.settings
    assert best.gamma == kernel.GAMMAS[2]
    assert best.penalty == kernel.PENALTIES[2] / 2
    assert choice.read_out.micro_f1 == 0.1
    expected = []
    for train, valid in folds:
        fitted = fit(X[train], Y[train], gamma=best.gamma, penalty=best.penalty)
        expected.append(fitted.scores(X[valid]))
    np.testing.assert_allclose(choice.scores, np.concatenate(expected), atol=1e-5)
    scale = 1 / np.sqrt(np.square(X[:300]).sum(axis=1).mean())
    np.testing.assert_allclose(choice.feature_scale, scale, rtol=1e-5)


def test_few_documents_are_all_tried_and_fitted_no_second_time():
    X, Y = rings(400)

    def read_out(_, n_before):
        return judged(0.5, float(n_before == 3))

    choice, seen = choose(X, Y, read_out, [(np.arange(300), np.arange(300, 400))])
    assert len(seen) == 5
    assert choice.scores is seen[3]


def test_where_documents_are_many_folds_have_the_share_of_landmarks_that_all_have(
    monkeypatch,
):
    X, Y = rings(400)
    monkeypatch.setattr(kernel, "N_TRIED", 100)
    monkeypatch.setattr(kernel, "MAX_LANDMARKS", 320)
    n_landmarks = []
    scores_of = KernelPath.scores

    def scores(self, X):
        n_landmarks.append(len(self.landmarks_))
        return scores_of(self, X)

    def read_out(*_):
        return judged(0.5, 0.5)

    monkeypatch.setattr(KernelPath, "scores", scores)
    choice, _ = choose(X, Y, read_out, [(np.arange(320), np.arange(320, 400))])
    fitted = choice.settings.fit(
        training_data(DenseDocuments(X), Y), np.random.RandomState(0)
    )
    # 320 / 3 * sqrt(320 / 400) = 95.4 of 400.
    assert len(fitted.landmarks_) == 96
    assert n_landmarks == [100] * 5 + [77]


def test_too_few_documents_or_too_many_labels_do_not_suit():
    X, _ = rings(300)
    assert KernelSettings.suits(DenseDocuments(X), 10)
    assert not KernelSettings.suits(DenseDocuments(X[:49]), 10)
    assert not KernelSettings.suits(DenseDocuments(X), 10**6)


def test_embeddings_have_a_kernel_path_in_the_classifier():
    X, Y = rings(600)
    X_test, Y_test = rings(200, seed=1)
    hierarchy = Hierarchy([], nodes=["inner", "ring"])
    model = HTCInfoMaxClassifier(hierarchy, max_epochs=1, random_state=0)
    model.fit(X, Y)
    assert isinstance(model.wide_, KernelPath)
    # No line separates a disc from what is around it.
    accuracy = 1 - (model.predict(X_test) != Y_test).mean()
    assert accuracy > 0.9


def test_weights_that_cancel_lose_no_digits():
    rng = np.random.default_rng(0)
    marks = np.repeat(rng.normal(size=(500, 8)), 2, axis=0)
    marks = (marks + 1e-3 * rng.normal(size=marks.shape)).astype(np.float32)
    coef = np.tile([1e3, -1e3], 500)[:, None].astype(np.float32)
    path = KernelPath(
        KernelSettings(), np.ones(8), marks, 0.1, coef, np.zeros(1), np.arange(1000)
    )
    X = rng.normal(size=(20, 8)).astype(np.float32)
    expected = rbf_kernel(X.astype(float), marks.astype(float), gamma=0.1) @ coef
    np.testing.assert_allclose(path.scores(X), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("far", [2e3, 1e9])
def test_a_column_that_never_changes_changes_nothing(share, far):
    X, Y = rings()
    wider = np.hstack([X, np.full((len(X), 1), far, dtype=np.float32)])
    expected = fit(X, Y, landmark_share=share).scores(X)
    scores = fit(wider, Y, landmark_share=share).scores(wider)
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_tiny_units_do_not_overflow():
    X, Y = rings()
    tiny = np.float32(1e-22) * X
    expected = fit(X, Y).scores(X)
    np.testing.assert_allclose(fit(tiny, Y).scores(tiny), expected, atol=1e-3)
