"""RedCore: cross-modal imputation under an information bottleneck, supervised where a modality is behind."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from math import gcd, log
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, cast

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from redcore._discovery import names
from redcore._settings import Search, Sizes
from redcore._types import AnyArray, IntArray
from redcore._validation import check_known
from redcore.balancing import BalancingSpec, build_rule
from redcore.data import MultimodalData
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
    kl_to_standard_normal,
    posterior_sampling,
)
from redcore.nn.encoders import EncoderSpec
from redcore.training import (
    CodeSettings,
    EnsembleMethod,
    Evidence,
    FitContext,
    MethodSettings,
    ModalityForm,
    Plan,
    Split,
    SubNetwork,
    TrainableNetwork,
    Trial,
    pieces,
    predict_batches,
    seeded,
    slices,
    whole,
)

__all__ = ["METHOD", "RedCore", "RedCoreNetwork", "RedCoreOutput", "RedCoreSettings"]

SOURCE = (
    "Sun, Zhang, Han, Ruan, Li: RedCore: Relative Advantage Aware Cross-modal Representation Learning for Missing "
    "Modalities with Imbalanced Missing Rates, AAAI 2024, arXiv 2312.10386; code version b2c6a2d"
)

GATES = 8
"""Most affinities per pair of modalities in pooled imputers."""

MEMBERS_UP_TO = {2_000: 5, 20_000: 3}
"""How many networks are fitted, where it is not asked for, up to so many training samples; one beyond."""


class RedCoreSettings(CodeSettings):
    """Constants of RedCore, beside those of `CodeSettings`.

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
    evidence : {"stacked", "joint"}, default "stacked"
        What a prediction is made from: the joint head alone (the paper), or the joint head, the unimodal heads of the
        present modalities, linear models and linear discriminants of them, weighed by log loss on held-out samples
        under many missing patterns. Without held-out samples it is the joint head.
    balancing : str, default "relative_advantage"
        Supervision-weight rule ('redcore list rules'); "fixed" is the ablation.
    n_members : int in [1, 100] or None, default None
        Networks whose predictions are averaged, each trained without another share of `validation_fraction` of the
        samples. None takes 5 up to 2,000 training samples, 3 up to 20,000 and one beyond.
    decision : {"balanced", "argmax"}, default "balanced"
        Which class is named: the most probable one, or the one with the largest ``p_k / frequency_k ** a``. The power a
        in [0, 1] is that with the best macro-F1 on held-out data; it is 0 where that gains less than a point, and with
        balanced classes it changes nothing. Probabilities stay as they are. Needs stacked evidence.
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
    evidence: Literal["stacked", "joint"] = "stacked"
    balancing: str = "relative_advantage"
    n_members: Annotated[int, Field(ge=1, le=100)] | None = None
    decision: Literal["balanced", "argmax"] = "balanced"
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
        if self.training:
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
        hidden = self.activation(self.encoders.encode_zeros())
        zeros_encoded: Gaussian = self.bottleneck(hidden.expand(len(codes), -1, -1))
        return torch.where(kept[..., None], codes, zeros_encoded.sample.to(codes.dtype))

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


