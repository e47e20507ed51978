"""Supervised objective of each kind of target: loss of logits, and conversion of logits to predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from redcore._types import AnyArray
from redcore._validation import check_known
from redcore.data import HasTargetKind, Target, TargetKind
from redcore.exceptions import ShapeError
from redcore.nn._operators import softplus
from redcore.nn.losses import Loss

__all__ = ["Objective", "hazard_losses", "outputs_of"]


@dataclass(frozen=True, eq=False)
class Objective(HasTargetKind):
    """Loss function and output transformation of a target.

    The loss is cross-entropy for classes, binary cross-entropy for multilabel targets, and squared or absolute error
    for regression. For survival it is the negative log-likelihood of right-censored times in discrete bins, of which
    the logits are the log-odds of the hazards (Brown 1975; Gensheimer and Narasimhan 2019).

    Attributes
    ----------
    kind : TargetKind
    n_outputs : int
    mean, scale : array (n_outputs,)
        In regression, the network predicts ``(y - mean) / scale``. In survival, it predicts the difference to `mean`,
        the log-odds of the hazards of all training samples, and `scale` is 1. For other targets, zeros and ones.
    regression_loss : {"squared", "absolute"}
    chosen_loss : callable, optional
        Loss that replaces the default one; see `redcore.nn.losses`.
    """

    kind: TargetKind
    n_outputs: int
    mean: AnyArray
    scale: AnyArray
    regression_loss: Literal["squared", "absolute"] = "squared"
    chosen_loss: Loss | None = None

    @classmethod
    def fit(cls, target: Target, regression_loss: Literal["squared", "absolute"] = "squared") -> "Objective":
        """Create the objective for a training target."""
        mean, scale = np.zeros(target.n_outputs), np.ones(target.n_outputs)
        if target.kind.is_regression:
            mean = np.atleast_1d(target.values.mean(axis=0))
            deviation = np.atleast_1d(target.values.std(axis=0))
            scale = np.where(deviation > 0, deviation, 1.0)
        if target.kind.is_survival:
            hazards = target.time_grid.hazards(target.values, target.weights)
            mean = np.log(hazards) - np.log1p(-hazards)
        return cls(target.kind, target.n_outputs, mean, scale, regression_loss)

    def with_losses(self, loss_for: Callable[[TargetKind], Loss | None]) -> Self:
        """Return the objective with the loss that a function returns for its kind; None stands for the default."""
        return replace(self, chosen_loss=loss_for(self.kind))

    @property
    def has_default_loss(self) -> bool:
        """True if no loss was chosen. The default losses of a sample do not depend on the other samples."""
        return self.chosen_loss is None

    def weighted(self, target: Target, target_weights: Mapping[str, float]) -> Self:
        """Return the objective itself, since a single target has no weight; see `MixedObjective.weighted`."""
        check_known("target (of target_weights)", target_weights, ())
        return self

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the fitted numbers by name."""
        return {"mean": self.mean, "scale": self.scale}

    def decoded(self, values: Tensor) -> Tensor:
        """Return encoded values that are stored as float columns (n, n_columns) in the form that `loss` expects."""
        return values[:, 0].long() if self.kind.is_classification else values

    def encode(self, target: Target) -> AnyArray:
        """Return the target in the form that `loss` expects: int64 class codes (n,), or float32 (n, n_outputs).

        A survival target becomes float32 (n, 2), see `TimeGrid.positions`. Sample weights are appended as a column.
        """
        values = self.values(target)
        if target.weights is None:
            return values
        return np.column_stack([values, target.weights]).astype(np.float32)

    def values(self, target: Target) -> AnyArray:
        """Return the encoded target without sample weights."""
        if target.is_classification:
            return target.values
        if target.kind.is_survival:
            return target.time_grid.positions(target.values)
        values = target.values.reshape(len(target.values), self.n_outputs)
        return ((values - self.mean) / self.scale).astype(np.float32)

    def split(self, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Split an encoded target into target values and sample weights (None without weights)."""
        if self.kind.is_classification:
            return (target, None) if target.ndim == 1 else (target[:, 0].long(), target[:, 1])
        if target.shape[1] == (2 if self.kind.is_survival else self.n_outputs):
            return target, None
        return target[:, :-1], target[:, -1]

    def loss(self, logits: Tensor, target: Tensor, n_samples: int | None = None) -> Tensor:
        """Return the mean loss over samples and outputs, with sample weights.

        Parameters
        ----------
        logits : tensor (n, n_outputs)
        target : tensor
            Encoded target.
        n_samples : int, optional
            Number of samples of the full batch, by which the sum is divided. Default: n.
        """
        return self.losses(logits[:, None], target, n_samples)[0]

    def losses(self, logits: Tensor, target: Tensor, n_samples: int | None = None) -> Tensor:
        """Return the mean loss of each of several heads: logits (n, n_heads, n_outputs) to losses (n_heads,)."""
        return self.weighted_losses(logits, target).sum(dim=0) / (n_samples or len(logits))

    def weighted_losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each sample and head, with sample weights: logits (n, n_heads, n_outputs) to (n, n_heads).

        `target` is encoded.
        """
        values, weights = self.split(target)
        losses = self.sample_losses(logits, values)
        return losses if weights is None else losses * weights[:, None]

    def sample_losses(self, logits: Tensor, values: Tensor) -> Tensor:
        """Return the unweighted loss of each sample and head: logits (n, n_heads, n_outputs) to (n, n_heads)."""
        n_heads = logits.shape[1]
        if self.chosen_loss is not None:
            return _checked(self.chosen_loss(logits, values[:, None].expand(-1, n_heads, *values.shape[1:])), logits)
        if self.kind.is_classification:
            codes = values[:, None].expand(-1, n_heads)
            return functional.cross_entropy(logits.transpose(1, 2), codes, reduction="none")
        if self.kind.is_survival:
            return hazard_losses(self.absolute(logits), values)
        return self._error(logits, values[:, None].expand(-1, n_heads, -1)).mean(dim=2)

    def _error(self, logits: Tensor, values: Tensor) -> Tensor:
        if self.kind.is_multilabel:
            return functional.binary_cross_entropy_with_logits(logits, values, reduction="none")
        if self.regression_loss == "absolute":
            return functional.l1_loss(logits, values, reduction="none")
        return functional.mse_loss(logits, values, reduction="none")

    def label_vectors(self, values: Tensor) -> Tensor:
        """Return encoded target values as vectors, float (n, n_outputs), for networks that are conditioned on them.

        Classes are one-hot vectors. A survival target has the share of each time bin in which the sample is at risk.
        """
        if self.kind.is_classification:
            return functional.one_hot(values, self.n_outputs).float()
        return shares_at_risk(values, self.n_outputs) if self.kind.is_survival else values

    def absolute(self, logits: Tensor) -> Tensor:
        """Return logits (..., n_outputs) without the standardisation by `mean` and `scale`."""
        if not (self.kind.is_regression or self.kind.is_survival):
            return logits
        mean, scale = (torch.as_tensor(part, device=logits.device).to(logits) for part in (self.mean, self.scale))
        return logits * scale + mean

    def predictions(self, logits: Tensor) -> Tensor:
        """Return probabilities, or regression outputs in units of the target, double (n, n_outputs).

        The probabilities of a survival target are those of survival at the borders of the time bins.
        """
        return outputs_of(self.absolute(logits.double()), self.kind)

    def outputs(self, logits: Tensor) -> AnyArray:
        """Return `predictions` as an array."""
        return self.predictions(logits).cpu().numpy()


def _checked(losses: Tensor, logits: Tensor) -> Tensor:
    """Return the values of a chosen loss, (n, n_heads)."""
    if losses.shape != logits.shape[:2]:
        raise ShapeError(
            f"the loss has the shape {tuple(losses.shape)}, expected one value per sample and head: "
            f"{tuple(logits.shape[:2])}"
        )
    return losses


def outputs_of(linear: Tensor, kind: TargetKind) -> Tensor:
    """Return the probabilities of logits (..., n_outputs); predictions of a continuous target stay as they are.

    For survival, logits are log-odds of hazards, and the result is the probability of survival at the end of each bin.
    """
    if kind.is_regression:
        return linear
    if kind.is_survival:
        return softplus(linear).cumsum(dim=-1).neg().exp()
    return linear.sigmoid() if kind.is_multilabel else linear.softmax(dim=-1)


def hazard_losses(logits: Tensor, values: Tensor) -> Tensor:
    """Return the negative log-likelihood of censored times in discrete bins, (n, n_heads).

    Parameters
    ----------
    logits : tensor (n, n_heads, n_bins)
        Log-odds of the hazards.
    values : tensor (n, 2)
        Positions and events; see `redcore.data.TimeGrid.positions`.
    """
    at_risk, event = shares_at_risk(values, logits.shape[2]), values[:, 1:]
    bins = (values[:, :1] - 1).clamp(min=0).long()[:, None].expand(-1, logits.shape[1], -1)
    of_event = logits.gather(2, bins).squeeze(2)
    return (functional.softplus(logits) * at_risk[:, None]).sum(dim=2) - event * of_event


def shares_at_risk(values: Tensor, n_bins: int) -> Tensor:
    """Return the share of each time bin in which a sample is at risk, (n, n_bins), of positions and events (n, 2)."""
    return (values[:, :1] - torch.arange(n_bins, device=values.device)).clamp(0, 1)
