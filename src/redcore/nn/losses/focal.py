"""Focal loss of classes or labels: cross-entropy times (1 - p) ** gamma for the probability p of the truth."""

from functools import partial

from torch import Tensor
from torch.nn import functional

from redcore.data import TargetKind
from redcore.exceptions import SettingsError
from redcore.nn.losses import Loss, LossSpec

__all__ = ["build"]

SOURCE = "Lin et al. (2017), Focal loss for dense object detection, arXiv 1708.02002"


def of_classes(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Return the focal loss of class probabilities."""
    entropy = functional.cross_entropy(logits.transpose(1, 2), target, reduction="none")
    return _focused(entropy, gamma)


def of_labels(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Return the mean focal loss of label probabilities."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return _focused(entropy, gamma).mean(dim=2)


def _focused(entropy: Tensor, gamma: float) -> Tensor:
    # the cross-entropy is -log p, and -expm1(log p) is 1 - p; it is positive, so that the gradient of a power is finite
    return (-(-entropy).expm1()).clamp(min=1e-12) ** gamma * entropy


def build(kind: TargetKind, spec: LossSpec) -> Loss:
    """Build the loss for classes or labels."""
    if not (kind.is_classification or kind.is_multilabel):
        raise SettingsError(f"loss 'focal': expected a target of classes or labels, got {kind}")
    if spec.label_smoothing:
        raise SettingsError("loss 'focal' has no label smoothing: expected label_smoothing=0")
    return partial(of_classes if kind.is_classification else of_labels, gamma=spec.focal_gamma)
