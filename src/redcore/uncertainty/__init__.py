"""How sure a prediction is: conformal calibration per missing pattern, and what stems from what is missing."""

from redcore.uncertainty._completions import Completions
from redcore.uncertainty._conformal import Calibration
from redcore.uncertainty._missing import Uncertainty, acquisition_values, uncertainty

__all__ = ["Calibration", "Completions", "Uncertainty", "acquisition_values", "uncertainty"]
