"""Modalities missing for whole groups or runs of consecutive samples (missing completely at random)."""

from typing import Annotated

import numpy as np
from pydantic import Field

from redcore._settings import Settings
from redcore._types import AnyArray, BoolArray, FloatArray, IntArray
from redcore.exceptions import DataError, MissingRateError
from redcore.missing._demand import Demand
from redcore.missing._exact import add_observations, check_possible, fill_empty

__all__ = ["MECHANISM", "Options", "draw"]

MECHANISM = "MCAR"


class Options(Settings):
    """Options of the protocol: definition of a block.

    Attributes
    ----------
    length : int >= 1, optional
        Number of consecutive samples per block, in the order of the data. Blocks do not cross group boundaries. The
        offset of the first block is drawn at random. By default, every group is one block.
    tolerance : float in [0, 1], default 0.1
        Largest allowed difference between requested and realised missing rate. Blocks are never split to meet a rate.
    """

    length: Annotated[int, Field(ge=1)] | None = None
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.1


def draw(demand: Demand, rng: np.random.Generator, options: Options) -> BoolArray:
    """Remove modality m from random blocks, with the number of blocks that meets its missing rate best.

    The blocks are drawn uniformly. A modality is either observed or missing in all samples of a block.

    Raises
    ------
    MissingRateError
        If the blocks are too large to come within `tolerance` of a rate. The message gives the nearest possible rate.
    DataError
        If `length` is not set and the data has no groups.
    """
    check_possible(demand)
    block = _block_numbers(demand, options, rng)
    sizes = np.bincount(block)
    observed = np.stack([_draw_observed_blocks(sizes, rate, rng) for rate in demand.rates], axis=1)
    if demand.at_least_one:
        add_observations(observed, demand.rates, rng)
        fill_empty(observed, rng)
    _check_realised(demand, sizes @ ~observed / demand.n_samples, options.tolerance)
    availability: BoolArray = observed[block]
    return availability


def _block_numbers(demand: Demand, options: Options, rng: np.random.Generator) -> IntArray:
    """Return the block number of each sample, int (n_samples,), from 0."""
    groups = None if demand.data is None else demand.data.groups
    if options.length is None:
        if groups is None:
            raise DataError("protocol 'block' needs data with groups, or the option length")
        return _codes(groups)
    runs = (np.arange(demand.n_samples) + rng.integers(options.length)) // options.length
    if groups is not None:
        runs = runs + _codes(groups) * (runs.max() + 1)
    return _codes(runs)


def _codes(labels: AnyArray) -> IntArray:
    codes: IntArray = np.unique(labels, return_inverse=True)[1]
    return codes


def _draw_observed_blocks(sizes: IntArray, rate: float, rng: np.random.Generator) -> BoolArray:
    """Return a mask of the observed blocks, bool (n_blocks,), whose missing rate is as close to `rate` as possible.

    Blocks are removed in random order.
    """
    order = rng.permutation(len(sizes))
    n_missing_samples = np.concatenate([[0], np.cumsum(sizes[order])])
    n_missing_blocks = int(np.abs(n_missing_samples - rate * sizes.sum()).argmin())
    observed = np.ones(len(sizes), dtype=bool)
    observed[order[:n_missing_blocks]] = False
    return observed


def _check_realised(demand: Demand, realised: FloatArray, tolerance: float) -> None:
    for (name, rate), realised_rate in zip(demand.missing_rates.items(), realised, strict=True):
        if abs(realised_rate - rate) > tolerance:
            raise MissingRateError(
                f"protocol 'block' cannot remove modality {name!r} at rate {rate:g} in whole blocks; nearest possible "
                f"rate: {realised_rate:.3f} (tolerance {tolerance:g})"
            )
