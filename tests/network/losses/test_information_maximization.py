"""Eq. 1-6, Tables 4 and 5, and the exact rewrites, against direct formulas."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_htc.network.hierarchical_model import ModelOutput
from sklearn_htc.network.losses.classification_losses import BinaryCrossEntropy
from sklearn_htc.network.losses.loss_weight import LossWeight
from sklearn_htc.network.losses.mutual_information import (
    TextLabelDiscriminator,
    derangement,
)
from sklearn_htc.network.losses.objective import HTCInfoMaxObjective
from sklearn_htc.network.losses.prior_matching import LabelPriorDiscriminator
from sklearn_htc.network.losses.recursive_regularization import RecursiveRegularization

LENGTHS = [6, 1, 2, 4]
MASK = torch.arange(6) < torch.tensor(LENGTHS)[:, None]


def batch(dimension=5, n_nodes=7):
    """Return text (4, 6, d), labels (N, d) and targets (4, N) in float64."""
    torch.manual_seed(0)
    text = torch.randn(4, 6, dimension, dtype=torch.float64) * MASK.unsqueeze(-1)
    labels = torch.randn(n_nodes, dimension, dtype=torch.float64)
    target = torch.zeros(4, n_nodes, dtype=torch.float64)
    target[0, [0, 2]] = target[1, 3] = target[2, [1, 4, 5]] = 1
    return text, labels, target


def direct_text_features(discriminator, text):
    """Convolve one document's own positions (K, d) twice and average (Table 4)."""
    hidden = F.relu(discriminator.conv1(text.T.unsqueeze(0)))
    return discriminator.conv2(hidden)[0].mean(dim=1)


def layer_sizes(module):
    return [
        (layer.weight.shape[1], layer.weight.shape[0])
        for layer in module.modules()
        if isinstance(layer, (nn.Linear, nn.Conv1d))
    ]


def test_sizes_are_those_of_table_4():
    discriminator = TextLabelDiscriminator(dimension=300)
    sizes = [(300, 300), (300, 512), (812, 512), (512, 512), (512, 1)]
    assert layer_sizes(discriminator) == sizes
    assert discriminator.conv1.kernel_size == discriminator.conv2.kernel_size == (3,)


def test_sizes_are_those_of_table_5():
    sizes = [(300, 1000), (1000, 200), (200, 1)]
    assert layer_sizes(LabelPriorDiscriminator(dimension=300)) == sizes


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_shifted_means_equal_the_second_convolution(kernel_size):
    text, _, _ = batch()
    discriminator = TextLabelDiscriminator(dimension=5, kernel_size=kernel_size)
    discriminator = discriminator.double()
    features = discriminator.text_features(text, MASK)
    for row, length in enumerate(LENGTHS):
        expected = direct_text_features(discriminator, text[row, :length])
        torch.testing.assert_close(features[row], expected, atol=1e-6, rtol=0)


def test_mutual_information_equals_eq_1_and_2(monkeypatch):
    text, labels, target = batch()
    other = torch.tensor([2, 0, 3, 1])
    monkeypatch.setattr(
        "sklearn_htc.network.losses.mutual_information.derangement",
        lambda n, device=None: other,
    )
    discriminator = TextLabelDiscriminator(dimension=5).double()
    loss = discriminator.loss(text, MASK, labels, target)

    def score(document, own):
        features = direct_text_features(
            discriminator, text[document, : LENGTHS[document]]
        )
        return torch.sigmoid(discriminator.score(torch.cat([features, own])))[0]

    for row in range(3):
        own = labels[target[row] > 0].mean(dim=0)
        information = torch.log(score(row, own)) + torch.log(1 - score(other[row], own))
        torch.testing.assert_close(loss[row], -information, atol=1e-6, rtol=0)
    assert loss[3] == 0, "a document without labels has no pair"


def test_a_single_document_has_no_negative():
    text, labels, target = batch()
    discriminator = TextLabelDiscriminator(dimension=5).double()
    loss = discriminator.loss(text[:1], MASK[:1], labels, target[:1])
    assert loss.tolist() == [0]


def test_prior_matching_averages_over_a_sample_of_many_labels(monkeypatch):
    discriminator = LabelPriorDiscriminator(dimension=5)
    labels = torch.rand(40, 5)
    torch.manual_seed(0)
    exact = discriminator.loss(labels).detach()
    monkeypatch.setattr("sklearn_htc.network.losses.prior_matching.MAX_LABELS", 8)
    seen = []
    discriminator.layers.register_forward_hook(
        lambda module, inputs, scores: seen.append(inputs[0])
    )
    losses = torch.stack([discriminator.loss(labels).detach() for _ in range(200)])
    assert {len(both) for both in seen} == {16}
    torch.testing.assert_close(losses.mean(), exact, atol=0.01, rtol=0)


@pytest.mark.parametrize("n", [2, 3, 64])
def test_derangement_has_no_fixed_point(n):
    for seed in range(50):
        torch.manual_seed(seed)
        permutation = derangement(n, torch.device("cpu"))
        assert sorted(permutation.tolist()) == list(range(n))
        assert (permutation != torch.arange(n)).all()


@pytest.mark.parametrize("prior", ["uniform", "normal"])
def test_prior_matching_equals_eq_3_and_4(monkeypatch, prior):
    _, labels, _ = batch()
    samples = torch.randn(7, 5, dtype=torch.float64)
    discriminator = LabelPriorDiscriminator(dimension=5, prior=prior).double()
    monkeypatch.setattr(discriminator, "sample_prior", lambda labels: samples)
    losses = [
        -torch.log(torch.sigmoid(discriminator.layers(samples[i])))
        - torch.log(1 - torch.sigmoid(discriminator.layers(labels[i])))
        for i in range(7)
    ]
    expected = torch.stack(losses).mean()
    torch.testing.assert_close(discriminator.loss(labels), expected, atol=1e-6, rtol=0)


