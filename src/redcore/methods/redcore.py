"""RedCore: cross-modal imputation under an information bottleneck, supervised where a modality is behind."""

from collections.abc import Mapping
from contextlib import ExitStack
from math import gcd
from typing import Any, ClassVar, NamedTuple, Self, cast

import numpy as np
import torch
from torch import Tensor, nn

from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.balancing import build_rule
from redcore.data import MultimodalData
from redcore.fitting import Plan, SubNetwork, TrainableNetwork, seeded, slices, whole
from redcore.methods._base import MethodSettings, ModalityForm, StackedEnsemble
from redcore.methods._redcore_settings import RedCoreSettings
from redcore.nn import (
    Batch,
    CodeEncoders,
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
"""Most affinities per pair of modalities in pooled imputers."""


def _build_imputers(n_modalities: int, settings: RedCoreSettings) -> nn.Module:
    if n_modalities == 1:
        return nn.Identity()
    width, hidden = settings.latent_dim, settings.imputer_hidden
    if settings.imputer == "pooled":
        return PooledImputers(n_modalities, width, hidden, gcd(hidden, GATES))
    return ConcatenatingImputers(n_modalities, width, settings.imputer_layers, settings.imputer_blocks)


class RedCoreOutput(NamedTuple):
    """What the network computes for a batch of B samples and M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
        Of the joint head.
    representation : tensor (B, M * latent_dim)
        ``[r_1; ...; r_M]``, the completed codes.
    unimodal_logits : tensor (B, M, n_outputs) or None
        None where nothing needs them.
    codes : Gaussian
        Of all modalities, (B, M, latent_dim); of no meaning where a modality is missing.
    imputed : tensor (B, M, latent_dim)
        ``g_m``; outside training it may be computed only where the modality is missing.
    """

    logits: Tensor
    representation: Tensor
    unimodal_logits: Tensor | None
    codes: Gaussian
    imputed: Tensor


class RedCoreNetwork(TrainableNetwork):
    """The network of the paper, for any number of modalities.

    Encoders run one by one, on the samples that observe the modality; all that follows runs for all modalities at once.

    Parameters
    ----------
    forms : list of (name, n_features, is_sequence)
        Modalities, sorted by name.
    n_outputs : int
    settings : RedCoreSettings
    encoders : mapping of str to nn.Module, optional
        Own encoders by modality name, called as ``encoder(values, lengths)``; they are copied.
    steps_per_epoch : int, default 100
        For supervision-weight rules that act once per epoch.
    """

    def __init__(
        self,
        forms: list[ModalityForm],
        n_outputs: int,
        settings: RedCoreSettings,
        encoders: Mapping[str, nn.Module] | None = None,
        steps_per_epoch: int = 100,
    ) -> None:
        super().__init__()
        self.names = [name for name, _, _ in forms]
        self.settings = settings
        self._of_zeros: Tensor | None = None
        n, width, layers = len(forms), settings.latent_dim, settings.head_layers
        self.encoders = CodeEncoders(forms, settings.encoder, settings.encoder_spec(), encoders)
        self.activation = nn.Sigmoid() if settings.encoder_activation == "sigmoid" else nn.Identity()
        self.bottleneck = GaussianBottleneck(width, width, settings.bottleneck_noise, n)
        self.imputers = _build_imputers(n, settings)
        self.joint_head = Head(n * width, n_outputs, layers, settings.head_dropout)
        self.unimodal_heads = StackedHead(n, width, n_outputs, layers, settings.head_dropout)
        self.rule = build_rule(settings.balancing, n, settings.balancing_spec(steps_per_epoch))

    def subnetworks(self) -> list[SubNetwork]:
        """Return encoders with their bottlenecks, imputers and heads, one by one."""
        places = range(len(self.names))
        encoders = [
            [*whole(self.encoders.encoders[m]), *whole(self.encoders.project[m]), *slices(self.bottleneck, m)]
            for m in places
        ]
        concatenating = isinstance(self.imputers, ConcatenatingImputers)
        imputers = [slices(self.imputers, m) for m in places] if concatenating else [whole(self.imputers)]
        heads = [whole(self.joint_head), *(slices(self.unimodal_heads, m) for m in places)]
        return [part for part in (*encoders, *imputers, *heads) if part]

    def forward(self, batch: Batch) -> RedCoreOutput:
        """Encode, impute, complete, fuse; see the table "Forward" of docs/method.md."""
        codes: Gaussian = self.bottleneck(self.activation(self.encoders(batch)))
        kept = drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)
        imputed = self._impute(codes.sample, kept)
        guess = imputed if self.settings.supervise_imputed else imputed.detach()
        completed = torch.where(kept[..., None], codes.sample, guess)
        representation = completed.flatten(1)
        wanted = self.training or self.settings.evidence == "stacked"
        unimodal = self.unimodal_heads(completed) if wanted else None
        return RedCoreOutput(self.joint_head(representation), representation, unimodal, codes, imputed)

    def _impute(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Return ``g_m`` for all modalities, (B, M, d), from the codes that are kept."""
        if len(self.names) == 1:
            return torch.zeros_like(codes)
        if self.training or is_traced():
            return cast(Tensor, self.imputers(self._readable(codes, kept), kept))
        rows = torch.nonzero(~kept.all(dim=1))[:, 0]
        imputed = torch.zeros_like(codes)
        if len(rows):
            found = self.imputers(self._readable(codes[rows], kept[rows]), kept[rows])
            imputed.index_copy_(0, rows, found.to(codes.dtype))
        return imputed

    def _readable(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Return what imputers may read, (B, M, d): codes that are kept, and what stands for the others."""
        if self.settings.missing_code == "zeros":
            return codes.masked_fill(~kept[..., None], 0.0)
        # all samples share the input, so one row is encoded; each draws noise of its own
        zeros_encoded: Gaussian = self.bottleneck(self._encoded_zeros().expand(codes.shape[0], -1, -1))
        return torch.where(kept[..., None], codes, zeros_encoded.sample.to(codes.dtype))

    def _encoded_zeros(self) -> Tensor:
        """Return the hidden state of inputs of zeros, (1, M, d), computed once where the network only predicts."""
        if self.training or torch.is_grad_enabled() or is_traced():
            return cast(Tensor, self.activation(self.encoders.encode_zeros()))
        if self._of_zeros is None:
            self._of_zeros = cast(Tensor, self.activation(self.encoders.encode_zeros()))
        return self._of_zeros

    def train(self, mode: bool = True) -> Self:
        """Set training or prediction; what training may change is forgotten."""
        self._of_zeros = None if mode else self._of_zeros
        return super().train(mode)

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:
        """Load parameters; see `torch.nn.Module.load_state_dict`."""
        self._of_zeros = None
        return super().load_state_dict(*arguments, **options)

    @property
    def several_processes(self) -> bool:
        """Whether processes can share a fit: not with rules that look at validation data, or add noise to gradients."""
        return not (self.rule.needs_validation or self.rule.needs_scores)

    @property
    def outer_interval(self) -> int | None:
        """As in `TrainableNetwork`: `weight_interval` for rules that look at validation data."""
        return self.settings.weight_interval if self.rule.needs_validation and len(self.names) > 1 else None

    def weighted_losses(self, output: RedCoreOutput, batch: Batch, anchor: RedCoreOutput | None = None) -> Tensor:
        """Return ``l_m = 1 / n_m * sum ||g_m - z_m||^2``, (M,); 0 where nobody observes m.

        See `TrainableNetwork.weighted_losses`.
        """
        observed = batch.availability
        if len(self.names) == 1:
            return output.imputed.new_zeros(1)
        truth = output.codes.sample
        if self.settings.detach_imputation_target:
            truth = (output if anchor is None else anchor).codes.sample.detach()
        distance = (output.imputed - truth).square().sum(dim=2)
        return distance.masked_fill(~observed, 0.0).sum(dim=0) / batch.whole.n_observed.clamp(min=1)

    def outer_step(self, slopes: Tensor) -> None:
        """Hand on to the supervision-weight rule."""
        self.rule.outer_step(slopes)

    def after_backward(self) -> None:
        """Scale the gradients of the encoders as the supervision-weight rule asks, and keep their noise."""
        if not self.rule.needs_scores:
            return
        for scale, branch in zip(self.rule.gradient_scale.tolist(), self.branches(), strict=True):
            for parameter in branch.parameters() if scale < 1 else ():
                if parameter.grad is not None:
                    spread = parameter.grad.std(correction=0)
                    parameter.grad.mul_(scale).add_(torch.randn_like(parameter.grad) * spread)

    def losses(self, output: RedCoreOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + sum_m CE(y, logits_m) + L_kl + w_imp * sum_m beta_m l_m`` and its parts."""
        if batch.target is None or output.unimodal_logits is None:
            raise ValueError("a batch for training needs a target, and a network in training mode")
        settings, target, whole_batch = self.settings, batch.target, batch.whole
        joint = objective.loss(output.logits, target, whole_batch.n_samples)
        unimodal = objective.losses(output.unimodal_logits, target, whole_batch.n_samples)
        code, observed = output.codes, batch.availability
        kl = kl_to_standard_normal(code.mean, code.logvar, observed) * (settings.kl_weight / whole_batch.n_samples)
        imputation = self.weighted_losses(output, batch)
        share = whole_batch.n_observed / whole_batch.n_samples
        # copied: the rule changes its state in place at the next step
        weights = self.rule.update(self.total(imputation), share, step).clone()
        if self.rule.needs_gradient_norms and step % settings.weight_interval == 0 and len(self.names) > 1:
            self.rule.take_gradient_norms(self.total(_squared_gradient_norms(imputation, code.sample)).sqrt())
        if self.rule.needs_scores:
            self.rule.take_scores(_scores(output.unimodal_logits.detach(), batch, objective), share)
        loss = joint + settings.unimodal_weight * unimodal.sum() + kl
        loss = loss + settings.imputation_weight * (weights * imputation).sum()
        return {
            "loss": loss,
            "loss/joint": joint,
            "loss/kl": kl,
            "loss/unimodal": unimodal,
            "imputation_loss": imputation,
        }

    def state(self) -> dict[str, Tensor]:
        """Return what the supervision-weight rule stands at."""
        return {
            "running_loss": self.rule.running_loss,
            "relative_advantage": self.rule.relative_advantage,
            "supervision_weight": self.rule.supervision_weight,
        }


def _squared_gradient_norms(losses: Tensor, codes: Tensor) -> Tensor:
    """Return the squared norm of the gradient of each loss by the codes, (M,)."""
    slopes = [torch.autograd.grad(loss, codes, retain_graph=True, allow_unused=True)[0] for loss in losses.unbind()]
    return torch.stack([codes.new_zeros(()) if slope is None else slope.square().sum() for slope in slopes])


def _scores(unimodal_logits: Tensor, batch: Batch, objective: Objective) -> Tensor:
    """Return ``exp(-loss)`` of each unimodal head, averaged over the samples that observe its modality, (M,)."""
    assert batch.target is not None
    values, _ = objective.split(batch.target)
    of_samples = torch.exp(-objective.sample_losses(unimodal_logits, values)) * batch.availability
    return of_samples.sum(dim=0) / batch.availability.sum(dim=0).clamp(min=1)


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

    def __init__(self, settings: MethodSettings | None = None, encoders: Mapping[str, nn.Module] | None = None) -> None:
        super().__init__(settings)
        self.encoders = dict(encoders or {})

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        check_known("modality", self.encoders, self.schema.names)
        settings = cast(RedCoreSettings, self.settings)
        steps_per_epoch = Plan.make(settings, n_samples).steps_per_epoch
        return RedCoreNetwork(forms, n_outputs, settings, self.encoders, steps_per_epoch)

    def _sample(self, data: MultimodalData, n_draws: int, seed: int) -> AnyArray:
        """Predict with codes drawn from the bottlenecks of all networks."""
        with ExitStack() as sampling:
            sampling.enter_context(seeded(seed))
            for network in self.networks:
                sampling.enter_context(posterior_sampling(network))
            return np.stack([self._predict(data) for _ in range(n_draws)])


METHOD = RedCore
