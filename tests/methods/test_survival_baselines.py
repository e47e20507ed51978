"""Baselines of scikit-survival agree with the package, and saved models do not need it."""

import sys
from importlib import util
from typing import Any

import numpy as np
import pytest

from factories import SURVIVAL_METHODS, make_data
from redcore.data import MultimodalData, risk_scores
from redcore.exceptions import SettingsError, UnsupportedError
from redcore.export import export_onnx, load_model, save_model
from redcore.methods import make_method
from redcore.methods._base import structured, with_missing_indicators

pytest.importorskip("sksurv")


@pytest.fixture(scope="module")
def data():
    return make_data("survival", 150)


def fitted(name: str, data: MultimodalData, seed: int = 0, **settings: Any) -> Any:
    return make_method(name, settings=settings).fit(data, seed=seed)


def table_of(method, data):
    """Return the table of a fitted method, and the survival target of scikit-survival."""
    return method._table(method._converted(data)), structured(data.target)


def curves_at(functions, borders):
    return np.stack([function(borders) for function in functions])


@pytest.mark.parametrize("name", ["cox_mean_fill", "cox_indicator"])
def test_cox_agrees_with_coxnet(name, data):
    from sksurv.linear_model import CoxnetSurvivalAnalysis

    method = fitted(name, data, alpha=0.02)
    table, y = table_of(method, data)
    columns = np.nan_to_num(table, nan=0.0)
    if name == "cox_indicator":
        missing = np.isnan(table[:, np.cumsum([0, *method.widths.values()])[:-1]])
        columns = np.concatenate([columns, missing], axis=1)
    model = CoxnetSurvivalAnalysis(alphas=[0.02], l1_ratio=0.5, fit_baseline_model=True).fit(columns, y)
    expected = curves_at(model.predict_survival_function(columns), method.schema.grid.borders)
    np.testing.assert_allclose(method.predict(data), expected, atol=1e-9)


def test_late_fusion_averages_the_curves_of_the_observed_modalities(data):
    method = fitted("cox_late_fusion", data)
    single = {}
    for name, modality in data.modalities.items():
        rows = np.flatnonzero(modality.availability)
        own = MultimodalData({name: modality}, data.target, None, data.sample_ids, None).take(rows)
        single[name] = method.predict(own)
    both = data.take(np.flatnonzero(data.availability.all(axis=1)))
    rows = [np.flatnonzero(data.availability[:, k]).searchsorted(both.sample_ids) for k in range(3)]
    mean = np.mean([single[name][row] for name, row in zip(data.names, rows, strict=True)], axis=0)
    np.testing.assert_allclose(method.predict(both), mean, atol=1e-12)


def test_forest_agrees_with_scikit_survival(data):
    from sksurv.ensemble import RandomSurvivalForest

    method = fitted("survival_forest", data, seed=3, n_estimators=7)
    table, y = table_of(method, data)
    assert np.isnan(table).any()
    model = RandomSurvivalForest(n_estimators=7, random_state=3).fit(table, y)
    expected = curves_at(model.predict_survival_function(table), method.schema.grid.borders)
    np.testing.assert_allclose(method.predict(data), expected, atol=1e-6)


def test_boosting_agrees_with_scikit_survival(data):
    import torch
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis

    method = fitted("survival_boosting", data, seed=3, n_estimators=12)
    table, y = table_of(method, data)
    columns = with_missing_indicators(torch.from_numpy(table), method.widths).numpy()
    model = GradientBoostingSurvivalAnalysis(n_estimators=12, random_state=3).fit(columns, y)
    expected = curves_at(model.predict_survival_function(columns), method.schema.grid.borders)
    np.testing.assert_allclose(method.predict(data), expected, atol=1e-9)


@pytest.mark.parametrize("name", SURVIVAL_METHODS)
def test_a_saved_model_does_not_need_the_package(name, data, tmp_path, monkeypatch):
    method = fitted(name, data)
    save_model(method, tmp_path)
    find_spec = util.find_spec
    monkeypatch.setitem(sys.modules, "sksurv", None)
    monkeypatch.setattr(
        "redcore.methods._base._survival_table.find_spec",
        lambda package: None if package == "sksurv" else find_spec(package),
    )
    np.testing.assert_array_equal(load_model(tmp_path).predict(data), method.predict(data))
    with pytest.raises(UnsupportedError, match=rf"'{name}' needs the package scikit-survival: .*redcore\[survival\]"):
        fitted(name, data)


@pytest.mark.parametrize("name", SURVIVAL_METHODS)
def test_sample_weights_have_an_effect_or_are_an_error(name, data):
    weights = np.random.default_rng(0).uniform(0.1, 2, data.n_samples)
    weighted = MultimodalData(data.modalities, data.target.weighted(weights), None, data.sample_ids, None)
    if name.startswith("cox"):
        with pytest.raises(UnsupportedError, match="does not support sample weights"):
            fitted(name, weighted)
        return
    curves = [fitted(name, each, n_estimators=3).predict(data) for each in (data, weighted)]
    assert np.abs(curves[0] - curves[1]).max() > 0.01


@pytest.mark.parametrize("name", SURVIVAL_METHODS)
def test_a_higher_risk_means_an_earlier_event(name, data):
    times, events = data.target.values.T
    risk = risk_scores(fitted(name, data).predict(data))
    early = (events == 1) & (times < np.median(times))
    assert risk[early].mean() > risk[times > np.median(times)].mean()


def test_a_diverging_penalty_is_named_and_left_out_of_the_search(data, monkeypatch):
    from sksurv.linear_model import CoxnetSurvivalAnalysis

    fit = CoxnetSurvivalAnalysis.fit
    default = fitted("cox_mean_fill", data)

    def diverging(self, columns, y):
        if min(self.alphas) < 0.05:
            raise ArithmeticError("Numerical error, because weights are too large")
        return fit(self, columns, y)

    monkeypatch.setattr(CoxnetSurvivalAnalysis, "fit", diverging)
    with pytest.raises(SettingsError, match=r"alpha: the Cox model of 150 samples and 12 columns diverges at 0\.01"):
        fitted("cox_mean_fill", data, alpha=0.01)
    stronger = fitted("cox_mean_fill", data)
    sizes = [np.abs(method.table_arrays["coefficients"]).sum() for method in (stronger, default)]
    assert 0 < sizes[0] < sizes[1]


@pytest.mark.parametrize("name", [name for name in SURVIVAL_METHODS if name.startswith("cox")])
def test_cox_models_have_onnx_graphs(name, data, tmp_path):
    pytest.importorskip("onnxruntime")
    assert export_onnx(fitted(name, data), tmp_path / "model.onnx") < 1e-5
