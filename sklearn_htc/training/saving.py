"""A net as plain arrays, which any file format can hold, and back.

Pickled tensors ask for torch's own pickling, and for the device that they were on.
"""

from functools import partial
from typing import Any

import numpy as np

from sklearn_htc.halving import halved
from sklearn_htc.network.build import NetworkPlan, build_model, build_objective
from sklearn_htc.training.arrays import to_numpy, to_torch
from sklearn_htc.training.devices import fused_if_possible, usable_device
from sklearn_htc.training.history import in_full, in_short
from sklearn_htc.training.net import HTCNet
from sklearn_htc.training.seeding import Draws

__all__ = [
    "as_arrays",
    "learned_arrays",
    "make_net",
    "restore_learned",
    "restore_net",
]

# Besides the weights, what a net needs to go on; the rest is set by each training.
SETTINGS = (
    "optimizer",
    "lr",
    "encoder_lr",
    "layer_decay",
    "gradient_accumulation",
    "device",
    "mixed_precision",
    "progress_bar",
)


def make_net(
    plan: NetworkPlan,
    draws: Draws,
    weights: dict[str, Any] | None = None,
    **settings: Any,
) -> HTCNet:
    """Make a net with random weights.

    Parameters
    ----------
    plan : NetworkPlan
        Names and sizes.
    draws : Draws
        Gives the initial weights.
    weights : dict of str to Tensor, default=None
        Those of a pretrained encoder.
    **settings
        Of `HTCNet`: at least the optimiser's class and the device.

    Returns
    -------
    net : HTCNet
        Initialised.
    """
    with draws.initial_weights():
        net = HTCNet(
            partial(build_model, plan, weights),
            partial(build_objective, plan),
            **_groups(plan, settings["encoder_lr"], settings["layer_decay"]),
            **fused_if_possible(settings["optimizer"]),
            **settings,
        ).initialize()
    # Else it would hold the pretrained weights beside its own.
    net.module = partial(build_model, plan)
    return net


def _groups(plan: NetworkPlan, encoder_lr: float, layer_decay: float) -> dict[str, Any]:
    """Give the weights of a pretrained encoder learning rates of their own."""
    if plan.text_encoder != "transformer":
        return {}
    patterns = []
    if layer_decay < 1:
        n_layers = plan.text_encoder_options["configuration"]["num_hidden_layers"]
        # From the last layer down.
        patterns = [f"text_encoder.encoder.*.{i}.*" for i in reversed(range(n_layers))]
    # The embeddings are under all layers.
    patterns.append("text_encoder.encoder.*")
    groups = []
    for depth, pattern in enumerate(patterns):
        rate = encoder_lr * layer_decay**depth
        groups.append((pattern, {"lr": rate, "largest_lr": rate}))
    return {"optimizer__param_groups": groups}


def as_arrays(net: HTCNet, stored_as: str = "float32") -> dict[str, Any]:
    """Take all that a net has learned.

    Parameters
    ----------
    net : HTCNet
        Initialised.
    stored_as : {"float32", "float16"}, default="float32"
        Type of the model's weights.

    Returns
    -------
    state : dict
        Of NumPy arrays, numbers, strings, and the optimiser's class.
    """
    learned = learned_arrays(net)
    if stored_as == "float16":
        learned["weights"]["model"] = {
            name: halved(part) if part.dtype == np.float32 else part
            for name, part in learned["weights"]["model"].items()
        }
    return {"settings": {name: getattr(net, name) for name in SETTINGS}, **learned}


def learned_arrays(net: HTCNet) -> dict[str, Any]:
    """Take what a net has learned, without how it was made.

    Parameters
    ----------
    net : HTCNet
        Initialised.

    Returns
    -------
    learned : dict
        `weights` and `history`, of NumPy arrays, numbers and strings.
    """
    parts = {
        "model": net.module_,
        "objective": net.criterion_,
        "optimizer": net.optimizer_,
    }
    return {
        "weights": {name: to_numpy(part.state_dict()) for name, part in parts.items()},
        "history": in_short(net.history),
    }


def restore_learned(net: HTCNet, learned: dict[str, Any]) -> None:
    """Give a net what another one has learned.

    Parameters
    ----------
    net : HTCNet
        Made in the same way.
    learned : dict
        As `learned_arrays` returns it.

    Raises
    ------
    KeyError, RuntimeError, ValueError
        If the other one was made in another way.
    """
    weights = learned["weights"]
    net.module_.load_state_dict(to_torch(weights["model"]))
    net.criterion_.load_state_dict(to_torch(weights["objective"]))
    net.optimizer_.load_state_dict(to_torch(weights["optimizer"]))
    net.history[:] = in_full(learned["history"])


def restore_net(plan: NetworkPlan, state: dict[str, Any]) -> HTCNet:
    """Make a net with the weights of another one.

    Parameters
    ----------
    plan : NetworkPlan
        What the other net was built from.
    state : dict
        As `as_arrays` returns it.

    Returns
    -------
    net : HTCNet
        On the same kind of device, or on the CPU where that is not there.
    """
    settings = dict(state["settings"])
    settings["device"] = usable_device(settings["device"])
    draws = Draws(np.random.RandomState(0), settings["device"])
    net = make_net(plan, draws, **settings)
    restore_learned(net, state)
    return net
