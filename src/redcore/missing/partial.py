"""Sequences lose a span of their time steps (missing completely at random, within samples)."""

import numpy as np

from redcore._settings import Settings
from redcore._types import BoolArray, IntArray
from redcore.data import Modality, MultimodalData
from redcore.exceptions import MissingRateError, ShapeError
from redcore.missing._demand import Demand

__all__ = ["MECHANISM", "Options", "apply", "draw_steps"]

MECHANISM = "MCAR"


class Options(Settings):
    """There are none."""


def apply(demand: Demand, rng: np.random.Generator, options: Options) -> MultimodalData:
    """Remove one span of about ``rate_m * length`` steps from every sequence of modality m, at a random place.

    The steps that remain keep their order and are joined; where time itself matters, it has to be a feature. At least
    one step of every sequence remains, so that short sequences lose a little less than asked for.

    Raises
    ------
    ShapeError
        If a modality with a rate is not made of sequences.
    MissingRateError
        If a rate is 1.
    """
    data = demand.samples("partial")
    modalities = dict(data.modalities)
    for name, rate in demand.missing_rates.items():
        if rate > 0:
            modalities[name] = _shortened(name, modalities[name], rate, rng)
    return MultimodalData(modalities, data.target, data.groups, data.sample_ids, data.split)


def _shortened(name: str, modality: Modality, rate: float, rng: np.random.Generator) -> Modality:
    modality = modality.loaded()
    if modality.lengths is None:
        raise ShapeError(f"protocol 'partial' removes time steps, but modality {name!r} is not made of sequences")
    if rate == 1:
        raise MissingRateError(
            f"protocol 'partial' cannot remove modality {name!r} as a whole; nearest possible: below 1, or protocol "
            "'imbalanced'"
        )
    return modality.keep_steps(draw_steps(modality.lengths, rate, rng))


def draw_steps(lengths: IntArray, rate: float, rng: np.random.Generator) -> BoolArray:
    """Draw the availability of every time step.

    Parameters
    ----------
    lengths : int array (n_sequences,)
        At least 1 each.
    rate : float in [0, 1)
        Share of the steps that go missing. ``rate * length`` is rounded up or down at random, so that it is met on
        average.
    rng : numpy.random.Generator

    Returns
    -------
    bool array (lengths.sum(),)
        True = observed, sequences one after the other.
    """
    lost = np.minimum(np.floor(rate * lengths + rng.random(len(lengths))).astype(np.int64), lengths - 1)
    start = np.floor(rng.random(len(lengths)) * (lengths - lost + 1)).astype(np.int64)
    step = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    begin, end = np.repeat(start, lengths), np.repeat(start + lost, lengths)
    kept: BoolArray = (step < begin) | (step >= end)
    return kept
