"""Huber loss of a continuous target: squared error up to a distance delta, and linear above."""

from functools import partial

from torch import Tensor
from torch.nn import functional

from redcore.data import TargetKind
from redcore.exceptions import SettingsError
from redcore.nn.losses import Loss, LossSpec

__all__ = ["build"]

SOURCE = "Huber (1964), Robust estimation of a location parameter, Annals of Mathematical Statistics 35(1)"


def of_values(logits: Tensor, target: Tensor, delta: float) -> Tensor:
    """Return the mean Huber loss of standardised values."""
    return functional.huber_loss(logits, target, reduction="none", delta=delta).mean(dim=2)


def build(kind: TargetKind, spec: LossSpec) -> Loss:
    """Build the loss for a continuous target."""
    if not kind.is_regression:
        raise SettingsError(f"loss 'huber': expected a continuous target, got {kind}")
    return partial(of_values, delta=spec.huber_delta)
