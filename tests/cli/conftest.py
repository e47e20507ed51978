"""Fixtures: small data files and a finished run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from redcore.cli import main

SMALL = ("--set", "max_epochs=2", "--set", "latent_dim=8", "--set", "imputer_layers=8")


def _arrays(kind: str, n_samples: int = 60, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    codes = np.arange(n_samples) % 3
    content = {
        "x_audio": rng.normal(size=(n_samples, 3)) + codes[:, None],
        "x_text": rng.normal(size=(n_samples, 4)) - codes[:, None],
        "y": codes,
    }
    extra = {
        "multiclass": {},
        "binary": {"y": codes % 2, "class_names": ["neg", "pos"], "has_text": np.arange(n_samples) % 4 > 0},
        "multilabel": {"y": np.stack([codes == 0, codes > 0, codes == 1], axis=1).astype(int)},
        "regression": {"y": codes + rng.normal(size=n_samples)},
        "ragged": {"x_motion": rng.normal(size=(n_samples, 5, 2)), "len_motion": 1 + np.arange(n_samples) % 5},
    }[kind]
    return {**content, **extra}


def _write(path: Path, kind: str, n_samples: int = 60, **changes: Any) -> Path:
    content = {**_arrays(kind, n_samples), **changes}
    np.savez(path, **{key: array for key, array in content.items() if array is not None})
    return path


@pytest.fixture(scope="session")
def write_npz() -> Callable[..., Path]:
    """Return ``write_npz(path, kind, **changes)``, which writes a data file; a key changed to None is omitted."""
    return _write


@pytest.fixture
def make_npz(tmp_path: Path) -> Callable[..., Path]:
    """Return a function like `write_npz` that writes to the folder of the test."""
    return lambda kind="multiclass", name="data.npz", **changes: _write(tmp_path / name, kind, **changes)


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """Return options for a small network that trains within a second."""
    return SMALL


@pytest.fixture(scope="session")
def linear_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of late fusion on three classes, next to its ``data.npz``. Do not modify it."""
    folder = tmp_path_factory.mktemp("linear")
    data = _write(folder / "data.npz", "multiclass")
    assert main(["fit", str(data), "--out", str(folder / "run"), "--method", "late_fusion"]) == 0
    return folder / "run"
