"""RedCore: cross-modal imputation under an information bottleneck, supervised where a modality is behind."""

from collections.abc import Mapping
from contextlib import ExitStack
from math import gcd
from typing import ClassVar, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from redcore._settings import MethodSettings
from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.balancing import StepSignals, build_rule
from redcore.data import MultimodalData
from redcore.fitting import StepContext, TrainableNetwork, seeded
from redcore.methods._base import ModalityForm, StackedEnsemble
from redcore.methods._redcore_settings import RedCoreSettings
from redcore.nn import (
    Batch,
    ConcatenatingImputers,
    Gaussian,
    GaussianBottleneck,
    Head,
    Objective,
    PooledImputers,
    StackedHead,
    drop_modalities,
    is_traced,
    kl_to_standard_normal,
    posterior_sampling,
)

__all__ = ["METHOD", "RedCore", "RedCoreNetwork", "RedCoreOutput", "RedCoreSettings"]

SOURCE = (
    "Sun, Zhang, Han, Ruan, Li: RedCore: Relative Advantage Aware Cross-modal Representation Learning for Missing "
    "Modalities with Imbalanced Missing Rates, AAAI 2024, arXiv 2312.10386; code version b2c6a2d"
)

GATES = 8
"""Largest number of affinities per pair of modalities in pooled imputers."""


class RedCoreOutput(NamedTuple):
    """Output of the network for a batch of B samples and M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
        Of the joint head.
    representation : tensor (B, M * latent_dim)
        ``[r_1; ...; r_M]``, the completed codes.
    unimodal_logits : tensor (B, M, n_outputs) or None
        None in prediction if no stack reads them.
    codes : Gaussian
        ``(mu_m, logvar_m)`` and ``z_m``, each (B, M, latent_dim); without meaning where a modality is missing.
    imputed : tensor (B, M, latent_dim)
        ``g_m``; in prediction only where a sample lacks a modality.
    """

    logits: Tensor
    representation: Tensor
    unimodal_logits: Tensor | None
    codes: Gaussian
    imputed: Tensor


