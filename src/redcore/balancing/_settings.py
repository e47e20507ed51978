"""Settings of the supervision-weight rules."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from redcore._settings import PlugInName, Settings
from redcore._validation import check_known
from redcore.exceptions import SettingsError

__all__ = ["BalancingSettings"]

Weight = Annotated[float, Field(ge=0)]


def _split_weights(value: Any) -> Any:
    """Convert text such as ``"3,1,1"`` or ``"audio=3,text=0.5"`` to a list or a dict of numbers as text."""
    if not isinstance(value, str):
        return value
    parts = [part.strip() for part in value.strip("()[]{} ").split(",") if part.strip()]
    if not any("=" in part for part in parts):
        return parts
    pairs = [part.partition("=")[::2] for part in parts]
    return {name.strip(): number.strip() for name, number in pairs}


Weights: TypeAlias = Annotated[dict[str, Weight] | tuple[Weight, ...] | None, BeforeValidator(_split_weights)]
"""Weights by modality name, or of all modalities in alphabetical order."""


class BalancingSettings(Settings):
    """Supervision-weight rule and its constants. Each rule uses some of the constants.

    Attributes
    ----------
    balancing : str, default "fixed"
        Supervision-weight rule: a name, see 'redcore list rules', or a class or function, see `redcore.balancing`.
        "fixed": constant weights. "relative_advantage": the rule of the RedCore paper.
    smoothing : float in (0, 1], default 0.7
        Smoothing factor c of the running losses ``lbar <- (1 - c) lbar + c l``.
    weight_interval : int >= 1, default 3
        Number of optimiser steps between two updates of the supervision weights.
    weight_step : float >= 0, default 0.1
        Initial step size eta.
    weight_step_growth : float in [1, 10], default 1.5
        Factor by which eta grows at step 0 and every `weight_step_growth_interval` steps.
    weight_step_growth_interval : int >= 1, default 500
    weight_step_max : float > 0 or None, default 1
        Upper bound on eta; None disables the bound, as in the released code.
    weight_floor : float in (0, 1], default 0.1
        Minimum supervision weight before normalisation.
    weight_norm : {"l2", "sum"}, default "l2"
        Constraint on the supervision weights of M modalities. "l2": the L2 norm is 1, as in the paper (``sqrt(M)`` for
        the rule "passion"), so that the sum is between 1 and ``sqrt(M)``. "sum": the sum is ``sqrt(M)``, the sum of
        equal weights with L2 norm 1, so that rules differ only in the distribution of the weights.
    fixed_weights : mapping of str to float, sequence of float, or None, default None
        Constant weights of the rule "fixed": by modality name (1 for all others), or for all modalities in alphabetical
        order. They are at least 0, and are scaled as `weight_norm` states. None: equal weights.
    """

    balancing: Annotated[str, PlugInName("redcore.balancing", "balancing rule")] = "fixed"
    smoothing: Annotated[float, Field(gt=0, le=1)] = 0.7
    weight_interval: Annotated[int, Field(ge=1)] = 3
    weight_step: Annotated[float, Field(ge=0)] = 0.1
    weight_step_growth: Annotated[float, Field(ge=1, le=10)] = 1.5
    weight_step_growth_interval: Annotated[int, Field(ge=1)] = 500
    weight_step_max: Annotated[float, Field(gt=0)] | None = 1.0
    weight_floor: Annotated[float, Field(gt=0, le=1)] = 0.1
    weight_norm: Literal["l2", "sum"] = "l2"
    fixed_weights: Weights = None

    @model_validator(mode="after")
    def _check_fixed_weights(self) -> Self:
        if self.fixed_weights is not None and self.balancing != "fixed":
            raise ValueError(f"'fixed_weights' needs the balancing rule 'fixed', got {self.balancing!r}")
        return self

    def with_weights_of(self, names: Sequence[str], active: Sequence[str] | None = None) -> Self:
        """Return settings whose `fixed_weights`, unless None, are a tuple in the order of the modalities.

        Parameters
        ----------
        names : sequence of str
            Names of all modalities, sorted.
        active : sequence of str, optional
            Names of the modalities of the network. Default: `names`.

        Raises
        ------
        UnknownNameError
            If a modality of `fixed_weights` does not exist.
        SettingsError
            If the number of weights is not the number of modalities, or if all weights are 0.
        """
        given = self.fixed_weights
        if given is None:
            return self
        if isinstance(given, tuple):
            if len(given) != len(names):
                raise SettingsError(
                    f"setting 'fixed_weights' has {len(given)} weights, expected {len(names)}: {', '.join(names)}"
                )
            given = dict(zip(names, given, strict=True))
        check_known("modality in setting 'fixed_weights'", given, names)
        ordered = tuple(given.get(name, 1.0) for name in (names if active is None else active))
        if not any(ordered):
            raise SettingsError(f"setting 'fixed_weights' is {ordered}: expected at least one weight above 0")
        return self.model_copy(update={"fixed_weights": ordered})
