"""Fitted estimators in ONNX: from term weights or embeddings to labels, without Python.

Needs the extra `onnx`.
"""

from sklearn_htc.export.inputs import onnx_inputs
from sklearn_htc.export.onnx_file import to_onnx

__all__ = ["onnx_inputs", "to_onnx"]
