"""Fitted models as files: model files, model cards, and ONNX graphs of the complete prediction."""

from redcore.export._card import model_card
from redcore.export._content import versions_with_plug_ins
from redcore.export._model_file import (
    load_calibration,
    load_estimator,
    load_model,
    load_reference,
    read_model_content,
    save_model,
)
from redcore.export._onnx import export_onnx, onnx_inputs

__all__ = [
    "export_onnx",
    "load_calibration",
    "load_estimator",
    "load_model",
    "load_reference",
    "model_card",
    "onnx_inputs",
    "read_model_content",
    "save_model",
    "versions_with_plug_ins",
]
