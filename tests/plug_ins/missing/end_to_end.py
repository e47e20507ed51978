"""Samples in a random order on a circle; each modality is missing in an arc that starts where the last one ends."""

import numpy as np

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.missing import Demand

MECHANISM = "MCAR"

Options = Settings


def draw(demand: Demand, rng: np.random.Generator, options: Settings) -> BoolArray:
    # rates whose sum allows it leave every sample one modality: no point lies in more arcs than go around
    availability = np.ones((demand.n_samples, len(demand.names)), dtype=bool)
    order, start = rng.permutation(demand.n_samples), 0
    for column, count in enumerate(np.round(demand.rates * demand.n_samples).astype(int)):
        availability[order[(start + np.arange(count)) % demand.n_samples], column] = False
        start += count
    return availability
