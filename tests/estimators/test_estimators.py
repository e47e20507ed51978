"""Estimators: all forms of X and y, fitted attributes and errors."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from factories import make_arrays, make_availability, make_data, make_target, tiny
from redcore import MethodClassifier, MethodRegressor, RedCoreClassifier, RedCoreRegressor
from redcore.data import MultimodalData
from redcore.exceptions import (
    DataError,
    EmptySampleError,
    EmptySampleWarning,
    MissingCellsWarning,
    NonFiniteError,
    SettingsError,
    ShapeError,
    TargetError,
    UnknownNameError,
)
from redcore.export import load_estimator, load_model, save_model
from redcore.methods.stacked import Stacked

N = 24
LABELS = np.array(["low", "middle", "high"])[np.resize(np.arange(3), N)]


def classifier(**options) -> RedCoreClassifier:
    return RedCoreClassifier(settings=tiny("stacked"), random_state=0, **options)


def holes() -> dict:
    """Return the arrays of the factory with rows of NaN where a modality is missing."""
    arrays = make_arrays(N)
    for column, values in enumerate(arrays.values()):
        values[~make_availability(N)[:, column]] = np.nan
    return arrays


def table() -> tuple[np.ndarray, dict]:
    arrays = holes()
    ends = np.cumsum([0, *(values.shape[1] for values in arrays.values())])
    slices = {name: slice(int(ends[k]), int(ends[k + 1])) for k, name in enumerate(arrays)}
    return np.concatenate(list(arrays.values()), axis=1), slices


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return classifier().fit(holes(), LABELS).predict_proba(holes())


@pytest.mark.parametrize("form", ["lists", "availability array", "availability mapping", "table", "frame", "data"])
def test_all_forms_of_x_give_the_same_predictions(form, expected):
    options, extra = {}, {}
    X = holes()
    if form == "lists":
        X = {name: [None if np.isnan(row).all() else row for row in values] for name, values in X.items()}
    elif form.startswith("availability"):
        X, availability = make_arrays(N), make_availability(N)
        columns = {name: availability[:, k] for k, name in enumerate(X)}
        extra = {"availability": availability if form.endswith("array") else columns}
    elif form == "table":
        X, options["modalities"] = table()
    elif form == "frame":
        values, slices = table()
        names = [f"c{column}" for column in range(values.shape[1])]
        X, options["modalities"] = pd.DataFrame(values, columns=names), {m: names[s] for m, s in slices.items()}
    elif form == "data":
        X = MultimodalData.from_arrays(X)
    model = classifier(**options).fit(X, LABELS, **extra)
    np.testing.assert_array_equal(model.predict_proba(X, **extra), expected)
    assert model.score(X, LABELS, **extra) == np.mean(model.predict(X, **extra) == LABELS)
    assert model.transform(X, **extra).shape == (N, 3 * 8)


def test_y_is_optional_for_data_with_a_target():
    data = make_data("multiclass", N)
    assert classifier().fit(data).classes_.tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="expected groups as part of it"):
        classifier().fit(data, LABELS, groups=np.zeros(N))


def test_an_array_without_modalities_is_one_modality():
    model = classifier().fit(make_arrays(N)["text"], LABELS)
    assert list(model.supervision_weights_) == ["features"]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (LABELS, ["high", "low", "middle"]),
        (np.resize([True, False], N), [False, True]),
        (np.resize([7, 3], N), [3, 7]),
        (np.resize([1.0, 2.0], N), [1, 2]),
        (LABELS.tolist(), ["high", "low", "middle"]),
    ],
)
def test_classes_of_every_type(labels, classes):
    model = classifier().fit(holes(), labels)
    assert model.classes_.tolist() == classes
    assert set(model.predict(holes()).tolist()) <= set(classes)
    probabilities = model.predict_proba(holes())
    assert probabilities.shape == (N, len(classes))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_multilabel_target():
    indicators = make_target("multilabel", N).values
    model = classifier().fit(holes(), indicators)
    assert model.predict(holes()).shape == (N, 3)
    assert set(np.unique(model.predict(holes()))) <= {0, 1}
    assert 0 <= model.score(holes(), indicators) <= 1


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 2)])
def test_regression_with_one_and_several_outputs(shape):
    y = np.random.default_rng(0).normal(size=shape)
    model = RedCoreRegressor(settings=tiny("stacked"), random_state=0).fit(holes(), y)
    assert model.predict(holes()).shape == ((N, 2) if shape == (N, 2) else (N,))
    assert model.score(holes(), y) <= 1


def test_the_wrong_estimator_for_a_target():
    with pytest.raises(TargetError, match="RedCoreRegressor"):
        classifier().fit(make_data("regression", N))
    with pytest.raises(TargetError, match="RedCoreClassifier"):
        RedCoreRegressor(settings=tiny("stacked")).fit(make_data("multiclass", N))
    with pytest.raises(TargetError, match="continuous"):
        classifier().fit(holes(), np.linspace(0.1, 0.9, N))


def test_fitted_attributes():
    # with one ensemble member, since a mean of unit vectors is not a unit vector
    model = RedCoreClassifier(settings=tiny("stacked", n_members=1), random_state=0).fit(holes(), LABELS)
    assert set(model.supervision_weights_) == set(model.relative_advantage_) == {"audio", "text", "video"}
    assert model.history_.n_steps > 0
    np.testing.assert_allclose(np.linalg.norm(list(model.supervision_weights_.values())), 1, rtol=1e-5)


def test_clone_is_unfitted_with_the_same_parameters():
    model = classifier(empty="error").fit(holes(), LABELS)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(holes())


def test_random_state():
    def fit(state):
        return (
            RedCoreClassifier(settings=tiny("stacked"), random_state=state).fit(holes(), LABELS).predict_proba(holes())
        )

    np.testing.assert_array_equal(fit(3), fit(3))
    np.testing.assert_array_equal(fit(np.random.RandomState(3)), fit(3))
    assert not np.array_equal(fit(3), fit(4))
    assert not np.array_equal(fit(None), fit(None))


def test_groups_are_never_split_over_training_and_validation(monkeypatch):
    splits = []
    train = Stacked._train

    def spy(self, data, validation, context):
        splits.append((set(data.groups), set(validation.groups)))
        return train(self, data, validation, context)

    monkeypatch.setattr(Stacked, "_train", spy)
    classifier().fit(holes(), LABELS, groups=np.repeat(np.arange(6), 4))
    assert len(splits) > 1
    for trained, held_out in splits:
        assert held_out
        assert not trained & held_out


def test_presets():
    settings = {**tiny("stacked"), "encoder_layers": 1}
    model = RedCoreClassifier("aaai2024", settings=settings, random_state=0).fit(holes(), LABELS)
    assert model.method_.settings.keep_empty_samples != RedCoreClassifier().fit(holes(), LABELS).method_.settings
    with pytest.raises(UnknownNameError, match="unknown preset 'defalt'; did you mean 'default'"):
        RedCoreClassifier("defalt").fit(holes(), LABELS)
    with pytest.raises(UnknownNameError, match="unknown setting 'max_epoch'"):
        RedCoreClassifier(settings={"max_epoch": 2}).fit(holes(), LABELS)


class Doubled(torch.nn.Module):
    """User-defined encoder."""

    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(n_features, width)

    def forward(self, values, lengths):
        return self.linear(2 * values)


def test_user_defined_encoder(tmp_path):
    width = classifier().fit(holes(), LABELS).method_.training.latent_dim
    encoders = {"text": Doubled(4, width)}
    model = classifier(encoders=encoders).fit(holes(), LABELS)
    save_model(model.method_, tmp_path / "model")
    again = load_model(tmp_path / "model", encoders={"text": Doubled(4, width)})
    data = MultimodalData.from_arrays(holes())
    np.testing.assert_array_equal(again.predict(data), model.method_.predict(data))
    estimator = load_estimator(tmp_path / "model", encoders={"text": Doubled(4, width)})
    np.testing.assert_array_equal(estimator.predict(holes()), model.predict(holes()))


@pytest.mark.parametrize(("estimator", "target"), [(MethodClassifier, LABELS), (MethodRegressor, np.arange(float(N)))])
def test_encoders_of_any_method(estimator, target):
    settings = tiny("zero_fill")
    encoders = {"text": Doubled}
    model = estimator("zero_fill", settings=settings, encoders=encoders, random_state=0).fit(holes(), target)
    assert any(isinstance(module, Doubled) for module in model.method_.network.modules())
    assert clone(model).encoders == encoders
    same = estimator("zero_fill", settings={**settings, "encoders": encoders}, random_state=0).fit(holes(), target)
    np.testing.assert_array_equal(model.predict(holes()), same.predict(holes()))
    with pytest.raises(SettingsError, match="late_fusion' trains no network"):
        estimator("late_fusion", encoders=encoders).fit(holes(), target)


def test_samples_without_any_modality():
    model = classifier().fit(holes(), LABELS)
    nothing = {name: np.full((1, values.shape[1]), np.nan) for name, values in holes().items()}
    nothing["text"] = np.vstack([nothing["text"], make_arrays(N)["text"][:1]])
    nothing["audio"] = np.vstack([nothing["audio"]] * 2)
    nothing["video"] = np.vstack([nothing["video"]] * 2)
    with pytest.warns(EmptySampleWarning, match="1 sample"):
        probabilities = model.predict_proba(nothing)
    np.testing.assert_allclose(probabilities[0], 1 / 3)
    model.empty = "error"
    with pytest.raises(EmptySampleError):
        model.predict(nothing)


def test_errors_name_the_modality_and_row():
    spoilt = holes()
    row = int(np.flatnonzero(make_availability(N)[:, 0])[2])
    spoilt["text"][row, 1] = np.nan
    with pytest.raises(NonFiniteError, match=rf"'text', row {row}, feature 1: NaN"):
        classifier(nan_rows="error").fit(spoilt, LABELS)
    classifier(nan_rows="missing").fit(spoilt, LABELS)
    with pytest.warns(MissingCellsWarning, match="modality 'text': missing cells in 1 of"):
        classifier().fit(spoilt, LABELS)
    with pytest.raises(ShapeError, match="23 rows"):
        classifier().fit(holes(), LABELS[:-1])
    with pytest.raises(DataError, match="columns of modality 'b'"):
        classifier(modalities={"a": slice(0, 2), "b": [40]}).fit(table()[0], LABELS)
    with pytest.raises(UnknownNameError, match=r"column \(of modality 'a'\)"):
        classifier(modalities={"a": ["x9"]}).fit(pd.DataFrame(table()[0]).add_prefix("x_"), LABELS)
    with pytest.raises(UnknownNameError, match="unknown modality 'smell'"):
        classifier().fit(holes(), LABELS).predict({"smell": np.ones((2, 3))})
