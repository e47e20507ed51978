"""Availability masks with exact numbers of observed samples per modality."""

import numpy as np

from redcore._types import AnyArray, BoolArray, FloatArray, IntArray
from redcore.exceptions import MissingRateError
from redcore.missing._demand import Demand

__all__ = ["add_observations", "check_possible", "draw_exact", "fill_empty"]


def draw_exact(demand: Demand, rng: np.random.Generator, keys: AnyArray | None = None) -> BoolArray:
    """Draw an availability mask in which modality m is missing in exactly ``round(rate_m * n_samples)`` samples.

    If ``demand.at_least_one`` is True, samples without any modality then receive one observation each from samples
    with more than one. These moves stay within a modality, so the counts do not change.

    Parameters
    ----------
    demand : Demand
    rng : numpy.random.Generator
    keys : array (n_samples, n_modalities), optional
        Each modality is removed from the samples with the largest keys. By default, the samples are drawn uniformly
        and independently for each modality.

    Returns
    -------
    bool array (n_samples, n_modalities)
        True = observed.

    Raises
    ------
    MissingRateError
        If ``demand.at_least_one`` is True and the rates leave fewer observations than samples.
    """
    n_samples = demand.n_samples
    counts = _observed_counts(n_samples, demand.rates, demand.at_least_one)
    if demand.at_least_one and counts.sum() < n_samples:
        raise _impossible_rates(demand, counts)
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
        # the exact rates leave enough observations, so rounding must not make the request impossible: round the
        # counts with the largest rounding loss up instead of down
        n_short = max(0, n_samples - int(counts.sum()))
        counts[np.argsort(counts - exact, kind="stable")[:n_short]] += 1
    return counts


def check_possible(demand: Demand) -> None:
    """Raise `MissingRateError` if every sample must keep a modality and the rates leave too few observations."""
    if demand.at_least_one and (1.0 - demand.rates).sum() < 1.0 - 1e-9:
        raise _impossible_rates(demand, np.round(demand.n_samples * (1.0 - demand.rates)).astype(np.int64))


def _impossible_rates(demand: Demand, counts: IntArray) -> MissingRateError:
    """Return the error for rates that are too high; it names the nearest rates that are possible."""
    rates = demand.missing_rates
    most = (len(rates) - 1) / max(sum(rates.values()), 1e-12)
    nearest = ", ".join(f"{name}={np.floor(1000 * rate * most) / 1000:g}" for name, rate in rates.items())
    return MissingRateError(
        f"missing rates {', '.join(f'{name}={rate:g}' for name, rate in rates.items())} leave {counts.sum()} "
        f"observations for {demand.n_samples} samples, so not every sample can keep at least one modality; nearest "
        f"possible rates: {nearest}; or allow samples without any modality (at_least_one=False, --allow-empty)"
    )


def add_observations(availability: BoolArray, rates: FloatArray, rng: np.random.Generator) -> None:
    """Add random observations to `availability` in place until it has at least as many as rows.

    Modalities with a missing rate of 1 stay missing everywhere.
    """
    n_short = len(availability) - int(availability.sum())
    if n_short > 0:
        absent = np.argwhere(~availability & (rates < 1))
        added = absent[rng.permutation(len(absent))[:n_short]]
        availability[added[:, 0], added[:, 1]] = True


def fill_empty(availability: BoolArray, rng: np.random.Generator) -> None:
    """Give every empty row one observation from a row with more than one, in place. Column counts do not change."""
    empty = np.flatnonzero(~availability.any(axis=1))
    if not empty.size:
        return
    # one random observation of every row stays in place; the others may move
    priority = np.where(availability, rng.random(availability.shape), -1.0)
    stays = np.zeros_like(availability)
    stays[np.arange(len(availability)), priority.argmax(axis=1)] = True
    spare = np.argwhere(availability & ~stays)
    moved = spare[rng.permutation(len(spare))[: len(empty)]]
    availability[moved[:, 0], moved[:, 1]] = False
    availability[empty, moved[:, 1]] = True
