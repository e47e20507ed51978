"""Missingness that depends on the values of an observed modality (missing at random)."""

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
    """Options of the protocol.

    Attributes
    ----------
    on : str, optional
        Modality that determines the missingness of the others. It stays observed, so its rate must be 0. Default: the
        only modality with rate 0.
    strength : float in [-20, 20], default 2
        Change of the log-odds of missing per standard deviation of the score. If negative, modalities are missing more
        often where the values of `on` are small.
    """

    on: str | None = None
    strength: Annotated[float, Field(ge=-20, le=20)] = 2.0


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Remove modality m from sample i with probability ``sigmoid(a_m + strength * score_i)``; counts are exact.

    The score is the normal score of the energy of modality `on`, i.e. of the mean square of its standardised features.
    It is 0 for samples without `on`. Missingness depends on observed values only: missing at random.

    Raises
    ------
    MissingRateError
        If `on` has a rate above 0, or if it is not set and not exactly one modality has rate 0.
    """
    data = demand.samples("dependent")
    score = normal_scores(energy(data.modalities[_determining_modality(demand, options.on)]))
    return draw_by_score(demand, rng, np.repeat(score[:, None], len(demand.names), axis=1), options.strength)


def _determining_modality(demand: Demand, on: str | None) -> str:
    if on is not None:
        check_known("modality", [on], demand.names)
    complete = [name for name, rate in demand.missing_rates.items() if rate == 0]
    if on is None and len(complete) == 1:
        return complete[0]
    if on is None or on not in complete:
        reason = (
            f"the rate of {on!r} is {demand.missing_rates[on]:g}, expected 0"
            if on
            else f"set 'on' to one of the modalities with rate 0: {complete}"
        )
        raise MissingRateError(f"protocol 'dependent' needs a modality 'on' that stays observed: {reason}")
    return on
