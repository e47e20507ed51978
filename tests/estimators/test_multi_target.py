"""Estimator of several targets."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from redcore import MethodClassifier, MethodMultiTarget, MultimodalData
from redcore.data import several_targets
from redcore.exceptions import DataError, SettingsError, TargetError
from redcore.export import load_estimator, save_model

RNG = np.random.default_rng(0)
FACTORS = RNG.normal(size=(80, 2))
IDS = [f"p{k}" for k in range(80)]
X = {
    name: pd.DataFrame(FACTORS @ RNG.normal(size=(2, 3)) + 0.3 * RNG.normal(size=(80, 3)), index=IDS)
    for name in ("blood", "scan")
}
Y = pd.DataFrame({"stage": np.where(FACTORS[:, 0] > 0, "late", "early"), "age": 60 + 10 * FACTORS[:, 1]}, index=IDS)
Y.loc[IDS[:15], "stage"] = None
Y.loc[IDS[60:], "age"] = np.nan


@pytest.fixture(scope="module")
def fitted():
    return MethodMultiTarget("stack", random_state=0).fit(X, Y)


def test_predictions_are_mappings_by_target(fitted):
    predicted = fitted.predict(X)
    assert list(predicted) == fitted.target_names_ == ["stage", "age"]
    known = Y["stage"].notna().to_numpy()
    assert np.mean(predicted["stage"][known] == Y["stage"][known]) > 0.8
    assert predicted["age"].shape == (80,)
    assert list(fitted.predict_proba(X)) == ["stage"]
    np.testing.assert_allclose(fitted.predict_proba(X)["stage"].sum(axis=1), 1)
    assert 0.5 < fitted.score(X, Y) <= 1


def test_y_is_matched_by_its_index(fitted):
    shuffled = Y.sample(frac=1, random_state=0)
    for y in (shuffled, {name: shuffled[name] for name in shuffled}):
        again = MethodMultiTarget("stack", random_state=0).fit(X, y)
        np.testing.assert_array_equal(again.predict(X)["age"], fitted.predict(X)["age"])
    with pytest.raises(DataError, match="have no row in y"):
        MethodMultiTarget("stack", random_state=0).fit(X, Y.iloc[1:])


def test_mappings_targets_and_data_give_the_same_fit(fitted):
    arrays = {name: frame.to_numpy() for name, frame in X.items()}
    columns = {name: Y[name].tolist() for name in Y}
    target = several_targets(columns)
    data = MultimodalData.from_arrays(arrays, target)
    for inputs, y in ((arrays, columns), (arrays, target), (data, None)):
        model = MethodMultiTarget("stack", random_state=0).fit(inputs, y)
        np.testing.assert_allclose(model.predict(arrays)["age"], fitted.predict(X)["age"])


def test_an_estimator_of_one_target_shares_the_model(fitted):
    stage = fitted.estimator("stage")
    assert isinstance(stage, MethodClassifier)
    np.testing.assert_array_equal(stage.predict(X), fitted.predict(X)["stage"])
    known = Y.index[Y["age"].notna()]
    age = fitted.estimator("age").calibrate({name: frame.loc[known] for name, frame in X.items()}, Y["age"].loc[known])
    intervals = age.predict_interval(X)
    assert intervals.shape == (80, 2)
    assert (intervals[:, 0] < fitted.predict(X)["age"]).all()


def test_scikit_learn_clones_and_validates():
    table = pd.concat({name: frame.add_prefix(name) for name, frame in X.items()}, axis=1)
    table.columns = table.columns.droplevel(0)
    model = MethodMultiTarget("stack", modalities={"blood": ["blood0", "blood1", "blood2"]})
    scores = cross_val_score(clone(model), table, Y, cv=2)
    assert scores.shape == (2,)
    assert np.isfinite(scores).all()


def test_a_second_fit_may_have_other_targets(fitted):
    model = clone(fitted).fit(X, Y)
    model.fit(X, Y.rename(columns={"age": "years"}))
    assert model.target_names_ == ["stage", "years"]


def test_saved_models_load_as_estimators(fitted, tmp_path):
    save_model(fitted.method_, tmp_path)
    loaded = load_estimator(tmp_path)
    assert isinstance(loaded, MethodMultiTarget)
    np.testing.assert_array_equal(loaded.predict(X)["stage"], fitted.predict(X)["stage"])


def test_errors_name_the_cause(fitted):
    with pytest.raises(TargetError, match="expected y as a data frame, a mapping of columns or a Target, got list"):
        MethodMultiTarget("stack", random_state=0).fit(X, ["a", "b"] * 40)
    with pytest.raises(TargetError, match=r"target 'b' has shape \(3,\), expected \(80,\)"):
        MethodMultiTarget("stack", random_state=0).fit(X, {"a": [1, 2] * 40, "b": [1, 2, 3]})
    with pytest.raises(TargetError, match="y is an empty mapping"):
        MethodMultiTarget("stack").fit(X, {})
    with pytest.raises(TargetError, match="does not support several targets"):
        MethodMultiTarget("boosting").fit(X, Y)
    with pytest.raises(SettingsError, match="unlabelled: expected None"):
        MethodMultiTarget("stack", unlabelled="nan").fit(X, Y)
    with pytest.raises(TargetError, match="expected several targets, got a binary target"):
        MethodMultiTarget("stack")._adopt(fitted.method_.of_part("stage"))
