"""Availability with exact column counts."""

import numpy as np

from redcore._types import BoolArray, FloatArray, IntArray
from redcore.exceptions import MissingRateError

__all__ = ["draw_exact", "fill_empty", "impossible_rates"]


def draw_exact(n_samples: int, rates: dict[str, float], rng: np.random.Generator, *, at_least_one: bool) -> BoolArray:
    """Draw an availability in which modality m is missing in exactly ``round(rate_m * n_samples)`` samples.

    The columns are drawn independently, each uniformly over its samples. With `at_least_one`, samples left with
    nothing are then given one observation each, taken from samples that have one to spare; the counts stay.

    Raises
    ------
    MissingRateError
        If fewer observations than samples exist, so that `at_least_one` is impossible.
    """
    counts = _observed_counts(n_samples, np.array(list(rates.values())), at_least_one)
    if at_least_one and counts.sum() < n_samples:
        raise impossible_rates(rates, counts, n_samples)
    availability = np.zeros((n_samples, len(rates)), dtype=bool)
    for column, count in enumerate(counts):
        availability[rng.permutation(n_samples)[:count], column] = True
    if at_least_one:
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


def impossible_rates(rates: dict[str, float], counts: IntArray, n_samples: int) -> MissingRateError:
    """Return the error that says which rates would leave every sample something."""
    most = (len(rates) - 1) / max(sum(rates.values()), 1e-12)
    nearest = ", ".join(f"{name}={np.floor(1000 * rate * most) / 1000:g}" for name, rate in rates.items())
    return MissingRateError(
        f"missing rates {', '.join(f'{name}={rate:g}' for name, rate in rates.items())} leave {counts.sum()} "
        f"observations for {n_samples} samples, so not every sample can keep at least one modality; nearest possible "
        f"rates: {nearest}; or allow samples without any modality (at_least_one=False, --allow-empty)"
    )


def fill_empty(availability: BoolArray, rng: np.random.Generator) -> None:
    """Move observations that their sample can spare to the samples that have none, within their column."""
    empty = np.flatnonzero(~availability.any(axis=1))
    if not empty.size:
        return
    # one observation of every sample, picked at random, stays; the others may move
    priority = np.where(availability, rng.random(availability.shape), -1.0)
    stays = np.zeros_like(availability)
    stays[np.arange(len(availability)), priority.argmax(axis=1)] = True
    spare = np.argwhere(availability & ~stays)
    moved = spare[rng.permutation(len(spare))[: len(empty)]]
    availability[moved[:, 0], moved[:, 1]] = False
    availability[empty, moved[:, 1]] = True
