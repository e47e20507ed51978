"""MCE: adaptive supervision of rare and underused modalities, with subset prediction and completion of codes."""

from typing import Annotated, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from redcore._settings import Search
from redcore.fitting import TrainableNetwork
from redcore.methods._base import FusionSettings, MethodSettings, ModalityForm, NetworkMethod
from redcore.nn import Batch, Head, Objective, drop_modalities

__all__ = ["MCE", "METHOD", "LearningFactors", "MCENetwork", "MCESettings"]

SOURCE = (
    "Zhao, Zhang, Zou (2025), MCE: towards a general framework for handling missing modalities under imbalanced "
    "missing rates, Pattern Recognition, arXiv 2510.10534; from the paper. The published code (byzhaoAI/MCE) was read "
    "for the definition of the factors, but not used. Differences: the contributions of the paper are Shapley values "
    "of correct predictions over all subsets, and the unimodal performance comes from pretrained networks. Here, "
    "contributions are differences of losses over one random subset per sample and step, which supports regression "
    "and has linear cost, and the unimodal performance comes from heads that are trained jointly. The preset "
    "mce_iemocap2025 has the sizes and loss weights of the published code"
)


class MCESettings(FusionSettings):
    """Hyperparameters of MCE in addition to those of `FusionSettings`.

    Attributes
    ----------
    modality_dropout : float in [0, 1), default 0.5
        Probability that an observed modality is left out of the random subset, from which a second prediction is made
        in training. With 0.5, all subsets of the observed modalities have about the same probability.
    subset_weight : float >= 0, default 1
        Weight of the loss of the prediction from the random subset.
    completion_weight : float >= 0, default 0.5
        Weight of the mean absolute error between the fused codes of the subset and those of all observed modalities.
    unimodal_weight : float >= 0, default 0.5
        Weight of the losses of the unimodal heads.
    smoothing : float in (0, 1], default 0.05
        Weight of the latest step in the running means of `LearningFactors`, which weighs the losses of the modalities.
    """

    SEARCH: ClassVar[dict[str, Search]] = {
        "subset_weight": Search(0.1, 10.0, log=True),
        "completion_weight": Search(0.05, 5.0, log=True),
        "unimodal_weight": Search(0.05, 5.0, log=True),
    }

    modality_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5
    subset_weight: Annotated[float, Field(ge=0)] = 1.0
    completion_weight: Annotated[float, Field(ge=0)] = 0.5
    unimodal_weight: Annotated[float, Field(ge=0)] = 0.5
    smoothing: Annotated[float, Field(gt=0, le=1)] = 0.05


class LearningFactors(nn.Module):
    """Loss weights of the modalities, larger for rare modalities and for those that the joint prediction underuses.

    The weight of a modality is ``(1 + gap / mean gap) / observed share``, divided by the mean over modalities. The gap
    is the loss reduction by the modality alone minus the loss reduction by adding it to the others. A negative gap
    counts as 0.

    Parameters
    ----------
    n_modalities : int
    smoothing : float
        Weight of the latest step in the running means, in (0, 1]; 1 uses the latest step only.
    """

    observed: Tensor
    gap: Tensor

    def __init__(self, n_modalities: int, smoothing: float) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.register_buffer("observed", torch.ones(n_modalities))
        self.register_buffer("gap", torch.zeros(n_modalities))

    def update(self, observed: Tensor, gap: Tensor) -> Tensor:
        """Update the running means and return the factors, (M,).

        Parameters
        ----------
        observed : tensor (M,)
            Share of the samples of the batch that observe each modality.
        gap : tensor (M,)
            Gaps of the batch; nan if unknown.
        """
        self.observed = self.observed.lerp(observed, self.smoothing)
        self.gap = torch.where(gap.isnan(), self.gap, self.gap.lerp(gap, self.smoothing))
        # a modality that adds more than it predicts alone is not underused
        underuse = self.gap.relu()
        factors = (1 + underuse / underuse.mean().clamp(min=1e-6)) / self.observed.clamp(min=0.01)
        return factors / factors.mean()


