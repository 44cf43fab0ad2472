"""Every network on torch's meta device, where mixed devices and host reads raise.

It stands for a GPU: what runs here makes no tensor on another device by accident, and
never waits for a value. Two parts are left out: the recursive regularisation, as torch
has no sparse product here, and "transformer", as transformers reads whether there is
padding, once per batch.
"""

from dataclasses import replace

import pytest
import torch

from sklearn_htc.network.build import build_model, build_objective
from tests.network.test_model import make_plan

IDS = {"ids": torch.ones(3, 4, dtype=torch.int64), "mask": torch.ones(3, 4).bool()}
VALUES = {"values": torch.ones(3, 4, 5), "mask": torch.ones(3, 4).bool()}
TERMS = {
    "ids": torch.tensor([3, 0, 8, 3, 5]),
    "weights": torch.ones(5),
    "offsets": torch.tensor([0, 2, 4, 5]),
}
INPUTS = {
    "bag": ({"n_terms": 9}, TERMS),
    "dense": ({"n_features": 5}, {"values": torch.ones(3, 5)}),
    "tokens": ({"n_features": 5}, VALUES),
    "bigru": ({"n_tokens": 9}, IDS),
    "rcnn": ({"n_tokens": 9}, IDS),
}


ENCODERS = [(text, "gcn", "zlpr", "la") for text in INPUTS]
STRUCTURES = [
    ("tokens", structure, "zlpr", variant)
    for structure in ("gcn", "treelstm", None)
    for variant in ("la", "tp")
    if (structure, variant) != (None, "tp")
]
LOSSES = [("tokens", "gcn", loss, "la") for loss in ("path", "binary_cross_entropy")]


@pytest.mark.parametrize(
    ("text_encoder", "structure_encoder", "loss", "variant"),
    ENCODERS + STRUCTURES[1:] + LOSSES,
)
def test_a_step_stays_on_the_device(
    hierarchy, text_encoder, structure_encoder, loss, variant
):
    options, batch = INPUTS[text_encoder]
    is_htcinfomax = variant == "la"
    plan = make_plan(
        hierarchy,
        text_encoder=text_encoder,
        text_encoder_options=options,
        structure_encoder=structure_encoder,
        loss=loss,
        variant=variant,
        mutual_information=is_htcinfomax,
        label_prior="uniform" if is_htcinfomax else None,
    )
    plan = replace(plan, objective_options={"recursive_regularization_weight": 0.0})
    model = build_model(plan).to("meta")
    objective = build_objective(plan)
    del objective.recursive_regularization.laplacian
    objective = objective.to("meta")
    batch = {name: value.to("meta") for name, value in batch.items()}
    output = model(**batch)
    target = torch.ones(3, 8, device="meta"), torch.ones(3, device="meta")
    objective(output, target).backward()
    trained = [p for p in model.parameters() if p.requires_grad]
    assert all(p.device.type == "meta" for p in trained)
    assert output.logits.shape == (3, 8)
