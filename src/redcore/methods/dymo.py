"""DyMo: selects at prediction which imputed modalities are used, by an estimated gain of task-relevant information."""

from typing import Annotated, ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from redcore._settings import Search
from redcore.fitting import StepContext, TrainableNetwork
from redcore.methods._base import FusionSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, ImputerSettings, Objective, drop_modalities, is_traced, mean_where

__all__ = ["METHOD", "ClassPrototypes", "DyMo", "DyMoNetwork", "DyMoSettings"]

SOURCE = (
    "Du et al. (2026), Inference-time dynamic modality selection for incomplete multimodal classification, ICLR, arXiv "
    "2601.22853; from the published code (siyi-wind/DyMo, Apache-2.0), which the paper describes. Differences: "
    "pretrained generative models of the inputs are replaced by imputers of codes, trained jointly on detached codes; "
    "class distributions of the features depend on the number of observed modalities and not on their set, so that the "
    "cost is polynomial in the number of modalities, and come from the training steps of an epoch; the class of a "
    "sample is that of the nearest prototype; labels and continuous targets are grouped for the prototypes"
)

TEMPERATURE = 0.1
WARM_UP = 3
"""Number of epochs before the prototype loss is added."""
N_BINS = 4
QUARTILES = (-0.6745, 0.0, 0.6745)
"""Quartiles of the standard normal distribution, which divide a standardised continuous target into groups."""


class DyMoSettings(FusionSettings, ImputerSettings):
    """Hyperparameters of DyMo in addition to those of `FusionSettings` and `ImputerSettings`.

    Attributes
    ----------
    fusion_layers : int in [1, 64], default 2
        Number of Transformer blocks over the tokens of the modalities.
    n_subsets : int in [1, 32], default 2
        Number of random subsets of the modalities of each sample in a training step.
    modality_dropout : float in [0, 1), default 0.5
        Probability that a subset is without an observed modality.
    prototype_weight : float >= 0, default 1
        Weight of the cross-entropy of the similarities to the class prototypes.
    imputation_weight : float >= 0, default 1
        Weight of the mean squared error of imputed tokens. It does not affect the encoders.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "prototype_weight": Search(0.1, 10.0, log=True),
        "imputation_weight": Search(0.1, 10.0, log=True),
    }

    fusion_layers: Annotated[int, Field(ge=1, le=64)] = 2
    n_subsets: Annotated[int, Field(ge=1, le=32)] = 2
    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    prototype_weight: Annotated[float, Field(ge=0)] = 1.0
    imputation_weight: Annotated[float, Field(ge=0)] = 1.0


class ClassPrototypes(nn.Module):
    """Mean features of the classes, and the spread of the features around them, both of the previous epoch.

    Features have the L2 norm 1. Statistics are pooled over all subsets of modalities, and for each number of observed
    modalities. Buffers hold them, so that they belong to the weights of an epoch.

    Parameters
    ----------
    n_modalities, n_classes, width : int
    """

    prototypes: Tensor
    means: Tensor
    spread: Tensor
    known: Tensor
    n_epochs: Tensor
    sums: Tensor
    squares: Tensor
    counts: Tensor

    def __init__(self, n_modalities: int, n_classes: int, width: int) -> None:
        super().__init__()
        shape = (n_modalities + 1, n_classes)
        self.register_buffer("prototypes", torch.zeros(n_classes, width))
        self.register_buffer("known", torch.zeros(n_classes, dtype=torch.bool))
        self.register_buffer("means", torch.zeros(*shape, width))
        self.register_buffer("spread", torch.zeros(*shape))
        self.register_buffer("n_epochs", torch.zeros((), dtype=torch.long))
        self.register_buffer("sums", torch.zeros(*shape, width))
        self.register_buffer("squares", torch.zeros(*shape))
        self.register_buffer("counts", torch.zeros(*shape))

    @torch.no_grad()
    def update(self, features: Tensor, classes: Tensor, sizes: Tensor, ends_epoch: bool) -> None:
        """Add the features of a training step, and replace the statistics at the end of an epoch.

        Parameters
        ----------
        features : tensor (n, width)
        classes : int tensor (n,)
        sizes : int tensor (n,)
            Number of observed modalities.
        ends_epoch : bool
        """
        place = (sizes, classes)
        features = features.float()
        self.sums.index_put_(place, features, accumulate=True)
        distance = 1 - (features * self.means[place]).sum(dim=1)
        self.squares.index_put_(place, distance.square(), accumulate=True)
        self.counts.index_put_(place, torch.ones_like(distance), accumulate=True)
        if not ends_epoch:
            return
        totals = self.counts.sum(dim=0)
        self.known.copy_(totals > 0)
        self.prototypes.copy_(self.sums.sum(dim=0) / totals.clamp(min=1)[:, None])
        self.means.copy_(self.sums / self.counts.clamp(min=1)[..., None])
        # distances of the first epoch are to means of zero
        self.spread.copy_((self.squares / self.counts.clamp(min=1)).sqrt() * (self.n_epochs > 0))
        self.n_epochs.add_(1)
        for total in (self.sums, self.squares, self.counts):
            total.zero_()

    def logits(self, features: Tensor) -> Tensor:
        """Return the similarities to all prototypes, divided by the temperature, (n, n_classes)."""
        # a copy, because `update` changes the prototypes in place before the gradients are computed
        similarity = features @ self.prototypes.to(features.dtype, copy=True).T / TEMPERATURE
        return similarity.masked_fill(~self.known, -1 / TEMPERATURE)

    def quality(self, features: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probability of the nearest class, and that of a larger distance to its mean, each (n,).

        The second probability is that of a normal distribution with the spread of the class; it is 1 if unknown.
        """
        quality, nearest = self.logits(features).softmax(dim=1).max(dim=1)
        index = sizes * self.known.shape[0] + nearest
        means = self.means.flatten(0, 1).index_select(0, index)
        spread = self.spread.flatten().index_select(0, index)
        distance = (1 - (features * means).sum(dim=1)) / spread.clamp(min=1e-6)
        tail = 1 - torch.erf(distance.abs() * 0.5**0.5)
        return quality, torch.where(spread > 0, tail, 1.0).clamp(1e-9, 1 - 1e-6)


