"""Conformal calibration: coverage per missing pattern, finite-sample quantile, groups and rare patterns."""

import numpy as np
import pytest

from factories import make_data
from redcore.data import MultimodalData, Target
from redcore.datasets import gaussian
from redcore.exceptions import CalibrationWarning, DataError, TargetError
from redcore.methods import make_method
from redcore.metrics import missing_patterns, pattern_name
from redcore.uncertainty import Calibration
from redcore.uncertainty._conformal import PatternScores


def scores(values, owners=None) -> PatternScores:
    values = np.asarray(values, dtype=float)[:, None]
    return PatternScores(values, np.arange(len(values)) if owners is None else np.asarray(owners))


@pytest.mark.parametrize(
    ("n", "coverage", "rank"), [(9, 0.9, 9), (19, 0.9, 18), (99, 0.9, 90), (100, 0.9, 91), (4, 0.8, 4)]
)
def test_finite_sample_quantile(n, coverage, rank):
    assert scores(np.arange(1, n + 1)).quantile(coverage) == rank


def test_too_few_samples_give_an_infinite_bound():
    assert scores(np.arange(8)).quantile(0.9) == np.inf
    assert scores([]).quantile(0.5) == np.inf


def test_groups_have_equal_weights():
    alone = scores(np.arange(1, 20))
    # group 18, with the largest scores, has a thousand samples
    crowded = scores(np.concatenate([np.arange(1, 20), np.full(999, 19.0)]), [*range(19), *([18] * 999)])
    assert crowded.quantile(0.9) == alone.quantile(0.9) == 18
    assert scores(np.arange(1000.0), np.zeros(1000)).quantile(0.9) == np.inf


def test_coverage_for_new_groups():
    rng = np.random.default_rng(0)
    covered, naive = [], []
    for _ in range(400):
        sizes = rng.integers(1, 40, size=21)
        owners = np.repeat(np.arange(21), sizes)
        # scores are similar within a group, and small groups have large scores
        values = np.abs(rng.normal(size=21) * 5 / np.sqrt(sizes))[owners] + 0.01 * rng.random(len(owners))
        known, new = owners < 20, owners == 20
        covered.append((values[new] <= scores(values[known], owners[known]).quantile(0.9)).mean())
        naive.append((values[new] <= scores(values[known]).quantile(0.9)).mean())
    assert np.mean(covered) >= 0.88
    assert np.mean(naive) < 0.8


@pytest.mark.parametrize("target", ["number", "classes"])
def test_coverage_holds_under_every_pattern(target):
    data = gaussian.load(4000, target=target)
    method = make_method("late_fusion").fit(data.take(np.arange(500)))
    calibration = Calibration.fit(method, data.take(np.arange(500, 2000)))
    test = data.take(np.arange(2000, 4000))
    for pattern in missing_patterns(test.names):
        keep = np.isin(test.names, pattern)
        part = test.hide(np.broadcast_to(keep, (test.n_samples, len(keep))))
        outputs, bounds = method.predict(part), calibration.bounds(part, 0.9)
        truth = part.target.values
        if target == "number":
            covered = np.abs(outputs[:, 0] - truth) <= bounds[:, 0]
        else:
            covered = 1 - outputs[np.arange(len(truth)), truth] <= bounds[:, 0]
        assert 0.87 <= covered.mean() <= 0.93, pattern_name(pattern)


def test_a_rare_pattern_is_pooled_with_a_warning():
    data = make_data("regression", 60, holes=False)
    keep = np.ones((60, 3), dtype=bool)
    keep[5:, 0] = False  # audio in five samples only
    method = make_method("late_fusion").fit(data)
    calibration = Calibration.fit(method, data.hide(keep))
    with pytest.warns(CalibrationWarning, match=r"5 calibration sample.* observe audio\+text, expected at least 9"):
        pooled = calibration.bound(("audio", "text"), 0.9)
    assert np.isfinite(pooled).all()
    with pytest.warns(CalibrationWarning, match="pooled with audio, text"):
        calibration.bound(("audio", "text"), 0.9)
    with pytest.warns(CalibrationWarning, match="the bound is infinite"):
        assert calibration.bound(("audio", "text"), 0.999) == np.inf


def test_restored_calibration_gives_equal_bounds():
    data = make_data("regression", 60)
    method = make_method("late_fusion").fit(data)
    calibration = Calibration.fit(method, data)
    again = Calibration.from_arrays(calibration.to_arrays(), calibration.names)
    np.testing.assert_array_equal(again.bounds(data, 0.7), calibration.bounds(data, 0.7))


def test_bound_of_a_sample_without_any_modality():
    data = make_data("regression", 60)
    method = make_method("late_fusion").fit(data)
    nothing = data.take([0]).hide(np.zeros((1, 3)))
    distances = np.sort(np.abs(data.target.values - method.prior))
    assert Calibration.fit(method, data).bounds(nothing, 0.9)[0, 0] == distances[int(np.ceil(0.9 * 61)) - 1]


def test_ten_modalities_are_calibrated_on_a_subset_of_patterns():
    rng = np.random.default_rng(0)
    arrays = {f"m{k}": rng.normal(size=(50, 2)) for k in range(10)}
    data = MultimodalData.from_arrays(arrays, Target.from_numbers(rng.normal(size=50)))
    method = make_method("late_fusion").fit(data)
    calibration = Calibration.fit(method, data)
    assert len(calibration.scores) < 100
    pattern = ("m1", "m2", "m3", "m4", "m7")
    if pattern_name(pattern) not in calibration.scores:
        with pytest.warns(CalibrationWarning, match="pooled"):
            assert np.isfinite(calibration.bound(pattern, 0.9)).all()


def test_errors_of_calibration():
    data = make_data("multilabel", 24)
    with pytest.raises(TargetError, match="multilabel"):
        Calibration.fit(make_method("late_fusion").fit(data), data)
    numbers = make_data("regression", 24)
    method = make_method("late_fusion").fit(numbers)
    with pytest.raises(DataError, match="no samples to calibrate"):
        Calibration.fit(method, numbers.take([]))
    with pytest.raises(DataError, match=r"coverage is 1\.5"):
        Calibration.fit(method, numbers).bounds(numbers, 1.5)
