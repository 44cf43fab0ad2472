"""The values that the paper gives parameters."""

from typing import Any

import torch

__all__ = ["PAPER_SETTINGS", "PAPER_STRUCTURE_ENCODERS"]

# Section 3.2 and Tables 4 and 5, but for the encoders.
PAPER_SETTINGS: dict[str, Any] = {
    "head": "joint",
    "loss": "binary_cross_entropy",
    "loss_reduction": "mean",
    "decoding": "threshold",
    "dimension": 300,
    "embedding_size": 300,
    "embedding_dropout": 0.5,
    "text_dropout": 0.1,
    "node_dropout": 0.05,
    "classifier_dropout": 0.5,
    "max_epochs": 200,
    "batch_size": 64,
    "lr": 1e-4,
    "optimizer": torch.optim.Adam,
    "early_stopping": True,
    "validation_fraction": 0.1,
    "threshold": 0.5,
    "patience": 10,
}

PAPER_STRUCTURE_ENCODERS = {"rcv1-v2": "gcn", "wos": "treelstm"}
