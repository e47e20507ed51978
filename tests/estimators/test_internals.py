"""Callbacks, histories, latent codes, checkpoints of epochs, loggers and unlabelled samples in the estimators."""

import csv
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from factories import make_arrays, make_availability, make_data, make_target, tiny
from redcore import MethodClassifier, RedCoreClassifier, RedCoreRegressor
from redcore.exceptions import (
    DataWarning,
    ModelFileError,
    SettingsError,
    TargetError,
    TrainingInterrupted,
    UnsupportedError,
)
from redcore.fitting import Callback, EpochCheckpoints, LightningLogging
from redcore.methods import make_method
from redcore.methods._base import _network_method

SETTINGS = tiny("stacked", n_members=2)


class Count(Callback):
    def __init__(self):
        self.n_fits = self.n_steps = self.n_epochs = 0

    def on_start(self, n_steps, first_step):
        self.n_fits += 1

    def on_step(self, step, values):
        self.n_steps += 1

    def on_epoch(self, epoch, values):
        self.n_epochs += 1


class Stop(Callback):
    def should_stop(self):
        return True


def observed():
    """Return arrays with NaN for missing modalities, the mask in the order of the modalities, and labels."""
    arrays, availability = make_arrays(), make_availability()
    for column, name in enumerate(arrays):
        arrays[name][~availability[:, column]] = np.nan
    return arrays, dict(zip(arrays, availability.T, strict=True)), np.resize([0, 1, 2], 24)


def test_callbacks_and_histories_of_all_members():
    X, _, y = observed()
    count = Count()
    model = RedCoreClassifier(settings=SETTINGS, callbacks=[count], random_state=0).fit(X, y)
    assert count.n_fits == len(model.histories_) == 2
    assert count.n_steps == sum(history.n_steps for history in model.histories_)
    assert count.n_epochs == sum(len(history.epochs["validation_loss"]) for history in model.histories_)
    assert model.history_ is model.histories_[0]
    assert model.histories_[0].steps["loss"] != model.histories_[1].steps["loss"]
    assert clone(model).callbacks[0].n_fits == 2
    with pytest.raises(TrainingInterrupted, match="after step 1"):
        RedCoreClassifier(settings=SETTINGS, callbacks=[Stop()]).fit(X, y)
    assert len(MethodClassifier("late_fusion").fit(X, y).histories_) == 1


def test_latent_codes():
    X, mask, y = observed()
    model = RedCoreClassifier(settings=SETTINGS, random_state=0).fit(X, y)
    completed, latent = model.impute(X), model.latent(X)
    joint = model.transform(X)
    for place, name in enumerate(sorted(X)):
        code, imputed = completed.codes[name], completed.imputed[name]
        np.testing.assert_array_equal(imputed, ~mask[name])
        np.testing.assert_array_equal(code, joint[:, place * 8 : (place + 1) * 8])
        np.testing.assert_array_equal(latent.imputed[name], imputed)
        np.testing.assert_array_equal(latent.codes[name][~imputed], code[~imputed])
        assert np.isnan(latent.codes[name][imputed]).all()
        assert np.isfinite(code).all()
    # the code of an observed modality does not depend on the others, an imputed one does
    alone = model.impute({"text": X["text"]})
    rows = mask["text"] & mask["audio"]
    np.testing.assert_allclose(alone.codes["text"][rows], completed.codes["text"][rows], rtol=1e-5, atol=1e-6)
    assert alone.imputed["audio"].all()
    second = model.impute(X, member=1)
    assert second.codes["text"].shape == completed.codes["text"].shape
    assert not np.allclose(second.codes["text"], completed.codes["text"])
    np.testing.assert_array_equal(np.isnan(model.latent(X, member=1).codes["text"]).any(axis=1), ~mask["text"])
    for member in (-1, 2, "0"):
        with pytest.raises(SettingsError, match=f"member {member!r}: expected a number from 0 to 1"):
            model.impute(X, member=member)
    with pytest.raises(UnsupportedError, match="method 'late_fusion' does not impute latent codes"):
        MethodClassifier("late_fusion").fit(X, y).impute(X)


