"""Fitted models as files, as graphs in other formats, and as a service."""

from redcore.serving._card import model_card
from redcore.serving._model_file import load_calibration, load_estimator, load_model, read_model_content, save_model

__all__ = ["load_calibration", "load_estimator", "load_model", "model_card", "read_model_content", "save_model"]
