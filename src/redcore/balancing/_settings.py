"""Settings of the supervision-weight rules."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from redcore._discovery import names
from redcore._settings import Settings
from redcore._validation import check_known

__all__ = ["BalancingSettings"]


class BalancingSettings(Settings):
    """Supervision-weight rule and its constants. Each rule uses some of the constants.

    Attributes
    ----------
    balancing : str, default "relative_advantage"
        Name of the supervision-weight rule, see 'redcore list rules'. "fixed" is the ablation.
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
    """

    balancing: str = "relative_advantage"
    smoothing: Annotated[float, Field(gt=0, le=1)] = 0.7
    weight_interval: Annotated[int, Field(ge=1)] = 3
    weight_step: Annotated[float, Field(ge=0)] = 0.1
    weight_step_growth: Annotated[float, Field(ge=1, le=10)] = 1.5
    weight_step_growth_interval: Annotated[int, Field(ge=1)] = 500
    weight_step_max: Annotated[float, Field(gt=0)] | None = 1.0
    weight_floor: Annotated[float, Field(gt=0, le=1)] = 0.1

    @model_validator(mode="after")
    def _known_rule(self) -> Self:
        check_known("balancing rule", [self.balancing], names("redcore.balancing"))
        return self
