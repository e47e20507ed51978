"""Conformal intervals of censored times."""

import numpy as np
import pytest

from redcore import MethodSurvival
from redcore.data import MultimodalData, Target
from redcore.datasets import WeibullTimes
from redcore.export import load_calibration, save_model
from redcore.runs import prediction_table

PATTERNS = [("audio",), ("text",), ("audio", "text")]


def draw(n_samples, seed, latest=4.0):
    """Return two noisy measurements of the log hazard ratio, and times that are censored until `latest`."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n_samples)
    modalities = {
        "audio": z[:, None] + rng.normal(size=(n_samples, 1)),
        "text": z[:, None] + rng.normal(size=(n_samples, 2)),
    }
    return MultimodalData.from_arrays(modalities, Target.from_survival(*WeibullTimes(latest=latest).sample(z, rng)))


@pytest.fixture(scope="module")
def model():
    return MethodSurvival("late_fusion", random_state=0).fit(draw(1500, 0)).calibrate(draw(1500, 1))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_intervals_cover_uncensored_times_under_every_pattern(model, pattern):
    test = draw(3000, 2, latest=1e9)
    hidden = test.hide(np.tile([name in pattern for name in test.names], (3000, 1)))
    low, high = model.predict_interval(hidden).T
    times = test.target.values[:, 0]
    # beyond the horizon, only the side of the horizon is predicted
    covered = (low <= times) & (times <= high)
    assert 0.87 <= covered.mean() <= 0.93
    medians = model.predict_median(hidden)
    assert ((low <= medians) | (low == model.method_.schema.grid.horizon)).all()
    assert (medians[np.isfinite(high)] <= high[np.isfinite(high)]).all()
    assert np.isfinite(high).mean() > 0.05


def test_too_few_known_times_give_an_infinite_interval_with_a_warning():
    model = MethodSurvival("late_fusion", random_state=0).fit(draw(200, 0)).calibrate(draw(8, 1))
    with pytest.warns(UserWarning, match="calibration sample"):
        low, high = model.predict_interval(draw(5, 2)).T
    assert np.isinf(high).all()
    assert (low == 0).all()


def test_tables_and_saved_models_have_the_intervals(model, tmp_path):
    data = draw(20, 3)
    save_model(model.method_, tmp_path, calibration=model.calibration_)
    table = prediction_table(model.method_, data, calibration=load_calibration(tmp_path))
    assert table.column_names[2:6] == ["risk", "median", "lower", "upper"]
    low, high = model.predict_interval(data).T
    np.testing.assert_array_equal(table["lower"].to_numpy(), low)
    np.testing.assert_array_equal(table["upper"].is_null().to_numpy(), np.isinf(high))
