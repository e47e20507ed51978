"""Fitted models as files."""

from redcore.serving._model_file import load_estimator, load_model, save_model

__all__ = ["load_estimator", "load_model", "save_model"]
