"""Fitted models in other formats: the whole prediction as one ONNX graph."""

from redcore.serving.export._graph import PredictionGraph
from redcore.serving.export._onnx import export_onnx, onnx_inputs

__all__ = ["PredictionGraph", "export_onnx", "onnx_inputs"]
