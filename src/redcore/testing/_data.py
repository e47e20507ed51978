"""Small data and small settings for contract tests."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from redcore._types import AnyArray, BoolArray
from redcore.data import MultimodalData, Target
from redcore.methods import MethodLike, method_class
from redcore.methods.stacked import Stacked

__all__ = [
    "N_SAMPLES",
    "TARGETS",
    "make_arrays",
    "make_availability",
    "make_data",
    "make_target",
    "small_settings",
]

N_SAMPLES = 24
TARGETS = ("binary", "multiclass", "multilabel", "regression", "several numbers")
"""Kinds of `make_target`."""

SMALL: Mapping[str, Any] = {
    "max_epochs": 2,
    "batch_size": 8,
    "latent_dim": 8,
    "encoder_heads": 2,
    "imputer_layers": (4,),
    "head_layers": (8,),
    "n_estimators": 1,
}
"""Settings of small and short fits. A method gets those that it has."""


def small_settings(method: MethodLike, **changes: Any) -> dict[str, Any]:
    """Return small settings for a method, updated by those of `changes` that the method has."""
    cls = method_class(method)
    if cls is Stacked:
        # settings that the stack does not have are those of its base method
        return small_settings(changes.get("base", "redcore"), **changes) | changes
    fields = cls.Settings.model_fields
    return {name: value for name, value in {**SMALL, **changes}.items() if name in fields}


def make_target(kind: str, n_samples: int = N_SAMPLES, seed: int = 0) -> Target:
    """Return a target of one of the kinds in `TARGETS`, or "survival"."""
    rng = np.random.default_rng(seed)
    codes = np.resize(np.arange(3), n_samples)
    if kind == "binary":
        return Target.from_labels(np.array(["no", "yes"])[codes % 2], ["no", "yes"])
    if kind == "multiclass":
        return Target.from_labels(codes, range(3))
    if kind == "multilabel":
        return Target.from_multilabel(np.stack([codes > 0, codes > 1, rng.random(n_samples) > 0.5], axis=1))
    if kind == "survival":
        return Target.from_survival(rng.exponential(np.exp(1.0 - codes)) + 0.01, rng.random(n_samples) < 0.7)
    numbers = rng.normal(size=(n_samples, 2))
    return Target.from_numbers(numbers[:, 0] if kind == "regression" else numbers)


def make_arrays(n_samples: int = N_SAMPLES, seed: int = 0, sequences: bool = False) -> dict[str, Any]:
    """Return the modalities text, audio and video. With `sequences`, audio has sequences of different lengths."""
    rng = np.random.default_rng(seed)
    signal = np.resize(np.arange(3), n_samples)[:, None]
    arrays: dict[str, Any] = {
        "text": rng.normal(size=(n_samples, 4)) + signal,
        "audio": rng.normal(size=(n_samples, 3)) - signal,
        "video": rng.normal(size=(n_samples, 5)) + signal,
    }
    if sequences:
        arrays["audio"] = [rng.normal(size=(1 + row % 4, 3)) - signal[row] for row in range(n_samples)]
    return arrays


def make_availability(n_samples: int = N_SAMPLES, seed: int = 1) -> BoolArray:
    """Return an availability mask of `make_arrays` in which every sample observes a modality."""
    availability: AnyArray = np.random.default_rng(seed).random((n_samples, 3)) > 0.4
    availability[~availability.any(axis=1), 0] = True
    return availability


def make_data(
    kind: str = "multiclass",
    n_samples: int = N_SAMPLES,
    *,
    sequences: bool = False,
    holes: bool = True,
    **options: Any,
) -> MultimodalData:
    """Return data with `make_arrays`, `make_target` and, if `holes` is True, `make_availability`.

    `options` are those of `MultimodalData.from_arrays`.
    """
    return MultimodalData.from_arrays(
        make_arrays(n_samples, sequences=sequences),
        make_target(kind, n_samples),
        availability=make_availability(n_samples) if holes else None,
        **options,
    )
