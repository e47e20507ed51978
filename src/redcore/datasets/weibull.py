"""Gaussian modalities and Weibull times to an event, with a known optimal prediction (synthetic)."""

from typing import Any

from redcore.data import MultimodalData
from redcore.datasets import Card
from redcore.datasets._gaussian_sample import draw

__all__ = ["CARD", "load"]

CARD = Card(
    title="Linear-Gaussian modalities with a Weibull time to an event, right-censored at random",
    source="Generated; see redcore.datasets.GaussianModel and WeibullTimes",
    licence="None needed",
    target="survival; about 30% of the times are censored",
    public=False,
)


def load(n_samples: int = 5000, seed: int = 0, **world: Any) -> MultimodalData:
    """Draw samples of a `GaussianModel` with a survival target; see `redcore.datasets.gaussian.load`.

    Method ``bayes`` with the same settings and ``target="survival"`` gives the optimal prediction.
    """
    return draw(n_samples, seed, {**world, "target": "survival"})
