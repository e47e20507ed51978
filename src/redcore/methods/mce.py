"""MCE: more supervision for modalities that contribute less than they could; subset prediction and completion."""

from typing import Annotated, ClassVar, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from redcore.fitting import TrainableNetwork
from redcore.methods._base import FusionSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, Objective, drop_modalities

__all__ = ["MCE", "METHOD", "LearningFactors", "MCENetwork", "MCESettings"]

SOURCE = (
    "Zhao, Zhang, Zou (2025), MCE: towards a general framework for handling missing modalities under imbalanced "
    "missing rates, Pattern Recognition, arXiv 2510.10534; from the paper, its published code (byzhaoAI/MCE) read for "
    "what the factors are, none of it used. There contributions are Shapley values of right answers over all subsets, "
    "and what a modality can do alone comes from networks trained before; ours are differences of losses over one "
    "drawn subset per sample and step, which fits numbers too, at linear cost, against heads trained along"
)


class MCESettings(FusionSettings):
    """Constants of MCE, beside those of `FusionSettings`.

    Attributes
    ----------
    modality_dropout : float in [0, 1), default 0.5
        Here the draw of the subset: at 0.5 every subset of what is present is about equally likely.
    subset_weight : float >= 0, default 1
        Of the loss of the prediction from the drawn subset.
    completion_weight : float >= 0, default 0.5
        Of the mean absolute distance between codes completed from the subset and those fused from all.
    unimodal_weight : float >= 0, default 0.5
        Of the losses of the heads on single modalities.
    smoothing : float in (0, 1], default 0.05
        Weight of the newest step in the running means that the learning factors follow from.
    """

    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    subset_weight: Annotated[float, Field(ge=0)] = 1.0
    completion_weight: Annotated[float, Field(ge=0)] = 0.5
    unimodal_weight: Annotated[float, Field(ge=0)] = 0.5
    smoothing: Annotated[float, Field(gt=0, le=1)] = 0.05


class LearningFactors(nn.Module):
    """How much supervision each modality gets: mean 1, more for the rare and for the underused.

    The factor of a modality is the inverse of its observed share, times one plus the gap between what it gains alone
    and what it adds to others, both as differences of losses, relative to the mean gap.

    Parameters
    ----------
    n_modalities : int
    smoothing : float
        Weight of the newest step in the running means.
    """

    observed: Tensor
    gap: Tensor

    def __init__(self, n_modalities: int, smoothing: float) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.register_buffer("observed", torch.ones(n_modalities))
        self.register_buffer("gap", torch.zeros(n_modalities))

    def update(self, observed: Tensor, gap: Tensor) -> Tensor:
        """Take in a step's observed shares and gaps, each (M,), the latter nan where unknown; return factors (M,)."""
        self.observed = self.observed.lerp(observed, self.smoothing)
        self.gap = torch.where(gap.isnan(), self.gap, self.gap.lerp(gap, self.smoothing))
        # a modality that adds more than it gains alone needs nothing
        needed = self.gap.relu()
        factors = (1 + needed / needed.mean().clamp(min=1e-6)) / self.observed.clamp(min=0.01)
        return factors / factors.mean()


class MCEOutput(NamedTuple):
    """What the network computes for a batch of B samples and M modalities.

    Outside training everything present is the subset, and there are no unimodal logits.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, M * d)
        The fused codes.
    subset : tensor (B, n_outputs)
        Logits from the drawn subset.
    completed : tensor (B, M, d)
        Codes fused from the drawn subset.
    unimodal : tuple of M tensors (B, n_outputs)
    nothing : tensor (n_outputs,)
        Learned logits of a sample of which nothing is known.
    kept : bool tensor (B, M)
        The drawn subset.
    """

    logits: Tensor
    representation: Tensor
    subset: Tensor
    completed: Tensor
    unimodal: tuple[Tensor, ...]
    nothing: Tensor
    kept: Tensor


