"""Pretrained encoders: a tiny one, read, trained and stored."""

import pickle

import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from transformers import AutoModel, AutoTokenizer, RobertaConfig, RobertaModel

from sklearn_htc import HiAGMClassifier, HTCInfoMaxClassifier, SubwordTokenizer
from sklearn_htc.data.reading import as_documents
from sklearn_htc.network.transformer_encoder import TransformerEncoder
from sklearn_htc.persistence import TRUSTED_TYPES
from sklearn_htc.pretrained import load_configuration, load_weights
from sklearn_htc.training import settings

SMALL = {
    "text_encoder": "transformer",
    "wide_path": False,
    "dimension": 8,
    "max_length": 10,
    "max_epochs": 2,
    "random_state": 0,
}


def test_tokens_are_the_encoders_own(folder):
    tokenizer = SubwordTokenizer(folder, max_length=8).fit([])
    X = tokenizer.transform(["the cat purrs", "", "unheard cat"])
    assert tokenizer.vocabulary_size_ >= X.data.max()
    configuration = load_configuration(folder)
    assert tokenizer.vocabulary_size_ <= configuration["vocab_size"]
    the, cat, purrs = (i - 1 for i in tokenizer.transform(["the cat purrs"]).data[1:-1])
    assert X.toarray().tolist() == [
        [3, the + 1, cat + 1, purrs + 1, 4, 0, 0, 0],
        [3, 4, 0, 0, 0, 0, 0, 0],
        [3, 2, cat + 1, 4, 0, 0, 0, 0],
    ]


def test_texts_that_are_cut_are_counted(folder, recwarn):
    tokenizer = SubwordTokenizer(folder, max_length=5).fit([])
    tokenizer.transform(["the cat purrs", "cat"])
    assert not recwarn
    with pytest.warns(UserWarning, match="2 of 3 texts are longer than max_length=5"):
        X = tokenizer.transform(["the cat purrs and", "cat " * 30_000, "cat"])
    assert np.diff(X.indptr).tolist() == [5, 5, 3]


