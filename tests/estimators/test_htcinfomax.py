"""The estimator: what it predicts, its invariances, its contract, and bad input."""

import json
import pickle
import signal
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from skorch.callbacks import Callback

from sklearn_htc import (
    HiAGMClassifier,
    Hierarchy,
    HTCInfoMaxClassifier,
    TokenSequenceVectorizer,
)
from sklearn_htc.read_out.decoders import PathDecoder, ThresholdDecoder

# The network alone: tests/test_linear.py has what stands beside it.
FAST = {"dimension": 16, "max_epochs": 3, "wide_path": False, "random_state": 0}


def documents(corpus, bag, kind):
    """Return the corpus in the form that a text encoder reads."""
    texts, _ = corpus
    if kind == "bag":
        return bag
    dense = np.asarray(bag.toarray(), dtype=np.float64)
    if kind == "dense":
        return dense
    if kind == "tokens":
        lengths = np.random.default_rng(0).integers(1, 6, size=len(dense))
        X = np.random.default_rng(0).normal(size=(len(dense), 5, 4))
        X[np.arange(5) >= lengths[:, None]] = 0
        return X
    return TokenSequenceVectorizer(max_length=12).fit_transform(texts)


@pytest.fixture(params=["bag", "dense", "bigru", "rcnn", "tokens"])
def form(request, corpus, bag):
    """Return the name of each text encoder, with documents that it reads."""
    return request.param, documents(corpus, bag, request.param)


def test_learns_paths_of_a_tree(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, random_state=0).fit(bag, indicator)
    assert clf.score(bag, indicator) > 0.95
    assert isinstance(clf.decoder_, PathDecoder)
    assert clf.loss_ == "path"
    assert clf.hierarchy_ is hierarchy


def test_learns_several_paths_of_a_dag(corpus, bag, dag):
    node = {"cat": ["e"], "dog": ["f"], "herb": ["b", "f"], "oak": ["a"], "fir": []}
    Y = dag.to_indicator([node[name] for name in corpus[1]])
    clf = HTCInfoMaxClassifier(dag, max_epochs=30, random_state=0).fit(bag, Y)
    assert clf.score(bag, Y) > 0.9
    assert isinstance(clf.decoder_, ThresholdDecoder)
    assert clf.loss_ == "zlpr"
    assert dag.is_coherent(clf.predict(bag))
    assert dag.is_coherent(clf.predict_proba(bag))


def test_a_document_depends_on_no_other(form, indicator, hierarchy):
    kind, X = form
    clf = HTCInfoMaxClassifier(hierarchy, text_encoder=kind, **FAST).fit(X, indicator)
    together = clf.predict_proba(X)
    assert together.dtype == np.float32
    assert together.shape == indicator.shape
    for i in range(0, 100, 9):
        alone = clf.predict_proba(X[i : i + 1])
        np.testing.assert_allclose(alone[0], together[i], atol=1e-5)
    order = np.random.default_rng(0).permutation(100)
    np.testing.assert_allclose(clf.predict_proba(X[order]), together[order], atol=1e-5)
    clf.net_.set_params(batch_size=7)
    np.testing.assert_allclose(clf.predict_proba(X), together, atol=1e-5)
    np.testing.assert_allclose(clf.transform(X[:5]), clf.transform(X)[:5], atol=1e-5)


def test_one_seed_gives_one_model_and_leaves_torchs_state_alone(
    form, indicator, hierarchy
):
    kind, X = form
    clf = HTCInfoMaxClassifier(hierarchy, text_encoder=kind, **FAST)
    torch.manual_seed(1)
    expected_next = torch.rand(1)
    torch.manual_seed(1)
    first = clone(clf).fit(X, indicator).predict_proba(X)
    assert torch.equal(torch.rand(1), expected_next)
    torch.manual_seed(2)
    second = clone(clf).fit(X, indicator).predict_proba(X)
    np.testing.assert_array_equal(first, second)
    other = clone(clf).set_params(random_state=1).fit(X, indicator).predict_proba(X)
    assert not np.array_equal(first, other)


