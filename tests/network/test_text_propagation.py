"""Text propagation against a loop over documents, and what it shares with the rest."""

import pytest
import torch

from sklearn_htc.network.build import build_model, build_objective
from sklearn_htc.network.masking import masked_mean
from tests.network.test_model import batch, make_plan


def make(hierarchy, **changes):
    torch.manual_seed(0)
    plan = make_plan(
        hierarchy, variant="tp", mutual_information=False, label_prior=None, **changes
    )
    return plan, build_model(plan).double()


def documents():
    return {"values": batch()["values"].double(), "mask": batch()["mask"]}


@pytest.mark.parametrize("structure_encoder", ["gcn", "treelstm"])
@pytest.mark.parametrize("head", ["labelwise", "joint"])
def test_every_document_is_propagated_by_itself(hierarchy, structure_encoder, head):
    _, model = make(hierarchy, structure_encoder=structure_encoder, head=head)
    model.eval()
    output = model(**documents())
    for row, text in enumerate(masked_mean(output.text, output.mask)):
        inputs = [
            model.node_inputs.weight[6 * node : 6 * node + 6] @ text
            + model.node_inputs.bias[6 * node : 6 * node + 6]
            for node in range(8)
        ]
        nodes = model.structure_encoder(torch.stack(inputs))
        if head == "joint":
            expected = model.head.weight @ nodes.flatten() + model.head.bias
        else:
            expected = (model.head.weight * nodes).sum(dim=1) + model.head.bias
        torch.testing.assert_close(output.logits[row], expected)


@pytest.mark.parametrize("structure_encoder", ["gcn", "treelstm"])
def test_gradients_reach_every_part(hierarchy, structure_encoder):
    plan, model = make(hierarchy, structure_encoder=structure_encoder)
    model, objective = model.float(), build_objective(plan)
    target = torch.zeros(3, 8)
    target[0, 0] = target[1, 1] = target[2, [0, 2]] = 1
    objective(model(**batch()), (target, torch.ones(3))).backward()
    # Only what depends on the hierarchy is trained: there are no discriminators.
    assert not list(objective.parameters())
    for name, weight in model.named_parameters():
        assert weight.grad.abs().sum() > 0, name


def test_it_has_no_label_representations(hierarchy):
    _, model = make(hierarchy)
    assert model.encode_labels().shape == (0, 6)
    output = model(labels=model.encode_labels(), **documents())
    assert output.labels.shape == (0, 6)
    assert model.prediction_width(3) == 8 * 6
    assert model.prediction_width(20) == 20 * 6
