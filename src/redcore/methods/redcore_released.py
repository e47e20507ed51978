"""RedCore as the authors released it: the paper's network with the differences that only their code has.

A sigmoid follows each encoder, imputers read the encoding of zeros in place of another missing modality, and the
gradient of each sub-network is clipped by itself. The preset `aaai2024` has the other constants of the paper.
"""

from typing import Annotated, Any, ClassVar, Literal, Self, cast

import torch
from torch import Tensor, nn

from redcore._settings import MethodSettings, PlugInName
from redcore.fitting import SubNetwork, all_parameters, slices
from redcore.methods._base import ModalityForm
from redcore.methods.redcore import SOURCE, RedCore, RedCoreNetwork, RedCoreSettings
from redcore.nn import Batch, ConcatenatingImputers, Gaussian, choose_codes, is_traced

__all__ = ["METHOD", "SOURCE", "RedCoreReleased", "ReleasedNetwork", "ReleasedSettings"]


class ReleasedSettings(RedCoreSettings):
    """Settings of `RedCoreSettings`, and those of the released code.

    Attributes
    ----------
    balancing : str, default "relative_advantage"
        As in `BalancingSettings`.
    encoder_activation : {"sigmoid", "identity"}, default "sigmoid"
        Function that is applied to the output of each encoder.
    missing_code : {"encoded_zeros", "zeros"}, default "encoded_zeros"
        Input of an imputer in place of another missing modality.
    clip_scope : {"subnetwork", "all"}, default "subnetwork"
        Whether `gradient_clip` bounds the norm of each sub-network, or of all parameters together.
    """

    balancing: Annotated[str, PlugInName("redcore.balancing", "balancing rule")] = "relative_advantage"
    encoder_activation: Literal["sigmoid", "identity"] = "sigmoid"
    missing_code: Literal["encoded_zeros", "zeros"] = "encoded_zeros"
    clip_scope: Literal["subnetwork", "all"] = "subnetwork"


class ReleasedNetwork(RedCoreNetwork):
    """`RedCoreNetwork` with the differences of the released code that its settings ask for."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: ReleasedSettings) -> None:
        super().__init__(forms, n_outputs, settings)
        self.released = settings
        self.activation = nn.Sigmoid() if settings.encoder_activation == "sigmoid" else nn.Identity()
        self._zeros_encoded: Tensor | None = None

    def encode(self, batch: Batch) -> Gaussian:
        """See `RedCoreNetwork.encode`; the activation is between encoder and bottleneck."""
        return cast(Gaussian, self.bottleneck(self.activation(self.encoders(batch))))

    def imputer_input(self, codes: Tensor, kept: Tensor) -> Tensor:
        """See `RedCoreNetwork.imputer_input`; the code of an input of zeros may stand for a missing modality."""
        if self.released.missing_code == "zeros":
            return super().imputer_input(codes, kept)
        # all samples share the input, so one row is encoded; each draws its own noise
        zeros: Gaussian = self.bottleneck(self._encoded_zeros().expand(codes.shape[0], -1, -1))
        return choose_codes(kept, codes, zeros.sample.to(codes.dtype))

    def _encoded_zeros(self) -> Tensor:
        """Return the hidden state of inputs of zeros, (1, M, d); in prediction it is computed once."""
        if self.training or torch.is_grad_enabled() or is_traced():
            return cast(Tensor, self.activation(self.encoders.encode_zeros()))
        if self._zeros_encoded is None:
            self._zeros_encoded = cast(Tensor, self.activation(self.encoders.encode_zeros()))
        return self._zeros_encoded

    def train(self, mode: bool = True) -> Self:
        """Set training or prediction mode; training invalidates the encoding of zeros."""
        self._zeros_encoded = None if mode else self._zeros_encoded
        return super().train(mode)

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:
        """Load parameters; see `torch.nn.Module.load_state_dict`."""
        self._zeros_encoded = None
        return super().load_state_dict(*arguments, **options)

    def subnetworks(self) -> list[SubNetwork]:
        """Return encoders with their bottlenecks, imputers and heads, one by one."""
        if self.released.clip_scope == "all":
            return super().subnetworks()
        places = range(len(self.names))
        encoders = [
            [
                *all_parameters(self.encoders.encoders[m]),
                *all_parameters(self.encoders.project[m]),
                *slices(self.bottleneck, m),
            ]
            for m in places
        ]
        concatenating = isinstance(self.imputers, ConcatenatingImputers)
        imputers = [slices(self.imputers, m) for m in places] if concatenating else [all_parameters(self.imputers)]
        heads = [all_parameters(self.joint_head), *(slices(self.unimodal_heads, m) for m in places)]
        return [part for part in (*encoders, *imputers, *heads) if part]


class RedCoreReleased(RedCore):
    """The released RedCore as a method."""

    Settings: ClassVar[type[MethodSettings]] = ReleasedSettings
    Network: ClassVar[type[RedCoreNetwork]] = cast(type[RedCoreNetwork], ReleasedNetwork)


METHOD = RedCoreReleased
