"""Losses of predictions, one module each: ``build(kind, spec) -> loss``.

A loss is a function of logits (n_samples, n_heads, n_outputs) and targets. It returns the loss of each sample and head,
(n_samples, n_heads). Targets are classes, int64 (n_samples, n_heads), or labels and standardised values, float
(n_samples, n_heads, n_outputs).

A loss of another distribution is such a module, or the loss itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from redcore._discovery import load
from redcore.data import TargetKind

__all__ = ["Loss", "LossSpec", "build_loss"]

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LossSpec:
    """Constants of the losses.

    Attributes
    ----------
    label_smoothing : float in [0, 1)
        Share of the target distribution that is spread evenly over the classes.
    focal_gamma : float
    huber_delta : float
        In standard deviations of the target.
    """

    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    huber_delta: float = 1.0


def build_loss(name: str, kind: TargetKind, spec: LossSpec) -> Loss | None:
    """Build a loss for a kind of target; ``"auto"`` stands for the default of the kind, for which None is returned.

    Raises
    ------
    SettingsError
        If the loss does not apply to this kind of target.
    """
    if name == "auto" and (not spec.label_smoothing or kind.is_regression):
        return None
    plug_in = load(__name__, "cross_entropy" if name == "auto" else name, "loss")
    return cast(Loss, plug_in.build(kind, spec) if hasattr(plug_in, "build") else plug_in)
