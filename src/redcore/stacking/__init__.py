"""Stacking: combine the predictions of networks and linear models with weights fitted to held-out samples."""

from redcore.stacking._decision import Decision, choose_prior_power, expected_macro_f1
from redcore.stacking._predictor import FittedSplit, StackedPredictor
from redcore.stacking._weights import StackingWeights

__all__ = ["Decision", "FittedSplit", "StackedPredictor", "StackingWeights", "choose_prior_power", "expected_macro_f1"]
