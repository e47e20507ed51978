"""Gaussian multimodal data with a known optimal prediction (synthetic)."""

from typing import Any

from redcore.data import MultimodalData
from redcore.datasets import Card
from redcore.datasets._gaussian_sample import draw

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
    return draw(n_samples, seed, world)