def test_text_features_are_the_states_of_the_encoder(folder, corpus, indicator):
    clf = HTCInfoMaxClassifier(
        pretrained=folder, lr=1e-9, encoder_lr=1e-9, **(SMALL | {"dimension": 12})
    ).fit(corpus[0], indicator)
    encoder = AutoModel.from_pretrained(folder).eval()
    ids = torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    with torch.no_grad():
        expected = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        found, _ = clf.net_.module_.text_encoder.eval()((ids + 1) * mask, mask.bool())
    torch.testing.assert_close(found, expected * mask.unsqueeze(-1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", [HTCInfoMaxClassifier, HiAGMClassifier])
def test_the_encoder_is_trained_with_a_rate_of_its_own(
    folder, corpus, indicator, hierarchy, kind
):
    clf = kind(hierarchy, pretrained=folder, **SMALL).fit(corpus[0], indicator)
    before = AutoModel.from_pretrained(folder).state_dict()
    after = clf.net_.module_.text_encoder.encoder.state_dict()
    words = "embeddings.word_embeddings.weight"
    torch.testing.assert_close(after[words], before[words], atol=0, rtol=0)
    moved = [
        (after[name] - before[name]).abs().max().item()
        for name in before
        if name.startswith("encoder.") and name.endswith("weight")
    ]
    assert min(moved) > 0
    # A step of Adam is no longer than the learning rate.
    n_steps = sum(epoch["train_batch_count"] for epoch in clf.history_)
    assert max(moved) < 1.5 * n_steps * clf.encoder_lr < n_steps * clf.lr
    thawed = clone(clf).set_params(freeze_word_embeddings=False)
    thawed.fit(corpus[0], indicator)
    after = thawed.net_.module_.text_encoder.encoder.state_dict()
    assert (after[words] != before[words]).any()


def test_a_fitted_estimator_needs_no_folder(folder, corpus, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, pretrained=folder, **SMALL)
    clf.fit(corpus[0], indicator)
    expected = clf.predict_proba(corpus[0])
    clf.set_params(pretrained="no longer there")
    loads = (
        pickle.loads(pickle.dumps(clf)),
        skops.io.loads(skops.io.dumps(clf), trusted=TRUSTED_TYPES),
    )
    for loaded in loads:
        np.testing.assert_array_equal(loaded.predict_proba(corpus[0]), expected)


def test_a_document_depends_on_no_other(folder, corpus, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, pretrained=folder, **SMALL)
    p = clf.fit(corpus[0], indicator).predict_proba(corpus[0])
    again = clone(clf).fit(corpus[0], indicator)
    np.testing.assert_array_equal(again.predict_proba(corpus[0]), p)
    for rows in ([5], [7, 3], range(30, 60)):
        texts = [corpus[0][row] for row in rows]
        np.testing.assert_allclose(clf.predict_proba(texts), p[list(rows)], atol=1e-4)
    assert np.isfinite(clf.predict_proba(["", "unheard of", "cat " * 20_000])).all()


def test_token_ids_from_a_pipeline_are_the_same(folder, corpus, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, pretrained=folder, **SMALL)
    pipeline = make_pipeline(SubwordTokenizer(folder, max_length=10), clone(clf))
    pipeline.fit(corpus[0], indicator)
    clf.fit(corpus[0], indicator)
    expected = clf.predict_proba(corpus[0])
    np.testing.assert_array_equal(pipeline.predict_proba(corpus[0]), expected)


def test_training_goes_on_in_pieces(folder, corpus, indicator, hierarchy):
    clf = HTCInfoMaxClassifier(hierarchy, pretrained=folder, **SMALL)
    for rows in (slice(50), slice(50, 100)):
        clf.partial_fit(corpus[0][rows], indicator[rows])
    rates = [group["lr"] for group in clf.net_.optimizer_.param_groups]
    assert rates == [clf.encoder_lr, clf.lr]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"text_encoder": "transformer"}, "needs a folder or the name of an encoder"),
        ({"pretrained": "folder"}, "no other text encoder reads one"),
        (
            {"text_encoder": "transformer", "pretrained": "/no/such/folder"},
            "There is no encoder at pretrained='/no/such/folder'",
        ),
    ],
)
def test_bad_parameters_are_named_before_training(
    parameters, message, corpus, indicator
):
    clf = HTCInfoMaxClassifier(**parameters)
    with pytest.raises(ValueError, match=message):
        clf.fit(corpus[0], indicator)


def test_more_tokens_than_the_encoder_reads_are_refused(
    folder, corpus, indicator, tmp_path
):
    clf = HTCInfoMaxClassifier(pretrained=folder, **(SMALL | {"max_length": 33}))
    with pytest.raises(ValueError, match="max_length=33 is more than the 32 tokens"):
        clf.fit(corpus[0], indicator)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = 9
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="max_length=10 is more than the 9 tokens"):
        SubwordTokenizer(str(tmp_path), max_length=10).fit([])


def test_an_encoder_without_a_tokenizer_is_named(folder, tmp_path):
    AutoModel.from_pretrained(folder).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="There is no tokenizer at"):
        SubwordTokenizer(str(tmp_path)).fit([])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a cat", "string object received"),
        (np.array([["a"], ["cat"]]), "One text per document"),
        (["a", None], "Document 1 is missing"),
        (["a", 3], "Document 1 is 3"),
    ],
)
def test_what_is_no_text_is_refused(folder, X, message):
    with pytest.raises(ValueError, match=message):
        SubwordTokenizer(folder, max_length=8).fit([]).transform(X)


def test_missing_texts_are_named(folder, corpus, indicator):
    clf = HTCInfoMaxClassifier(pretrained=folder, **SMALL)
    with pytest.raises(ValueError, match="Document 99 is missing"):
        clf.fit([*corpus[0][:-1], None], indicator)


