import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redcore.exceptions import MissingRateError
from redcore.missing import draw_availability, realised_rates

quick = settings(deadline=None, max_examples=100)
sizes = st.integers(1, 60)
seeds = st.integers(0, 2**32 - 1)


def named(rates):
    return {f"m{k}": rate for k, rate in enumerate(rates)}


@st.composite
def feasible_rates(draw):
    """Return rates whose sum is at most the number of modalities minus one, often exactly that."""
    rates = np.array(draw(st.lists(st.floats(0, 1), min_size=1, max_size=6)))
    most = len(rates) - 1
    if rates.sum() > most:
        rates = rates * (most / rates.sum())
    return named(rates.tolist())


any_rates = st.lists(st.floats(0, 1), min_size=1, max_size=6).map(named)


@quick
@given(sizes, feasible_rates(), seeds)
def test_rounding_alone_never_forbids_at_least_one(n_samples, rates, seed):
    availability = draw_availability("imbalanced", n_samples, rates, np.random.default_rng(seed))
    assert availability.any(axis=1).all()
    missing = (~availability).sum(axis=0)
    assert (np.abs(missing - n_samples * np.array(list(rates.values()))) <= 1 + 1e-6).all()


@quick
@given(sizes, any_rates, seeds)
def test_counts_are_exact_where_samples_may_be_empty(n_samples, rates, seed):
    availability = draw_availability("imbalanced", n_samples, rates, np.random.default_rng(seed), at_least_one=False)
    assert (~availability).sum(axis=0).tolist() == [round(rate * n_samples) for rate in rates.values()]


@quick
@given(sizes, any_rates, seeds)
def test_at_least_one_costs_no_observation(n_samples, rates, seed):
    free = draw_availability("imbalanced", n_samples, rates, np.random.default_rng(seed), at_least_one=False)
    try:
        strict = draw_availability("imbalanced", n_samples, rates, np.random.default_rng(seed))
    except MissingRateError:
        assert free.sum() < n_samples
        return
    assert strict.any(axis=1).all()
    extra = strict.sum(axis=0) - free.sum(axis=0)
    assert (extra >= 0).all()
    assert extra.sum() == max(0, n_samples - free.sum())


@quick
@given(sizes, any_rates, seeds)
def test_same_generator_same_availability(n_samples, rates, seed):
    first, again = (
        draw_availability("imbalanced", n_samples, rates, np.random.default_rng(seed), at_least_one=False)
        for _ in range(2)
    )
    assert np.array_equal(first, again)


@quick
@given(sizes, st.floats(0, 1), st.integers(1, 5), seeds)
def test_shared_is_imbalanced_with_equal_rates(n_samples, rate, n_modalities, seed):
    rates = named([rate] * n_modalities)
    shared, imbalanced = (
        draw_availability(protocol, n_samples, rates, np.random.default_rng(seed), at_least_one=False)
        for protocol in ("shared", "imbalanced")
    )
    assert np.array_equal(shared, imbalanced)


@quick
@given(st.integers(1, 20), st.integers(1, 5), seeds)
def test_realised_rates_count_what_is_missing(n_samples, n_modalities, seed):
    availability = np.random.default_rng(seed).random((n_samples, n_modalities)) > 0.5
    names = [f"m{k}" for k in range(n_modalities)]
    expected = {name: sum(not row[k] for row in availability) / n_samples for k, name in enumerate(names)}
    assert realised_rates(availability, names) == pytest.approx(expected)
