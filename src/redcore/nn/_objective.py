"""The supervised objective of each kind of target: loss on logits, logits to predictions."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor
from torch.nn import functional

from redcore._types import AnyArray
from redcore.data import HasTargetKind, Target, TargetKind

__all__ = ["Objective"]


@dataclass(frozen=True, eq=False)
class Objective(HasTargetKind):
    """Cross-entropy for classes, binary cross-entropy for labels, squared or absolute error for numbers.

    Attributes
    ----------
    kind : TargetKind
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
        if target.kind.is_regression:
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
        if self.kind.is_classification:
            return (target, None) if target.ndim == 1 else (target[:, 0].long(), target[:, 1])
        if target.shape[1] == self.n_outputs:
            return target, None
        return target[:, :-1], target[:, -1]

    def loss(self, logits: Tensor, target: Tensor, n_samples: int | None = None) -> Tensor:
        """Return the mean loss over samples (and outputs) of logits (n, n_outputs), each times its sample's weight.

        `n_samples` is what the sum is divided by where these samples are a share of a batch; default n.
        """
        return self.losses(logits[:, None], target, n_samples)[0]

    def losses(self, logits: Tensor, target: Tensor, n_samples: int | None = None) -> Tensor:
        """Return the mean losses of several logits for the same target: (n, n_heads, n_outputs) to (n_heads,)."""
        values, weights = self.split(target)
        losses = self.sample_losses(logits, values)
        weighted = losses if weights is None else losses * weights[:, None]
        return weighted.sum(dim=0) / (n_samples or len(logits))

    def sample_losses(self, logits: Tensor, values: Tensor) -> Tensor:
        """Return the loss of every sample, without its weight: (n, n_heads, n_outputs) to (n, n_heads)."""
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

    def outputs(self, logits: Tensor) -> AnyArray:
        """Return probabilities, or numbers in the units of the target, float64 (n, n_outputs)."""
        logits = logits.double()
        if self.kind.is_classification:
            return logits.softmax(dim=1).cpu().numpy()
        if self.kind.is_multilabel:
            return logits.sigmoid().cpu().numpy()
        return logits.cpu().numpy() * self.scale + self.mean
