"""One missing rate per modality, reached exactly on samples drawn at random (missing completely at random)."""

import numpy as np

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.missing._demand import Demand
from redcore.missing._exact import draw_exact

__all__ = ["MECHANISM", "Options", "draw"]

MECHANISM = "MCAR"


class Options(Settings):
    """Options of the protocol: none."""


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Remove modality m from exactly ``round(rate_m * n_samples)`` samples, drawn at random.

    This is the protocol of imbalanced missing rates of the RedCore paper (arXiv 2312.10386).
    """
    return draw_exact(demand, rng)
