"""Every sample gets one of the given missing patterns (missing completely at random)."""

from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.exceptions import SettingsError
from redcore.missing._demand import Demand
from redcore.missing._patterns import deal, whole_numbers

__all__ = ["MECHANISM", "TAKES_RATES", "Options", "draw"]

MECHANISM = "MCAR"
TAKES_RATES = False


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class Options(Settings):
    """Which patterns, and how often.

    Attributes
    ----------
    patterns : tuple of str
        Such as ``("audio+text", "audio")``, or as text ``"audio+text,audio"``.
    shares : tuple of float > 0
        Share of samples of each pattern, in any unit. Default: equal.
    """

    patterns: Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
    shares: Annotated[tuple[Annotated[float, Field(gt=0)], ...], BeforeValidator(_listed)] = ()


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Deal the patterns out at random; the number of samples of each is its share of them, rounded.

    Missing rates follow from the patterns. Raises `SettingsError` if there are not as many shares as patterns.
    """
    shares = options.shares or (1.0,) * len(options.patterns)
    if len(shares) != len(options.patterns):
        raise SettingsError(f"{len(options.patterns)} patterns but {len(shares)} shares")
    return deal(demand, options.patterns, whole_numbers(np.array(shares), demand.n_samples), rng)
