"""An independent coin for every sample and modality, rates met on average (missing completely at random)."""

import numpy as np

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.missing._demand import Demand
from redcore.missing._exact import add_lacking, check_possible, fill_empty

__all__ = ["MECHANISM", "Options", "draw"]

MECHANISM = "MCAR"


class Options(Settings):
    """There are none."""


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Hide modality m of each sample with probability ``rate_m``, independently of everything.

    The number of samples that lack m is binomial. If every sample is to keep something, samples left with nothing get
    one observation each from samples that have one to spare, within its modality, so that the counts stay as drawn;
    where the draw left too few observations for that, some are added.
    """
    check_possible(demand)
    availability: BoolArray = rng.random((demand.n_samples, len(demand.rates))) >= demand.rates
    if demand.at_least_one:
        add_lacking(availability, demand.rates, rng)
        fill_empty(availability, rng)
    return availability
