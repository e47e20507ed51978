"""Given number of samples per missing pattern (missing completely at random)."""

from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.exceptions import MissingRateError
from redcore.missing._demand import Demand
from redcore.missing._patterns import apportion, assign_patterns

__all__ = ["MECHANISM", "TAKES_RATES", "Options", "draw"]

MECHANISM = "MCAR"
TAKES_RATES = False


def _parse_counts(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return {name.strip(): count for name, _, count in (entry.rpartition("=") for entry in value.split(","))}


class Options(Settings):
    """Options of the protocol.

    Attributes
    ----------
    counts : mapping of str to int
        Number of samples per missing pattern, such as ``{"audio+text": 30, "audio": 70}``, or as text
        ``"audio+text=30,audio=70"``.
    """

    counts: Annotated[dict[str, Annotated[int, Field(ge=0)]], BeforeValidator(_parse_counts), Field(min_length=1)]


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Assign each pattern to its number of samples, drawn at random.

    Raises
    ------
    MissingRateError
        If the counts do not add up to the number of samples. The message gives the nearest valid counts.
    """
    counts = np.array(list(options.counts.values()))
    if counts.sum() != demand.n_samples:
        nearest = apportion(np.maximum(counts, 1e-9), demand.n_samples)
        listed = ",".join(f"{name}={count}" for name, count in zip(options.counts, nearest, strict=True))
        raise MissingRateError(
            f"pattern counts add up to {counts.sum()}, expected {demand.n_samples} samples; nearest possible: {listed}"
        )
    return assign_patterns(demand, list(options.counts), counts, rng)
