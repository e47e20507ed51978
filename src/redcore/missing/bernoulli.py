"""An independent coin for every sample and modality, rates met on average (missing completely at random)."""

import numpy as np

from redcore._types import AnyArray, BoolArray
from redcore.missing._exact import fill_empty, impossible_rates

__all__ = ["draw"]


def draw(
    n_samples: int, missing_rates: dict[str, float], rng: np.random.Generator, *, at_least_one: bool = True
) -> BoolArray:
    """Hide modality m of each sample with probability ``missing_rates[m]``, independently of everything.

    MCAR in the terms of Rubin (1976). The number of samples that lack m is binomial. With `at_least_one`, samples left
    with nothing get one observation each from samples that have one to spare, within its modality, so that the counts
    stay as drawn; where the draw left too few observations for that, some are added.
    See `redcore.missing.draw_availability` for the parameters.
    """
    rates = np.array(list(missing_rates.values()))
    if at_least_one and (1.0 - rates).sum() < 1.0 - 1e-9:
        counts = np.round(n_samples * (1.0 - rates)).astype(np.int64)
        raise impossible_rates(missing_rates, counts, n_samples)
    availability: BoolArray = rng.random((n_samples, len(rates))) >= rates
    if at_least_one:
        _add_lacking(availability, rates, rng)
        fill_empty(availability, rng)
    return availability


def _add_lacking(availability: BoolArray, rates: AnyArray, rng: np.random.Generator) -> None:
    """Add observations, of modalities that are ever observed, until there is one for every sample."""
    lacking = len(availability) - int(availability.sum())
    if lacking > 0:
        absent = np.argwhere(~availability & (rates < 1))
        added = absent[rng.permutation(len(absent))[:lacking]]
        availability[added[:, 0], added[:, 1]] = True
