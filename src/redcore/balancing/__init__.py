"""Supervision-weight rules, one module each: ``build(n_modalities, settings) -> BalancingRule``.

A rule of another distribution is such a module, a subclass of `BalancingRule`, or the function ``build`` itself.

A rule implements ``update(signals)``. The `Signals` of a step provide losses, gradient norms, scores and predictions of
the unimodal heads, variances of the latent codes, the label loss that imputation costs, directional derivatives of the
imputation losses along the gradient of the validation loss, and the parameters of the encoders. Each signal is computed
only if the rule reads it.
"""

from collections.abc import Sequence

from redcore._discovery import load
from redcore.balancing._rule import AveragingRule, BalancingRule, GradientRule
from redcore.balancing._settings import BalancingSettings
from redcore.balancing._signals import Signals, StepSignals
from redcore.exceptions import PlugInError

__all__ = [
    "AveragingRule",
    "BalancingRule",
    "BalancingSettings",
    "GradientRule",
    "Signals",
    "StepSignals",
    "build_rule",
]


def build_rule(n_modalities: int, settings: BalancingSettings, names: Sequence[str] | None = None) -> BalancingRule:
    """Build the rule ``settings.balancing`` for `n_modalities` modalities.

    `names` are the names of the modalities, for weights that are set by name. Default: their numbers.
    """
    settings = settings.with_weights_of([str(place) for place in range(n_modalities)] if names is None else names)
    plug_in = load(__name__, settings.balancing, "balancing rule")
    rule = getattr(plug_in, "build", plug_in)(n_modalities, settings)
    if not isinstance(rule, BalancingRule):
        raise PlugInError(f"balancing rule {settings.balancing!r}: expected a BalancingRule, got {type(rule).__name__}")
    rule.weight_norm = settings.weight_norm
    if settings.weight_norm == "sum":
        rule.set_weights(rule.supervision_weight)
    return rule