def test_epoch_checkpoints(tmp_path):
    data = make_data()
    settings = tiny("stacked", n_members=2, max_epochs=4, patience=None, stacking=False)
    method: Any = make_method(settings=settings).fit(data, callbacks=[EpochCheckpoints(tmp_path, every=2)])
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.safetensors"))
    assert files == [f"network-{i}/epoch-{n:04d}.safetensors" for i in (1, 2) for n in (0, 2)]
    before = method.predict(data)
    best = [history.best_epoch for history in method.histories]
    for member, epoch in enumerate(best):
        if epoch % 2 == 0:
            method.load_weights(tmp_path / f"network-{member + 1}" / f"epoch-{epoch:04d}.safetensors", member)
    np.testing.assert_array_equal(method.predict(data), before)
    method.load_weights(tmp_path / "network-1" / "epoch-0000.safetensors", 1)
    assert not np.array_equal(method.predict(data), before)
    with pytest.raises(ModelFileError, match="not the weights of this network"):
        method.load_weights(tmp_path / "absent.safetensors")


def test_csv_logger_of_lightning(tmp_path):
    from lightning_fabric.loggers.csv_logs import CSVLogger

    X, _, y = observed()
    logging = LightningLogging(CSVLogger(tmp_path, flush_logs_every_n_steps=1), every=1)
    model = RedCoreClassifier(settings=tiny("stacked", n_members=1), callbacks=[logging], random_state=0).fit(X, y)
    logging.close()
    (file,) = tmp_path.rglob("metrics.csv")
    rows = list(csv.DictReader(file.read_text().splitlines()))
    logged = [float(row["loss"]) for row in rows if row["loss"]]
    np.testing.assert_allclose(logged, model.history_.steps["loss"], rtol=1e-6)
    assert [float(row["epoch/validation_loss"]) for row in rows if row["epoch/validation_loss"]] == pytest.approx(
        list(model.history_.epochs["validation_loss"])
    )


@pytest.mark.parametrize("mark", [-1, "nan", None])
def test_unlabelled_samples_are_marked(mark):
    X, _, y = observed()
    marked: np.ndarray = y.astype(object)
    marked[::3] = None if mark is None else np.nan if mark == "nan" else mark
    option = "nan" if mark is None else mark
    model = RedCoreClassifier(settings=SETTINGS, unlabelled=option, random_state=0)
    if mark == "nan":
        marked = marked.astype(float)
    model.fit(X, marked)
    assert set(model.classes_) == {1, 2}
    labelled = np.arange(24) % 3 > 0
    only = RedCoreClassifier(settings=SETTINGS, random_state=0).fit(
        {name: array[labelled] for name, array in X.items()}, y[labelled]
    )
    # they have an effect on the network, but none on the prior
    np.testing.assert_array_equal(model.method_.prior, only.method_.prior)
    assert model.history_.steps["imputation_loss/text"] != only.history_.steps["imputation_loss/text"]


def test_placeholder_labels_of_unlabelled_samples_have_no_effect(monkeypatch):
    data, extra = make_data(), make_data(n_samples=60).take(np.arange(24, 60))
    combined = _network_method._with_unlabelled

    def with_other_placeholder(*arguments):
        both = combined(*arguments)
        assert both.target is not None
        values = np.where(both.target.weights > 0, both.target.values, 2)
        assert (values != both.target.values).sum() == 36
        return replace(both, target=replace(both.target, values=values))

    def fit():
        return make_method("redcore", settings=tiny("redcore")).fit(data, unlabelled=extra)

    assert data.target.values[0] != 2
    first = fit()
    monkeypatch.setattr(_network_method, "_with_unlabelled", with_other_placeholder)
    second = fit()
    assert first.history.steps == second.history.steps
    np.testing.assert_array_equal(first.predict(data), second.predict(data))


def test_methods_without_a_use_ignore_unlabelled_samples_with_a_warning():
    X, _, y = observed()
    with pytest.warns(DataWarning, match="'late_fusion' does not learn from unlabelled samples: 8 are ignored"):
        MethodClassifier("late_fusion", unlabelled=0).fit(X, y)
    with pytest.raises(TargetError, match="no sample has a label: all are 0"):
        MethodClassifier("late_fusion", unlabelled=0).fit(X, np.zeros(24))
    settings = tiny("redcore", balancing="ogm_ge")
    with pytest.raises(UnsupportedError, match="the balancing rule reads the labels"):
        make_method("redcore", settings=settings).fit(make_data(), unlabelled=make_data())


def test_regression_with_unlabelled_samples():
    X, _, _ = observed()
    y = np.array(make_target("regression").values)
    y[:5] = np.nan
    model = RedCoreRegressor(settings=SETTINGS, unlabelled="nan", random_state=0).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
