"""Parameters of the estimators: what each may be."""

from numbers import Integral, Real
from os import PathLike
from typing import Any

from sklearn.frozen import FrozenEstimator

from sklearn_htc._sklearn_compat import HasMethods, Interval, StrOptions
from sklearn_htc.data.reading import TEXT_ENCODERS

__all__ = [
    "DECODING_CONSTRAINTS",
    "NETWORK_CONSTRAINTS",
    "WIDE_CONSTRAINTS",
]

# As scikit-learn's `_parameter_constraints`.
DECODING_CONSTRAINTS: dict[str, list[Any]] = {
    "decoding": [StrOptions({"auto", "path", "threshold"})],
    "threshold": [Interval(Real, 0, 1, closed="neither"), StrOptions({"auto"})],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "random_state": ["random_state"],
    "vectorizer": [
        StrOptions({"auto"}),
        HasMethods(["get_params", "fit_transform", "transform"]),
        FrozenEstimator,
        None,
    ],
}

WIDE_CONSTRAINTS: dict[str, Any] = {
    # Checked against the hierarchy and X, in errors that say what to do.
    "label_texts": "no_validation",
    "label_features": "no_validation",
    "C": [Interval(Real, 0, None, closed="neither")],
    "n_jobs": [Integral, None],
}

NETWORK_CONSTRAINTS: dict[str, Any] = {
    **DECODING_CONSTRAINTS,
    **WIDE_CONSTRAINTS,
    "text_encoder": [StrOptions(set(TEXT_ENCODERS))],
    "structure_encoder": [StrOptions({"gcn", "treelstm"}), None],
    "head": [StrOptions({"labelwise", "joint", "mean_pooling"})],
    "recursive_regularization": [Interval(Real, 0, None, closed="left")],
    "loss": [StrOptions({"auto", "binary_cross_entropy", "zlpr", "path"})],
    "loss_reduction": [StrOptions({"sum", "mean"})],
    "wide_path": ["boolean", StrOptions({"auto"})],
    "deep_path": ["boolean", StrOptions({"auto"})],
    "dimension": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "embedding_size": [Interval(Integral, 1, None, closed="left")],
    "embedding_weights": ["array-like", None],
    "vocabulary_size": [Interval(Integral, 1, None, closed="left"), None],
    "pretrained": [str, None],
    "max_length": [Interval(Integral, 2, None, closed="left")],
    "freeze_word_embeddings": ["boolean"],
    "encoder_lr": [Interval(Real, 0, None, closed="neither")],
    "layer_decay": [Interval(Real, 0, 1, closed="right")],
    "gradient_accumulation": [Interval(Integral, 1, None, closed="left")],
    "gradient_checkpointing": ["boolean"],
    "lora": [HasMethods(["to_dict"]), None],
    "embedding_dropout": [Interval(Real, 0, 1, closed="left")],
    "text_dropout": [Interval(Real, 0, 1, closed="left")],
    "node_dropout": [Interval(Real, 0, 1, closed="left")],
    "classifier_dropout": [Interval(Real, 0, 1, closed="left")],
    "time_budget": [Interval(Real, 0, None, closed="neither"), None],
    "max_epochs": [
        Interval(Integral, 1, None, closed="left"),
        StrOptions({"auto"}),
    ],
    "batch_size": [
        Interval(Integral, 1, None, closed="left"),
        StrOptions({"auto"}),
    ],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "optimizer": [callable],
    "gradient_clip": [Interval(Real, 0, None, closed="neither"), None],
    "early_stopping": ["boolean"],
    "patience": [Interval(Integral, 1, None, closed="left")],
    "scoring": [StrOptions({"f1_micro", "f1_macro", "loss"})],
    "callbacks": [list, tuple, None],
    "device": [str],
    "mixed_precision": ["boolean", StrOptions({"auto"})],
    "warm_start": ["boolean"],
    "checkpoint": [str, PathLike, None],
    "verbose": ["verbose"],
}
