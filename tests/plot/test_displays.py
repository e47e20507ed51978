"""Displays: their numbers, and the figures that they draw."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from redcore import MethodClassifier, MethodRegressor, MethodSurvival, MultimodalData, Target
from redcore.benchmark import read_records
from redcore.datasets.weibull import load as load_weibull
from redcore.exceptions import (
    DataError,
    RunError,
    SettingsError,
    TargetError,
    UnknownNameError,
    UnsupportedError,
)
from redcore.plot import (
    CalibrationDisplay,
    DegradationDisplay,
    LatentCodesDisplay,
    MissingPatternsDisplay,
    ModalityValueDisplay,
    PatternScoresDisplay,
    RiskGroupsDisplay,
    SupervisionDisplay,
)

RECORDS = Path(__file__).parents[2] / "docs" / "results" / "quick.jsonl.gz"


@pytest.fixture(autouse=True)
def _without_window():
    with mpl.rc_context({"backend": "Agg"}):
        yield


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    arrays = {name: rng.normal(size=(120, 4)) + strength * y[:, None] for name, strength in (("$a_", 2.0), ("b", 0.1))}
    availability = np.ones((120, 2), dtype=bool)
    availability[::4, 1] = False
    return MultimodalData.from_arrays(arrays, Target.from_labels(y), availability=availability)


@pytest.fixture
def model(data):
    return MethodClassifier("late_fusion").fit(data)


def test_missing_patterns(data):
    display = MissingPatternsDisplay.from_data(data)
    assert display.names == ("$a_", "b")
    assert display.counts == {(True, True): 90, (True, False): 30}
    assert display.missing_rates == {"$a_": 0.0, "b": 0.25}
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["90", "30"]


def test_patterns_beyond_the_maximum_are_counted_together(data):
    display = MissingPatternsDisplay.from_data(data, max_patterns=1)
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["90", "30 others"]


def test_pattern_scores(model, data):
    display = PatternScoresDisplay.from_estimator(model, data, score="accuracy")
    assert set(display.values) == {"$a_", "b", "$a_+b", ""}
    assert display.n_samples == {"$a_": 120, "b": 90, "$a_+b": 90, "": 120}
    assert display.values[""] == pytest.approx(model.score(data))
    accuracy = display.values["b"]
    assert display.half_widths["b"] == pytest.approx(1.96 * np.sqrt(accuracy * (1 - accuracy) / 90))
    assert display.values["$a_"] > 0.9 > display.values["b"]


def test_displays_share_axes(model, data):
    first = PatternScoresDisplay.from_estimator(model, data, name="one")
    second = PatternScoresDisplay.from_estimator(model, data, name="two", ax=first.ax_)
    assert second.figure_ is first.figure_
    assert [text.get_text() for text in first.ax_.get_legend().get_texts()] == ["one", "two"]


def test_unknown_score(model, data):
    with pytest.raises(UnknownNameError, match="r2"):
        PatternScoresDisplay.from_estimator(model, data, score="r2")


def test_calibration(model, data):
    display = CalibrationDisplay.from_estimator(model, data, n_bins=2)
    assert set(display.reliability) == {1, 2}
    assert sum(display.reliability[1].n_samples) <= 120 + 90
    for one in display.reliability.values():
        assert ((one.accuracy >= 0) & (one.accuracy <= 1)).all()


def test_calibration_needs_classes():
    rng = np.random.default_rng(0)
    X = {"a": rng.normal(size=(60, 3)), "b": rng.normal(size=(60, 2))}
    y = X["a"][:, 0] + 0.5
    model = MethodRegressor("late_fusion").fit(X, y)
    with pytest.raises(TargetError, match="expected classes for reliability"):
        CalibrationDisplay.from_estimator(model, X, y)
    assert PatternScoresDisplay.from_estimator(model, X, y).score == "r2"


def test_modality_value(model, data):
    display = ModalityValueDisplay.from_estimator(model, data)
    values = display.value.shapley.values
    assert sum(values.values()) == pytest.approx(display.value.with_all - display.value.without)
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["b", "$a_"]


def test_supervision(data, model):
    network = MethodClassifier("redcore", settings={"max_epochs": 2, "latent_dim": 8}).fit(data)
    display = SupervisionDisplay.from_estimator(network)
    assert set(display.weights) == {"$a_", "b"}
    with pytest.raises(RunError, match="no supervision weights"):
        SupervisionDisplay.from_estimator(model)


def test_degradation():
    records = read_records(RECORDS)
    titles = sorted({record.data_title for record in records})
    display = DegradationDisplay.from_records(records, data=titles[0], score="argmax")
    for curve in display.curves.values():
        assert min(curve) == 0
        assert curve[0].mean > curve[max(curve)].mean
    with pytest.raises(RunError, match=f"expected one of the data sets of the records: {titles[0]}"):
        DegradationDisplay.from_records(records, data="no_such_data")


def test_plot_draws_the_same_numbers_on_other_axes(model, data):
    display = PatternScoresDisplay.from_estimator(model, data)
    axes = Figure().subplots()
    assert display.plot(ax=axes).ax_ is axes


@pytest.fixture(scope="module")
def imputing():
    """Return an estimator that imputes codes, and data whose modalities ``a`` and ``b`` are equal up to noise."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % 3
    signal = rng.normal(size=(240, 2)) + y[:, None]
    arrays = {
        "a": signal + 0.05 * rng.normal(size=signal.shape),
        "b": signal + 0.05 * rng.normal(size=signal.shape),
        "c": rng.normal(size=(240, 2)),
    }
    availability = np.ones((240, 3), dtype=bool)
    availability[::4, 0], availability[1::4, 1] = False, False
    data = MultimodalData.from_arrays(arrays, Target.from_labels(y), availability=availability)
    settings = {"max_epochs": 15, "latent_dim": 4, "weight_averaging": 0}
    return MethodClassifier("redcore", settings=settings, random_state=0).fit(data), data


