"""Removal of one span of time steps from every sequence (missing completely at random, within samples)."""

from dataclasses import replace

import numpy as np

from redcore._settings import Settings
from redcore._types import BoolArray, IntArray
from redcore.data import Modality, MultimodalData
from redcore.exceptions import MissingRateError, ShapeError
from redcore.missing._demand import Demand

__all__ = ["MECHANISM", "Options", "apply", "draw_steps"]

MECHANISM = "MCAR"


class Options(Settings):
    """Options of the protocol: none."""


def apply(demand: Demand, rng: np.random.Generator, options: Options) -> MultimodalData:
    """Remove one span of about ``rate_m * length`` time steps from every sequence of modality m, at a random position.

    The remaining steps keep their order and are joined, so absolute time is lost unless it is a feature. At least one
    step of every sequence remains; short sequences therefore lose slightly less than requested.

    Raises
    ------
    ShapeError
        If a modality with a rate above 0 does not consist of sequences.
    MissingRateError
        If a rate is 1.
    """
    data = demand.samples("partial")
    modalities = dict(data.modalities)
    for name, rate in demand.missing_rates.items():
        if rate > 0:
            modalities[name] = _shortened(name, modalities[name], rate, rng)
    return replace(data, modalities=modalities)


def _shortened(name: str, modality: Modality, rate: float, rng: np.random.Generator) -> Modality:
    modality = modality.loaded()
    if modality.lengths is None:
        raise ShapeError(f"protocol 'partial' removes time steps, but modality {name!r} does not consist of sequences")
    if rate == 1:
        raise MissingRateError(
            f"protocol 'partial' cannot remove modality {name!r} entirely: expected a rate below 1, got 1; use "
            "protocol 'imbalanced' to remove whole modalities"
        )
    return modality.keep_steps(draw_steps(modality.lengths, rate, rng))


def draw_steps(lengths: IntArray, rate: float, rng: np.random.Generator) -> BoolArray:
    """Draw a mask of the observed time steps.

    Parameters
    ----------
    lengths : int array (n_sequences,)
        Sequence lengths, each at least 1.
    rate : float in [0, 1)
        Fraction of time steps to remove. ``rate * length`` is rounded up or down at random, so that the rate is met
        on average.
    rng : numpy.random.Generator

    Returns
    -------
    bool array (lengths.sum(),)
        True = observed, sequences one after the other.
    """
    n_removed = np.minimum(np.floor(rate * lengths + rng.random(len(lengths))).astype(np.int64), lengths - 1)
    start = np.floor(rng.random(len(lengths)) * (lengths - n_removed + 1)).astype(np.int64)
    step = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    begin, end = np.repeat(start, lengths), np.repeat(start + n_removed, lengths)
    observed: BoolArray = (step < begin) | (step >= end)
    return observed
