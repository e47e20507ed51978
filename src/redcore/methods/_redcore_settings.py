"""Constants of RedCore."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from redcore._discovery import names
from redcore._settings import Search, Sizes
from redcore._validation import check_known
from redcore.balancing import BalancingSpec
from redcore.methods._base import CodeSettings, StackingSettings
from redcore.nn.encoders import EncoderSpec

__all__ = ["RedCoreSettings"]


class RedCoreSettings(StackingSettings, CodeSettings):
    """Constants of RedCore, in addition to those of `CodeSettings` and `StackingSettings`.

    Attributes
    ----------
    learning_rate : float in (0, 10], default 3e-3
    encoder_hidden_ratio : int in [1, 16], default 2
    encoder_activation : {"sigmoid", "identity"}, default "identity"
        Applied to the encoder's output.
    attention_dropout : float in [0, 1), default 0.1
    positional_encoding : bool, default True
        Whether Transformers add sinusoidal positions.
    bottleneck_noise : bool, default True
        Whether codes are sampled in training. Predictions never are.
    imputer : {"pooled", "concatenate"}, default "pooled"
        Whether imputers read the summed messages of the present others (cost grows as M), or the concatenated codes of
        all others (the paper; cost grows as M^2).
    imputer_hidden : int in [1, 8192], default 128
        Size of the messages of pooled imputers.
    imputer_layers : tuple of int, default (64,)
        Hidden sizes of a concatenating imputer's autoencoders on the way down.
    imputer_blocks : int in [0, 64], default 1
        Number of residual autoencoders of a concatenating imputer.
    missing_code : {"zeros", "encoded_zeros"}, default "zeros"
        What imputers read for another missing modality: zeros, or the encoder's output on zeros (the released code).
    kl_weight : float >= 0, default 0.0008
        lambda of ``L_kl = -lambda / B * sum (1 + logvar - mu^2 - exp(logvar))``; 0 switches the bottleneck off.
    imputation_weight : float >= 0, default 0.15
        w_imp of ``w_imp * sum_m beta_m l_m``.
    unimodal_weight : float >= 0, default 1
        Weight of the unimodal heads' losses; 1 in the paper.
    supervise_imputed : bool, default True
        Whether labels supervise imputed codes. If not, no gradient of a head reaches an imputer.
    detach_imputation_target : bool, default True
        Whether the imputation loss leaves the encoder of the modality that is imputed alone. If not, as in the released
        code, codes are also drawn towards what is easy to impute.
    balancing : str, default "relative_advantage"
        Supervision-weight rule ('redcore list rules'); "fixed" is the ablation.
    smoothing : float in (0, 1], default 0.7
        c of ``lbar <- (1 - c) lbar + c l``.
    weight_interval : int >= 1, default 3
        Optimiser steps between two steps on the supervision weights.
    weight_step : float >= 0, default 0.1
        eta at the start.
    weight_step_growth : float in [1, 10], default 1.5
        What eta is multiplied by at step 0 and then every `weight_step_growth_interval` steps.
    weight_step_growth_interval : int >= 1, default 500
    weight_step_max : float > 0 or None, default 1
        Bound on eta; None is the unbounded rule of the released code.
    weight_floor : float in (0, 1], default 0.1
        Least supervision weight before normalisation.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "kl_weight": Search(1e-5, 1e-1, log=True),
        "imputation_weight": Search(1e-2, 1.0, log=True),
        "unimodal_weight": Search(0.1, 3.0, log=True),
        "weight_step": Search(1e-2, 1.0, log=True),
    }

    learning_rate: Annotated[float, Field(gt=0, le=10)] = 3e-3
    encoder_hidden_ratio: Annotated[int, Field(ge=1, le=16)] = 2
    encoder_activation: Literal["sigmoid", "identity"] = "identity"
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    positional_encoding: bool = True
    bottleneck_noise: bool = True
    imputer: Literal["pooled", "concatenate"] = "pooled"
    imputer_hidden: Annotated[int, Field(ge=1, le=8192)] = 128
    imputer_layers: Sizes = (64,)
    imputer_blocks: Annotated[int, Field(ge=0, le=64)] = 1
    missing_code: Literal["zeros", "encoded_zeros"] = "zeros"
    kl_weight: Annotated[float, Field(ge=0)] = 0.0008
    imputation_weight: Annotated[float, Field(ge=0)] = 0.15
    unimodal_weight: Annotated[float, Field(ge=0)] = 1.0
    supervise_imputed: bool = True
    detach_imputation_target: bool = True
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

    def encoder_spec(self) -> EncoderSpec:
        """Return the size of the encoders."""
        return EncoderSpec(
            self.latent_dim,
            self.encoder_layers,
            self.encoder_heads,
            self.encoder_hidden_ratio,
            self.attention_dropout,
            self.encoder_dropout,
            self.positional_encoding,
        )

    def balancing_spec(self, steps_per_epoch: int) -> BalancingSpec:
        """Return the constants of the supervision-weight rule."""
        return BalancingSpec(
            self.smoothing,
            self.weight_interval,
            self.weight_step,
            self.weight_step_growth,
            self.weight_step_growth_interval,
            self.weight_step_max,
            self.weight_floor,
            steps_per_epoch,
        )
