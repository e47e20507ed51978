"""Multi-class hinge loss."""

import torch
from torch import Tensor

from redcore.data import TargetKind
from redcore.nn.losses import Loss, LossSpec


def hinge(logits: Tensor, target: Tensor) -> Tensor:
    truth = logits.gather(2, target[..., None])
    margins = (1 + logits - truth).clamp(min=0)
    return margins.sum(dim=2) - torch.ones_like(margins[..., 0])


def build(kind: TargetKind, spec: LossSpec) -> Loss:
    return hinge
