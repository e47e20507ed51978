"""Stacking: combine the predictions of networks and linear models with weights fitted to held-out samples."""

from redcore.stacking._decision import Decision, DecisionSettings, choose_prior_power, expected_macro_f1
from redcore.stacking._mixed import MixedStack, Stack, fit_stack, restored_stack
from redcore.stacking._predictor import FittedSplit, NoNetwork, StackedPredictor, StackOfNetworks
from redcore.stacking._weights import StackingWeights

__all__ = [
    "Decision",
    "DecisionSettings",
    "FittedSplit",
    "MixedStack",
    "NoNetwork",
    "Stack",
    "StackOfNetworks",
    "StackedPredictor",
    "StackingWeights",
    "choose_prior_power",
    "expected_macro_f1",
    "fit_stack",
    "restored_stack",
]
