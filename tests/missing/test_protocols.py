"""Missing protocols: exact counts, determinism, impossible rates, and `ampute`."""

import re
from collections import Counter

import numpy as np
import pytest

from redcore.data import MultimodalData
from redcore.exceptions import DataError, MissingRateError, UnknownNameError
from redcore.missing import ampute, draw_availability, realised_rates

PROTOCOLS = ("bernoulli", "correlated", "imbalanced", "shared")


def draw(n_samples, rates, seed=0, protocol="imbalanced", **options):
    rates = dict(zip("abcdef", rates, strict=False))
    return draw_availability(protocol, n_samples, rates, np.random.default_rng(seed), **options)


@pytest.mark.parametrize("at_least_one", [True, False])
@pytest.mark.parametrize(
    ("n_samples", "rates", "missing"),
    [
        (100, [0.2, 0.5, 0.8], [20, 50, 80]),
        (10, [0.0, 1.0], [0, 10]),
        (7, [0.5, 0.1, 0.9], [4, 1, 6]),
        (1, [0.0, 1.0, 1.0], [0, 1, 1]),
        (1, [0.0], [0]),
        (5, [0.0], [0]),
    ],
)
def test_imbalanced_counts_are_exact(n_samples, rates, missing, at_least_one):
    availability = draw(n_samples, rates, at_least_one=at_least_one)
    assert availability.shape == (n_samples, len(rates))
    assert availability.dtype == bool
    assert (~availability).sum(axis=0).tolist() == missing
    if at_least_one:
        assert availability.any(axis=1).all()


@pytest.mark.parametrize(("rate", "missing"), [(0.0, 0), (0.3, 6), (0.66, 13)])
def test_shared_counts_are_exact(rate, missing):
    availability = draw(20, [rate] * 3, protocol="shared")
    assert (~availability).sum(axis=0).tolist() == [missing] * 3
    assert availability.any(axis=1).all()


def test_shared_needs_one_rate():
    with pytest.raises(MissingRateError, match=r"'shared' needs one rate .*'b': 0.3.*use protocol 'imbalanced'"):
        draw(20, [0.2, 0.3], protocol="shared")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_rates_of_one_need_at_least_one_false(protocol):
    assert not draw(4, [1.0, 1.0], protocol=protocol, at_least_one=False).any()
    with pytest.raises(MissingRateError, match="at_least_one=False"):
        draw(4, [1.0, 1.0], protocol=protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_missing(protocol):
    assert draw(4, [0.0, 0.0], protocol=protocol).all()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_draw_depends_on_the_generator_only(protocol):
    first, again, other = (draw(50, [0.4, 0.4], seed, protocol) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    rng = np.random.default_rng(1)
    rates = {"a": 0.4, "b": 0.4}
    assert np.array_equal(draw_availability(protocol, 50, rates, rng), first)
    assert not np.array_equal(draw_availability(protocol, 50, rates, rng), first)


@pytest.mark.parametrize("rate", [-0.01, 1.01, float("nan"), "0.5", None])
def test_rate_out_of_range(rate):
    with pytest.raises(MissingRateError, match="missing rate of 'b' is"):
        draw(10, [0.5, rate])


@pytest.mark.parametrize(
    ("n_samples", "rates"),
    [
        (10, [0.9, 0.9]),
        (1, [1.0]),
        (100, [0.01]),
        (1000, [0.334, 1.0, 0.9]),
        (50, [1.0, 1.0, 1.0, 0.2]),
        (17, [0.8, 0.71, 0.93]),
        (1000, [0.3335, 0.6675, 1.0]),
    ],
)
def test_error_names_the_nearest_possible_rates(n_samples, rates):
    with pytest.raises(MissingRateError, match="nearest possible rates") as caught:
        draw(n_samples, rates)
    listed = re.search(r"nearest possible rates: ([^;]*);", str(caught.value)).group(1)
    nearest = [float(pair.partition("=")[2]) for pair in listed.split(", ")]
    assert sum(nearest) == pytest.approx(len(rates) - 1, abs=0.001 * len(rates) + 1e-9)
    assert all(new <= old for new, old in zip(nearest, rates, strict=True))
    assert draw(n_samples, nearest).any(axis=1).all()


def test_bad_arguments():
    with pytest.raises(UnknownNameError, match="missing protocol 'imbalance'; did you mean 'imbalanced'"):
        draw(10, [0.1], protocol="imbalance")
    with pytest.raises(DataError, match="n_samples is 0"):
        draw(0, [0.1])
    with pytest.raises(DataError, match="no modality"):
        draw(10, [])


@pytest.mark.parametrize("at_least_one", [True, False])
def test_missing_probability_is_equal_for_all_samples(at_least_one):
    n_draws, rates = 2000, [0.25, 0.5, 0.75]
    rng = np.random.default_rng(0)
    total = sum(
        draw_availability("imbalanced", 8, dict(zip("abc", rates, strict=True)), rng, at_least_one=at_least_one)
        for _ in range(n_draws)
    )
    error = np.abs(total / n_draws - (1 - np.array(rates)))
    assert error.max() < 5 * np.sqrt(0.25 / n_draws)


def test_all_outcomes_with_the_same_counts_are_equally_likely():
    rng, n_draws = np.random.default_rng(0), 6000
    outcomes = Counter(
        draw_availability("imbalanced", 3, {"a": 1 / 3, "b": 1 / 3}, rng).tobytes() for _ in range(n_draws)
    )
    assert len(outcomes) == 6
    assert max(abs(count - 1000) for count in outcomes.values()) < 150


def test_columns_are_independent_if_empty_samples_are_allowed():
    rng, n_draws = np.random.default_rng(0), 4000
    empty = sum(
        not draw_availability("imbalanced", 4, {"a": 0.5, "b": 0.5}, rng, at_least_one=False)[0].any()
        for _ in range(n_draws)
    )
    assert empty / n_draws == pytest.approx(0.25, abs=0.035)


def test_realised_rates():
    availability = np.array([[True, False], [True, True], [True, False], [True, False]])
    assert realised_rates(availability, ["a", "b"]) == {"a": 0.0, "b": 0.75}
    with pytest.raises(ValueError, match="zip"):
        realised_rates(availability, ["a"])


def make(availability=None):
    return MultimodalData.from_arrays({name: np.ones((20, 1)) for name in "abc"}, availability=availability)


def test_ampute_keeps_modalities_without_a_rate():
    data = make()
    amputed = ampute(data, "imbalanced", {"b": 0.4}, np.random.default_rng(0))
    assert amputed.missing_rates == {"a": 0.0, "b": 0.4, "c": 0.0}
    assert data.availability.all()


def test_ampute_restores_nothing_and_keeps_one_observed_modality():
    natural = np.random.default_rng(3).random((20, 3)) > 0.5
    natural[:2] = False
    data = make(natural)
    amputed = ampute(data, "imbalanced", {"a": 0.6, "b": 0.6, "c": 0.6}, np.random.default_rng(0)).availability
    assert not (amputed & ~natural).any()
    assert np.array_equal(amputed.any(axis=1), natural.any(axis=1))
    assert amputed.sum() < natural.sum()


def test_ampute_may_empty_samples():
    amputed = ampute(make(), "shared", dict.fromkeys("abc", 1.0), np.random.default_rng(0), at_least_one=False)
    assert not amputed.availability.any()


def test_ampute_an_unknown_modality():
    with pytest.raises(UnknownNameError, match="unknown modality 'd'; known: a, b, c"):
        ampute(make(), "imbalanced", {"d": 0.1}, np.random.default_rng(0))
