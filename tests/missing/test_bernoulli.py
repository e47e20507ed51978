"""Protocol bernoulli: binomial counts, independent between samples and modalities."""

import numpy as np
import pytest
from scipy.stats import binom, chi2_contingency, kstest

from redcore.exceptions import MissingRateError
from redcore.missing import draw_availability

RATES = {"a": 0.2, "b": 0.5, "c": 0.8}


def draw(n, rates, seed=0, **options):
    return draw_availability("bernoulli", n, rates, np.random.default_rng(seed), **options)


@pytest.mark.parametrize("at_least_one", [False, True])
def test_counts_are_binomial(at_least_one):
    counts = np.stack([(~draw(200, RATES, seed, at_least_one=at_least_one)).sum(axis=0) for seed in range(400)])
    for column, rate in zip(counts.T, RATES.values(), strict=True):
        # randomised probability integral transform: jitter makes the discrete distribution continuous
        rng = np.random.default_rng(1)
        jitter = rng.random(400)
        levels = binom.cdf(column - 1, 200, rate) + jitter * binom.pmf(column, 200, rate)
        assert kstest(levels, "uniform").pvalue > 1e-3


def test_modalities_are_independent_if_empty_samples_are_allowed():
    availability = draw(20_000, RATES, at_least_one=False)
    table = np.histogram2d(availability[:, 0], availability[:, 1], bins=2)[0]
    assert chi2_contingency(table).pvalue > 1e-3


@pytest.mark.parametrize(
    "rates", [{"a": 0.5}, {"a": 1.0, "b": 0.0}, {"a": 0.9, "b": 0.1}, {"a": 0.66, "b": 0.66, "c": 0.66}]
)
@pytest.mark.parametrize("n", [1, 2, 50])
def test_every_sample_keeps_a_modality_if_the_rates_allow(n, rates):
    if sum(1 - rate for rate in rates.values()) < 1:
        with pytest.raises(MissingRateError, match="nearest possible"):
            draw(n, rates)
        return
    for seed in range(50):
        availability = draw(n, rates, seed)
        assert availability.any(axis=1).all()
        for column, rate in enumerate(rates.values()):
            assert rate < 1 or not availability[:, column].any()
