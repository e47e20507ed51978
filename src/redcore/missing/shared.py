"""One missing rate for all modalities, exact counts (missing completely at random)."""

import numpy as np

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.exceptions import MissingRateError
from redcore.missing._demand import Demand
from redcore.missing._exact import draw_exact

__all__ = ["MECHANISM", "Options", "draw"]

MECHANISM = "MCAR"


class Options(Settings):
    """Options of the protocol: none."""


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Remove every modality from exactly ``round(rate * n_samples)`` samples, drawn at random.

    Raises
    ------
    MissingRateError
        If the rates differ.
    """
    if len(set(demand.missing_rates.values())) > 1:
        raise MissingRateError(
            f"protocol 'shared' needs one rate for all modalities, got {demand.missing_rates}; nearest possible: "
            f"{demand.rates.mean():.3g} for all; for one rate per modality, use protocol 'imbalanced'"
        )
    return draw_exact(demand, rng)
