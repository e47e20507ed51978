"""Modalities are missing more often where another, observed one is large (missing at random)."""

from typing import Annotated

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore._validation import check_known
from redcore.exceptions import MissingRateError
from redcore.missing._demand import Demand
from redcore.missing._scores import draw_by_score, energy, normal_scores

__all__ = ["MECHANISM", "Options", "draw"]

MECHANISM = "MAR"


class Options(Settings):
    """On what it depends, and how much.

    Attributes
    ----------
    on : str, optional
        The modality that decides; it stays observed, so its rate must be 0. Default: the only one whose rate is 0.
    strength : float in [-20, 20], default 2
        Change of the log-odds of missing per standard deviation of the score; below 0, small values decide.
    """

    on: str | None = None
    strength: Annotated[float, Field(ge=-20, le=20)] = 2.0


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Hide modality m of sample i with probability ``sigmoid(a_m + strength * score_i)``; counts are exact.

    The score is the normal score of the energy of modality `on`, the mean square of its standardised features; 0 for
    samples that lack it already. What is missing depends on what is observed alone: missing at random.
    """
    data = demand.samples("dependent")
    score = normal_scores(energy(data.modalities[_deciding(demand, options.on)]))
    return draw_by_score(demand, rng, np.repeat(score[:, None], len(demand.names), axis=1), options.strength)


def _deciding(demand: Demand, on: str | None) -> str:
    if on is not None:
        check_known("modality", [on], demand.names)
    kept = [name for name, rate in demand.missing_rates.items() if rate == 0]
    if on is None and len(kept) == 1:
        return kept[0]
    if on is None or on not in kept:
        asked = f"its rate is {demand.missing_rates[on]:g}; nearest possible: 0" if on else f"rates are 0 for {kept}"
        raise MissingRateError(f"protocol 'dependent' needs a modality 'on' that stays observed: {asked}")
    return on
