"""Estimators in the tools of scikit-learn, and their additional functions."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from factories import make_arrays, make_availability, make_data, tiny
from redcore import MethodClassifier, MethodRegressor, RedCoreClassifier, RedCoreRegressor
from redcore.exceptions import (
    DataError,
    EmptySampleWarning,
    SchemaError,
    SettingsError,
    ShapeError,
    UnsupportedError,
)

N = 60
LABELS = np.array(["low", "middle", "high"])[np.resize(np.arange(3), N)]
MODALITIES = {"text": slice(0, 4), "audio": slice(4, 7), "video": slice(7, 12)}
FAST = tiny("stacked", n_members=1)


def table(holes: bool = True) -> np.ndarray:
    arrays = make_arrays(N)
    if holes:
        for column, values in enumerate(arrays.values()):
            values[~make_availability(N)[:, column]] = np.nan
    return np.concatenate(list(arrays.values()), axis=1)


def frame() -> pd.DataFrame:
    names = [f"{name}_{k}" for name, columns in MODALITIES.items() for k in range(columns.stop - columns.start)]
    return pd.DataFrame(table(), columns=names)


def by_name() -> dict:
    return {name: [column for column in frame().columns if column.startswith(name)] for name in MODALITIES}


def fusion(**options) -> MethodClassifier:
    return MethodClassifier("late_fusion", modalities=MODALITIES, random_state=0, **options)


def redcore(**options) -> RedCoreClassifier:
    return RedCoreClassifier(settings=FAST, modalities=MODALITIES, random_state=0, **options)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_pipeline_and_column_transformer():
    scale = ColumnTransformer([("scale", StandardScaler(), slice(0, 4))], remainder="passthrough")
    model = make_pipeline(scale, fusion()).fit(table(), LABELS)
    assert model.score(table(), LABELS) > 0.7
    assert model.set_output(transform="pandas")[0].transform(table()).shape == (N, 12)


def test_transform_as_a_frame():
    codes = redcore().set_output(transform="pandas").fit(frame(), LABELS).transform(frame())
    assert isinstance(codes, pd.DataFrame)
    assert codes.shape == (N, 3 * 8)
    assert list(codes.columns[:2]) == ["redcoreclassifier0", "redcoreclassifier1"]
    assert not hasattr(fusion(), "transform")


def test_grid_search_and_parallel_cross_validation():
    search = GridSearchCV(fusion(), {"settings": [{"C": 0.01}, {"C": 1.0}]}, cv=3).fit(table(), LABELS)
    assert search.best_score_ > 0.6
    found = cross_validate(fusion(), table(), LABELS, cv=3, n_jobs=2, return_estimator=True)
    assert np.isfinite(found["test_score"]).all()
    assert len({id(model) for model in found["estimator"]}) == 3


def test_cross_validation_of_multimodal_data():
    data = make_data("multiclass", N, sequences=True)
    found = cross_validate(MethodClassifier("late_fusion"), data, data.target.values, cv=3, n_jobs=2)
    assert np.isfinite(found["test_score"]).all()


def test_calibrated_classifier():
    model = CalibratedClassifierCV(fusion(), cv=3).fit(table(), LABELS)
    np.testing.assert_allclose(model.predict_proba(table()).sum(axis=1), 1)


def test_multi_output_classifier():
    y = np.stack([LABELS, LABELS[::-1]], axis=1)
    assert MultiOutputClassifier(fusion()).fit(table(), y).predict(table()).shape == (N, 2)


def test_availability_and_groups_are_routed(routing):
    availability, groups = make_availability(N), np.repeat(np.arange(12), 5)
    model = fusion().set_fit_request(availability=True, groups=True).set_score_request(availability=True)
    found = cross_validate(
        model, table(holes=False), LABELS, cv=GroupKFold(3), params={"availability": availability, "groups": groups}
    )
    incomplete = cross_validate(
        fusion().set_fit_request(groups=True), table(), LABELS, cv=GroupKFold(3), params={"groups": groups}
    )
    np.testing.assert_allclose(found["test_score"], incomplete["test_score"])


def test_clone_and_pickle():
    model = redcore(class_weight="balanced").fit(table(), LABELS)
    assert clone(model).get_params() == model.get_params()
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict_proba(table()), model.predict_proba(table())
    )


def test_feature_names_are_stored_and_checked():
    model = fusion().fit(frame(), LABELS)
    assert model.n_features_in_ == 12
    assert model.feature_names_in_.tolist() == list(frame().columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame().rename(columns={"text_0": "other"}))


def test_a_dataframe_without_a_modality_and_with_other_columns():
    model = MethodClassifier("late_fusion", modalities=by_name()).fit(frame(), LABELS)
    partial = frame().drop(columns=by_name()["audio"]).assign(note="x")
    hidden = {name: None if name == "audio" else frame()[by_name()[name]].to_numpy() for name in MODALITIES}
    with pytest.warns(EmptySampleWarning):
        np.testing.assert_array_equal(model.predict_proba(partial), model.predict_proba(hidden))
    with pytest.raises(SchemaError, match="X is without the columns 'text_0' of modality 'text'"):
        model.predict(frame().drop(columns="text_0"))


@pytest.mark.parametrize("method", ["late_fusion", "boosting", "zero_fill", "redcore", "dicmor", "momke", "mce"])
def test_sample_weights_are_used_by_all_kinds_of_methods(method):
    settings = tiny(method, n_members=1, max_epochs=20, min_samples_leaf=5, learning_rate=0.03)
    model = MethodClassifier(method, settings=settings, modalities=MODALITIES, random_state=0)
    # features are uninformative, so that only class frequencies can be learnt
    X, new = np.random.default_rng(0).normal(size=(2, N, 12))
    y = np.resize(["no", "yes"], N)
    towards_yes = model.fit(X, y, sample_weight=np.where(y == "yes", 20.0, 1.0)).predict_proba(new)[:, 1].mean()
    by_class = clone(model).set_params(class_weight={"no": 20.0, "yes": 1.0}).fit(X, y)
    assert by_class.predict_proba(new)[:, 1].mean() < 0.4 < 0.6 < towards_yes


def test_equal_and_zero_sample_weights():
    plain = redcore().fit(table(), LABELS).predict_proba(table())
    np.testing.assert_array_equal(
        redcore().fit(table(), LABELS, sample_weight=np.full(N, 7.0)).predict_proba(table()), plain
    )
    selected = np.arange(N) < 45
    weighted = redcore().fit(table(), LABELS, sample_weight=selected.astype(float)).predict_proba(table())
    np.testing.assert_array_equal(weighted, redcore().fit(table()[selected], LABELS[selected]).predict_proba(table()))


def test_balanced_classes():
    y = np.where(np.arange(N) % 6 == 0, "rare", "often")
    balanced, plain = (fusion(class_weight=w).fit(table(), y).predict_proba(table())[:, 1] for w in ("balanced", None))
    assert balanced.mean() > plain.mean() + 0.1


def test_errors_of_sample_weights():
    with pytest.raises(DataError, match=r"sample_weight of row 3 is -1\.0"):
        fusion().fit(table(), LABELS, sample_weight=np.where(np.arange(N) == 3, -1.0, 1.0))
    with pytest.raises(ShapeError, match="sample_weight has shape"):
        fusion().fit(table(), LABELS, sample_weight=np.ones(3))


def test_user_defined_validation_set():
    seen = table()[:40], LABELS[:40]
    held_out = table()[40:], LABELS[40:]
    own = redcore().fit(*seen, validation=held_out)
    assert redcore().fit(*seen).method_.n_samples < own.method_.n_samples
    availability = np.ones((20, 3), dtype=bool)
    redcore().fit(*seen, validation=(*held_out, availability))
    with pytest.raises(DataError, match="validation is list, expected"):
        redcore().fit(*seen, validation=list(held_out))


def test_warm_start_uses_the_previous_weights():
    X, y = table(holes=False), LABELS
    settings = FAST | {"max_epochs": 8, "stacking": False, "validation_fraction": 0, "learning_rate": 0.01}
    cold = RedCoreClassifier(settings=settings, modalities=MODALITIES, random_state=0).fit(X, y)
    warm = clone(cold).set_params(warm_start=True).fit(X, y)
    first = warm.history_.steps["loss"]
    again = warm.fit(X, y).history_.steps["loss"]
    assert np.mean(again) < np.mean(first)
    np.testing.assert_array_equal(cold.history_.steps["loss"], first)
    with pytest.raises(SchemaError, match="same modalities and features"):
        warm.set_params(modalities={"text": slice(0, 4)}).fit(X, y)
    with pytest.raises(SchemaError, match="same sizes"):
        warm.set_params(modalities=MODALITIES, settings=settings | {"latent_dim": 16}).fit(X, y)
    fusion(warm_start=True).fit(X, y).fit(X, y)


def test_html_representation_shows_missing_rates():
    model = redcore()
    assert "missing rate" not in model._repr_html_()
    page = model.fit(table(), LABELS)._repr_html_()
    for name, rate in model.missing_rates_.items():
        assert f"<td>{name}</td>" in page
        assert f"<td>{rate:.3f}</td>" in page
    odd = RedCoreClassifier(settings=FAST).fit({"<b>": table(holes=False)[:, :4]}, LABELS)
    assert "<td>&lt;b&gt;</td>" in odd._repr_html_()


def test_preset_file_and_multi_output_regression(tmp_path):
    y = np.random.default_rng(0).normal(size=(N, 2))
    path = tmp_path / "best.json"
    path.write_text(json.dumps({"method": "stacked", "settings": FAST}))
    model = RedCoreRegressor(str(path), modalities=MODALITIES).fit(table(), y)
    assert model.method_.training.latent_dim == 8
    assert model.predict(table()).shape == (N, 2)
    with pytest.raises(SettingsError, match="belongs to method 'stacked'"):
        MethodRegressor("late_fusion", preset=str(path), modalities=MODALITIES).fit(table(), y)
    with pytest.raises(SettingsError, match="cannot be read"):
        RedCoreRegressor(str(tmp_path / "none.json"), modalities=MODALITIES).fit(table(), y)
    path.write_text("[]")
    with pytest.raises(SettingsError, match="expected a JSON object"):
        RedCoreRegressor(str(path), modalities=MODALITIES).fit(table(), y)


def test_abstention():
    model = fusion().fit(table(), LABELS)
    predictions, probabilities = model.predict(table(), reject_below=0.6), model.predict_proba(table())
    np.testing.assert_array_equal(predictions.mask, probabilities.max(axis=1) < 0.6)
    assert 0 < predictions.mask.sum() < N
    assert set(predictions.filled("unsure")) <= {*LABELS, "unsure"}
    assert np.mean(predictions.compressed() == LABELS[~predictions.mask]) > model.score(table(), LABELS)
    with pytest.raises(DataError, match="reject_below is 2"):
        model.predict(table(), reject_below=2)


def test_prediction_intervals_and_sets():
    y = table(holes=False)[:, 0]
    model = MethodRegressor("late_fusion", modalities=MODALITIES).fit(table()[:30], y[:30])
    with pytest.raises(UnsupportedError, match=r"call calibrate\(X, y\) first"):
        model.predict_interval(table())
    model.calibrate(table(holes=False)[30:], y[30:])
    intervals = model.predict_interval(table(holes=False), coverage=0.8)
    assert intervals.shape == (N, 2)
    np.testing.assert_allclose(intervals.mean(axis=1), model.predict(table(holes=False)))
    wider = model.predict_interval(table(holes=False), coverage=0.9)
    assert (np.diff(wider) > np.diff(intervals)).all()
    sets = fusion().fit(table(), LABELS).calibrate(table(holes=False), LABELS).predict_set(table(holes=False))
    assert sets.shape == (N, 3)


def test_uncertainty_of_redcore():
    model = redcore().fit(table(), LABELS).calibrate(table(holes=False), LABELS)
    draws = model.predict_proba(table(), n_samples=4, seed=1)
    np.testing.assert_allclose(draws.sum(axis=1), 1)
    assert not np.array_equal(draws, model.predict_proba(table()))
    assert model.uncertainty(table(), n_draws=4).share.shape == (N,)
    assert set(model.acquisition_values(table(), n_draws=4)) == set(MODALITIES)
    assert set(model.modality_value(table(), LABELS).shapley.values) == set(MODALITIES)