def test_latent_codes(imputing):
    model, data = imputing
    display = LatentCodesDisplay.from_estimator(model, data, "a")
    assert len(display.real) == len(display.imputed) == 180
    np.testing.assert_allclose(display.real.mean(axis=0), 0, atol=1e-6)
    noise = LatentCodesDisplay.from_estimator(model, data, "c")
    assert display.explained > noise.explained
    assert "a: imputed codes explain" in display.ax_.get_title()


def test_latent_codes_need_the_modality_and_a_method_that_imputes(imputing, model, data):
    estimator, samples = imputing
    with pytest.raises(UnknownNameError, match="modality"):
        LatentCodesDisplay.from_estimator(estimator, samples, "d")
    with pytest.raises(DataError, match="modality 'a': expected at least 3 samples with it and another one, got 0"):
        LatentCodesDisplay.from_estimator(estimator, samples.take(np.arange(0, 240, 4)), "a")
    with pytest.raises(UnsupportedError):
        LatentCodesDisplay.from_estimator(model, data, "b")


def test_risk_groups(model, data):
    data_of_times = load_weibull(300)
    estimator = MethodSurvival("late_fusion").fit(data_of_times)
    display = RiskGroupsDisplay.from_estimator(estimator, data_of_times)
    assert [group.n_samples for group in display.groups] == [100, 100, 100]
    early = [np.interp(1.0, group.times, group.survival) for group in display.groups]
    assert early[0] > early[1] > early[2]
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert [label.split(" risk")[0] for label in labels] == ["low", "medium", "high"]
    counts = [text.get_text() for text in display.ax_.texts]
    assert counts[::5] == [str(group.n_samples) for group in display.groups]
    two = RiskGroupsDisplay.from_estimator(estimator, data_of_times, n_groups=2)
    assert len(two.groups) == 2
    with pytest.raises(SettingsError, match="n_groups is 0, expected at least 1"):
        RiskGroupsDisplay.from_estimator(estimator, data_of_times, n_groups=0)
    with pytest.raises(TargetError, match="expected survival for risk groups"):
        RiskGroupsDisplay.from_estimator(model, data)
