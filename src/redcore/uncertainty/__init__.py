"""Uncertainty of predictions: conformal calibration per missing pattern, and uncertainty by missing modalities."""

from redcore.uncertainty._completions import Completions
from redcore.uncertainty._conformal import Calibration
from redcore.uncertainty._missing import Uncertainty, acquisition_values, uncertainty

__all__ = ["Calibration", "Completions", "Uncertainty", "acquisition_values", "uncertainty"]
