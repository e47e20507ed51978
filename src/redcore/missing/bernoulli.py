"""Independent Bernoulli draw per sample and modality, rates met on average (missing completely at random)."""

import numpy as np

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.missing._demand import Demand
from redcore.missing._exact import add_observations, check_possible, fill_empty

__all__ = ["MECHANISM", "Options", "draw"]

MECHANISM = "MCAR"


class Options(Settings):
    """Options of the protocol: none."""


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Remove modality m from each sample independently with probability ``rate_m``.

    The number of samples without modality m is binomial. If ``demand.at_least_one`` is True, samples without any
    modality receive one observation each from samples with more than one. These moves stay within a modality, so the
    counts do not change. If the draw left fewer observations than samples, random observations are added first.

    Raises
    ------
    MissingRateError
        If ``demand.at_least_one`` is True and the rates leave fewer observations than samples on average.
    """
    check_possible(demand)
    availability: BoolArray = rng.random((demand.n_samples, len(demand.rates))) >= demand.rates
    if demand.at_least_one:
        add_observations(availability, demand.rates, rng)
        fill_empty(availability, rng)
    return availability
