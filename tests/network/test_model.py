"""The whole model: what it computes, and that every part learns."""

import pytest
import torch

from sklearn_htc.network.build import (
    NetworkPlan,
    build_model,
    build_objective,
    load_embeddings,
)
from sklearn_htc.network.label_attention import label_attention
from sklearn_htc.network.masking import masked_mean
from sklearn_htc.training.plan import LabelCounts, make_graph

MASK = torch.arange(4) < torch.tensor([4, 1, 3])[:, None]


def make_plan(hierarchy, **changes):
    """Return a plan of small sizes over a hierarchy, with counted labels."""
    counts = torch.arange(1, len(hierarchy) + 1).numpy()
    settings = {
        "graph": make_graph(hierarchy, hierarchy.leaves, LabelCounts(counts, 40)),
        "dimension": 6,
        "variant": "la",
        "text_encoder": "tokens",
        "text_encoder_options": {"n_features": 5, "dropout": 0.0},
        "structure_encoder": "gcn",
        "node_dropout": 0.0,
        "head": "labelwise",
        "classifier_dropout": 0.0,
        "loss": "binary_cross_entropy",
        "loss_reduction": "sum",
        "mutual_information": True,
        "label_prior": "uniform",
        "prior_matching": "adversarial",
    }
    return NetworkPlan(**(settings | changes))


def batch():
    torch.manual_seed(0)
    return {"values": torch.randn(3, 4, 5), "mask": MASK}


def bag_batch():
    return {
        "ids": torch.tensor([3, 0, 8, 3, 5]),
        "weights": torch.tensor([0.5, 0.2, 1.0, 0.1, 0.7]),
        "offsets": torch.tensor([0, 2, 4, 5]),
    }


BAG = {"text_encoder": "bag", "text_encoder_options": {"n_terms": 9, "dropout": 0.0}}


def test_labelwise_head_reads_each_labels_own_context(hierarchy):
    model = build_model(make_plan(hierarchy)).eval()
    output = model(**batch())
    contexts = label_attention(output.text, output.mask, output.labels)
    for node in range(8):
        own = contexts[:, node] @ model.head.weight[node] + model.head.bias[node]
        torch.testing.assert_close(output.logits[:, node], own)


def test_one_position_has_all_attention(hierarchy):
    model = build_model(make_plan(hierarchy, **BAG)).eval()
    output = model(**bag_batch())
    contexts = label_attention(output.text, output.mask, output.labels)
    direct = (contexts * model.head.weight).sum(dim=-1) + model.head.bias
    torch.testing.assert_close(output.logits, direct)


def test_blocks_of_labels_give_the_same_logits_and_gradients(hierarchy, monkeypatch):
    results = []
    for elements in (2**24, 3 * 4 * 3):
        monkeypatch.setattr("sklearn_htc.network.heads.BLOCK_ELEMENTS", elements)
        torch.manual_seed(0)
        model = build_model(make_plan(hierarchy)).double()
        documents = {"values": batch()["values"].double(), "mask": MASK}
        logits = model(**documents).logits
        (logits**2).sum().backward()
        results.append([logits, *(weight.grad for weight in model.parameters())])
        with torch.inference_mode():
            torch.testing.assert_close(model(**documents).logits, logits.detach())
    for whole, in_blocks in zip(*results, strict=True):
        torch.testing.assert_close(in_blocks, whole, atol=1e-12, rtol=0)


def test_joint_head_reads_all_contexts(hierarchy):
    model = build_model(make_plan(hierarchy, head="joint")).eval()
    output = model(**batch())
    contexts = label_attention(output.text, output.mask, output.labels)
    expected = contexts.flatten(1) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(output.logits, expected)
    assert model.head.weight.shape == (8, 8 * 6)


def test_labelwise_weights_grow_linearly_with_the_labels(hierarchy):
    def n_weights(head, nodes):
        plan = make_plan(type(hierarchy)([], nodes=range(nodes)), head=head)
        return sum(weight.numel() for weight in build_model(plan).head.parameters())

    assert n_weights("labelwise", 200) == 2 * n_weights("labelwise", 100)
    assert n_weights("joint", 200) > 3.9 * n_weights("joint", 100)


def test_biases_start_at_the_log_odds_of_the_labels(hierarchy):
    model = build_model(make_plan(hierarchy))
    shares = torch.arange(1, 9) / 40
    torch.testing.assert_close(torch.sigmoid(model.head.bias), shares)


def test_no_dropout_touches_the_logits(hierarchy):
    model = build_model(make_plan(hierarchy, classifier_dropout=0.5)).train()
    with torch.no_grad():
        model.head.weight.zero_()
    logits = model(**batch()).logits
    torch.testing.assert_close(logits, model.head.bias.expand(3, 8))


def test_without_structure_encoder_labels_are_the_embeddings(hierarchy):
    model = build_model(make_plan(hierarchy, structure_encoder=None))
    assert model.encode_labels() is model.label_embedding


def test_represent_is_the_mean_text_feature(hierarchy):
    model = build_model(make_plan(hierarchy)).eval()
    output = model(**batch())
    expected = masked_mean(output.text, output.mask)
    torch.testing.assert_close(model.represent(**batch()), expected)


def test_pretrained_rows_are_loaded_and_rows_of_nan_are_not(hierarchy):
    weights = torch.full((9, 6), torch.nan)
    weights[3] = torch.arange(6.0)
    model = build_model(make_plan(hierarchy, **BAG))
    load_embeddings(model, weights)
    embedding = model.text_encoder.embedding.weight
    torch.testing.assert_close(embedding[3], weights[3])
    assert torch.isfinite(embedding).all()


@pytest.mark.parametrize("structure_encoder", ["gcn", "treelstm"])
@pytest.mark.parametrize("text_encoder", ["bag", "bigru", "rcnn"])
def test_gradients_reach_every_part(hierarchy, structure_encoder, text_encoder):
    options, documents = BAG, bag_batch()
    if text_encoder != "bag":
        documents = {"ids": torch.tensor([[1, 2, 3, 4], [5, 0, 0, 0], [6, 7, 8, 0]])}
        documents["mask"] = documents["ids"] > 0
        options = {
            "text_encoder": text_encoder,
            "text_encoder_options": {"n_tokens": 9, "embedding_size": 5},
        }
    plan = make_plan(hierarchy, structure_encoder=structure_encoder, **options)
    torch.manual_seed(0)
    model, objective = build_model(plan), build_objective(plan)
    target = torch.zeros(3, 8)
    target[0, 0] = target[1, 1] = target[2, [0, 2]] = 1
    objective(model(**documents), (target, torch.ones(3))).backward()
    for part in (model, objective):
        for name, weight in part.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().sum() > 0, name
