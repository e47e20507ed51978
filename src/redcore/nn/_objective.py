"""The supervised objective of each kind of target: loss on logits, logits to predictions."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor
from torch.nn import functional

from redcore._types import AnyArray
from redcore.data import Target, TargetKind

__all__ = ["Objective"]


@dataclass(frozen=True, eq=False)
class Objective:
    """Cross-entropy for classes, binary cross-entropy for labels, squared or absolute error for numbers.

    Attributes
    ----------
    kind : str
        Target kind.
    n_outputs : int
    mean, scale : array (n_outputs,)
        For regression: the network predicts ``(y - mean) / scale``. Zeros and ones otherwise.
    regression_loss : {"squared", "absolute"}
    """

    kind: TargetKind
    n_outputs: int
    mean: AnyArray
    scale: AnyArray
    regression_loss: Literal["squared", "absolute"] = "squared"

    @classmethod
    def fit(cls, target: Target, regression_loss: Literal["squared", "absolute"] = "squared") -> "Objective":
        """Make the objective for a training target."""
        mean, scale = np.zeros(target.n_outputs), np.ones(target.n_outputs)
        if target.kind == "regression":
            mean = np.atleast_1d(target.values.mean(axis=0))
            deviation = np.atleast_1d(target.values.std(axis=0))
            scale = np.where(deviation > 0, deviation, 1.0)
        return cls(target.kind, target.n_outputs, mean, scale, regression_loss)

    def encode(self, target: Target) -> AnyArray:
        """Return the target as the loss wants it: int64 codes (n,), or float32 (n, n_outputs).

        Where samples have weights these are one more column: float32 (n, 2), or (n, n_outputs + 1).
        """
        values = self.values(target)
        if target.weights is None:
            return values
        return np.column_stack([values, target.weights]).astype(np.float32)

    def values(self, target: Target) -> AnyArray:
        """Return the target as `encode` does, without weights."""
        if target.is_classification:
            return target.values
        values = target.values.reshape(len(target.values), self.n_outputs)
        return ((values - self.mean) / self.scale).astype(np.float32)

    def split(self, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return codes or numbers, and the weights of the samples, of an encoded target."""
        if self.kind in ("binary", "multiclass"):
            return (target, None) if target.ndim == 1 else (target[:, 0].long(), target[:, 1])
        if target.shape[1] == self.n_outputs:
            return target, None
        return target[:, :-1], target[:, -1]

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss over samples (and outputs), each times the weight of its sample."""
        values, weights = self.split(target)
        if weights is None:
            return self._loss(logits, values, "mean")
        losses = self._loss(logits, values, "none")
        return (losses.reshape(len(weights), -1).mean(dim=1) * weights).mean()

    def _loss(self, logits: Tensor, values: Tensor, reduction: str) -> Tensor:
        if self.kind in ("binary", "multiclass"):
            return functional.cross_entropy(logits, values, reduction=reduction)
        if self.kind == "multilabel":
            return functional.binary_cross_entropy_with_logits(logits, values, reduction=reduction)
        if self.regression_loss == "absolute":
            return functional.l1_loss(logits, values, reduction=reduction)
        return functional.mse_loss(logits, values, reduction=reduction)

    def outputs(self, logits: Tensor) -> AnyArray:
        """Return probabilities, or numbers in the units of the target, float64 (n, n_outputs)."""
        logits = logits.double()
        if self.kind in ("binary", "multiclass"):
            return logits.softmax(dim=1).cpu().numpy()
        if self.kind == "multilabel":
            return logits.sigmoid().cpu().numpy()
        return logits.cpu().numpy() * self.scale + self.mean
