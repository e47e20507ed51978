"""Supervised objective of each kind of target: loss of logits, and conversion of logits to predictions."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from redcore._types import AnyArray
from redcore.data import HasTargetKind, Target, TargetKind

__all__ = ["Objective", "outputs_of"]


@dataclass(frozen=True, eq=False)
class Objective(HasTargetKind):
    """Loss function and output transformation of a target.

    The loss is cross-entropy for classes, binary cross-entropy for multilabel targets, and squared or absolute error
    for regression.

    Attributes
    ----------
    kind : TargetKind
    n_outputs : int
    mean, scale : array (n_outputs,)
        In regression, the network predicts ``(y - mean) / scale``. For other targets, zeros and ones.
    regression_loss : {"squared", "absolute"}
    """

    kind: TargetKind
    n_outputs: int
    mean: AnyArray
    scale: AnyArray
    regression_loss: Literal["squared", "absolute"] = "squared"

    @classmethod
    def fit(cls, target: Target, regression_loss: Literal["squared", "absolute"] = "squared") -> "Objective":
        """Create the objective for a training target."""
        mean, scale = np.zeros(target.n_outputs), np.ones(target.n_outputs)
        if target.kind.is_regression:
            mean = np.atleast_1d(target.values.mean(axis=0))
            deviation = np.atleast_1d(target.values.std(axis=0))
            scale = np.where(deviation > 0, deviation, 1.0)
        return cls(target.kind, target.n_outputs, mean, scale, regression_loss)

    def encode(self, target: Target) -> AnyArray:
        """Return the target in the form that `loss` expects: int64 class codes (n,), or float32 (n, n_outputs).

        Sample weights are appended as a column: float32 (n, 2), or (n, n_outputs + 1).
        """
        values = self.values(target)
        if target.weights is None:
            return values
        return np.column_stack([values, target.weights]).astype(np.float32)

    def values(self, target: Target) -> AnyArray:
        """Return the encoded target without sample weights."""
        if target.is_classification:
            return target.values
        values = target.values.reshape(len(target.values), self.n_outputs)
        return ((values - self.mean) / self.scale).astype(np.float32)

    def split(self, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Split an encoded target into target values and sample weights (None without weights)."""
        if self.kind.is_classification:
            return (target, None) if target.ndim == 1 else (target[:, 0].long(), target[:, 1])
        if target.shape[1] == self.n_outputs:
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
        values, weights = self.split(target)
        losses = self.sample_losses(logits, values)
        weighted = losses if weights is None else losses * weights[:, None]
        return weighted.sum(dim=0) / (n_samples or len(logits))

    def sample_losses(self, logits: Tensor, values: Tensor) -> Tensor:
        """Return the unweighted loss of each sample and head: logits (n, n_heads, n_outputs) to (n, n_heads)."""
        n_heads = logits.shape[1]
        if self.kind.is_classification:
            codes = values[:, None].expand(-1, n_heads)
            return functional.cross_entropy(logits.transpose(1, 2), codes, reduction="none")
        return self._error(logits, values[:, None].expand(-1, n_heads, -1)).mean(dim=2)

    def _error(self, logits: Tensor, values: Tensor) -> Tensor:
        if self.kind.is_multilabel:
            return functional.binary_cross_entropy_with_logits(logits, values, reduction="none")
        if self.regression_loss == "absolute":
            return functional.l1_loss(logits, values, reduction="none")
        return functional.mse_loss(logits, values, reduction="none")

    def predictions(self, logits: Tensor) -> Tensor:
        """Return probabilities, or regression outputs in units of the target, double (n, n_outputs)."""
        logits = logits.double()
        if self.kind.is_regression:
            logits = logits * torch.as_tensor(self.scale, device=logits.device)
            logits = logits + torch.as_tensor(self.mean, device=logits.device)
        return outputs_of(logits, self.kind)

    def outputs(self, logits: Tensor) -> AnyArray:
        """Return `predictions` as an array."""
        return self.predictions(logits).cpu().numpy()


def outputs_of(linear: Tensor, kind: TargetKind) -> Tensor:
    """Return the probabilities of logits (..., n_outputs); predictions of a continuous target stay as they are."""
    if kind.is_regression:
        return linear
    return linear.sigmoid() if kind.is_multilabel else linear.softmax(dim=-1)
