"""One missing rate that all modalities share, exact counts (missing completely at random)."""

import numpy as np

from redcore._types import BoolArray
from redcore.exceptions import MissingRateError
from redcore.missing._exact import draw_exact

__all__ = ["draw"]


def draw(
    n_samples: int, missing_rates: dict[str, float], rng: np.random.Generator, *, at_least_one: bool = True
) -> BoolArray:
    """Hide every modality in exactly ``round(rate * n_samples)`` samples, drawn at random.

    Raises `MissingRateError` if the rates differ. See `redcore.missing.draw_availability` for the parameters.
    """
    if len(set(missing_rates.values())) > 1:
        raise MissingRateError(
            f"protocol 'shared' needs one rate for all modalities, got {missing_rates}; "
            "for a rate per modality use protocol 'imbalanced'"
        )
    return draw_exact(n_samples, missing_rates, rng, at_least_one=at_least_one)