def test_priors_are_uniform_and_normal():
    torch.manual_seed(0)
    shape = torch.empty(2000, 5)
    uniform = LabelPriorDiscriminator(dimension=5).sample_prior(shape)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.02
    normal = LabelPriorDiscriminator(dimension=5, prior="normal").sample_prior(shape)
    assert abs(normal.mean()) < 0.05
    assert abs(normal.std() - 1) < 0.05


def share_inside_the_prior(matching, n_steps):
    """Return the share of coordinates in [0, 1) after training a free embedding."""
    torch.manual_seed(0)
    labels = nn.Parameter(torch.randn(40, 8) * 8**-0.5)
    discriminator = LabelPriorDiscriminator(dimension=8, matching=matching)
    optimizer = torch.optim.Adam([labels, *discriminator.parameters()], lr=1e-2)
    for _ in range(n_steps):
        optimizer.zero_grad()
        discriminator.loss(labels).backward()
        optimizer.step()
    return ((labels >= 0) & (labels < 1)).float().mean().item()


def test_adversarial_matching_approaches_the_prior_and_released_leaves_it():
    before = share_inside_the_prior("adversarial", 0)
    assert share_inside_the_prior("adversarial", 200) > before + 0.25
    assert share_inside_the_prior("released", 200) < before


def test_loss_weight_equals_eq_5():
    text, labels, _ = batch()
    weight = LossWeight(dimension=5).double()
    t = text.mean(dim=1)
    W1, W2 = weight.text.weight[0], weight.label.weight[0]
    expected = torch.stack(
        [1 / (1 + torch.exp(-(W1 @ t[i] + W2 @ labels.mean(0)))) for i in range(4)]
    )
    torch.testing.assert_close(weight(t, labels), expected, atol=1e-6, rtol=0)


def edges(parent, child, n_nodes=7):
    """Return the regularisation over a few edges."""
    return RecursiveRegularization(
        parent=torch.tensor(parent, dtype=torch.long),
        child=torch.tensor(child, dtype=torch.long),
        n_nodes=n_nodes,
    ).double()


def test_recursive_regularization_sums_over_edges():
    weight = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    parent, child = [0, 0, 1, 2], [1, 2, 3, 3]
    expected = 0.0
    for p, c in zip(parent, child, strict=True):
        expected += 0.5 * ((weight[p] - weight[c]) ** 2).sum()
    penalty = edges(parent, child, 5)(weight)
    torch.testing.assert_close(penalty, expected)
    gradients = [torch.autograd.grad(3 * loss, weight) for loss in (penalty, expected)]
    torch.testing.assert_close(*gradients)
    assert edges([], [], 5)(weight) == 0


@pytest.mark.parametrize("mutual_information", [True, False])
@pytest.mark.parametrize("label_prior", ["uniform", None])
def test_objective_equals_eq_6(monkeypatch, mutual_information, label_prior):
    text, labels, target = batch()
    sample_weight = torch.tensor([1.0, 2.0, 0.5, 0.5], dtype=torch.float64)
    d_mi = TextLabelDiscriminator(dimension=5) if mutual_information else None
    d_pr = LabelPriorDiscriminator(dimension=5) if label_prior else None
    regularization = edges([0, 1], [1, 2])
    objective = HTCInfoMaxObjective(
        classification=BinaryCrossEntropy(),
        text_label_discriminator=d_mi,
        label_prior_discriminator=d_pr,
        loss_weight=LossWeight(dimension=5),
        recursive_regularization=regularization,
        mutual_information_weight=0.3,
        label_prior_weight=0.7,
        recursive_regularization_weight=0.01,
    ).double()
    logits = torch.randn(4, 7, dtype=torch.float64)
    classifier = torch.randn(7, 5, dtype=torch.float64)
    output = ModelOutput(logits, text, MASK, labels, classifier)

    torch.manual_seed(1)
    loss = objective(output, (target, sample_weight))
    torch.manual_seed(1)
    l_mi = d_mi.loss(text, MASK, labels, target) if d_mi else torch.zeros(4)
    l_pr = d_pr.loss(labels) if d_pr else 0.0
    expected = 0.0
    for row in range(4):
        p = torch.sigmoid(logits[row])
        l_c = -(target[row] * p.log() + (1 - target[row]) * (1 - p).log()).sum()
        t = text[row, : LENGTHS[row]].mean(dim=0)
        score = objective.loss_weight.text(t) + objective.loss_weight.label(
            labels.mean(dim=0)
        )
        weight = torch.sigmoid(score)[0]
        total = l_c + 0.3 * weight * l_mi[row] + 0.7 * (1 - weight) * l_pr
        expected = expected + sample_weight[row] * total / 4
    expected = expected + 0.01 * regularization(classifier)
    torch.testing.assert_close(loss, expected, atol=1e-6, rtol=0)


def test_evaluation_scores_classification_alone():
    text, labels, target = batch()
    objective = HTCInfoMaxObjective(
        classification=BinaryCrossEntropy(reduction="mean"),
        text_label_discriminator=TextLabelDiscriminator(dimension=5),
        label_prior_discriminator=LabelPriorDiscriminator(dimension=5),
        loss_weight=LossWeight(dimension=5),
        recursive_regularization=edges([0], [1]),
    ).double()
    logits = torch.randn(4, 7, dtype=torch.float64)
    output = ModelOutput(logits, text, MASK, labels, labels)
    loss = objective.eval()(output, (target, torch.ones(4, dtype=torch.float64)))
    expected = F.binary_cross_entropy_with_logits(logits, target)
    torch.testing.assert_close(loss, expected)
