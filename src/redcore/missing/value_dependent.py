"""Missingness of each modality that depends on its own values (missing not at random)."""

from typing import Annotated

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.missing._demand import Demand
from redcore.missing._scores import draw_by_score, energy, normal_scores

__all__ = ["MECHANISM", "Options", "draw"]

MECHANISM = "MNAR"


class Options(Settings):
    """Options of the protocol.

    Attributes
    ----------
    strength : float in [-20, 20], default 2
        Change of the log-odds of missing per standard deviation of the score. If negative, small values are missing
        more often.
    """

    strength: Annotated[float, Field(ge=-20, le=20)] = 2.0


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Remove modality m from sample i with probability ``sigmoid(a_m + strength * score_im)``; counts are exact.

    The score is the normal score of the modality's energy, i.e. of the mean square of its standardised features.
    Missingness depends on the values that are removed: "self-masked" missing not at random.
    """
    data = demand.samples("value_dependent")
    scores = np.stack([normal_scores(energy(data.modalities[name])) for name in demand.names], axis=1)
    return draw_by_score(demand, rng, scores, options.strength)
