"""Correlated missingness of modalities, exact counts (missing completely at random)."""

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
    """Options of the protocol.

    Attributes
    ----------
    correlation : float in [0, 1], default 0.7
        Correlation between the latent Gaussian variables of any two modalities. 0 is equivalent to protocol
        ``imbalanced``.
    """

    correlation: Annotated[float, Field(ge=0, le=1)] = 0.7


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Remove modalities with a Gaussian copula; counts are exact.

    Modality m is removed from the samples i with the largest ``sqrt(rho) z_i + sqrt(1 - rho) e_im``, where z and e are
    standard normal. If ``demand.at_least_one`` is True, samples without any modality receive one observation each from
    other samples, which lowers the realised correlation.
    """
    shared = rng.standard_normal((demand.n_samples, 1))
    own = rng.standard_normal((demand.n_samples, len(demand.names)))
    rho = options.correlation
    return draw_exact(demand, rng, np.sqrt(rho) * shared + np.sqrt(1 - rho) * own)
