"""Writing an estimator as an ONNX file."""

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_htc.export.decoding import Paths, make_decoding
from sklearn_htc.export.inputs import InputLayout, final_estimator
from sklearn_htc.export.log_odds import make_log_odds
from sklearn_htc.persistence import moved_into_place, stamp

__all__ = ["OPSET", "to_onnx"]

# The first one in which values can be scattered by their maximum.
OPSET = 18
# Bytes that a file of protobuf may have.
MAX_SIZE = 2 * 10**9


def to_onnx(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write the way from term weights or embeddings to labels as an ONNX file.

    The file's inputs are those of `onnx_inputs`. Its outputs are `probabilities`, equal
    to `predict_proba` within 1e-5, and `decisions` (n_documents, n_nodes), bool: the
    label sets of `predict`, closed under ancestors. Probabilities are equal within 1e-4
    where each document has one path, and label texts tell of labels without documents
    or the hierarchy has changed. The metadata hold `nodes`, the columns of `decisions`,
    and `classes`, the columns of `probabilities`, as JSON: text and numbers as they
    are, tuples as arrays, and any other label as text. The opset is 18.

    What turns texts into term weights is not exported: ONNX has no form of its
    tokens that is equal for all texts.

    Parameters
    ----------
    estimator : HierarchicalLinearClassifier, HTCInfoMaxClassifier, HiAGMClassifier, \
HierarchicalDecodingClassifier or Pipeline
        Fitted. Its last step where it is a pipeline.
    path : path-like
        Of the file, which is written whole or not at all.

    Raises
    ------
    ImportError
        If onnx or onnxscript is not installed.
    NotFittedError
        If the estimator is not fitted.
    NotImplementedError
        If it has a label tree, a classifier of the user's that is not linear, or a
        network that reads sequences, or predicts in bfloat16.
    OSError
        If the file can't be written.
    TypeError
        If it is no estimator of this package.
    ValueError
        If the file would be larger than 2 GB.
    """
    _require_onnx()
    final, _ = final_estimator(estimator)
    layout = InputLayout.of(final)
    inputs = {
        name: torch.from_numpy(value) for name, value in layout.examples().items()
    }
    model = ExportedModel(final, layout, list(inputs)).eval()
    size = sum(each.nbytes for each in [*model.buffers(), *model.parameters()])
    if size > MAX_SIZE:
        raise ValueError(
            f"The weights have {size / 1e9:.1f} GB, and an ONNX file has 2 GB at most. "
            "Try compact(weights='float16'), or sklearn_htc.persistence.save."
        )
    rows = torch.export.Dim("n_documents", min=1)
    entries = torch.export.Dim("n_entries", min=1)
    shapes = {
        name: {0: rows} if name == "embeddings" else {0: rows, 1: entries}
        for name in inputs
    }
    with _without_notes():
        program = torch.onnx.export(
            model,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=["probabilities", "decisions"],
            dynamic_shapes=(tuple(shapes.values()),),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    targets = final._learned.form.targets
    metadata = {
        "nodes": json.dumps(list(map(_plain, targets.hierarchy.nodes))),
        "classes": json.dumps(list(map(_plain, _classes(targets)))),
        "sklearn_htc": str(stamp()["version"]),
    }
    program.model.metadata_props.update(metadata)
    with moved_into_place(path) as part:
        program.save(part, external_data=False)


class ExportedModel(nn.Module):
    """All that a fitted estimator does with the form of documents that it reads.

    Parameters
    ----------
    final : estimator
        Fitted.
    layout : InputLayout
        What the file reads.
    names : list of str
        Of the inputs.
    """

    def __init__(self, final: Any, layout: InputLayout, names: list[str]) -> None:
        super().__init__()
        self.names = names
        predictor = final._learned.predictor
        self.log_odds = make_log_odds(predictor, layout)
        self.decoding = make_decoding(predictor.read_out.decoder)
        self.of_paths = isinstance(self.decoding, Paths) and (
            not final._learned.form.targets.is_multilabel
        )

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Score, calibrate and decode documents.

        Parameters
        ----------
        *inputs : Tensors with B rows
            In the order of the names.

        Returns
        -------
        probabilities : Tensor of shape (B, n_classes)
            As `predict_proba` gives them.
        decisions : bool Tensor of shape (B, N)
            Closed under ancestors.
        """
        named = dict(zip(self.names, inputs, strict=True))
        log_odds = self.log_odds(named)
        probabilities, decisions = self.decoding(log_odds)
        if self.of_paths:
            probabilities = self.decoding.of_paths(log_odds)
        return probabilities, decisions


def _classes(targets: Any) -> Any:
    return targets.hierarchy.nodes if targets.is_multilabel else targets.classes


def _plain(label: Any) -> Any:
    """Give a label the form in which JSON holds it."""
    if isinstance(label, tuple):
        return list(map(_plain, label))
    if isinstance(label, np.number | np.bool_ | np.str_):
        label = label.item()
    return label if isinstance(label, (str, int, float)) else str(label)


def _require_onnx() -> None:
    if not all(map(find_spec, ("onnx", "onnxscript"))):
        raise ImportError(
            "ONNX files need onnx and onnxscript: pip install 'sklearn-htc[onnx]'."
        )


@contextmanager
def _without_notes() -> Iterator[None]:
    """Keep what torch says of other packages, and of its own changes, from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "# The axis name", UserWarning)
            warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
            yield
    finally:
        logger.setLevel(level)