def test_a_configuration_names_no_code(folder):
    forged = load_configuration(folder) | {
        "attn_implementation": "someone/kernel",
        "_attn_implementation": "someone/kernel",
        "auto_map": {"AutoModel": "modeling.Model"},
    }
    encoder = TransformerEncoder(configuration=forged, dimension=7)
    assert encoder.attention in ("sdpa", "eager")
    assert not hasattr(encoder.encoder.config, "auto_map")


@pytest.mark.parametrize("is_training", [True, False])
def test_half_precision_is_near_to_full(folder, corpus, is_training):
    X = SubwordTokenizer(folder, max_length=10).fit([]).transform(corpus[0][:20])
    ids = as_documents(X, "transformer")
    encoder = TransformerEncoder(configuration=load_configuration(folder), dimension=7)
    batch = ids.batch(np.arange(20))
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        full, _ = encoder.eval()(**batch)
        encoder.train(is_training)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half, _ = encoder(**batch)
        again, _ = encoder.eval()(**batch)
    assert encoder.encoder.config._attn_implementation == "sdpa"
    torch.testing.assert_close(half.float(), full, atol=0.05, rtol=0.05)
    torch.testing.assert_close(again, full, atol=0, rtol=0)


def test_auto_trains_in_half_precision_and_predicts_in_full(
    folder, corpus, indicator, monkeypatch
):
    monkeypatch.setattr(settings, "has_fast_bfloat16", lambda device: True)
    clf = HTCInfoMaxClassifier(pretrained=folder, **SMALL).fit(corpus[0], indicator)
    dtypes = []
    layer = clf.net_.module_.text_encoder.encoder.encoder.layer[0].output.dense
    layer.register_forward_hook(lambda module, given, out: dtypes.append(out.dtype))
    clf.predict(corpus[0])
    assert set(dtypes) == {torch.float32}
    dtypes.clear()
    clf.net_.module_.train()
    clf.net_.infer(clf._read_documents(corpus[0])[1].batch(np.arange(3)))
    assert set(dtypes) == {torch.bfloat16}


def test_texts_with_little_in_front_are_read_to_their_end(folder, recwarn):
    tokenizer = SubwordTokenizer(folder, max_length=6).fit([])
    short, spaced, long_word = ["the cat"], ["\n" * 1000 + "the cat"], ["x" * 1000]
    expected = tokenizer.transform(short).toarray()
    np.testing.assert_array_equal(tokenizer.transform(spaced).toarray(), expected)
    assert tokenizer.tokens(spaced) == tokenizer.tokens(short)
    assert tokenizer.transform([f"{long_word[0]} the cat"]).nnz == 5
    assert not recwarn
    with pytest.warns(UserWarning, match="1 of 1 texts are longer"):
        X = tokenizer.transform(["\n" * 1000 + "the cat " * 9])
    assert X.nnz == 6


def test_positions_after_that_of_padding_are_not_counted(folder, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(tmp_path)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=18,
        pad_token_id=1,
    )
    RobertaModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="max_length=17 is more than the 16 tokens"):
        SubwordTokenizer(str(tmp_path), max_length=17).fit([])
    SubwordTokenizer(str(tmp_path), max_length=16).fit([])
    RobertaModel(config)(torch.full((1, 16), 5))
    with pytest.raises((IndexError, RuntimeError)):
        RobertaModel(config)(torch.full((1, 17), 5))


def test_weights_that_are_missing_draw_nothing_of_the_callers(
    folder, tmp_path, monkeypatch
):
    encoder = AutoModel.from_pretrained(folder, add_pooling_layer=False)
    encoder.save_pretrained(tmp_path)
    state = torch.get_rng_state()
    # That would seed the generators of all devices.
    monkeypatch.setattr(torch, "manual_seed", None)
    first, second = (load_weights(str(tmp_path)) for _ in range(2))
    torch.testing.assert_close(torch.get_rng_state(), state)
    assert {name for name in first if "pooler" in name}
    torch.testing.assert_close(first, second)
