"""Fitted models as files: the model file, its card, and the whole prediction as one ONNX graph."""

from redcore.export._card import model_card
from redcore.export._graph import PredictionGraph
from redcore.export._model_file import load_calibration, load_estimator, load_model, read_model_content, save_model
from redcore.export._onnx import export_onnx, onnx_inputs

__all__ = [
    "PredictionGraph",
    "export_onnx",
    "load_calibration",
    "load_estimator",
    "load_model",
    "model_card",
    "onnx_inputs",
    "read_model_content",
    "save_model",
]
