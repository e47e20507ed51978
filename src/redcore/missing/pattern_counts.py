"""Missing patterns with given numbers of samples (missing completely at random)."""

from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.exceptions import MissingRateError
from redcore.missing._demand import Demand
from redcore.missing._patterns import deal, whole_numbers

__all__ = ["MECHANISM", "TAKES_RATES", "Options", "draw"]

MECHANISM = "MCAR"
TAKES_RATES = False


def _mapping(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return {name.strip(): count for name, _, count in (part.rpartition("=") for part in value.split(","))}


class Options(Settings):
    """How many samples of each pattern.

    Attributes
    ----------
    counts : mapping of str to int
        Such as ``{"audio+text": 30, "audio": 70}``, or as text ``"audio+text=30,audio=70"``.
    """

    counts: Annotated[dict[str, Annotated[int, Field(ge=0)]], BeforeValidator(_mapping), Field(min_length=1)]


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Deal the patterns out at random, each to exactly its number of samples.

    Raises
    ------
    MissingRateError
        If the counts do not add up to the number of samples; the message gives the nearest that do.
    """
    counts = np.array(list(options.counts.values()))
    if counts.sum() != demand.n_samples:
        nearest = whole_numbers(np.maximum(counts, 1e-9), demand.n_samples)
        listed = ",".join(f"{name}={count}" for name, count in zip(options.counts, nearest, strict=True))
        raise MissingRateError(
            f"pattern counts add up to {counts.sum()}, expected {demand.n_samples} samples; nearest possible: {listed}"
        )
    return deal(demand, list(options.counts), counts, rng)
