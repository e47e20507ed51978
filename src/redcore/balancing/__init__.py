"""Supervision-weight rules, one module each: ``build(n_modalities, spec) -> BalancingRule``."""

from typing import cast

from redcore._discovery import load
from redcore.balancing._rule import BalancingRule, BalancingSpec

__all__ = ["BalancingRule", "BalancingSpec", "build_rule"]


def build_rule(name: str, n_modalities: int, spec: BalancingSpec) -> BalancingRule:
    """Build the rule `name` for `n_modalities` modalities.

    Raises
    ------
    UnknownNameError
        If there is no such rule.
    """
    return cast(BalancingRule, load(__name__, name, "balancing rule").build(n_modalities, spec))
