"""A missing rate per modality, exact counts (missing completely at random)."""

import numpy as np

from redcore._types import BoolArray
from redcore.missing._exact import draw_exact

__all__ = ["draw"]


def draw(
    n_samples: int, missing_rates: dict[str, float], rng: np.random.Generator, *, at_least_one: bool = True
) -> BoolArray:
    """Hide modality m in exactly ``round(missing_rates[m] * n_samples)`` samples, drawn at random.

    The protocol of imbalanced missing rates of the RedCore paper (arXiv 2312.10386).
    See `redcore.missing.draw_availability` for the parameters.
    """
    return draw_exact(n_samples, missing_rates, rng, at_least_one=at_least_one)