class DyMoOutput(NamedTuple):
    """Output of `DyMoNetwork` for a batch of B samples with M modalities.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, d)
        Class token.
    subset_logits : tensor (S, B, n_outputs)
        Logits of S random subsets in training mode; else empty.
    features : tensor (S, B, p)
        Projected class tokens of these subsets, with the L2 norm 1.
    kept : bool tensor (S, B, M)
        Subsets of the observed modalities.
    tokens, imputed : tensor (B, M, d)
        Tokens of the modalities, and tokens imputed from the first subset.
    """

    logits: Tensor
    representation: Tensor
    subset_logits: Tensor
    features: Tensor
    kept: Tensor
    tokens: Tensor
    imputed: Tensor


class DyMoNetwork(TrainableNetwork):
    """Encoders, Transformer over tokens, projection with class prototypes, imputers of tokens, and a head.

    In evaluation mode, imputed modalities are added one by one, as long as one of them has a positive reward. The
    reward is ``G q(S + u) - q(S)``, where q is the probability of the nearest class prototype for the modalities S.
    ``G = log p(S) / log p(S + u)`` if ``p(S + u) < p(S)``, else 1, where p is the probability of a larger distance to
    the mean of this class: an imputed modality that makes the features atypical is used less.
    """

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: DyMoSettings, n_classes: int) -> None:
        super().__init__()
        width, n_modalities = settings.latent_dim, len(forms)
        self.settings = settings
        self.encoders = settings.build_encoders(forms)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in forms)
        self.imputers = settings.build_imputers(n_modalities, width)
        self.fuse = settings.build_token_transformer(n_modalities, settings.fusion_layers)
        self.project = nn.Linear(width, max(1, width // 2))
        self.prototypes = ClassPrototypes(n_modalities, n_classes, max(1, width // 2))
        self.head = Head(width, n_outputs, settings.head_layers, settings.head_dropout)

    def forward(self, batch: Batch) -> DyMoOutput:
        """Return the output for a batch, of random subsets in training mode, else of selected modalities."""
        codes = self.encoders(batch)
        tokens = torch.stack([norm(code) for norm, code in zip(self.norms, codes.unbind(1), strict=True)], dim=1)
        if not self.training:
            imputed = self.imputers(tokens, batch.availability)
            tokens = torch.where(batch.availability[..., None], tokens, imputed)
            fused = self.fuse(tokens, self._selected(tokens, batch.availability))
            nothing = fused.new_zeros(0)
            return DyMoOutput(self.head(fused), fused, nothing, nothing, nothing, tokens, imputed)
        rate = self.settings.modality_dropout
        kept = torch.stack([drop_modalities(batch.availability, rate) for _ in range(self.settings.n_subsets)])
        fused = torch.stack([self.fuse(tokens, subset) for subset in kept])
        # detached, so that the encoders are not trained towards tokens that are easy to impute
        imputed = self.imputers(tokens.detach().masked_fill(~kept[0, ..., None], 0.0), kept[0])
        logits = self.head(fused)
        return DyMoOutput(logits[0], fused[0], logits, self._features(fused), kept, tokens, imputed)

    def _features(self, fused: Tensor) -> Tensor:
        return functional.normalize(self.project(fused), dim=-1)

    def _quality(self, tokens: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        return self.prototypes.quality(self._features(self.fuse(tokens, kept)), kept.sum(dim=1))

    def _selected(self, tokens: Tensor, kept: Tensor) -> Tensor:
        """Return the mask of the modalities that are used, (B, M): the observed and the selected imputed ones."""
        single = torch.eye(kept.shape[1], device=kept.device) > 0
        candidates = ~kept
        for _ in range(kept.shape[1] - 1):
            if not is_traced() and not candidates.any():
                break
            quality, typical = self._quality(tokens, kept)
            rewards = []
            for modality in single:
                new_quality, new_typical = self._quality(tokens, kept | modality)
                trust = torch.where(new_typical < typical, typical.log() / new_typical.log(), 1.0)
                rewards.append(trust * new_quality - quality)
            reward = torch.where(candidates, torch.stack(rewards, dim=1), -torch.ones((), device=kept.device))
            gain, best = reward.max(dim=1)
            chosen = single.index_select(0, best) & (gain > 0)[:, None]
            # a modality with a negative reward is not tried again
            kept, candidates = kept | chosen, candidates & ~chosen & (reward >= 0) & (gain > 0)[:, None]
        return kept

    def losses(self, output: DyMoOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = mean_S CE(y, logits_S) + w_p CE(class, similarities) + w_i |imputed - token|^2`` and terms."""
        assert batch.target is not None
        settings, target = self.settings, batch.target
        prediction = torch.stack([objective.loss(logits, target) for logits in output.subset_logits]).mean()
        classes = target_groups(target, objective)
        similarities = self.prototypes.logits(output.features).flatten(0, 1)
        prototype = functional.cross_entropy(similarities, classes.repeat(len(output.kept)))
        prototype = torch.where(self.prototypes.n_epochs >= WARM_UP, prototype, 0.0)
        distance = (output.imputed - output.tokens.detach()).square().mean(dim=2)
        imputation = mean_where(distance, batch.availability & ~output.kept[0])
        loss = prediction + settings.prototype_weight * prototype + settings.imputation_weight * imputation
        parts = {"loss": loss, "loss/prediction": prediction, "loss/prototype": prototype}
        return parts | {"loss/imputation": imputation}

    def step_losses(
        self, output: DyMoOutput, batch: Batch, objective: Objective, context: StepContext
    ) -> dict[str, Tensor]:
        """Return the losses of a training step, then add its features to the class statistics."""
        assert batch.target is not None
        losses = self.losses(output, batch, objective, context.step)
        classes = target_groups(batch.target, objective).repeat(len(output.kept))
        sizes = output.kept.sum(dim=2).flatten()
        self.prototypes.update(output.features.detach().flatten(0, 1), classes, sizes, context.ends_epoch)
        return losses


def target_groups(target: Tensor, objective: Objective) -> Tensor:
    """Return the group of each sample for the prototypes, int64 (n,).

    Groups are the classes. Samples with a continuous target are divided at the quartiles of a normal distribution of
    the mean over outputs, samples with labels by their share of positive labels, and samples with a time to an event by
    the share of time bins in which they are at risk. Samples with several targets are divided like those with a
    continuous target, at their mean.

    Parameters
    ----------
    target : tensor
        Encoded target; see `Objective.encode`.
    objective : Objective
    """
    values, _ = objective.split(target)
    if objective.kind.is_classification:
        return values
    mean = objective.label_vectors(values).mean(dim=1)
    if objective.kind.is_multilabel or objective.kind.is_survival:
        return (mean * N_BINS).long().clamp(max=N_BINS - 1)
    return torch.bucketize(mean, torch.tensor(QUARTILES, device=mean.device))


class DyMo(NetworkMethod):
    """DyMo (Du et al., 2026)."""

    Settings: ClassVar[type[MethodSettings]] = DyMoSettings

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        n_classes = n_outputs if self.schema.target_kind.is_classification else N_BINS
        return DyMoNetwork(forms, n_outputs, cast(DyMoSettings, self.settings), n_classes)


METHOD = DyMo
