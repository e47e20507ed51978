"""Missing patterns drawn from a given list, in given proportions (missing completely at random)."""

from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from redcore._settings import Settings
from redcore._types import BoolArray
from redcore.exceptions import SettingsError
from redcore.missing._demand import Demand
from redcore.missing._patterns import apportion, assign_patterns

__all__ = ["MECHANISM", "TAKES_RATES", "Options", "draw"]

MECHANISM = "MCAR"
TAKES_RATES = False


def _split_text(value: Any) -> Any:
    return [entry.strip() for entry in value.split(",")] if isinstance(value, str) else value


class Options(Settings):
    """Options of the protocol.

    Attributes
    ----------
    patterns : tuple of str
        Missing patterns, such as ``("audio+text", "audio")``, or as text ``"audio+text,audio"``.
    shares : tuple of float > 0
        Relative frequency of each pattern; the scale does not matter. Default: equal frequencies.
    """

    patterns: Annotated[tuple[str, ...], BeforeValidator(_split_text), Field(min_length=1)]
    shares: Annotated[tuple[Annotated[float, Field(gt=0)], ...], BeforeValidator(_split_text)] = ()


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Assign the patterns to samples at random, each to its share of the samples, rounded.

    Missing rates follow from the patterns.

    Raises
    ------
    SettingsError
        If the numbers of shares and patterns differ.
    """
    shares = options.shares or (1.0,) * len(options.patterns)
    if len(shares) != len(options.patterns):
        raise SettingsError(f"{len(shares)} shares, expected {len(options.patterns)} (one per pattern)")
    return assign_patterns(demand, options.patterns, apportion(np.array(shares), demand.n_samples), rng)
