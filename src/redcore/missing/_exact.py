"""Availability with exact column counts."""

import numpy as np

from redcore._types import AnyArray, BoolArray, FloatArray, IntArray
from redcore.exceptions import MissingRateError
from redcore.missing._demand import Demand

__all__ = ["add_lacking", "check_possible", "draw_exact", "fill_empty"]


def draw_exact(demand: Demand, rng: np.random.Generator, keys: AnyArray | None = None) -> BoolArray:
    """Draw an availability in which modality m is missing in exactly ``round(rate_m * n_samples)`` samples.

    Missing are those with the largest `keys`, (n_samples, n_modalities); without keys, the columns are drawn
    independently, each uniformly over its samples. If every sample is to keep something, samples left with nothing are
    then given one observation each, taken from samples that have one to spare; the counts stay.

    Raises
    ------
    MissingRateError
        If fewer observations than samples exist, so that not every sample can keep one.
    """
    n_samples = demand.n_samples
    counts = _observed_counts(n_samples, demand.rates, demand.at_least_one)
    if demand.at_least_one and counts.sum() < n_samples:
        raise _impossible(demand, counts)
    availability = np.zeros((n_samples, len(counts)), dtype=bool)
    for column, count in enumerate(counts):
        order = rng.permutation(n_samples) if keys is None else np.argsort(keys[:, column], kind="stable")
        availability[order[:count], column] = True
    if demand.at_least_one:
        fill_empty(availability, rng)
    return availability


def _observed_counts(n_samples: int, rates: FloatArray, at_least_one: bool) -> IntArray:
    exact = n_samples * (1.0 - rates)
    missing = np.round(rates * n_samples)
    counts = (n_samples - missing).astype(np.int64)
    if at_least_one and exact.sum() >= n_samples - 1e-9:
        # the rates allow it: rounding alone must not forbid it, so round the other way where it is closest
        short = max(0, n_samples - int(counts.sum()))
        counts[np.argsort(counts - exact, kind="stable")[:short]] += 1
    return counts


def check_possible(demand: Demand) -> None:
    """Raise `MissingRateError` if every sample is to keep a modality and the rates leave too few observations."""
    if demand.at_least_one and (1.0 - demand.rates).sum() < 1.0 - 1e-9:
        raise _impossible(demand, np.round(demand.n_samples * (1.0 - demand.rates)).astype(np.int64))


def _impossible(demand: Demand, counts: IntArray) -> MissingRateError:
    """Return the error that says which rates would leave every sample something."""
    rates = demand.missing_rates
    most = (len(rates) - 1) / max(sum(rates.values()), 1e-12)
    nearest = ", ".join(f"{name}={np.floor(1000 * rate * most) / 1000:g}" for name, rate in rates.items())
    return MissingRateError(
        f"missing rates {', '.join(f'{name}={rate:g}' for name, rate in rates.items())} leave {counts.sum()} "
        f"observations for {demand.n_samples} samples, so not every sample can keep at least one modality; nearest "
        f"possible rates: {nearest}; or allow samples without any modality (at_least_one=False, --allow-empty)"
    )


def add_lacking(availability: BoolArray, rates: FloatArray, rng: np.random.Generator) -> None:
    """Add observations, of modalities that are ever observed, until there is one for every row."""
    lacking = len(availability) - int(availability.sum())
    if lacking > 0:
        absent = np.argwhere(~availability & (rates < 1))
        added = absent[rng.permutation(len(absent))[:lacking]]
        availability[added[:, 0], added[:, 1]] = True


def fill_empty(availability: BoolArray, rng: np.random.Generator) -> None:
    """Move observations that their row can spare to the rows that have none, within their column."""
    empty = np.flatnonzero(~availability.any(axis=1))
    if not empty.size:
        return
    # one observation of every row, picked at random, stays; the others may move
    priority = np.where(availability, rng.random(availability.shape), -1.0)
    stays = np.zeros_like(availability)
    stays[np.arange(len(availability)), priority.argmax(axis=1)] = True
    spare = np.argwhere(availability & ~stays)
    moved = spare[rng.permutation(len(spare))[: len(empty)]]
    availability[moved[:, 0], moved[:, 1]] = False
    availability[empty, moved[:, 1]] = True
