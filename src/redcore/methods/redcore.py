"""RedCore (Sun et al., AAAI 2024): the settings, the network and the loss of the paper.

The parts of the paper, with the symbols of docs/method.md:

- variational information bottleneck: `RedCoreNetwork.encode` (mu_m, logvar_m, z_m) and `kl_to_standard_normal` (L_kl);
- cross-modal imputation: `RedCoreNetwork.impute` (g_m) and `RedCoreNetwork.imputation_losses` (l_m);
- loss of the lower level, which the optimiser minimises with fixed beta_m: `RedCoreNetwork._weighted_losses` (L);
- relative advantage and upper level: `RedCoreNetwork.step_losses` calls the rule of ``balancing/relative_advantage.py``
  (RA_m, beta_m) before each step of the optimiser.

One network is trained; the prediction is that of its joint head. Ensembles and stacking are the method `stacked`, the
default of the library, which wraps this network or any other.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, cast

from pydantic import Field
from torch import Generator, Tensor

from redcore._settings import MethodSettings, Search
from redcore.balancing import BalancingSettings, StepSignals, build_rule
from redcore.fitting import StepContext, TrainableNetwork
from redcore.methods._base import CodeSettings, ModalityForm, NetworkMethod
from redcore.nn import (
    Batch,
    FactorImputers,
    Gaussian,
    GaussianBottleneck,
    Head,
    ImputerSettings,
    Objective,
    PooledImputers,
    StackedHead,
    can_merge_encoders,
    choose_codes,
    drop_modalities,
    kl_to_standard_normal,
    posterior_sampling,
)

__all__ = ["METHOD", "RedCore", "RedCoreNetwork", "RedCoreOutput", "RedCoreSettings"]

SOURCE = (
    "Sun, Zhang, Han, Ruan, Li: RedCore: Relative Advantage Aware Cross-modal Representation Learning for Missing "
    "Modalities with Imbalanced Missing Rates, AAAI 2024, arXiv 2312.10386; code version b2c6a2d"
)


class RedCoreSettings(BalancingSettings, ImputerSettings, CodeSettings):
    """Settings of RedCore, in addition to those of `CodeSettings`, `ImputerSettings` and `BalancingSettings`.

    Attributes
    ----------
    bottleneck_noise : bool, default True
        If True, latent codes are sampled in training. In prediction they are the means.
    bottleneck_init : {"random", "identity"}, default "random"
        Initial weights of the bottleneck. "random": as in a linear layer, as in the released code. "identity": the mean
        of a code is the output of the encoder, and its variance is 1.
    kl_weight : float >= 0, default 0.0008
        lambda of ``L_kl = -lambda / B * sum (1 + logvar - mu^2 - exp(logvar))``.
    imputation_weight : float >= 0, default 0.15
        w_imp of ``w_imp * sum_m beta_m l_m``.
    unimodal_weight : float >= 0, default 1
        u, the weight of the losses of the unimodal heads; 1 in the paper.
    supervise_imputed : bool, default True
        If False, no gradient of a head reaches an imputer.
    detach_imputation_target : bool, default True
        If True, the imputation loss of a modality does not train the encoder of that modality. The released code has
        False, which also makes the codes easier to impute. The loss of ``imputer="factor"`` never does.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "kl_weight": Search(1e-5, 1e-1, log=True),
        "imputation_weight": Search(1e-2, 1.0, log=True),
        "unimodal_weight": Search(0.1, 3.0, log=True),
        "weight_step": Search(1e-2, 1.0, log=True),
    }

    learning_rate: Annotated[float, Field(gt=0, le=10)] = 3e-3
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] | None = 0.1
    bottleneck_noise: bool = True
    bottleneck_init: Literal["random", "identity"] = "random"
    kl_weight: Annotated[float, Field(ge=0)] = 0.0008
    imputation_weight: Annotated[float, Field(ge=0)] = 0.15
    unimodal_weight: Annotated[float, Field(ge=0)] = 1.0
    supervise_imputed: bool = True
    detach_imputation_target: bool = True


class RedCoreOutput(NamedTuple):
    """Output of the network for B samples, M modalities and latent codes of width d."""

    logits: Tensor  # (B, n_outputs), of the joint head
    representation: Tensor  # (B, M * d), [r_1; ...; r_M], the completed codes
    unimodal_logits: Tensor  # (B, M, n_outputs)
    codes: Gaussian  # mu_m, logvar_m and z_m, each (B, M, d); undefined where modality m is missing
    imputed: Tensor  # (B, M, d), g_m; in prediction only for samples with a missing modality
    imputed_variance: Tensor | None = None  # (B, M, d), of z_m given the other codes; of imputer "factor" only


