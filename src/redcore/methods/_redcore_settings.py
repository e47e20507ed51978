"""Constants of RedCore."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from redcore._settings import Search, Sizes
from redcore.balancing import BalancingSettings
from redcore.methods._base import CodeSettings, StackingSettings
from redcore.nn.encoders import EncoderSpec

__all__ = ["RedCoreSettings"]


class RedCoreSettings(BalancingSettings, StackingSettings, CodeSettings):
    """Constants of RedCore, in addition to those of `CodeSettings`, `StackingSettings` and `BalancingSettings`.

    Attributes
    ----------
    learning_rate : float in (0, 10], default 3e-3
    encoder_hidden_ratio : int in [1, 16], default 2
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
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "kl_weight": Search(1e-5, 1e-1, log=True),
        "imputation_weight": Search(1e-2, 1.0, log=True),
        "unimodal_weight": Search(0.1, 3.0, log=True),
        "weight_step": Search(1e-2, 1.0, log=True),
    }

    learning_rate: Annotated[float, Field(gt=0, le=10)] = 3e-3
    encoder_hidden_ratio: Annotated[int, Field(ge=1, le=16)] = 2
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    positional_encoding: bool = True
    bottleneck_noise: bool = True
    imputer: Literal["pooled", "concatenate"] = "pooled"
    imputer_hidden: Annotated[int, Field(ge=1, le=8192)] = 128
    imputer_layers: Sizes = (64,)
    imputer_blocks: Annotated[int, Field(ge=0, le=64)] = 1
    kl_weight: Annotated[float, Field(ge=0)] = 0.0008
    imputation_weight: Annotated[float, Field(ge=0)] = 0.15
    unimodal_weight: Annotated[float, Field(ge=0)] = 1.0
    supervise_imputed: bool = True
    detach_imputation_target: bool = True

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
