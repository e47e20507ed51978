"""A modality is down for whole groups, or for stretches of consecutive samples (missing completely at random)."""

from typing import Annotated

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore._types import AnyArray, BoolArray, FloatArray, IntArray
from redcore.exceptions import DataError, MissingRateError
from redcore.missing._demand import Demand
from redcore.missing._exact import add_lacking, check_possible, fill_empty

__all__ = ["MECHANISM", "Options", "draw"]

MECHANISM = "MCAR"


class Options(Settings):
    """What a block is.

    Attributes
    ----------
    length : int >= 1, optional
        Consecutive samples of a block, in the order of the data; blocks do not cross groups, and where the first one
        begins is drawn. Default: every group is a block.
    tolerance : float in [0, 1], default 0.1
        Largest difference between asked and realised missing rate; blocks are never cut to meet a rate.
    """

    length: Annotated[int, Field(ge=1)] | None = None
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.1


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Hide modality m in blocks drawn at random, as many as come nearest to its missing rate.

    Which blocks fail does not depend on anything: completely at random between blocks, all or nothing inside.

    Raises
    ------
    MissingRateError
        If blocks are too large to come within `tolerance` of a rate; the message gives the nearest possible one.
    """
    check_possible(demand)
    block = _blocks(demand, options, rng)
    sizes = np.bincount(block)
    up = np.stack([_up(sizes, rate, rng) for rate in demand.rates], axis=1)
    if demand.at_least_one:
        add_lacking(up, demand.rates, rng)
        fill_empty(up, rng)
    _check_realised(demand, sizes @ ~up / demand.n_samples, options.tolerance)
    availability: BoolArray = up[block]
    return availability


def _blocks(demand: Demand, options: Options, rng: np.random.Generator) -> IntArray:
    """Return the number of each sample's block."""
    groups = None if demand.data is None else demand.data.groups
    if options.length is None:
        if groups is None:
            raise DataError("protocol 'block' needs data with groups, or the option length")
        return _codes(groups)
    stretch = (np.arange(demand.n_samples) + rng.integers(options.length)) // options.length
    if groups is not None:
        stretch = stretch + _codes(groups) * (stretch.max() + 1)
    return _codes(stretch)


def _codes(labels: AnyArray) -> IntArray:
    codes: IntArray = np.unique(labels, return_inverse=True)[1]
    return codes


def _up(sizes: IntArray, rate: float, rng: np.random.Generator) -> BoolArray:
    """Return which blocks stay observed: blocks in random order are down until the rate is met best."""
    order = rng.permutation(len(sizes))
    covered = np.concatenate([[0], np.cumsum(sizes[order])])
    n_down = int(np.abs(covered - rate * sizes.sum()).argmin())
    up = np.ones(len(sizes), dtype=bool)
    up[order[:n_down]] = False
    return up


def _check_realised(demand: Demand, realised: FloatArray, tolerance: float) -> None:
    for (name, rate), got in zip(demand.missing_rates.items(), realised, strict=True):
        if abs(got - rate) > tolerance:
            raise MissingRateError(
                f"protocol 'block' cannot hide modality {name!r} at rate {rate:g} in whole blocks; nearest possible "
                f"here: {got:.3f} (tolerance {tolerance:g})"
            )
