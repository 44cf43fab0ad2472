"""HierarchicalLinearClassifier, and the same machines beside the network."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_info

from sklearn_htc import (
    HierarchicalDecodingClassifier,
    HierarchicalLinearClassifier,
    HTCInfoMaxClassifier,
)
from sklearn_htc.data.held_out import split_rows
from sklearn_htc.data.reading import as_documents
from sklearn_htc.label_tree.tree import LabelTree
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.decoders import ThresholdDecoder
from sklearn_htc.two_paths import weighing
from sklearn_htc.wide.linear import LinearPath


@pytest.fixture
def many(corpus, bag, hierarchy):
    """Return 300 documents in 3 copies of the corpus, a fifth with a second path."""
    labels = [[name] for name in corpus[1] * 3]
    for row in range(0, 300, 5):
        labels[row] = [*labels[row], "cat"]
    X = sparse.vstack([bag] * 3, format="csr")
    return X, hierarchy.to_indicator(labels)


def test_it_learns_several_paths_with_chosen_thresholds(many, hierarchy):
    X, Y = many
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(X, Y)
    assert f1_score(Y, clf.predict(X), average="micro") > 0.9
    assert clf.decoder_.threshold.shape == (8,)
    assert len(set(clf.decoder_.threshold.tolist())) > 1
    assert hierarchy.is_coherent(clf.predict_proba(X))
    assert hierarchy.is_coherent(clf.predict(X))
    assert clf.score(X, Y) > 0.8
    labels, probabilities = clf.predict_top_k(X, 3)
    assert labels.shape == probabilities.shape == (300, 3)


def test_few_documents_are_all_trained_on(bag, indicator, hierarchy):
    few = slice(0, 49)
    clf = HierarchicalLinearClassifier(hierarchy).fit(bag[few], indicator[few])
    scores = bag[few] @ clf.wide_.coef_ + clf.wide_.intercept_
    untold = Calibration(indicator[few].sum(axis=0)).log_odds(scores)
    expected = clf.decoder_.probabilities(untold)
    np.testing.assert_allclose(clf.predict_proba(bag[few]), expected, rtol=1e-4)
    assert clf.score(bag[few], indicator[few]) > 0.95


@pytest.mark.parametrize(
    "clf",
    [
        HierarchicalLinearClassifier(random_state=0),
        HTCInfoMaxClassifier(random_state=0),
        HierarchicalDecodingClassifier(
            OneVsRestClassifier(LinearSVC()), random_state=0
        ),
    ],
    ids=lambda clf: type(clf).__name__,
)
def test_calibration_ends_with_the_frequencies_of_all_documents(clf, many, hierarchy):
    X, Y = many
    # Two folds, which leave out documents of some labels more often than of others.
    clf.set_params(hierarchy=hierarchy, validation_fraction=0.4)
    calibration = clf.fit(X, Y)._learned.predictor.read_out.calibration
    expected = calibration.for_counts(Y.sum(axis=0)).log_frequency
    np.testing.assert_allclose(calibration.log_frequency, expected, atol=1e-5)


def texts_with_rare_words(n_documents, seed):
    """Draw texts that name most of their labels, another one, and 8 of 1,500 words."""
    rng = np.random.RandomState(seed)
    Y = (rng.rand(n_documents, 8) < 0.2).astype(int)
    texts = []
    for row in Y:
        told = [label for label in np.flatnonzero(row) if rng.rand() < 0.7]
        words = [f"about{label}" for label in [*told, rng.randint(8)]]
        words += [f"rare{word}" for word in rng.randint(1500, size=8)]
        texts.append(" ".join(words))
    return texts, Y


def test_what_the_vectorizer_knows_of_held_out_documents_does_not_count():
    texts, Y = texts_with_rare_words(400, 0)
    vectorizer = TfidfVectorizer(min_df=2)
    clf = HierarchicalLinearClassifier(random_state=0)
    clf.fit(vectorizer.fit_transform(texts), Y)
    texts, Y = texts_with_rare_words(2000, 1)
    n_expected = clf.predict_proba(vectorizer.transform(texts)).sum()
    # As they are, the held-out rows make that 1.2.
    assert 0.88 < n_expected / Y.sum() < 1.12


def test_sample_weight_shifts_probabilities():
    y = np.array([0, 1] * 50)
    X = sparse.csr_array(np.ones((100, 2)))
    clf = HierarchicalLinearClassifier(random_state=0)
    for favoured in (0, 1):
        weight = np.where(y == favoured, 9.0, 1.0)
        probability = clf.fit(X, y, sample_weight=weight).predict_proba(X)
        np.testing.assert_allclose(probability[:, favoured], 0.9, atol=0.05)


def test_predictions_do_not_depend_on_batch_mates(many, hierarchy):
    X, Y = many
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(X, Y)
    whole = clf.predict_proba(X)
    alone = np.vstack([clf.predict_proba(X[[row]]) for row in range(20)])
    np.testing.assert_allclose(whole[:20], alone, rtol=1e-5)


def test_one_label_a_document_comes_back_as_labels(corpus, bag, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy).fit(bag, corpus[1])
    assert np.mean(clf.predict(bag) == np.array(corpus[1])) > 0.95
    np.testing.assert_allclose(clf.predict_proba(bag).sum(axis=1), 1, rtol=1e-5)


def test_the_same_seed_gives_the_same_model(many, hierarchy):
    X, Y = many
    clf = HierarchicalLinearClassifier(hierarchy, random_state=3)
    first = clf.fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(clone(clf).fit(X, Y).predict_proba(X), first)


def test_parameters_can_be_searched(many, hierarchy):
    X, Y = many
    search = GridSearchCV(
        HierarchicalLinearClassifier(hierarchy), {"C": [0.01, 1]}, scoring="f1_micro"
    )
    search.fit(X, Y)
    assert search.best_score_ > 0.9
    weights = [
        clone(search.estimator).set_params(C=C, random_state=0).fit(X, Y).wide_.coef_
        for C in (0.01, 1)
    ]
    assert np.linalg.norm(weights[0]) < np.linalg.norm(weights[1])


def test_a_single_path_can_be_read_with_thresholds(bag, indicator, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy, decoding="threshold")
    few = slice(0, 49)
    assert clf.fit(bag[few], indicator[few]).decoder_.threshold == 0.5
    assert clf.fit(bag, indicator).decoder_.threshold.shape == (8,)


@pytest.mark.parametrize(
    "estimator", [HierarchicalLinearClassifier, HTCInfoMaxClassifier]
)
def test_paths_are_refused_where_a_document_has_several(many, hierarchy, estimator):
    clf = estimator(hierarchy, decoding="path")
    with pytest.raises(ValueError, match="needs exactly one path"):
        clf.fit(*many)


def test_thresholds_are_refused_for_one_label_a_document(corpus, bag, hierarchy):
    clf = HierarchicalLinearClassifier(hierarchy, decoding="threshold")
    with pytest.raises(ValueError, match="needs decoding='path' or 'auto'"):
        clf.fit(bag, corpus[1])


def test_sequences_are_refused(hierarchy, indicator):
    with pytest.raises(ValueError, match="2-D"):
        HierarchicalLinearClassifier(hierarchy).fit(np.ones((100, 4, 3)), indicator)


def both_paths(hierarchy, many, **parameters):
    clf = HTCInfoMaxClassifier(
        hierarchy, dimension=16, max_epochs=3, random_state=0, **parameters
    )
    return clf.fit(*many)


def test_the_network_stands_beside_the_same_wide_path(many, hierarchy):
    X, Y = many
    wide = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(X, Y)
    both = both_paths(hierarchy, many)
    assert both.deep_weight_ == 0
    assert both.wide_.settings == wide.wide_.settings
    np.testing.assert_allclose(
        both.predict_proba(X), wide.predict_proba(X), rtol=0.01, atol=1e-3
    )


@pytest.fixture
def always_weighed(monkeypatch):
    monkeypatch.setattr(weighing, "DEEP_WEIGHTS", (0.5,))
    monkeypatch.setattr(weighing, "ENOUGH_TO_WEIGH", 1)
    # As if it helped: on such easy data there is nothing left to gain.
    monkeypatch.setattr(
        weighing.TriedSums, "simplest", lambda tried: len(tried.sums) - 1
    )


@pytest.mark.usefixtures("always_weighed")
def test_the_network_adds_its_share_of_log_odds(many, hierarchy):
    X, Y = many
    both = both_paths(hierarchy, many)
    assert both.deep_weight_ > 0
    scaled = as_documents(X, "bag").scaled(both._learned.predictor.deep.feature_scale)
    deep = np.empty(Y.shape, dtype=np.float32)
    for rows, logits in both.net_.iter_logits(scaled):
        p = ThresholdDecoder(hierarchy).probabilities(logits)
        deep[rows] = np.log(p / (1 - p))
    # Of the documents that it was trained on, four fifths of 300.
    train, _ = split_rows(300, 0.2, np.random.RandomState(0))[0]
    counts = Y[train].sum(axis=0)
    deep -= np.log((counts + 0.5) / (240 - counts + 0.5))
    scores = both.wide_.scores(X) + both.deep_weight_ * deep
    calibration = both._learned.predictor.read_out.calibration
    expected = both.decoder_.probabilities(calibration.log_odds(scores))
    np.testing.assert_allclose(both.predict_proba(X), expected, rtol=1e-4, atol=1e-6)


def test_the_wide_path_can_be_left_out(many, hierarchy):
    clf = both_paths(hierarchy, many, wide_path=False)
    assert clf.wide_ is None
    assert not hasattr(clf, "deep_weight_")
    assert clf.decoder_.threshold == 0.5


def test_a_wide_path_is_refused_for_sequences(hierarchy, indicator):
    clf = HTCInfoMaxClassifier(hierarchy, wide_path=True)
    with pytest.raises(ValueError, match="wide_path=True needs a 2-D X"):
        clf.fit(np.ones((100, 4, 3)), indicator)


@pytest.mark.usefixtures("always_weighed")
def test_partial_fit_trains_the_network_beside_the_wide_path(many, hierarchy):
    X, Y = many
    clf = both_paths(hierarchy, many)
    coef, before = clf.wide_.coef_.copy(), clf.predict_proba(X)
    clf.partial_fit(X[:50], Y[:50])
    np.testing.assert_array_equal(clf.wide_.coef_, coef)
    assert np.abs(clf.predict_proba(X) - before).max() > 1e-4
    assert f1_score(Y, clf.predict(X), average="micro") > 0.9


def test_training_that_no_prediction_will_show_is_warned_of(many, hierarchy):
    X, Y = many
    clf = both_paths(hierarchy, many, warm_start=True)
    assert clf.deep_weight_ == 0
    before = clf.predict_proba(X)
    for fit in (clf.partial_fit, clf.fit):
        with pytest.warns(UserWarning, match="predictions will stay as they are"):
            fit(X, Y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def mapped(array, folder):
    """Write the arrays of a CSR to files, and map these, to be read only."""
    parts = []
    for name in ("data", "indices", "indptr"):
        np.save(folder / f"{name}.npy", getattr(array, name))
        parts.append(np.load(folder / f"{name}.npy", mmap_mode="r"))
    return sparse.csr_array(tuple(parts), shape=array.shape)


@pytest.mark.parametrize("is_tree", [False, True])
def test_documents_may_be_mapped_from_files(
    many, hierarchy, tmp_path, monkeypatch, is_tree
):
    if is_tree:
        monkeypatch.setattr("sklearn_htc.wide.limits.MAX_WORK", 0)
    X, Y = (sparse.csr_array(each) for each in many)
    X = X.astype(np.float32)
    folders = [tmp_path / name for name in ("X", "Y")]
    for folder in folders:
        folder.mkdir()
    X_file, Y_file = (mapped(*each) for each in zip((X, Y), folders, strict=True))
    assert not X_file.data.flags.writeable
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0)
    expected = clone(clf).fit(X, Y).predict_proba(X)
    clf.fit(X_file, Y_file)
    assert isinstance(clf.wide_, LabelTree if is_tree else LinearPath)
    np.testing.assert_array_equal(clf.predict_proba(X_file), expected)


def test_each_column_may_be_a_target_of_its_own(corpus, bag, hierarchy):
    y = np.array([corpus[1], corpus[1][::-1]]).T
    clf = MultiOutputClassifier(HierarchicalLinearClassifier(hierarchy, random_state=0))
    predicted = clf.fit(bag, y).predict(bag)
    assert (predicted == y).mean() > 0.5
    own = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(bag, y[:, 0])
    np.testing.assert_array_equal(predicted[:, 0], own.predict(bag))


def test_labels_may_be_a_tensor(bag):
    y = np.arange(bag.shape[0]) % 3
    clf = HierarchicalLinearClassifier(random_state=0)
    of_tensor = clone(clf).fit(bag, torch.tensor(y)).predict_proba(bag)
    np.testing.assert_array_equal(of_tensor, clf.fit(bag, y).predict_proba(bag))


@pytest.mark.parametrize(
    "estimator", [HierarchicalLinearClassifier, HTCInfoMaxClassifier]
)
def test_n_jobs_is_the_number_of_threads_of_all_of_fit(
    estimator, bag, indicator, hierarchy, monkeypatch
):
    found = []
    fit = Calibration.fit

    def counted(*arguments, **options):
        found.append((torch.get_num_threads(), blas_threads()))
        return fit(*arguments, **options)

    def blas_threads():
        pools = threadpool_info()
        return {p["num_threads"] for p in pools if p["user_api"] == "blas"}

    monkeypatch.setattr(Calibration, "fit", counted)
    before = torch.get_num_threads()
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            estimator(hierarchy, n_jobs=1).fit(bag, indicator)
            assert torch.get_num_threads() == n_threads
    finally:
        torch.set_num_threads(before)
    assert found
    assert all(each == (1, {1}) for each in found)


def test_names_of_the_callers_variables_do_not_matter(corpus, bag, hierarchy):
    method = np.array(["a", "b"])
    clf = HierarchicalLinearClassifier(hierarchy, random_state=0).fit(bag, corpus[1])
    assert len(method) < len(clf.predict(bag))


def test_predictions_are_those_of_one_model_where_another_thread_puts_in_a_new_one():
    y = [["cat"], ["dog"]] * 30
    clf = HierarchicalLinearClassifier({"animal": ["cat", "dog"]}, random_state=0)
    clf.fit(["a cat", "one dog"] * 30, y)
    other = HierarchicalLinearClassifier({"animal": ["dog", "cat"]}, random_state=0)
    other.fit(["a cat", "one dog"] * 30, y)
    former = clf._learned
    decided = former.predictor.iter_decisions

    def swapped(documents):
        clf._learned = other._learned
        return decided(documents)

    with patch.object(type(former.predictor), "iter_decisions", side_effect=swapped):
        assert clf.predict(["a cat"]) == [["animal", "cat"]]
    assert clf._learned is other._learned
