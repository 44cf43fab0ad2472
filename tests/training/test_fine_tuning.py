"""Options of fine-tuning: pieces of a batch, fewer weights, less memory."""

import pickle

import numpy as np
import pytest
import torch

from sklearn_htc import HiAGMClassifier, HTCInfoMaxClassifier

SMALL = {
    "text_encoder": "transformer",
    "wide_path": False,
    "max_length": 10,
    "max_epochs": 2,
    "mixed_precision": False,
    "random_state": 0,
}


@pytest.fixture
def hiagm(folder, hierarchy):
    """Return an estimator whose loss has no draws but dropout's."""
    return HiAGMClassifier(hierarchy, pretrained=folder, node_dropout=0.0, **SMALL)


def test_pieces_of_a_batch_give_the_gradients_of_the_whole(hiagm, corpus, indicator):
    hiagm.set_params(gradient_checkpointing=True).fit(corpus[0], indicator)
    net = hiagm.net_
    documents = hiagm._read_documents(corpus[0])[1]
    rows = np.arange(11)
    target = torch.from_numpy(indicator[rows].toarray().astype(np.float32))
    batch = documents.batch(rows), (target, torch.rand(11))
    results = []
    for n_pieces in (1, 3, 11):
        net.gradient_accumulation = n_pieces
        net.module_.zero_grad()
        step = net.train_step_single(batch)
        gradients = [w.grad for w in net.module_.parameters() if w.grad is not None]
        results.append([step["loss"], *(g.clone() for g in gradients)])
    for other in results[1:]:
        torch.testing.assert_close(other, results[0], atol=1e-6, rtol=1e-4)


def test_weights_of_words_are_refused_before_any_training(folder, corpus, indicator):
    weights = np.zeros((1000, 8))
    clf = HTCInfoMaxClassifier(
        pretrained=folder, embedding_weights=weights, **SMALL | {"wide_path": True}
    )
    with pytest.raises(ValueError, match="embedding layer"):
        clf.fit(corpus[0], indicator)


def test_computing_layers_again_changes_nothing(hiagm, corpus, indicator, monkeypatch):
    probabilities = []
    for checkpoints in (True, False):
        if not checkpoints:
            monkeypatch.setattr(
                "sklearn_htc.network.transformer_encoder.Dropout",
                lambda p: torch.nn.Dropout(0.0),
            )
        hiagm.set_params(gradient_checkpointing=checkpoints).fit(corpus[0], indicator)
        encoder = hiagm.net_.module_.text_encoder.encoder
        again = [getattr(m, "gradient_checkpointing", False) for m in encoder.modules()]
        assert any(again) == checkpoints
        probabilities.append(hiagm.predict_proba(corpus[0]))
    np.testing.assert_allclose(*probabilities, atol=1e-5)


def test_lower_layers_have_lower_rates(hiagm, corpus, indicator):
    hiagm.set_params(layer_decay=0.5, encoder_lr=0.4).fit(corpus[0], indicator)
    rates = {}
    for group in hiagm.net_.optimizer_.param_groups:
        for weight in group["params"]:
            rates[weight] = group.get("largest_lr", hiagm.lr)
    found = {name: rates[w] for name, w in hiagm.net_.module_.named_parameters()}
    prefix = "text_encoder.encoder."
    for name, rate in found.items():
        if name.startswith(f"{prefix}encoder.layer.1."):
            assert rate == 0.4
        elif name.startswith(f"{prefix}encoder.layer.0."):
            assert rate == 0.2
        elif name.startswith(prefix):
            assert rate == pytest.approx(0.1)
        else:
            assert rate == hiagm.lr


def test_adapters_are_trained_in_the_place_of_weights(
    folder, hierarchy, corpus, indicator
):
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    config = peft.LoraConfig(r=2, target_modules=["query", "value"], lora_dropout=0.0)
    clf = HTCInfoMaxClassifier(hierarchy, pretrained=folder, lora=config, **SMALL)
    clf.fit(corpus[0], indicator)
    before = transformers.AutoModel.from_pretrained(folder).state_dict()
    after = clf.net_.module_.text_encoder.encoder.state_dict()
    unchanged = 0
    for name, weight in before.items():
        module, _, last = name.rpartition(".")
        found = after.get(name, after.get(f"{module}.base_layer.{last}"))
        torch.testing.assert_close(found, weight, atol=0, rtol=0)
        unchanged += 1
    assert unchanged == len(before)
    adapters = [weight for name, weight in after.items() if "lora_B" in name]
    assert len(adapters) == 4
    assert all(weight.abs().max() > 0 for weight in adapters)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(
        again.predict_proba(corpus[0]), clf.predict_proba(corpus[0])
    )


@pytest.mark.parametrize(
    "settings",
    [{"lora_dropout": 0.3}, {"modules_to_save": ["pooler"]}, {"use_dora": True}],
)
def test_adapters_of_other_kinds_start_from_the_pretrained_encoder(
    folder, hierarchy, corpus, indicator, settings
):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["query"], **settings)
    before = config.to_dict()
    results = []
    for lora in (config, None):
        clf = HTCInfoMaxClassifier(hierarchy, pretrained=folder, lora=lora, **SMALL)
        clf.set_params(lr=1e-9, encoder_lr=1e-9).fit(corpus[0], indicator)
        results.append(clf.transform(corpus[0]))
    np.testing.assert_allclose(*results, atol=1e-5)
    assert config.to_dict() == before


def test_adapters_dropout_follows_the_seed(folder, hierarchy, corpus, indicator):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["query"], lora_dropout=0.5)
    clf = HTCInfoMaxClassifier(hierarchy, pretrained=folder, lora=config, **SMALL)
    expected = clf.fit(corpus[0], indicator).predict_proba(corpus[0])
    torch.rand(7)
    again = clf.fit(corpus[0], indicator).predict_proba(corpus[0])
    np.testing.assert_allclose(again, expected, atol=1e-5)


def test_an_encoder_in_half_precision_is_read_in_full(
    folder, tmp_path, hierarchy, corpus, indicator
):
    transformers = pytest.importorskip("transformers")
    transformers.AutoModel.from_pretrained(folder).half().save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    clf = HTCInfoMaxClassifier(hierarchy, pretrained=str(tmp_path), **SMALL)
    clf.fit(corpus[0], indicator)
    assert {weight.dtype for weight in clf.net_.module_.parameters()} == {torch.float32}
    assert np.isfinite(clf.predict_proba(corpus[0])).all()
