"""Cross-entropy of classes or labels, with label smoothing."""

from functools import partial

from torch import Tensor
from torch.nn import functional

from redcore.data import TargetKind
from redcore.exceptions import SettingsError
from redcore.nn.losses import Loss, LossSpec

__all__ = ["build"]


def of_classes(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Return the cross-entropy of class probabilities."""
    return functional.cross_entropy(logits.transpose(1, 2), target, reduction="none", label_smoothing=smoothing)


def of_labels(logits: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Return the mean binary cross-entropy of label probabilities."""
    smoothed = target * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(logits, smoothed, reduction="none").mean(dim=2)


def build(kind: TargetKind, spec: LossSpec) -> Loss:
    """Build the loss for classes or labels."""
    if not (kind.is_classification or kind.is_multilabel):
        raise SettingsError(f"loss 'cross_entropy': expected a target of classes or labels, got {kind}")
    return partial(of_classes if kind.is_classification else of_labels, smoothing=spec.label_smoothing)
