"""Uncertainty of predictions: calibration, also per missing pattern, and uncertainty by missing modalities."""

from redcore.uncertainty._completions import Completions
from redcore.uncertainty._conformal import Calibration
from redcore.uncertainty._missing import Uncertainty, acquisition_values, uncertainty
from redcore.uncertainty._temperature import fit_temperature

__all__ = ["Calibration", "Completions", "Uncertainty", "acquisition_values", "fit_temperature", "uncertainty"]
