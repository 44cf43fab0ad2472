import numpy as np
import pytest
from scipy import sparse

from sklearn_htc.data.documents import BagOfTerms, DenseDocuments
from sklearn_htc.data.held_out import make_folds, split_rows
from sklearn_htc.label_texts.fitting import (
    Trial,
    fit_label_texts,
    with_label_documents,
)
from sklearn_htc.label_texts.similarity import LabelVectors
from sklearn_htc.read_out.calibration import Calibration
from sklearn_htc.read_out.decoders import ThresholdDecoder
from sklearn_htc.read_out.fitting import DecodingRule, ReadOut, ReadOutFitter
from tests.makers import training_data

N_LABELS = 12


def named(n=400, seed=0):
    """Return documents with their label's own term, and some others."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, N_LABELS, n)
    X = np.hstack([np.eye(N_LABELS)[own], rng.random((n, 20)) < 0.2])
    target = sparse.csr_array(np.eye(N_LABELS, dtype=np.float32)[own])
    return training_data(BagOfTerms(sparse.csr_array(X.astype(np.float32))), target)


def texts():
    rows = np.eye(N_LABELS, N_LABELS + 20, dtype=np.float32)
    return LabelVectors(np.arange(N_LABELS), sparse.csr_array(rows))


def fit(data):
    """Learn from trials of a model that knows nothing, and note its documents."""
    rng = np.random.RandomState(0)
    folds = make_folds(data, split_rows(len(data), 0.2, rng))
    trained = []

    def train(part):
        trained.append(part)
        return lambda documents: np.full((len(documents), N_LABELS), -3, np.float32)

    trials = [
        Trial(
            fold, np.full((len(fold.held_out), N_LABELS), -3, np.float32), None, train
        )
        for fold in folds
    ]
    rule = DecodingRule(single_path=False, whole_path=False, threshold="auto")
    plain = ReadOut(Calibration(data.counts), ThresholdDecoder(data.hierarchy))
    fitter = ReadOutFitter.of_folds(folds, rule)
    model, _ = fit_label_texts(data, texts(), trials, fitter, plain, rng)
    return model, folds, trained


def test_models_know_no_document_of_hidden_labels():
    _, folds, trained = fit(named())
    assert len(trained) == len(folds) == 5
    hidden = [set(np.flatnonzero(part.counts == 0)) for part in trained]
    assert all(hidden)
    # Each label is hidden once.
    assert set.union(*hidden) == set(range(N_LABELS))
    assert sum(map(len, hidden)) == N_LABELS
    for fold, part in zip(folds, trained, strict=True):
        assert len(part) >= 2 / 3 * len(fold.learned_from)
        assert part.documents.X.shape[1] == N_LABELS + 20


def test_what_hidden_labels_tell_holds_for_new_ones():
    data = named()
    is_new = data.target[:, [0, 1]].sum(axis=1) > 0
    model, *_ = fit(data.take(np.flatnonzero(~is_new)))
    assert model.new_labels.tolist() == [0, 1]
    X = data.vectors.X[np.flatnonzero(is_new)]
    log_odds = model.adjust(np.full((X.shape[0], N_LABELS), -3, np.float32), X)
    truth = data.target[np.flatnonzero(is_new)].toarray()[:, :2] > 0
    assert (log_odds[:, :2][truth] > 0).all()
    np.testing.assert_array_equal(log_odds[:, :2].argmax(axis=1), truth.argmax(axis=1))
    # Documents of other labels are no further off than they were.
    others = data.vectors.X[np.flatnonzero(~is_new)]
    log_odds = model.adjust(
        np.full((others.shape[0], N_LABELS), -3, np.float32), others
    )
    assert (log_odds[:, :2] < -2).mean() > 0.95


def test_many_new_labels_are_rarer_than_those_hidden():
    model, *_ = fit(named())
    assert model.rarity(0) == model.rarity(2) == 0
    np.testing.assert_allclose(model.rarity(24), np.log(N_LABELS / 5 / 24))


@pytest.mark.parametrize("kind", [BagOfTerms, DenseDocuments])
def test_texts_become_documents_of_their_labels(kind):
    data, labels = named(50), texts()
    if kind is DenseDocuments:
        data = data.with_documents(DenseDocuments(data.vectors.X.toarray()))
        labels = LabelVectors(labels.nodes, labels.X.toarray())
    more = with_label_documents(data, labels)
    assert isinstance(more.documents, kind)
    assert len(more) == 50 + N_LABELS
    np.testing.assert_array_equal(more.target[50:].toarray(), np.eye(N_LABELS))
    assert len(data) == 50


def test_known_labels_give_way_to_new_ones():
    data = named()
    is_new = data.target[:, [0, 1]].sum(axis=1) > 0
    model, *_ = fit(data.take(np.flatnonzero(~is_new)))
    # Each document has one label.
    assert model.exclusion > 0.3
    X = data.vectors.X[np.flatnonzero(is_new)]
    sure = np.full((X.shape[0], N_LABELS), 1, np.float32)
    log_odds = model.adjust(sure, X)
    assert (log_odds[:, 2:] < 0.5).all()
