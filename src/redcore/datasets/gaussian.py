"""Gaussian multimodal data with a known optimal prediction (synthetic)."""

from dataclasses import replace
from typing import Any

import numpy as np

from redcore.data import MultimodalData
from redcore.datasets import Card, GaussianModel, GaussianSettings

__all__ = ["CARD", "load"]

CARD = Card(
    title="Class-conditional linear-Gaussian modalities with shared and private factors",
    source="Generated; see redcore.datasets.GaussianModel",
    licence="None needed",
    target="multiclass",
    public=False,
)


def load(n_samples: int = 5000, seed: int = 0, **world: Any) -> MultimodalData:
    """Draw samples of a `GaussianModel` without missing modalities, with a split of 60% / 15% / 25%.

    Parameters
    ----------
    n_samples : int, default 5000
    seed : int
        Seed of the samples. The seed of the model parameters is `world_seed`.
    **world
        Settings of the model; see `redcore.datasets.GaussianSettings`. Method ``bayes`` with the same settings gives
        the optimal prediction.
    """
    model = GaussianModel.make(GaussianSettings.parse(world))
    rng = np.random.default_rng([seed, 1])
    data = model.sample(n_samples, rng)
    split = np.repeat([0, 1, 2], np.diff(np.round([0, 0.6 * n_samples, 0.75 * n_samples, n_samples]).astype(int)))
    return replace(data, split=rng.permutation(split))