class RedCoreNetwork(TrainableNetwork):
    """Network and loss of the paper, for any number of modalities.

    `forms` and `n_outputs` are those of `NetworkMethod.build_network`.
    """

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: RedCoreSettings) -> None:
        super().__init__()
        self.names, self.settings = [form.name for form in forms], settings
        n, width, layers = len(forms), settings.latent_dim, settings.head_layers
        self.encoders = settings.build_encoders(forms)
        identity = settings.bottleneck_init == "identity"
        self.bottleneck = GaussianBottleneck(width, width, settings.bottleneck_noise, n, identity)
        self.imputers = settings.build_imputers(n, width)
        self.joint_head = Head(n * width, n_outputs, layers, settings.head_dropout)
        self.unimodal_heads = StackedHead(n, width, n_outputs, layers, settings.head_dropout)
        self.rule = build_rule(n, settings, self.names)
        self.several_processes = not self.rule.single_process

    def forward(self, batch: Batch) -> RedCoreOutput:
        """Encode, impute, complete and fuse: ``r_m = z_m`` where modality m is observed, else ``g_m``."""
        codes = self.encode(batch)
        kept = self.kept(batch)
        imputed, variance = self.impute(codes.sample, kept)
        supervised = imputed if self.settings.supervise_imputed else imputed.detach()
        completed = choose_codes(kept, codes.sample, supervised)
        unimodal, representation = self.unimodal_heads(completed), self.fuse(completed)
        return RedCoreOutput(self.joint_head(representation), representation, unimodal, codes, imputed, variance)

    def encode(self, batch: Batch) -> Gaussian:
        """Return ``z_m = mu_m + exp(logvar_m / 2) eps`` with ``(mu_m, logvar_m) = W_m f_m(x_m)``, (B, M, d)."""
        return cast(Gaussian, self.bottleneck(self.encoders(batch)))

    def kept(self, batch: Batch) -> Tensor:
        """Return the modalities that the heads and imputers read, (B, M): the observed ones after modality dropout."""
        return drop_modalities(batch.availability, self.settings.modality_dropout if self.training else 0.0)

    def fuse(self, completed: Tensor) -> Tensor:
        """Return the input of the joint head, ``[r_1; ...; r_M]``: (B, M, d) to (B, M * d)."""
        return completed.flatten(1)

    def impute(self, codes: Tensor, kept: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return ``g_m = c_m([z_k : k != m])`` of all modalities, (B, M, d), from the codes that are kept.

        The second result is the variance of the missing code, (B, M, d), or None if the imputers have no variance.
        """
        inputs = self.imputer_input(codes, kept)
        if isinstance(self.imputers, FactorImputers):
            return self.imputers.conditional(inputs, kept)
        return cast(Tensor, self.imputers(inputs, kept)), None

    def imputer_input(self, codes: Tensor, kept: Tensor) -> Tensor:
        """Return the codes that the imputers read, (B, M, d): zeros in place of missing modalities."""
        return codes * kept[..., None]

    def losses(self, output: RedCoreOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return the loss and its parts at the present supervision weights; no state changes."""
        imputation = self.imputation_losses(output, batch)
        return self._weighted_losses(output, batch, objective, imputation, self.rule.supervision_weight)

    def step_losses(
        self, output: RedCoreOutput, batch: Batch, objective: Objective, context: StepContext
    ) -> dict[str, Tensor]:
        """Update the supervision weights ``beta_m`` by this batch, then return its loss and parts."""
        imputation = self.imputation_losses(output, batch)
        signals = StepSignals.of(self, output, batch, objective, imputation, context)
        weights = self.rule.update(signals).clone()  # the rule changes its state in place at the next step
        return self._weighted_losses(output, batch, objective, imputation, weights)

    def _weighted_losses(
        self, output: RedCoreOutput, batch: Batch, objective: Objective, imputation: Tensor, weights: Tensor
    ) -> dict[str, Tensor]:
        """Return ``L = CE(y, logits) + u sum_m CE(y, logits_m) + L_kl + w_imp sum_m beta_m l_m`` and its parts."""
        if batch.target is None:
            raise ValueError("a batch for training needs a target")
        settings = self.settings
        joint, unimodal = self.label_losses(output, batch, objective)
        kl = self.kl_loss(output, batch)
        loss = joint + settings.unimodal_weight * unimodal.sum(dim=-1) + kl
        supervised = imputation if output.imputed_variance is None else self._negative_log_likelihoods(output, batch)
        loss = loss + settings.imputation_weight * (weights * supervised).sum(dim=-1)
        parts = {"loss": loss, "loss/joint": joint, "loss/kl": kl, "loss/unimodal": unimodal}
        return parts | {"imputation_loss": imputation}

    def label_losses(self, output: RedCoreOutput, batch: Batch, objective: Objective) -> tuple[Tensor, Tensor]:
        """Return ``CE(y, logits)``, a scalar, and ``CE(y, logits_m)``, (M,), or the losses of another target."""
        target, n_samples = cast(Tensor, batch.target), batch.global_counts.n_samples
        joint = objective.loss(output.logits, target, n_samples)
        return joint, objective.losses(output.unimodal_logits, target, n_samples)

    def kl_loss(self, output: RedCoreOutput, batch: Batch) -> Tensor:
        """Return ``L_kl = -lambda / B * sum (1 + logvar - mu^2 - exp(logvar))`` of the observed codes, a scalar."""
        kl = kl_to_standard_normal(output.codes.mean, output.codes.logvar, batch.availability)
        return kl * (self.settings.kl_weight / batch.global_counts.n_samples)

    def imputation_losses(self, output: RedCoreOutput, batch: Batch, anchor: RedCoreOutput | None = None) -> Tensor:
        """Return ``l_m = 1 / n_m sum_(i observes m) ||g_m - z_m||^2``, (M,); 0 if no sample observes modality m.

        Detached targets are those of `anchor`, the output of the same batch at other parameters; default: of `output`.
        """
        target = output.codes.sample
        if self.settings.detach_imputation_target:
            target = (anchor or output).codes.sample.detach()
        return _mean_of_observed((output.imputed - target).square().sum(dim=2), batch)

    def _negative_log_likelihoods(self, output: RedCoreOutput, batch: Batch) -> Tensor:
        """Return the Gaussian imputation loss ``(|z_m - g_m|^2 / v_m + log v_m) / 2``, averaged over dimensions, (M,).

        It does not depend on the scale of the codes, up to a constant. The target z_m is detached.
        """
        variance = cast(Tensor, output.imputed_variance)
        distance = (output.imputed - output.codes.sample.detach()).square()
        return _mean_of_observed((distance / variance + variance.log()).mean(dim=2) / 2, batch)

    @property
    def can_be_merged(self) -> bool:
        """True for MLP encoders, pooled imputers, linear heads, and rules that read the losses only."""
        pooled = type(self) is RedCoreNetwork and type(self.imputers) is PooledImputers
        known = self.settings.has_default_encoders and not self.settings.head_layers
        return pooled and known and self.rule.losses_only and can_merge_encoders(self.encoders)

    @classmethod
    def merge(cls, networks: Sequence[Any], generators: Sequence[Generator]) -> TrainableNetwork:
        """See `TrainableNetwork.merge`."""
        from redcore.methods._merged_redcore import MergedRedCore

        return MergedRedCore(networks, generators)

    def state(self) -> Mapping[str, Tensor]:
        """Return the running losses, relative advantages and supervision weights, each (M,)."""
        return self.rule.state()


def _mean_of_observed(losses: Tensor, batch: Batch) -> Tensor:
    """Return the mean of losses (B, M) over the samples that observe each modality, (M,); 0 without such samples."""
    return losses.masked_fill(~batch.availability, 0.0).sum(dim=0) / batch.global_counts.n_observed.clamp(min=1)


class RedCore(NetworkMethod):
    """RedCore as a method."""

    Settings: ClassVar[type[MethodSettings]] = RedCoreSettings
    Network: ClassVar[type[RedCoreNetwork]] = RedCoreNetwork
    imputes_codes = True
    uses_unlabelled = True

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        settings = cast(RedCoreSettings, self.settings)
        # weights may name a modality that no training sample observes, which the network does not have
        settings = settings.with_weights_of(self.schema.names, [form.name for form in forms])
        return self.Network(forms, n_outputs, settings)

    def posterior(self, network: TrainableNetwork) -> AbstractContextManager[None]:
        """Sample the latent codes inside the context; see `NetworkMethod.posterior`."""
        return posterior_sampling(network)


METHOD = RedCore