def test_predictions_have_the_form_of_y(corpus, bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, **FAST)
    csr = clf.fit(bag, indicator).predict(bag)
    assert isinstance(csr, sparse.csr_array)
    dense = clone(clf).fit(bag, indicator.toarray()).predict(bag)
    np.testing.assert_array_equal(dense, csr.toarray())
    lists = clone(clf).fit(bag, [[name] for name in corpus[1]]).predict(bag)
    assert lists == hierarchy.to_labels(csr)
    assert clone(clf).fit(bag, [[name] for name in corpus[1]]).score(bag, lists) == 1
    labels = clone(clf).fit(bag, corpus[1])
    assert set(labels.predict(bag)) <= set(corpus[1])
    assert labels.classes_.tolist() == sorted(set(corpus[1]))
    probabilities = labels.predict_proba(bag)
    assert probabilities.shape == (100, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    best = labels.classes_[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(best, labels.predict(bag))


@pytest.mark.parametrize("kind", ["paths", "threshold", "labels"])
def test_top_k_are_the_largest_probabilities(corpus, bag, indicator, hierarchy, kind):
    decoding = {"decoding": "threshold"} if kind == "threshold" else {}
    clf = HTCInfoMaxClassifier(hierarchy, **FAST, **decoding)
    clf.fit(bag, corpus[1] if kind == "labels" else indicator)
    probabilities = clf.predict_proba(bag)
    names = clf.classes_ if kind == "labels" else np.array(hierarchy.nodes, object)
    for k in (1, 3, len(names)):
        labels, best = clf.predict_top_k(bag, k)
        assert labels.shape == best.shape == (100, k)
        np.testing.assert_array_equal(best, -np.sort(-probabilities, axis=1)[:, :k])
        for row in range(100):
            of = dict(zip(names.tolist(), probabilities[row], strict=True))
            assert [of[label] for label in labels[row]] == best[row].tolist()
            assert len(set(labels[row])) == k
    for k in (0, len(names) + 1):
        with pytest.raises(ValueError, match="k == "):
            clf.predict_top_k(bag, k)


def test_top_k_puts_ancestors_before_equally_probable_descendants(bag, indicator):
    nodes = ["oak", "tree", "plant", "animal", "dog", "cat", "cow", "bird"]
    hierarchy = Hierarchy(
        [("plant", "tree"), ("tree", "oak"), ("animal", "dog")], nodes=nodes
    )
    clf = HTCInfoMaxClassifier(hierarchy, **FAST)
    clf.fit(bag[:20], [["oak"]] * 20)
    labels, probabilities = clf.predict_top_k(bag[:2], 3)
    assert (probabilities == probabilities[0, 0]).all()
    assert labels.tolist() == [["plant", "tree", "oak"]] * 2
    for k in (1, 2):
        few, _ = clf.predict_top_k(bag[:2], k)
        assert few.tolist() == labels[:, :k].tolist()


def test_a_large_array_of_probabilities_is_announced(
    bag, indicator, hierarchy, monkeypatch
):
    clf = HTCInfoMaxClassifier(hierarchy, **FAST).fit(bag, indicator)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.predict_proba(bag)
        monkeypatch.setattr(
            "sklearn_htc.estimators._base.LARGE_OUTPUT", 100 * 8 * 4 - 1
        )
        clf.predict(bag)
        clf.predict_top_k(bag, 2)
    with pytest.warns(UserWarning, match=r"100 x 8 .* predict_top_k"):
        clf.predict_proba(bag)


def test_long_predictions_show_a_bar(bag, indicator, hierarchy, monkeypatch, capsys):
    clf = HTCInfoMaxClassifier(hierarchy, **FAST).fit(bag, indicator)
    monkeypatch.setattr("sklearn_htc.training.net.BAR_DELAY", 0)
    clf.predict(bag)
    assert capsys.readouterr().err == ""
    clf.net_.set_params(progress_bar=True)
    clf.predict(bag)
    assert "0/100" in capsys.readouterr().err


def test_labels_of_one_document_may_be_ancestors_of_anothers(bag, hierarchy):
    y = np.array(["plant", "oak", "tree", "cat"])[np.arange(100) % 4]
    clf = HTCInfoMaxClassifier(hierarchy, **FAST).fit(bag, y)
    assert set(clf.predict(bag)) <= set(y)


@pytest.mark.parametrize("structure_encoder", ["gcn", "treelstm", None])
@pytest.mark.parametrize("head", ["labelwise", "joint", "mean_pooling"])
@pytest.mark.parametrize("mutual_information", [True, False])
@pytest.mark.parametrize("label_prior", ["uniform", "normal", None])
def test_every_combination_of_modules_trains(
    bag, indicator, hierarchy, structure_encoder, head, mutual_information, label_prior
):
    clf = HTCInfoMaxClassifier(
        hierarchy,
        structure_encoder=structure_encoder,
        head=head,
        mutual_information=mutual_information,
        label_prior=label_prior,
        wide_path=False,
        dimension=8,
        max_epochs=1,
    ).fit(bag, indicator)
    objective = clf.net_.criterion_
    assert (objective.text_label_discriminator is not None) == mutual_information
    assert (objective.label_prior_discriminator is not None) == bool(label_prior)
    assert np.isfinite(clf.predict_proba(bag)).all()


def test_all_parts_are_in_the_optimiser_and_move(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, **FAST)
    clf.fit(bag, indicator)
    before = {
        name: weight.detach().clone()
        for name, weight in clf.net_.get_all_learnable_params()
    }
    clf.partial_fit(bag, indicator)
    optimised = sum(len(group["params"]) for group in clf.net_.optimizer_.param_groups)
    assert optimised == len(before)
    for name, weight in clf.net_.get_all_learnable_params():
        assert not torch.equal(before[name], weight), name
    assert any("text_label_discriminator" in name for name in before)
    assert any("label_prior_discriminator" in name for name in before)
    assert any("loss_weight" in name for name in before)


def test_paper_configuration_is_the_papers():
    rcv1 = HTCInfoMaxClassifier.paper_configuration("rcv1-v2", random_state=3)
    wos = HTCInfoMaxClassifier.paper_configuration("wos")
    assert (rcv1.structure_encoder, wos.structure_encoder) == ("gcn", "treelstm")
    assert (wos.text_encoder, wos.head, wos.loss) == (
        "bigru",
        "joint",
        "binary_cross_entropy",
    )
    assert (wos.dimension, wos.lr, wos.batch_size, rcv1.random_state) == (
        300,
        1e-4,
        64,
        3,
    )
    with pytest.raises(ValueError, match="'nyt'"):
        HTCInfoMaxClassifier.paper_configuration("nyt")


def test_the_papers_model_has_the_papers_sizes(corpus, bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier.paper_configuration(
        "wos", hierarchy=hierarchy, max_epochs=1, random_state=0
    )
    clf.fit(documents(corpus, bag, "bigru"), indicator)
    assert clf.label_embeddings_.shape == (8, 300)
    objective = clf.net_.criterion_
    d_mi, d_pr = objective.text_label_discriminator, objective.label_prior_discriminator
    assert d_mi.conv1.weight.shape == (300, 300, 3)
    assert d_mi.conv2.weight.shape == (512, 300, 3)
    assert d_mi.score[0].weight.shape == (512, 812)
    assert d_pr.layers[0].weight.shape == (1000, 300)
    assert clf.net_.module_.head.weight.shape == (8, 8 * 300)


def test_prior_and_frequencies_come_from_training_rows_alone(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, early_stopping=True, **FAST)
    rows = []

    class Spy(Callback):
        def on_epoch_begin(self, net, dataset_train=None, **kwargs):
            rows.append(dataset_train.rows)

    clf.set_params(callbacks=[Spy()]).fit(bag, indicator)
    assert len(rows[0]) == 80
    expected = hierarchy.prior(indicator[rows[0]]).data
    prior = clf.net_.module_.structure_encoder.prior.numpy()
    np.testing.assert_allclose(prior, expected, rtol=1e-6)
    assert not np.allclose(prior, hierarchy.prior(indicator).data)


def test_fitted_attributes(bag, indicator, hierarchy):
    X = pd.DataFrame(bag.toarray()[:, :6], columns=list("abcdef"))
    clf = HTCInfoMaxClassifier(hierarchy, **FAST).fit(X, indicator)
    assert clf.n_features_in_ == 6
    assert clf.feature_names_in_.tolist() == list("abcdef")
    assert clf.classes_.tolist() == list(range(8))
    assert clf.n_iter_ == len(clf.history_) == 3
    assert clf.label_embeddings_.shape == (8, 16)
    assert clf.get_feature_names_out()[0] == "htcinfomaxclassifier0"
    assert clf.transform(X).shape == (100, 16)
    frame = clf.set_output(transform="pandas").transform(X)
    assert list(frame.columns) == clf.get_feature_names_out().tolist()


def test_parameters_are_stored_untouched(hierarchy):
    edges = [("a", "b")]
    clf = HTCInfoMaxClassifier(edges)
    assert clf.hierarchy is edges
    copy = clone(HTCInfoMaxClassifier(hierarchy, lr=0.1))
    assert copy.hierarchy == hierarchy
    assert copy.lr == 0.1


@pytest.mark.parametrize("text_encoder", ["bag", "bigru"])
def test_pickle_keeps_predictions_and_training_goes_on(
    corpus, bag, indicator, hierarchy, text_encoder
):
    X = documents(corpus, bag, text_encoder)
    clf = HTCInfoMaxClassifier(hierarchy, text_encoder=text_encoder, **FAST)
    clf.fit(X, indicator)
    copy = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))
    copy.partial_fit(X, indicator)
    assert copy.n_iter_ == 4


def test_the_training_data_are_not_kept(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(
        hierarchy,
        early_stopping=True,
        wide_path=False,
        dimension=8,
        max_epochs=1,
        batch_size=500,
    )
    once = len(pickle.dumps(clf.fit(bag, indicator)))
    X, Y = sparse.vstack([bag] * 50), sparse.vstack([indicator] * 50)
    # Less than half a byte per document: a bit of each, and the batches' losses.
    assert len(pickle.dumps(clf.fit(X, Y))) - once < len(Y.indptr) / 2


def test_a_label_that_training_did_not_have_is_scored_as_wrong(bag, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, **FAST).fit(bag, ["cat", "dog"] * 50)
    assert clf.score(bag, ["oak"] * 100) == 0


def test_early_stopping_restores_the_best_weights(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(
        hierarchy,
        early_stopping=True,
        validation_fraction=0.3,
        scoring="f1_macro",
        max_epochs=40,
        patience=2,
        deep_path=True,
        dimension=16,
        random_state=0,
    ).fit(bag, indicator)
    assert clf.n_iter_ < 40
    scores = clf.history_[:, "valid_f1_macro"]
    assert np.argmax(scores) == clf.n_iter_ - 3
    assert np.isfinite(clf.history_[:, "valid_loss"]).all()


@pytest.mark.parametrize("scoring", ["f1_micro", "f1_macro", "loss"])
def test_early_stopping_watches_its_score(bag, indicator, hierarchy, scoring):
    clf = HTCInfoMaxClassifier(hierarchy, early_stopping=True, scoring=scoring, **FAST)
    clf.fit(bag, indicator)
    assert len(clf.history_[:, f"valid_{scoring}"]) == 3


class PressCtrlC(Callback):
    """Interrupt the main thread in the second epoch, as a user would."""

    def on_batch_begin(self, net, training=None, **kwargs):
        if training and len(net.history) == 2:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C interrupt Python, also where a shell in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_keeps_what_was_learned(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(
        hierarchy,
        callbacks=[PressCtrlC()],
        dimension=16,
        wide_path=False,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 2 of 10"):
        clf.fit(bag, indicator)
    assert clf.predict(bag).shape == indicator.shape
    assert clf.label_embeddings_.shape == (8, 16)
    json.dumps(clf.history_.to_list())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.set_params(callbacks=None).partial_fit(bag, indicator)
    assert clf.n_iter_ == 3


def test_partial_fit_learns_from_pieces(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, random_state=0)
    for _ in range(15):
        for start in (0, 50):
            rows = slice(start, start + 50)
            clf.partial_fit(bag[rows], indicator[rows])
    assert clf.n_iter_ == 30
    assert clf.score(bag, indicator) > 0.9
    expected = hierarchy.prior(indicator).data
    prior = clf.net_.module_.structure_encoder.prior.numpy()
    np.testing.assert_allclose(prior, expected, rtol=1e-6)


def test_partial_fit_of_labels_knows_all_nodes(bag, corpus, hierarchy):
    y = np.array(corpus[1])
    clf = HTCInfoMaxClassifier(hierarchy, dimension=16, random_state=0)
    clf.partial_fit(bag[y == "cat"], y[y == "cat"])
    clf.partial_fit(bag[y == "oak"], y[y == "oak"])
    assert set(clf.classes_) == set(hierarchy.nodes)
    flat = HTCInfoMaxClassifier(dimension=16, random_state=0)
    flat.partial_fit(bag[:1], y[:1], classes=np.unique(y))
    assert flat.classes_.tolist() == np.unique(y).tolist()
    flat.partial_fit(bag[1:2], y[1:2], classes=np.unique(y)[::-1])
    for other in (["cat", "cow"], ["cat"]):
        with pytest.raises(ValueError, match="others than at the first piece"):
            flat.partial_fit(bag[1:2], y[1:2], classes=other)
    pairs = [("a", 1), ("a", 2)]
    named = HTCInfoMaxClassifier(dimension=16, random_state=0)
    for rows in (slice(0, 2), slice(2, 4)):
        named.partial_fit(bag[rows], pairs, classes=pairs)
    below = HTCInfoMaxClassifier(hierarchy, dimension=16, random_state=0)
    for rows in (slice(0, 5), slice(5, 10)):
        below.partial_fit(bag[rows], y[rows], classes=np.unique(y))


def test_later_documents_that_the_path_loss_cant_describe_are_refused(
    bag, corpus, hierarchy
):
    y = [[name] for name in corpus[1]]
    seen = [i for i, name in enumerate(corpus[1]) if name != "oak"]
    known = [y[i] for i in seen]
    clf = HTCInfoMaxClassifier(hierarchy, **FAST).fit(bag[seen], known)
    with pytest.raises(ValueError, match="'oak' was no document's"):
        clf.partial_fit(bag, y)
    with pytest.raises(ValueError, match="Document 3 has no path or several"):
        clf.partial_fit(bag, [*y[:3], ["cat", "oak"], *y[4:]])
    clf.partial_fit(bag[seen], known)
    expected = hierarchy.prior(hierarchy.to_indicator(known)).data
    prior = clf.net_.module_.structure_encoder.prior.numpy()
    np.testing.assert_allclose(
        prior, expected, rtol=1e-6, err_msg="refused, yet counted"
    )


def test_a_refused_first_piece_leaves_no_estimator_behind(bag, corpus, hierarchy):
    y = [[name] for name in corpus[1]]
    clf = HTCInfoMaxClassifier(hierarchy, loss="path", **FAST)
    with pytest.raises(ValueError, match="Document 0 has no path or several"):
        clf.partial_fit(bag, [["cat", "oak"], *y[1:]])
    with pytest.raises(NotFittedError):
        clf.predict(bag)
    assert clf.partial_fit(bag, y).n_iter_ == 1


def test_partial_fit_with_the_path_loss_allows_all_nodes(bag, corpus, hierarchy):
    y = [[name] for name in corpus[1]]
    clf = HTCInfoMaxClassifier(hierarchy, loss="path", **FAST)
    clf.partial_fit(bag[:50], y[:50]).partial_fit(bag[50:], y[50:])
    assert isinstance(clf.decoder_, PathDecoder)
    assert len(clf.decoder_.path_nodes) == 8


def test_warm_start_goes_on(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, warm_start=True, **FAST)
    first = clf.fit(bag, indicator).history_[-1, "train_loss"]
    clf.fit(bag, indicator)
    assert clf.n_iter_ == 6
    assert clf.history_[-1, "train_loss"] < first
    cold = HTCInfoMaxClassifier(hierarchy, **FAST).fit(bag, indicator)
    assert cold.fit(bag, indicator).n_iter_ == 3


def test_sample_weight_shifts_what_is_learned(bag, corpus):
    y = np.array([0, 1] * 50)
    X = sparse.csr_array(np.ones((100, 2)))
    clf = HTCInfoMaxClassifier(max_epochs=30, dimension=16, random_state=0)
    for favoured in (0, 1):
        weight = np.where(y == favoured, 9.0, 1.0)
        probability = clone(clf).fit(X, y, sample_weight=weight).predict_proba(X)
        np.testing.assert_allclose(probability[:, favoured], 0.9, atol=0.05)
    # As float32 those of the last unit are all 0, and the sum of others is infinite.
    for unit in (5, 1e36, 1e-50):
        scaled = clone(clf).fit(X, y, sample_weight=weight * unit).predict_proba(X)
        np.testing.assert_allclose(scaled, probability, atol=1e-4)


def test_mixed_precision_stays_close(form, indicator, hierarchy):
    kind, X = form
    clf = HTCInfoMaxClassifier(hierarchy, text_encoder=kind, **FAST)
    exact = clf.fit(X, indicator).predict_proba(X)
    mixed = clone(clf).set_params(mixed_precision=True).fit(X, indicator)
    np.testing.assert_allclose(mixed.predict_proba(X), exact, atol=0.1)


@pytest.mark.parametrize("structure_encoder", ["gcn", "treelstm"])
@pytest.mark.parametrize("variant", ["la", "tp"])
def test_every_structure_encoder_runs_in_mixed_precision(
    bag, indicator, hierarchy, structure_encoder, variant
):
    clf = HiAGMClassifier(
        hierarchy, variant=variant, structure_encoder=structure_encoder, **FAST
    )
    exact = clf.fit(bag, indicator).predict_proba(bag)
    mixed = clone(clf).set_params(mixed_precision=True).fit(bag, indicator)
    np.testing.assert_allclose(mixed.predict_proba(bag), exact, atol=0.1)


def test_the_papers_model_runs_in_mixed_precision(corpus, indicator, hierarchy):
    X = TokenSequenceVectorizer(max_length=8).fit_transform(corpus[0])
    clf = HTCInfoMaxClassifier.paper_configuration(
        "wos", hierarchy=hierarchy, mixed_precision=True, max_epochs=1, dimension=8
    )
    assert np.isfinite(clf.fit(X, indicator).predict_proba(X)).all()


def test_pretrained_embeddings_are_the_starting_point(
    corpus, bag, indicator, hierarchy
):
    X = documents(corpus, bag, "bigru")
    n_tokens = X.data.max()
    weights = np.full((n_tokens + 1, 7), 5.0)
    clf = HTCInfoMaxClassifier(
        hierarchy, text_encoder="bigru", embedding_weights=weights, lr=1e-6, **FAST
    ).fit(X, indicator)
    embedding = clf.net_.module_.text_encoder.embedding.weight.detach().numpy()
    np.testing.assert_allclose(embedding, 5, atol=1e-3)
    vectorizer = TfidfVectorizer().fit(corpus[0])
    weights_of_terms = np.full((len(vectorizer.vocabulary_), 16), 5.0)
    raw = HTCInfoMaxClassifier(
        hierarchy,
        vectorizer=TfidfVectorizer(vocabulary=vectorizer.vocabulary_),
        embedding_weights=weights_of_terms,
        lr=1e-6,
        **(FAST | {"dimension": 16}),
    ).fit(corpus[0], indicator)
    embedding = raw.net_.module_.text_encoder.embedding.weight.detach().numpy()
    np.testing.assert_allclose(embedding, 5, atol=1e-3)
    with pytest.raises(ValueError, match="embedding_weights has shape"):
        clf.set_params(embedding_weights=weights[1:]).fit(X, indicator)
    with pytest.raises(ValueError, match="embedding layer"):
        HTCInfoMaxClassifier(hierarchy, embedding_weights=weights).fit(
            bag.toarray(), indicator
        )


def test_documents_without_a_known_term_predict_from_the_prior(bag, corpus, hierarchy):
    y = np.array(corpus[1])
    y[10:] = "cat"
    clf = HTCInfoMaxClassifier(hierarchy, random_state=0).fit(bag, y)
    nothing = sparse.csr_array((2, bag.shape[1]))
    assert clf.predict(nothing).tolist() == ["cat", "cat"]
    assert np.isfinite(clf.predict_proba(nothing)).all()
    assert np.isfinite(clf.transform(nothing)).all()


def test_empty_sequences_are_predicted(corpus, bag, indicator, hierarchy):
    X = documents(corpus, bag, "bigru")
    for kind in ("bigru", "rcnn"):
        clf = HTCInfoMaxClassifier(hierarchy, text_encoder=kind, **FAST)
        clf.fit(X, indicator)
        nothing = sparse.csr_array((2, X.shape[1]), dtype=np.int64)
        assert np.isfinite(clf.predict_proba(nothing)).all()


def test_documents_without_a_label_are_allowed(bag, indicator, hierarchy):
    Y = indicator.toarray()
    Y[::2] = 0
    clf = HTCInfoMaxClassifier(hierarchy, max_epochs=5, random_state=0).fit(bag, Y)
    assert isinstance(clf.decoder_, ThresholdDecoder)
    assert hierarchy.is_coherent(clf.predict(bag))


def test_a_label_absent_from_training_keeps_its_column(bag, corpus):
    edges = [("all", name) for name in [*set(corpus[1]), "unseen"]]
    hierarchy = Hierarchy(edges)
    Y = hierarchy.to_indicator([name] for name in corpus[1])
    for structure_encoder in ("gcn", "treelstm"):
        clf = HTCInfoMaxClassifier(
            hierarchy, structure_encoder=structure_encoder, **FAST
        ).fit(bag, Y)
        probabilities = clf.predict_proba(bag)
        assert probabilities.shape[1] == 7
        assert (probabilities[:, hierarchy.index(["unseen"])] < 0.1).all()


def test_a_hierarchy_of_one_node(bag):
    one = Hierarchy([], nodes=["only"])
    Y = (np.arange(100) % 2).reshape(-1, 1)
    for target in (Y, np.ones_like(Y), ["only"] * 100):
        clf = HTCInfoMaxClassifier(one, **FAST).fit(bag, target)
        assert np.isfinite(clf.predict_proba(bag)).all()
        assert 0 <= clf.score(bag, target) <= 1
    assert set(clf.predict(bag)) == {"only"}
    stopped = HTCInfoMaxClassifier(one, early_stopping=True, **FAST)
    assert stopped.fit(bag, sparse.csr_array(Y)).score(bag, Y) >= 0.5


def test_explicit_loss_and_decoding(bag, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(
        hierarchy,
        loss="binary_cross_entropy",
        decoding="threshold",
        threshold=0.9,
        **FAST,
    ).fit(bag, indicator)
    assert clf.loss_ == "binary_cross_entropy"
    assert clf.decoder_.threshold == 0.9
    expected = clf.predict_proba(bag) >= 0.9
    np.testing.assert_array_equal(clf.predict(bag).toarray(), expected)


def bad(parameters, X=None, y=None):
    """Return one case of bad input: parameters, and what replaces X and y."""
    return parameters, X, y


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (bad({"hierarchy": [("a", "b"), ("b", "a")]}), "cycle"),
        (bad({"hierarchy": {"a": ["b", "b"]}}), "Duplicate edge"),
        (
            bad({}, y=np.ones((100, 7))),
            r"shape \(100, 7\), but the hierarchy has 8 nodes",
        ),
        (bad({}, y=["cat"] * 99 + ["cow"]), "Unknown label 'cow'"),
        (bad({}, y=["cat"] * 99 + [["cat"]]), "mixes kinds"),
        (bad({}, y=["cat"] * 99), "inconsistent numbers of samples"),
        (bad({"loss": "path"}, y=np.zeros((100, 8))), "exactly one path"),
        (bad({"decoding": "path"}, y=np.zeros((100, 8))), "exactly one path"),
        (bad({"decoding": "threshold"}, y=["cat"] * 100), "needs decoding='path' or"),
        (bad({}, X=np.full((100, 3), np.nan)), "NaN"),
        (bad({}, X=sparse.csr_array(np.full((100, 3), np.inf))), "infinity"),
        (bad({}, X=np.ones((0, 3)), y=np.ones((0, 8))), "0 sample"),
        (bad({}, X=np.ones((1, 3)), y=np.ones((1, 8))), "n_samples=1"),
        (bad({"text_encoder": "bigru"}), "looks like term weights"),
        (bad({"text_encoder": "dense"}), "can't read a sparse X"),
        (bad({"text_encoder": "lstm"}), "text_encoder"),
        (bad({"device": "cuda:99"}), "device='cuda:99' can't be used here"),
        (bad({"device": "gpu"}), "device='gpu' can't be used here"),
        (bad({"dimension": 15, "structure_encoder": "treelstm"}), "must be even"),
        (bad({"lr": 0}), "lr"),
        (bad({"validation_fraction": 1.0}), "validation_fraction"),
        (bad({"max_epochs": 0}), "max_epochs"),
    ],
)
def test_bad_input_is_named_before_training(bag, indicator, hierarchy, case, message):
    parameters, X, y = case
    settings = {"hierarchy": hierarchy} | FAST | parameters

    class NoTraining(Callback):
        def on_train_begin(self, net, **kwargs):
            pytest.fail("training started")

    clf = HTCInfoMaxClassifier(**settings, callbacks=[NoTraining()])
    with pytest.raises(ValueError, match=message):
        clf.fit(bag if X is None else X, indicator if y is None else y)


def test_token_ids_given_to_the_bag_are_refused(indicator, hierarchy):
    texts = ["one two three", "two", "three one"] * 33 + ["four"]
    ids = TokenSequenceVectorizer().fit_transform(texts)
    with pytest.raises(ValueError, match="looks like token ids"):
        HTCInfoMaxClassifier(hierarchy).fit(ids, indicator)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform"])
def test_other_documents_than_at_fit_are_refused(bag, indicator, hierarchy, method):
    clf = HTCInfoMaxClassifier(hierarchy, **FAST)
    with pytest.raises(NotFittedError):
        getattr(clf, method)(bag)
    clf.fit(bag, indicator)
    with pytest.raises(ValueError, match="features"):
        getattr(clf, method)(bag[:, :5])
    with pytest.raises(ValueError, match="another kind than at fit"):
        getattr(clf, method)(bag.toarray()[:, None])
    with pytest.raises(ValueError, match="0 sample"):
        getattr(clf, method)(bag[:0])


def test_token_embeddings_of_another_width_are_refused(indicator, hierarchy):
    X = np.random.default_rng(0).normal(size=(100, 3, 4))
    clf = HTCInfoMaxClassifier(hierarchy, **FAST).fit(X, indicator)
    assert clf.n_features_in_ == 4
    assert clf.predict(X[:, :2]).shape == (100, 8)
    with pytest.raises(ValueError, match="3 features per token"):
        clf.predict(X[:, :, :3])


def test_token_ids_outside_the_vocabulary_are_refused(
    corpus, bag, indicator, hierarchy
):
    X = documents(corpus, bag, "bigru")
    clf = HTCInfoMaxClassifier(hierarchy, text_encoder="bigru", **FAST)
    clf.fit(X, indicator)
    X.data[0] = X.data.max() + 1
    with pytest.raises(ValueError, match="outside the vocabulary"):
        clf.predict(X)
    with pytest.raises(ValueError, match="outside the vocabulary"):
        clone(clf).set_params(vocabulary_size=3).fit(X, indicator)
    roomy = clone(clf).set_params(vocabulary_size=1000).fit(X, indicator)
    X.data[0] = 1000
    assert np.isfinite(roomy.predict_proba(X)).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, bool])
def test_numeric_types_of_x_just_work(bag, indicator, hierarchy, dtype):
    X = (bag != 0).astype(dtype)
    X.indices, X.indptr = X.indices.astype("i8"), X.indptr.astype("i8")
    clf = HTCInfoMaxClassifier(hierarchy, **FAST).fit(X, indicator)
    expected = clf.predict_proba(X.astype(np.float64))
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
