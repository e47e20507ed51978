"""Settings of networks that encode each modality into one latent code."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from redcore._discovery import provenance
from redcore._settings import PlugInName, Search, Sizes
from redcore.fitting import TrainingSettings
from redcore.methods._base._encoder_choice import EncoderChoice, EncoderChoices
from redcore.nn import AttentionFusion, CodeEncoders, ModalityForm, TokenTransformer
from redcore.nn.encoders import EncoderSpec, default_kind

__all__ = ["CodeSettings", "FusionSettings"]


class CodeSettings(TrainingSettings):
    """Settings of encoders, heads and modality dropout.

    All networks with latent codes share these settings, so that comparisons of methods do not depend on encoders.

    Attributes
    ----------
    encoder : str, default "auto"
        Encoder of all modalities without an entry in `encoders`: a name, see 'redcore list encoders', or a class or
        function, see `redcore.nn.encoders`. "auto" uses an MLP for vectors, "windows" for
        sequences with a median length of at least 32 steps, a Transformer for shorter ones, "cnn" for images and
        "tokens" for token ids. Modalities that the encoder does not read get "auto".
    encoders : mapping of str to EncoderChoice, default {}
        Encoders by modality: a name, an object, or a mapping; see `EncoderChoice`.
    encoder_layers : int in [1, 64], default 1
    encoder_heads : int in [1, 64], default 4
        Number of attention heads; must divide `latent_dim`.
    encoder_hidden_ratio : int in [1, 16], default 2
        Width of the hidden layer of a Transformer block, as a multiple of `latent_dim`.
    encoder_dropout : float in [0, 1), default 0.3
    attention_dropout : float in [0, 1) or None, default None
        Dropout of attention weights; None stands for `encoder_dropout`.
    encoder_max_steps : int >= 1 or None, default 64
        Longest typical input of a Transformer. If the median length of the training sequences of a modality is larger,
        patches of consecutive steps are the tokens (Nie et al. 2023): their length is the median divided by this
        number, rounded up. None makes every step a token.
    positional_encoding : bool, default True
        If True, Transformers add sinusoidal position encodings.
    latent_dim : int in [1, 8192], default 64
        Width of the latent code of a modality.
    head_layers : tuple of int, default ()
        Hidden sizes of the heads; empty for linear heads.
    head_dropout : float in [0, 1), default 0.3
    modality_dropout : float in [0, 1), default 0.3
        Probability of hiding an observed modality in a training step. Each sample keeps at least one modality. Imputers
        and decoders are supervised by the known codes of hidden modalities. The RedCore paper uses 0.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "latent_dim": Search(choices=(32, 64, 128)),
        "encoder_dropout": Search(0.0, 0.5),
        "head_dropout": Search(0.0, 0.5),
        "modality_dropout": Search(0.0, 0.6),
    }

    encoder: Annotated[str, PlugInName("redcore.nn.encoders", "encoder", ("auto",))] = "auto"
    encoders: EncoderChoices = Field(default_factory=dict)
    encoder_layers: Annotated[int, Field(ge=1, le=64)] = 1
    encoder_heads: Annotated[int, Field(ge=1, le=64)] = 4
    encoder_hidden_ratio: Annotated[int, Field(ge=1, le=16)] = 2
    encoder_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    encoder_max_steps: Annotated[int, Field(ge=1)] | None = 64
    positional_encoding: bool = True
    latent_dim: Annotated[int, Field(ge=1, le=8192)] = 64
    head_layers: Sizes = ()
    head_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3
    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.encoder in ("auto", "transformer") and self.latent_dim % self.encoder_heads:
            raise ValueError(f"latent_dim {self.latent_dim} is not a multiple of encoder_heads {self.encoder_heads}")
        return self

    def plug_ins(self) -> list[dict[str, str]]:
        """Return the plug-ins of other distributions that the settings name, with those in `encoders`."""
        named = [provenance("redcore.nn.encoders", choice.name) for choice in self.encoders.values()]
        return super().plug_ins() + [plug_in for plug_in in named if plug_in]

    @property
    def has_default_encoders(self) -> bool:
        """True if the encoder of each modality is the default one for its values, or an MLP."""
        return self.encoder in ("auto", "mlp") and not self.encoders

    def encoder_spec(self) -> EncoderSpec:
        """Return the sizes and dropout rates of the encoders."""
        return EncoderSpec(
            self.latent_dim,
            self.encoder_layers,
            self.encoder_heads,
            self.encoder_hidden_ratio,
            self.encoder_dropout if self.attention_dropout is None else self.attention_dropout,
            self.encoder_dropout,
            self.positional_encoding,
            self.encoder_max_steps,
        )

    def build_encoders(self, forms: Sequence[ModalityForm]) -> CodeEncoders:
        """Build the encoders of all modalities."""
        encoders = []
        for form in forms:
            spec = replace(self.encoder_spec(), shape=form.shape, n_tokens=form.n_tokens)
            choice = self.encoders.get(form.name)
            if choice is None:
                choice = EncoderChoice(name=default_kind(self.encoder, spec.inputs(form.n_steps)))
            encoders.append(choice.build(form, spec))
        return CodeEncoders(encoders, self.latent_dim)


class FusionSettings(CodeSettings):
    """Settings of networks with attention-based fusion, which also uses `encoder_heads` and `encoder_dropout`."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        # `CodeSettings` checks this for some encoders only
        if self.latent_dim % self.encoder_heads:
            raise ValueError(f"latent_dim {self.latent_dim} is not a multiple of encoder_heads {self.encoder_heads}")
        return self

    def build_fusion(self, n_modalities: int) -> AttentionFusion:
        """Build the fusion module for `n_modalities` modalities."""
        return AttentionFusion(n_modalities, self.latent_dim, self.encoder_heads, self.encoder_dropout)

    def build_token_transformer(self, n_modalities: int, n_layers: int) -> TokenTransformer:
        """Build a Transformer with `n_layers` blocks over the codes of `n_modalities` modalities."""
        return TokenTransformer(
            n_modalities, self.latent_dim, n_layers, self.encoder_heads, self.encoder_hidden_ratio, self.encoder_dropout
        )
