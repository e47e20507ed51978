"""Modalities fail together more often than by chance (missing completely at random, not independently)."""

from typing import Annotated

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.missing._demand import Demand
from redcore.missing._exact import draw_exact

__all__ = ["MECHANISM", "Options", "draw"]

MECHANISM = "MCAR"


class Options(Settings):
    """How much they fail together.

    Attributes
    ----------
    correlation : float in [0, 1], default 0.7
        Of the Gaussian variables behind the failures, the same for every pair; 0 is protocol ``imbalanced``.
    """

    correlation: Annotated[float, Field(ge=0, le=1)] = 0.7


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Hide modality m where ``sqrt(rho) z_i + sqrt(1 - rho) e_im`` is largest (a Gaussian copula); counts are exact.

    Where every sample is to keep something, those that would lose everything get an observation back from others, so
    that the correlation comes out lower than asked for.
    """
    shared = rng.standard_normal((demand.n_samples, 1))
    own = rng.standard_normal((demand.n_samples, len(demand.names)))
    rho = options.correlation
    return draw_exact(demand, rng, np.sqrt(rho) * shared + np.sqrt(1 - rho) * own)
