"""Samples of a linear-Gaussian model with a split."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from redcore.data import MultimodalData
from redcore.datasets._gaussian_model import GaussianModel, GaussianSettings

__all__ = ["draw"]


def draw(n_samples: int, seed: int, world: Mapping[str, Any]) -> MultimodalData:
    """Draw samples without missing modalities, with a split of 60% / 15% / 25%.

    Parameters
    ----------
    n_samples : int
    seed : int
    world : mapping
        Settings of the model; see `GaussianSettings`.
    """
    model = GaussianModel.make(GaussianSettings.parse(world))
    rng = np.random.default_rng([seed, 1])
    data = model.sample(n_samples, rng)
    split = np.repeat([0, 1, 2], np.diff(np.round([0, 0.6 * n_samples, 0.75 * n_samples, n_samples]).astype(int)))
    return replace(data, split=rng.permutation(split))