class RedCore(EnsembleMethod):
    """RedCore as a method.

    Parameters
    ----------
    settings : RedCoreSettings, optional
    encoders : mapping of str to nn.Module, optional
        Own encoders by modality name. A model with own encoders is reloaded with the same argument.
    """

    Settings: ClassVar[type[MethodSettings]] = RedCoreSettings
    imputes_codes: ClassVar[bool] = True

    evidence: Evidence | None

    def __init__(self, settings: MethodSettings | None = None, encoders: Mapping[str, nn.Module] | None = None) -> None:
        super().__init__(settings)
        self.encoders = dict(encoders or {})

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `TorchMethod.build_network`."""
        check_known("modality", self.encoders, self.schema.names)
        settings = cast(RedCoreSettings, self.settings)
        steps_per_epoch = Plan.make(settings, n_samples).steps_per_epoch
        return RedCoreNetwork(forms, n_outputs, settings, self.encoders, steps_per_epoch)

    def n_members(self, n_samples: int) -> int:
        """Return how many networks are fitted; see `EnsembleMethod.n_members`."""
        asked = cast(RedCoreSettings, self.settings).n_members
        return asked or next((count for limit, count in MEMBERS_UP_TO.items() if n_samples <= limit), 1)

    def _judge(self, data: MultimodalData, splits: list[Split], context: FitContext) -> None:
        self.evidence = None
        if cast(RedCoreSettings, self.settings).evidence != "stacked" or splits[0][1] is None:
            return
        if splits[0][0] is data:
            # nothing was held out of the data: the validation data given judges all networks together
            trials = [Trial(self._network_logits, data, splits[0][1])]
        else:
            trials = [
                Trial(partial(self._network_logits, networks=[network]), train, held_out)
                for network, (train, held_out) in zip(self.networks, splits, strict=True)
                if held_out is not None
            ]
        self.evidence = Evidence.fit(trials, data, self.objective, context.seed)

    def _network_logits(
        self, data: MultimodalData, networks: Sequence[TrainableNetwork] | None = None
    ) -> tuple[AnyArray, AnyArray]:
        """Return what the networks say on average, as logits.

        Returns
        -------
        joint : array (n_samples, n_outputs)
        unimodal : array (n_samples, n_modalities, n_outputs)
        """
        prepared = self.preprocessor.apply(data)
        found = [list(predict_batches(network, prepared)) for network in networks or self.networks]
        joint = torch.stack([torch.cat([output.logits for output in outputs]) for outputs in found])
        unimodal = torch.stack([torch.cat([output.unimodal_logits for output in outputs]) for outputs in found])
        return self._average(joint), self._average(unimodal)

    def _average(self, logits: Tensor) -> AnyArray:
        """Average the logits of several networks: probabilities of classes, as logarithms, else the logits."""
        logits = logits.double()
        if self.schema.target_kind in ("binary", "multiclass"):
            return np.asarray(logits.log_softmax(dim=-1).logsumexp(dim=0) - log(len(logits)))
        return np.asarray(logits.mean(dim=0))

    def _predict(self, data: MultimodalData) -> AnyArray:
        if self.evidence is None:
            return super()._predict(data)
        logits = [self.evidence.logits(self._network_logits, piece) for piece in pieces(data)]
        return self.objective.outputs(torch.from_numpy(np.concatenate(logits)))

    def decide(self, outputs: AnyArray) -> IntArray:
        """Return the class to name for each sample; see `Method.decide` and the setting `decision`."""
        if self.evidence is None or cast(RedCoreSettings, self.settings).decision == "argmax":
            return super().decide(outputs)
        return self.evidence.decide(outputs)

    def _sample(self, data: MultimodalData, n_draws: int, seed: int) -> AnyArray:
        """Predict with codes drawn from the bottlenecks of all networks."""
        with ExitStack() as sampling:
            sampling.enter_context(seeded(seed))
            for network in self.networks:
                sampling.enter_context(posterior_sampling(network))
            return np.stack([self._predict(data) for _ in range(n_draws)])

    def _arrays(self) -> dict[str, AnyArray]:
        evidence = {} if self.evidence is None else self.evidence.to_arrays()
        return {**super()._arrays(), **{f"evidence/{name}": array for name, array in evidence.items()}}

    def _restore(self, info: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        super()._restore(info, arrays)
        kept = {name[9:]: array for name, array in arrays.items() if name.startswith("evidence/")}
        self.evidence = Evidence.from_arrays(kept, self.active, self.objective) if kept else None

    @property
    def supervision_weight(self) -> dict[str, float]:
        """Final beta_m by modality, averaged over the networks."""
        return self._by_name("supervision_weight")

    @property
    def relative_advantage(self) -> dict[str, float]:
        """Final RA_m by modality, averaged over the networks."""
        return self._by_name("relative_advantage")

    def _by_name(self, column: str) -> dict[str, float]:
        rules = [cast(RedCoreNetwork, network).rule for network in self.networks]
        mean = torch.stack([getattr(rule, column) for rule in rules]).mean(dim=0)
        return dict(zip(self.active, mean.tolist(), strict=True))


METHOD = RedCore
