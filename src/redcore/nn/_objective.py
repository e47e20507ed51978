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
        """Return the target as the loss wants it: int64 codes (n,), or float32 (n, n_outputs)."""
        if target.is_classification:
            return target.values
        values = target.values.reshape(len(target.values), self.n_outputs)
        return ((values - self.mean) / self.scale).astype(np.float32)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss over samples (and outputs)."""
        if self.kind in ("binary", "multiclass"):
            return functional.cross_entropy(logits, target)
        if self.kind == "multilabel":
            return functional.binary_cross_entropy_with_logits(logits, target)
        if self.regression_loss == "absolute":
            return functional.l1_loss(logits, target)
        return functional.mse_loss(logits, target)

    def outputs(self, logits: Tensor) -> AnyArray:
        """Return probabilities, or numbers in the units of the target, float64 (n, n_outputs)."""
        logits = logits.double()
        if self.kind in ("binary", "multiclass"):
            return logits.softmax(dim=1).cpu().numpy()
        if self.kind == "multilabel":
            return logits.sigmoid().cpu().numpy()
        return logits.cpu().numpy() * self.scale + self.mean
