"""Objective of several targets: each has its slice of the logits and its own loss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.data import Schema, Target, TargetKind
from redcore.nn._objective import Objective
from redcore.nn.losses import Loss

__all__ = ["MixedObjective", "ObjectivePart", "fit_objective", "restored_objective"]

RegressionLoss = Literal["squared", "absolute"]

LEAST_LABELLED = 0.1
"""Lower bound of the share of labelled samples by which the loss of a target is divided."""


@dataclass(frozen=True, eq=False)
class ObjectivePart:
    """Objective of one of several targets.

    Attributes
    ----------
    name : str
    objective : Objective
    outputs : slice
        Columns of the logits.
    columns : slice
        Columns of the encoded values.
    weight : float
        Factor of the loss of a labelled sample.
    """

    name: str
    objective: Objective
    outputs: slice
    columns: slice
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class MixedObjective(Objective):
    """Sum of the losses of several targets. A sample without a value of a target has no loss of this target.

    The mean loss of each target over its labelled samples is divided by its scale, the loss of the best constant
    prediction. The factors of a single target are 1.

    Attributes
    ----------
    parts : tuple of ObjectivePart
    mean, scale : array (n_outputs,)
        Those of all parts, concatenated.
    """

    parts: tuple[ObjectivePart, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str], objectives: Sequence[Objective], n_columns: Sequence[int]) -> "MixedObjective":
        """Combine the objectives of single targets, which have `n_columns` columns in the mixed target."""
        widths = [objective.n_outputs for objective in objectives]
        parts = tuple(map(ObjectivePart, names, objectives, _slices(widths), _slices(n_columns)))
        mean, scale = (np.concatenate([getattr(one, name) for one in objectives]) for name in ("mean", "scale"))
        return cls(TargetKind.MIXED, sum(widths), mean, scale, parts=parts)

    def weighted(self, target: Target, target_weights: Mapping[str, float]) -> Self:
        """Return the objective with the weights of the targets in the loss.

        Parameters
        ----------
        target : Target
            Training target, from which the scale of each loss and the share of labelled samples follow.
        target_weights : mapping of str to float
            Weights by name; 1 for other targets.

        Raises
        ------
        UnknownNameError
            If there is a weight for a target that does not exist.
        """
        check_known("target (of target_weights)", target_weights, [part.name for part in self.parts])
        scaled = np.array(
            [target_weights.get(part.name, 1.0) / _constant_loss(part.objective, target.of_part(part.name))
             for part in self.parts]
        )  # fmt: skip
        labelled = np.array([target.labelled(part.name).mean() for part in self.parts]).clip(min=LEAST_LABELLED)
        weights = scaled * len(scaled) / scaled.sum() / labelled
        parts = zip(self.parts, weights.tolist(), strict=True)
        return replace(self, parts=tuple(replace(part, weight=weight) for part, weight in parts))

    def with_losses(self, loss_for: Callable[[TargetKind], Loss | None]) -> Self:
        """Return the objective with the losses that a function returns for the kinds of the targets."""
        parts = (replace(part, objective=part.objective.with_losses(loss_for)) for part in self.parts)
        return replace(self, parts=tuple(parts))

    @property
    def has_default_loss(self) -> bool:
        """True if no loss was chosen for any target."""
        return all(part.objective.has_default_loss for part in self.parts)

    def of_part(self, name: str) -> Objective:
        """Return the objective of one target."""
        by_name = {part.name: part.objective for part in self.parts}
        check_known("target", [name], by_name)
        return by_name[name]

    def values(self, target: Target) -> AnyArray:
        """Return the encoded values of all targets side by side, float32, with NaN for samples without a value."""
        encoded = np.full((len(target.values), self.parts[-1].columns.stop), np.nan, dtype=np.float32)
        for part in self.parts:
            rows = target.labelled(part.name)
            if rows.any():
                single = part.objective.values(target.of_part(part.name))
                encoded[rows, part.columns] = single.reshape(len(single), -1)
        return encoded

    def split(self, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Split an encoded target into target values and sample weights (None without weights)."""
        n_columns = self.parts[-1].columns.stop
        return target[:, :n_columns], target[:, n_columns] if target.shape[1] > n_columns else None

    def sample_losses(self, logits: Tensor, values: Tensor) -> Tensor:
        """Return the unweighted loss of each sample and head: logits (n, n_heads, n_outputs) to (n, n_heads)."""
        losses = []
        for part in self.parts:
            labelled, single = self._single(part, values)
            own = part.objective.sample_losses(logits[..., part.outputs], single)
            losses.append(torch.where(labelled[:, None], own * part.weight, torch.zeros_like(own)))
        return torch.stack(losses).sum(dim=0)

    def label_vectors(self, values: Tensor) -> Tensor:
        """Return encoded target values as vectors, float (n, n_outputs); zeros for samples without a value."""
        vectors = []
        for part in self.parts:
            labelled, single = self._single(part, values)
            vectors.append(part.objective.label_vectors(single) * labelled[:, None])
        return torch.cat(vectors, dim=1)

    def _single(self, part: ObjectivePart, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the labelled samples of a part, and its encoded values with zeros for the other samples."""
        own = values[:, part.columns]
        labelled = ~own.isnan().any(dim=1)
        return labelled, part.objective.decoded(torch.where(labelled[:, None], own, torch.zeros_like(own)))

    def absolute(self, logits: Tensor) -> Tensor:
        """Return logits (..., n_outputs) without the standardisation by `mean` and `scale`."""
        return torch.cat([part.objective.absolute(logits[..., part.outputs]) for part in self.parts], dim=-1)

    def predictions(self, logits: Tensor) -> Tensor:
        """Return the predictions of all targets side by side, double (n, n_outputs)."""
        return torch.cat([part.objective.predictions(logits[..., part.outputs]) for part in self.parts], dim=-1)


def fit_objective(target: Target, regression_loss: RegressionLoss = "squared") -> Objective:
    """Return the objective of a training target of any kind."""
    if not target.kind.is_mixed:
        return Objective.fit(target, regression_loss)
    objectives = [Objective.fit(target.of_part(name), regression_loss) for name in target.part_names]
    return MixedObjective.of(target.part_names, objectives, [part.n_columns for part in target.parts])


def restored_objective(
    schema: Schema, arrays: Mapping[str, AnyArray], regression_loss: RegressionLoss = "squared"
) -> Objective:
    """Return the objective of a fitted method from the result of `Objective.to_arrays`."""
    mean, scale = arrays["mean"], arrays["scale"]
    if not schema.target_kind.is_mixed:
        return Objective(schema.target_kind, schema.n_outputs, mean, scale, regression_loss)
    places = [schema.outputs_of(name) for name in schema.part_names]
    objectives = [
        Objective(part.kind, part.n_outputs, mean[place], scale[place], regression_loss)
        for part, place in zip(schema.parts, places, strict=True)
    ]
    return MixedObjective.of(schema.part_names, objectives, [part.n_columns for part in schema.parts])


def _constant_loss(objective: Objective, target: Target) -> float:
    """Return the mean loss of the best constant prediction; 1 if it is 0."""
    values = torch.from_numpy(np.asarray(objective.values(target)))
    logits = torch.zeros(objective.n_outputs, dtype=torch.float64)
    if target.is_classification or target.kind.is_multilabel:
        counts = objective.label_vectors(values).double()
        share = (counts * torch.from_numpy(target.counts)[:, None]).mean(dim=0).clamp(1e-6, 1 - 1e-6)
        logits = share.log() if target.is_classification else share.logit()
    losses = objective.sample_losses(logits.float().expand(len(values), 1, -1), values)[:, 0]
    return float((losses * torch.from_numpy(target.counts)).mean()) or 1.0


def _slices(widths: Sequence[int]) -> list[slice]:
    ends = np.cumsum(widths).tolist()
    return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
