"""Stacking: held-out samples weigh the predictions of networks and linear models into one."""

from redcore.stacking._decision import choose_prior_power, decide, expected_macro_f1
from redcore.stacking._predictor import FittedSplit, StackedPredictor
from redcore.stacking._weights import StackingWeights

__all__ = ["FittedSplit", "StackedPredictor", "StackingWeights", "choose_prior_power", "decide", "expected_macro_f1"]
