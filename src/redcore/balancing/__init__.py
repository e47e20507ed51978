"""Supervision-weight rules, one module each: ``build(n_modalities, settings) -> BalancingRule``.

A rule implements ``update(signals)``. The `Signals` of a step provide losses, gradient norms, scores and predictions of
the unimodal heads, directional derivatives of the imputation losses along the gradient of the validation loss, and the
parameters of the encoders. Each signal is computed only if the rule reads it.
"""

from typing import cast

from redcore._discovery import load
from redcore.balancing._rule import BalancingRule, GradientRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals, StepSignals

__all__ = ["BalancingRule", "BalancingSettings", "GradientRule", "Signals", "StepSignals", "build_rule"]


def build_rule(n_modalities: int, settings: BalancingSettings) -> BalancingRule:
    """Build the rule ``settings.balancing`` for `n_modalities` modalities."""
    return cast(BalancingRule, load(__name__, settings.balancing, "balancing rule").build(n_modalities, settings))
