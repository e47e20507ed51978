"""Survival estimators in scikit-learn and scikit-survival."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sksurv.metrics import (
    as_concordance_index_ipcw_scorer,
    as_integrated_brier_score_scorer,
    concordance_index_censored,
)
from sksurv.util import Surv

from redcore import MethodClassifier, MethodSurvival, RedCoreSurvival, load_dataset
from redcore.datasets.weibull import load
from redcore.exceptions import TargetError
from redcore.export import load_estimator, save_model

DATA = load(240)
X = np.concatenate([modality.values for modality in DATA.modalities.values()], axis=1)
MODALITIES = {name: slice(16 * index, 16 * index + 16) for index, name in enumerate(DATA.names)}
TIMES, EVENTS = DATA.target.values[:, 0], DATA.target.values[:, 1] == 1
Y = Surv.from_arrays(EVENTS, TIMES)
MODEL = MethodSurvival("late_fusion", modalities=MODALITIES)


def test_predictions_follow_scikit_survival():
    model = clone(MODEL).fit(X, Y)
    risk = model.predict(X)
    assert model.score(X, Y) == pytest.approx(concordance_index_censored(EVENTS, TIMES, risk)[0])
    curves = model.predict_survival_function(X, return_array=True)
    functions = model.predict_survival_function(X[:2])
    np.testing.assert_allclose(functions[1](model.unique_times_), curves[1])
    hazards = model.predict_cumulative_hazard_function(X, return_array=True)
    np.testing.assert_allclose(risk, hazards.sum(axis=1))
    medians = model.predict_median(X)
    reached = curves[:, -1] < 0.5
    assert np.isfinite(medians[reached]).all()
    assert np.isinf(medians[curves[:, -1] > 0.5]).all()


def test_meta_estimators_of_both_libraries():
    times = np.quantile(TIMES, [0.2, 0.4, 0.6])
    assert (cross_val_score(MODEL, X, Y, cv=2) > 0.6).all()
    assert (cross_val_score(as_integrated_brier_score_scorer(MODEL, times), X, Y, cv=2) < 0).all()
    search = GridSearchCV(
        as_concordance_index_ipcw_scorer(MODEL, tau=times[-1]), {"estimator__settings": [{"C": 0.01}, {"C": 0.1}]}, cv=2
    )
    assert search.fit(X, Y).best_score_ > 0.6


def test_y_is_a_structured_array_or_a_frame():
    expected = clone(MODEL).fit(X, Y).predict(X)
    frame = pd.DataFrame({"days": TIMES, "dead": EVENTS})
    np.testing.assert_array_equal(clone(MODEL).fit(X, frame).predict(X), expected)
    with pytest.raises(TargetError, match="expected y as a structured array"):
        clone(MODEL).fit(X, TIMES)
    with pytest.raises(TargetError, match="use RedCoreSurvival"):
        MethodClassifier("late_fusion").fit(DATA)
    with pytest.raises(TargetError, match="expected survival"):
        MethodSurvival("late_fusion").fit(load_dataset("wine"))


def test_a_saved_model_is_loaded_as_a_survival_estimator(tmp_path):
    model = RedCoreSurvival(settings={"max_epochs": 2, "n_members": 1}, random_state=0).fit(DATA)
    save_model(model.method_, tmp_path)
    loaded = load_estimator(tmp_path)
    assert isinstance(loaded, RedCoreSurvival)
    np.testing.assert_array_equal(loaded.predict(DATA), model.predict(DATA))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_frame_of_any_library_is_a_target(make):
    expected = MODEL.fit(X, Y).predict(X)
    np.testing.assert_array_equal(clone(MODEL).fit(X, make({"time": TIMES, "event": EVENTS})).predict(X), expected)


def test_a_lazy_frame_is_no_target():
    with pytest.raises(TargetError, match=r"single LazyFrame, .*call its method collect\(\) first"):
        MODEL.fit(X, pl.LazyFrame({"time": TIMES, "event": EVENTS}))
