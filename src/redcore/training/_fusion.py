"""Settings of methods that fuse codes by attention."""

from typing import Self

from pydantic import model_validator

from redcore.nn import AttentionFusion
from redcore.training._codes import CodeSettings

__all__ = ["FusionSettings"]


class FusionSettings(CodeSettings):
    """Constants of `CodeSettings`, with fusion by attention: `encoder_heads` and `encoder_dropout` are its own too."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        # CodeSettings asks it of some encoders only
        if self.latent_dim % self.encoder_heads:
            raise ValueError(f"latent_dim {self.latent_dim} is not a multiple of encoder_heads {self.encoder_heads}")
        return self

    def build_fusion(self, n_modalities: int) -> AttentionFusion:
        """Build the fusion of all modalities."""
        return AttentionFusion(n_modalities, self.latent_dim, self.encoder_heads, self.encoder_dropout)
