"""Tiny data and settings that every test can fit in a moment."""

import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from redcore._discovery import names
from redcore.data import MultimodalData, Target
from redcore.methods import PretrainedTableMethod, method_class
from samples import write_weights

PRETRAINED_METHODS = [
    name
    for name in names("redcore.methods")
    if issubclass(method := method_class(name), PretrainedTableMethod) and find_spec(method.package)
]
"""Methods that need pretrained weights, which `tiny` provides, if their package is installed."""

ANY_DATA_METHODS = [
    name
    for name in names("redcore.methods")
    if method_class(name).any_data and not issubclass(method_class(name), PretrainedTableMethod)
]
"""All methods but those that know one data set only, and those that need pretrained weights."""

TARGETS = ("binary", "multiclass", "multilabel", "regression", "several numbers")

# small sizes for every method; settings that a method lacks are left out by `tiny`
TINY = {
    "max_epochs": 2,
    "batch_size": 8,
    "latent_dim": 8,
    "encoder_heads": 2,
    "imputer_layers": (4,),
    "head_layers": (8,),
    "n_estimators": 1,
}


def tiny(method: str, **changes):
    """Return small settings for a method."""
    if method == "stacked":
        # settings that the stack lacks are those of its base method
        return tiny(changes.get("base", "redcore"), **changes) | changes
    fields = method_class(method).Settings.model_fields
    if method in PRETRAINED_METHODS:
        changes = {"weights": str(tiny_weights(method)), **changes}
    return {name: value for name, value in {**TINY, **changes}.items() if name in fields}


@cache
def tiny_weights(method: str) -> Path:
    """Return a folder with tiny weights, which is written once per process."""
    return write_weights(method, Path(tempfile.mkdtemp(prefix=f"{method}-")))


def make_target(kind: str, n_samples: int, seed: int = 0) -> Target:
    rng = np.random.default_rng(seed)
    codes = np.resize(np.arange(3), n_samples)
    if kind == "binary":
        return Target.from_labels(np.array(["no", "yes"])[codes % 2], ["no", "yes"])
    if kind == "multiclass":
        return Target.from_labels(codes, range(3))
    if kind == "multilabel":
        return Target.from_multilabel(np.stack([codes > 0, codes > 1, rng.random(n_samples) > 0.5], axis=1))
    numbers = rng.normal(size=(n_samples, 2))
    return Target.from_numbers(numbers[:, 0] if kind == "regression" else numbers)


def make_arrays(n_samples: int = 24, seed: int = 0, sequences: bool = False) -> dict:
    """Return three modalities; with `sequences` one of them is ragged."""
    rng = np.random.default_rng(seed)
    signal = np.resize(np.arange(3), n_samples)[:, None]
    arrays = {
        "text": rng.normal(size=(n_samples, 4)) + signal,
        "audio": rng.normal(size=(n_samples, 3)) - signal,
        "video": rng.normal(size=(n_samples, 5)) + signal,
    }
    if sequences:
        arrays["audio"] = [rng.normal(size=(1 + row % 4, 3)) - signal[row] for row in range(n_samples)]
    return arrays


def make_availability(n_samples: int = 24, seed: int = 1) -> np.ndarray:
    """Return holes in every modality (columns in the order of `make_arrays`), every sample keeping something."""
    availability = np.random.default_rng(seed).random((n_samples, 3)) > 0.4
    availability[~availability.any(axis=1), 0] = True
    return availability


def make_data(kind: str = "multiclass", n_samples: int = 24, *, sequences: bool = False, holes: bool = True, **options):
    availability = make_availability(n_samples) if holes else None
    return MultimodalData.from_arrays(
        make_arrays(n_samples, sequences=sequences),
        make_target(kind, n_samples),
        availability=availability,
        **options,
    )