class MCENetwork(TrainableNetwork):
    """Encoders, one Transformer block that completes what is missing, one head on all, and one per modality."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: MCESettings) -> None:
        super().__init__()
        width, n_modalities = settings.latent_dim, len(forms)
        self.settings = settings
        self.names = [name for name, _, _ in forms]
        self.encoders = settings.build_encoders(forms)
        self.absent = nn.Parameter(torch.zeros(n_modalities, width))
        self.fuse = settings.build_fusion(n_modalities)
        self.head = Head(n_modalities * width, n_outputs, settings.head_layers, settings.head_dropout)
        self.unimodal_heads = nn.ModuleList(
            Head(width, n_outputs, settings.head_layers, settings.head_dropout) for _ in forms
        )
        self.nothing = nn.Parameter(torch.zeros(n_outputs))
        self.factors = LearningFactors(n_modalities, settings.smoothing)

    def forward(self, batch: Batch) -> MCEOutput:
        """Compute logits for a batch; in training also from a drawn subset and from single modalities."""
        codes, kept = self.encoders(batch), batch.availability
        fused = self._fuse(codes, kept)
        logits, representation = self.head(fused.flatten(1)), fused.flatten(1)
        if not self.training:
            return MCEOutput(logits, representation, logits, fused, (), self.nothing, kept)
        kept = drop_modalities(kept, self.settings.modality_dropout)
        completed = self._fuse(codes, kept)
        unimodal = tuple(head(code) for head, code in zip(self.unimodal_heads, codes.unbind(1), strict=True))
        subset = self.head(completed.flatten(1))
        return MCEOutput(logits, representation, subset, completed, unimodal, self.nothing, kept)

    def _fuse(self, codes: Tensor, kept: Tensor) -> Tensor:
        fused: Tensor = self.fuse(torch.where(kept[..., None], codes, self.absent))
        return fused

    def losses(self, output: MCEOutput, batch: Batch, objective: Objective, step: int) -> dict[str, Tensor]:
        """Return ``L = L_all + w_s L_subset + sum_m f_m (w_c completion_m + w_u L_m) + L_nothing`` and its parts."""
        assert batch.target is not None
        settings, target = self.settings, batch.target
        prediction, subset = objective.loss(output.logits, target), objective.loss(output.subset, target)
        nothing = objective.loss(output.nothing.expand_as(output.logits), target)
        unimodal = torch.stack(
            [
                _mean_loss(logits, target, rows, objective)
                for logits, rows in zip(output.unimodal, batch.availability.unbind(1), strict=True)
            ]
        )
        gap = (nothing - unimodal).detach() - _contributions(output, batch, objective)
        factors = self.factors.update(batch.availability.float().mean(dim=0), gap)
        unimodal = unimodal.nan_to_num()
        completion = _completion_losses(output, batch.availability & ~output.kept)
        per_modality = settings.completion_weight * completion + settings.unimodal_weight * unimodal
        loss = prediction + settings.subset_weight * subset + (factors * per_modality).sum() + nothing
        parts = {"loss": loss, "loss/prediction": prediction, "loss/subset": subset}
        parts |= {"loss/completion": completion.sum(), "loss/unimodal": unimodal.sum()}
        return parts | {f"learning_factor/{name}": factors[index] for index, name in enumerate(self.names)}


def _mean_loss(logits: Tensor, target: Tensor, rows: Tensor, objective: Objective) -> Tensor:
    """Return the mean loss over the rows where the mask `rows` is True; nan if there are none."""
    if not bool(rows.any()):
        return logits.new_full((), float("nan"))
    return objective.loss(logits[rows], target[rows])


def _contributions(output: MCEOutput, batch: Batch, objective: Objective) -> Tensor:
    """Return by how much the loss is lower where a modality is in the drawn subset, (M,).

    Over the samples that observe it and something else; nan where only subsets with it, or without it, were drawn.
    """
    assert batch.target is not None
    logits, target = output.subset.detach(), batch.target
    several = batch.availability & (batch.availability.sum(dim=1, keepdim=True) > 1)
    inside, outside = (several & output.kept).unbind(1), (several & ~output.kept).unbind(1)
    return torch.stack(
        [
            _mean_loss(logits, target, without, objective) - _mean_loss(logits, target, with_it, objective)
            for with_it, without in zip(inside, outside, strict=True)
        ]
    )


def _completion_losses(output: MCEOutput, hidden: Tensor) -> Tensor:
    """Return the mean absolute distance of completed codes from those fused from all, over what was hidden, (M,)."""
    truth = output.representation.detach().view_as(output.completed)
    distance = (output.completed - truth).abs().mean(dim=2) * hidden
    return distance.sum(dim=0) / hidden.sum(dim=0).clamp(min=1)


class MCE(NetworkMethod):
    """MCE as a method."""

    Settings: ClassVar[type[MethodSettings]] = MCESettings

    def build_network(self, forms: list[ModalityForm], n_outputs: int, n_samples: int) -> TrainableNetwork:
        """Build the network; see `NetworkMethod.build_network`."""
        return MCENetwork(forms, n_outputs, cast(MCESettings, self.settings))


METHOD = MCE
