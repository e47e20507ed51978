"""Sizes and schedule that the authors of IF-MMIN and MCE share with the code of MMIN, which theirs extends."""

from typing import Any

__all__ = ["MMIN_CODE"]

MMIN_CODE: dict[str, Any] = {
    "encoder": "lstm",
    "latent_dim": 128,
    "head_layers": [128, 128],
    "head_dropout": 0.5,
    "max_epochs": 60,
    "max_steps": None,
    "weight_averaging": 0.0,
    "patience": None,
    "batch_size": 128,
    "learning_rate": 2e-4,
    "schedule": "linear",
    "decay_fraction": 0.5,
    "weight_decay": 0.0,
}