class RedCoreNetwork(TrainableNetwork):
    """Network and loss of the paper, for any number of modalities; the steps are those of docs/method.md.

    Encoders run one by one, on the samples that observe the modality; the other parts run for all modalities at once.

    Parameters
    ----------
    forms : list of (name, n_features, is_sequence)
        Modalities, sorted by name.
    n_outputs : int
    settings : RedCoreSettings
    encoders : mapping of str to nn.Module, optional
        Own encoders by modality name, called as ``encoder(values, lengths)``; they are copied.
    """

    def __init__(
        self,
        forms: list[ModalityForm],
        n_outputs: int,
        settings: RedCoreSettings,
        encoders: Mapping[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.names, self.settings = [name for name, _, _ in forms], settings
        n, width, layers = len(forms), settings.latent_dim, settings.head_layers
        self.encoders = settings.build_encoders(forms, encoders)
        self.bottleneck = GaussianBottleneck(width, width, settings.bottleneck_noise, n)
        self.imputers = _build_imputers(n, settings)
        self.joint_head = Head(n * width, n_outputs, layers, settings.head_dropout)
        self.unimodal_heads = StackedHead(n, width, n_outputs, layers, settings.head_dropout)
        self.rule = build_rule(n, settings)

    @property
    def several_processes(self) -> bool:
        """True if the supervision-weight rule lets several processes share a fit."""
        return not self.rule.single_process

    def forward(self, batch: Batch) -> RedCoreOutput:
        """Encode, impute, complete and fuse: the table "Forward"."""
        codes = self.encode(batch)
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        imputed = self.impute(codes.sample, kept)
        supervised = imputed if self.settings.supervise_imputed else imputed.detach()
        completed = torch.where(kept[..., None], codes.sample, supervised)
        representation = completed.flatten(1)
        needed = self.training or self.settings.evidence == "stacked"
        unimodal = self.unimodal_heads(completed) if needed else None
        return RedCoreOutput(self.joint_head(representation), representation, unimodal, codes, imputed)

    def encode(self, batch: Batch) -> Gaussian:
        """Return ``z_m = mu_m + exp(logvar_m / 2) eps`` with ``(mu_m, logvar_m) = W_m f_m(x_m)``, (B, M, d)."""
        return cast(Gaussian, self.bottleneck(self.encoders(batch)))

    def impute(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Return ``g_m = c_m([z_k : k != m])`` for all modalities, (B, M, d), from the codes that are kept."""
        if len(self.names) == 1:
            return torch.zeros_like(codes)
        if self.training or is_traced():
            return cast(Tensor, self.imputers(self.imputer_input(codes, kept), kept))
        rows = torch.nonzero(~kept.all(dim=1))[:, 0]
        imputed = torch.zeros_like(codes)
        if len(rows):
            found = self.imputers(self.imputer_input(codes[rows], kept[rows]), kept[rows])
            imputed.index_copy_(0, rows, found.to(codes.dtype))
        return imputed

    def imputer_input(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Return the codes that imputers read, (B, M, d): zeros stand for those that are missing."""
        return codes.masked_fill(~kept[..., None], 0.0)

    def losses(self, output: RedCoreOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return the loss of a batch and its parts at the present supervision weights, without a change of state."""
        imputation = self.imputation_losses(output, batch)
        return self._weighted_losses(output, batch, objective, imputation, self.rule.supervision_weight)

    def step_losses(
        self, output: RedCoreOutput, batch: Batch, objective: Objective, context: StepContext
    ) -> dict[str, Tensor]:
        """Update the supervision weights ``beta_m`` by this batch, then return its loss and parts."""
        imputation, counts = self.imputation_losses(output, batch), batch.global_counts
        signals = StepSignals(
            context.total(imputation), counts.n_observed / counts.n_samples, context.step, context.ends_epoch,
            self, output, batch, objective, imputation, context.total, context.held_out,
        )  # fmt: skip
        # copied: the rule changes its state in place at the next step
        weights = self.rule.update(signals).clone()
        return self._weighted_losses(output, batch, objective, imputation, weights)

    def _weighted_losses(
        self, output: RedCoreOutput, batch: Batch, objective: Objective, imputation: Tensor, weights: Tensor
    ) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + u sum_m CE(y, logits_m) + L_kl + w_imp sum_m beta_m l_m`` and its parts."""
        if batch.target is None or output.unimodal_logits is None:
            raise ValueError("a batch for training needs a target, and a network in training mode")
        settings, n_samples = self.settings, batch.global_counts.n_samples
        joint = objective.loss(output.logits, batch.target, n_samples)
        unimodal = objective.losses(output.unimodal_logits, batch.target, n_samples)
        kl = kl_to_standard_normal(output.codes.mean, output.codes.logvar, batch.availability)
        kl = kl * (settings.kl_weight / n_samples)
        loss = joint + settings.unimodal_weight * unimodal.sum() + kl
        loss = loss + settings.imputation_weight * (weights * imputation).sum()
        parts = {"loss": loss, "loss/joint": joint, "loss/kl": kl, "loss/unimodal": unimodal}
        return parts | {"imputation_loss": imputation}

    def imputation_losses(self, output: RedCoreOutput, batch: Batch, anchor: RedCoreOutput | None = None) -> Tensor:
        """Return ``l_m = 1 / n_m sum_(i observes m) ||g_m - z_m||^2``, (M,); 0 where no sample observes m.

        Detached targets are those of `anchor`, the output of the same batch at other parameters; default: of `output`.
        """
        if len(self.names) == 1:
            return output.imputed.new_zeros(1)
        truth = output.codes.sample
        if self.settings.detach_imputation_target:
            truth = (anchor or output).codes.sample.detach()
        distance = (output.imputed - truth).square().sum(dim=2)
        return distance.masked_fill(~batch.availability, 0.0).sum(dim=0) / batch.global_counts.n_observed.clamp(min=1)

    def state(self) -> dict[str, Tensor]:
        """Return the state of the supervision-weight rule."""
        names = ("running_loss", "relative_advantage", "supervision_weight")
        return {name: getattr(self.rule, name) for name in names}


def _build_imputers(n_modalities: int, settings: RedCoreSettings) -> nn.Module:
    if n_modalities == 1:
        return nn.Identity()
    width, hidden = settings.latent_dim, settings.imputer_hidden
    if settings.imputer == "pooled":
        return PooledImputers(n_modalities, width, hidden, gcd(hidden, GATES))
    return ConcatenatingImputers(n_modalities, width, settings.imputer_layers, settings.imputer_blocks)


class RedCore(StackedEnsemble):
    """RedCore as a method.

    Parameters
    ----------
    settings : RedCoreSettings, optional
    encoders : mapping of str to nn.Module, optional
        Own encoders by modality name. A model with own encoders is reloaded with the same argument.
    """

    Settings: ClassVar[type[MethodSettings]] = RedCoreSettings
    imputes_codes: ClassVar[bool] = True

    Network: ClassVar[type[RedCoreNetwork]] = RedCoreNetwork

    def __init__(self, settings: MethodSettings | None = None, encoders: Mapping[str, nn.Module] | None = None) -> None:
        super().__init__(settings)
        self.encoders = dict(encoders or {})

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        check_known("modality", self.encoders, self.schema.names)
        return self.Network(forms, n_outputs, cast(RedCoreSettings, self.settings), self.encoders)

    def _sample(self, data: MultimodalData, n_draws: int, seed: int) -> AnyArray:
        """Predict with codes drawn from the bottlenecks of all networks."""
        with ExitStack() as sampling:
            sampling.enter_context(seeded(seed))
            for network in self.networks:
                sampling.enter_context(posterior_sampling(network))
            return np.stack([self._predict(data) for _ in range(n_draws)])


METHOD = RedCore
