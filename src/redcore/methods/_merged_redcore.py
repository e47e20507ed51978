"""One network that computes several networks of RedCore at once, for the training of ensemble members."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from redcore.balancing import Signals
from redcore.fitting import StepContext
from redcore.methods.redcore import RedCoreNetwork, RedCoreOutput
from redcore.nn import (
    Gaussian,
    MergedBottleneck,
    MergedEncoders,
    Objective,
    PooledImputers,
    StackedHead,
    divergences,
    drop_merged,
    merged_losses,
)

__all__ = ["MergedRedCore"]


class MergedRedCore(RedCoreNetwork):
    """K networks of RedCore with M modalities, computed as one network of K * M modalities; see `nn/_merged.py`.

    `forward` is that of `RedCoreNetwork`. Tensors (B, M, ...) of its description are (B, K * M, ...) here, those of the
    joint head are (B, K, ...), and losses are (K,), or (K, M) by modality. Each network keeps its supervision weights.

    Parameters
    ----------
    networks : sequence of RedCoreNetwork
        Networks that can be merged, with the same settings.
    generators : sequence of torch.Generator
        Source of the random numbers of each network.
    """

    def __init__(self, networks: Sequence[RedCoreNetwork], generators: Sequence[torch.Generator]) -> None:
        nn.Module.__init__(self)
        first, settings, width = networks[0], networks[0].settings, networks[0].settings.latent_dim
        k, m = len(networks), len(first.names)
        self.names, self.settings, self.generators = first.names, settings, generators
        self.rules = [network.rule for network in networks]
        n_outputs = cast(nn.Linear, first.joint_head.output).out_features
        n_gates = len(cast(PooledImputers, first.imputers).affinity)
        self.encoders = MergedEncoders(first.encoders, generators)  # type: ignore[assignment]
        self.bottleneck = MergedBottleneck(generators, m, width, settings.bottleneck_noise)
        self.imputers = PooledImputers(m, width, settings.imputer_hidden, n_gates, k)
        self.joint_head = StackedHead(k, m * width, n_outputs, (), 0.0)
        self.unimodal_heads = StackedHead(k * m, width, n_outputs, (), 0.0)

    def encode(self, batch: Any) -> Gaussian:
        """See `RedCoreNetwork.encode`; `batch` is a `MergedBatch`, as in all other functions."""
        self.bottleneck.sizes = batch.sizes
        return super().encode(batch)

    def kept(self, batch: Any) -> Tensor:
        """See `RedCoreNetwork.kept`."""
        return drop_merged(batch, self.settings.modality_dropout, self.generators)

    def fuse(self, completed: Tensor) -> Tensor:
        """Return the input of the joint head of each network, (B, K, M * d)."""
        return completed.reshape(len(completed), len(self.rules), -1)

    def step_losses(
        self, output: RedCoreOutput, batch: Any, objective: Objective, context: StepContext
    ) -> dict[str, Tensor]:
        """See `RedCoreNetwork.step_losses`."""
        imputation = self.imputation_losses(output, batch)
        n_observed = batch.global_counts.n_observed.view(imputation.shape)
        weights = []
        for rule, losses, observed, size in zip(self.rules, imputation.detach(), n_observed, batch.sizes, strict=True):
            weights.append(rule.update(Signals(losses, observed / size, context.step, context.ends_epoch)))
        return self._weighted_losses(output, batch, objective, imputation, torch.stack(weights))

    def imputation_losses(self, output: RedCoreOutput, batch: Any, anchor: RedCoreOutput | None = None) -> Tensor:
        """See `RedCoreNetwork.imputation_losses`."""
        return super().imputation_losses(output, batch, anchor).view(len(self.rules), -1)

    def label_losses(self, output: RedCoreOutput, batch: Any, objective: Objective) -> tuple[Tensor, Tensor]:
        """See `RedCoreNetwork.label_losses`."""
        unimodal = output.unimodal_logits.reshape(*output.logits.shape[:2], len(self.names), -1)
        losses = merged_losses(torch.cat([output.logits[:, :, None], unimodal], dim=2), batch, objective)
        return losses[:, 0], losses[:, 1:]

    def kl_loss(self, output: RedCoreOutput, batch: Any) -> Tensor:
        """See `RedCoreNetwork.kl_loss`."""
        kl = divergences(output.codes.mean, output.codes.logvar, batch.availability).sum(dim=0)
        return kl.view(len(self.rules), -1).sum(dim=1) * (self.settings.kl_weight / torch.tensor(batch.sizes))