class MCEOutput(NamedTuple):
    """Output of `MCENetwork` for a batch of B samples with M modalities.

    In evaluation mode, the subset consists of all observed modalities, and there are no unimodal logits.

    Attributes
    ----------
    logits : tensor (B, n_outputs)
    representation : tensor (B, M * d)
        Fused codes.
    subset : tensor (B, n_outputs)
        Logits from the random subset.
    completed : tensor (B, M, d)
        Codes fused from the random subset.
    unimodal : tuple of M tensors (B, n_outputs)
        Logits of the unimodal heads.
    nothing : tensor (n_outputs,)
        Learned logits of a sample without any modality.
    kept : bool tensor (B, M)
        Random subset of the observed modalities.
    """

    logits: Tensor
    representation: Tensor
    subset: Tensor
    completed: Tensor
    unimodal: tuple[Tensor, ...]
    nothing: Tensor
    kept: Tensor


class MCENetwork(TrainableNetwork):
    """Network of MCE: encoders, one Transformer block that completes missing codes, a joint and unimodal heads."""

    def __init__(self, forms: list[ModalityForm], n_outputs: int, settings: MCESettings) -> None:
        super().__init__()
        width, n_modalities = settings.latent_dim, len(forms)
        self.settings = settings
        self.names = [form.name for form in forms]
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
        """Return the output for a batch; in training mode with logits of a random subset and of single modalities."""
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
        """Return ``L = L_all + w_s L_subset + sum_m f_m (w_c completion_m + w_u L_m) + L_empty`` and its terms."""
        assert batch.target is not None
        settings, target = self.settings, batch.target
        prediction, subset = objective.loss(output.logits, target), objective.loss(output.subset, target)
        empty = objective.loss(output.nothing.expand_as(output.logits), target)
        unimodal = torch.stack(
            [
                _mean_loss(logits, target, rows, objective)
                for logits, rows in zip(output.unimodal, batch.availability.unbind(1), strict=True)
            ]
        )
        gap = (empty - unimodal).detach() - _contributions(output, batch, objective)
        factors = self.factors.update(batch.availability.float().mean(dim=0), gap)
        unimodal = unimodal.nan_to_num()
        completion = _completion_losses(output, batch.availability & ~output.kept)
        per_modality = settings.completion_weight * completion + settings.unimodal_weight * unimodal
        loss = prediction + settings.subset_weight * subset + (factors * per_modality).sum() + empty
        parts = {"loss": loss, "loss/prediction": prediction, "loss/subset": subset}
        parts |= {"loss/completion": completion.sum(), "loss/unimodal": unimodal.sum()}
        return parts | {f"learning_factor/{name}": factors[index] for index, name in enumerate(self.names)}


def _mean_loss(logits: Tensor, target: Tensor, rows: Tensor, objective: Objective) -> Tensor:
    """Return the mean loss over the samples selected by the mask `rows`; nan if there are none."""
    if not bool(rows.any()):
        return logits.new_full((), float("nan"))
    return objective.loss(logits[rows], target[rows])


def _contributions(output: MCEOutput, batch: Batch, objective: Objective) -> Tensor:
    """Return the decrease of the subset loss for samples whose subset contains each modality, (M,).

    The losses with and without a modality are means over the samples that observe it and at least one other modality.
    The result is nan if there are no samples with, or none without it.
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
    """Return the mean absolute error of the completed codes of hidden modalities, (M,)."""
    truth = output.representation.detach().view_as(output.completed)
    distance = (output.completed - truth).abs().mean(dim=2) * hidden
    return distance.sum(dim=0) / hidden.sum(dim=0).clamp(min=1)


class MCE(NetworkMethod):
    """MCE (Zhao, Zhang and Zou, 2025)."""

    Settings: ClassVar[type[MethodSettings]] = MCESettings
    Network: ClassVar[type[TrainableNetwork]] = MCENetwork


METHOD = MCE
