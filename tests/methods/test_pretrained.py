"""Pretrained tabular models: weights named by the user, errors without them, limits, and saved files."""

import shutil
import socket

import numpy as np
import pytest

from factories import make_data, make_target, tiny, tiny_weights
from redcore.data import MultimodalData, Target
from redcore.exceptions import DataError, SettingsError, UnsupportedError
from redcore.export import load_model, save_model
from redcore.methods import _base, make_method

METHODS = ["tabicl", "tabpfn"]
every_method = pytest.mark.parametrize("name", METHODS)


@pytest.fixture
def installed(name):
    pytest.importorskip(name, reason=f"the package {name} is not installed")


@every_method
def test_a_missing_package_is_named(name, monkeypatch):
    monkeypatch.setattr(_base._pretrained_method, "is_installed", lambda package: False)
    with pytest.raises(UnsupportedError, match=rf"needs the package {name}: pip install 'redcore\[{name}\]'"):
        make_method(name).fit(make_data())


@every_method
@pytest.mark.usefixtures("installed")
class TestWeights:
    def test_weights_are_required(self, name):
        with pytest.raises(SettingsError, match=f"method '{name}' needs pretrained weights"):
            make_method(name).fit(make_data())

    def test_a_missing_file_is_named(self, name, tmp_path):
        with pytest.raises(SettingsError, match=r"absent\.ckpt: file does not exist"):
            make_method(name, settings={"weights": str(tmp_path / "absent.ckpt")}).fit(make_data())

    def test_a_folder_needs_one_file_of_the_kind(self, name, tmp_path):
        settings = {**tiny(name), "weights": str(tmp_path)}
        with pytest.raises(SettingsError, match="one file whose name contains 'classifier', got none"):
            make_method(name, settings=settings).fit(make_data())
        for copy in ("a-regressor.ckpt", "b-regressor.ckpt"):
            (tmp_path / copy).touch()
        with pytest.raises(SettingsError, match=r"'regressor', got a-regressor\.ckpt, b-regressor\.ckpt"):
            make_method(name, settings=settings).fit(make_data("regression"))

    @pytest.mark.parametrize(("kind", "other"), [("multiclass", "regressor"), ("regression", "classifier")])
    def test_weights_of_the_other_kind_are_rejected(self, name, kind, other, tmp_path):
        (file,) = (path for path in tiny_weights(name).iterdir() if other in path.name)
        with pytest.raises((SettingsError, UnsupportedError), match=file.name):
            make_method(name, settings={**tiny(name), "weights": str(file)}).fit(make_data(kind))

    def test_a_file_of_another_form_is_rejected(self, name, tmp_path):
        (tmp_path / "classifier.ckpt").write_bytes(b"no weights")
        with pytest.raises((SettingsError, UnsupportedError), match=r"classifier\.ckpt"):
            make_method(name, settings={**tiny(name), "weights": str(tmp_path)}).fit(make_data())

    def test_a_saved_model_needs_the_weights_of_the_fit(self, name, tmp_path):
        folder = shutil.copytree(tiny_weights(name), tmp_path / "weights")
        data = make_data()
        model = make_method(name, settings={**tiny(name), "weights": str(folder)}).fit(data)
        save_model(model, tmp_path / "model")
        loaded = load_model(tmp_path / "model")
        np.testing.assert_array_equal(loaded.predict(data), model.predict(data))
        (file,) = (path for path in folder.iterdir() if "classifier" in path.name)
        file.write_bytes(file.read_bytes() + b"\0")
        with pytest.raises(SettingsError, match="expected the weights of the fit with checksum"):
            load_model(tmp_path / "model").predict(data)

    def test_nothing_is_read_from_the_network(self, name, monkeypatch):
        def connect(*args):
            raise AssertionError("connection")

        monkeypatch.setattr(socket.socket, "connect", connect)
        data = make_data()
        assert np.isfinite(make_method(name, settings=tiny(name)).fit(data).predict(data)).all()


@every_method
@pytest.mark.usefixtures("installed")
class TestLimits:
    def test_too_many_columns_are_rejected(self, name):
        with pytest.raises(DataError, match=r"at most 5 columns \(setting max_columns\), got 12"):
            make_method(name, settings=tiny(name, max_columns=5)).fit(make_data())

    def test_a_subset_has_every_class_and_modality(self, name):
        data = make_data(n_samples=200, holes=False)
        rare = np.ones((200, 3), dtype=bool)
        rare[:, 1] = np.arange(200) == 7
        target = Target.from_labels((np.arange(200) == 9).astype(int))
        data = MultimodalData(data.hide(rare).modalities, target, None, data.sample_ids, None)
        model = make_method(name, settings=tiny(name, max_samples=20)).fit(data)
        assert len(model.table_arrays["table"]) == 20
        assert set(model.table_arrays["values"]) == {0, 1}
        assert not np.isnan(model.table_arrays["table"]).all(axis=0).any()

    def test_sample_weights_are_rejected(self, name):
        data = make_data()
        target = data.target.weighted(np.linspace(1, 2, data.n_samples))
        weighted = MultimodalData(data.modalities, target, None, data.sample_ids, None)
        with pytest.raises(UnsupportedError, match=f"method '{name}' does not support sample weights"):
            make_method(name, settings=tiny(name)).fit(weighted)


@every_method
@pytest.mark.usefixtures("installed")
def test_more_than_ten_classes_give_a_result_or_a_named_error(name):
    data = make_data(n_samples=60, holes=False)
    target = Target.from_labels(np.arange(60) % 12)
    many = MultimodalData(data.modalities, target, None, data.sample_ids, None)
    model = make_method(name, settings=tiny(name))
    if name == "tabpfn":
        with pytest.raises(UnsupportedError, match="Number of classes `12` exceeds"):
            model.fit(many)
    else:
        np.testing.assert_allclose(model.fit(many).predict(many).sum(axis=1), 1)


@every_method
@pytest.mark.usefixtures("installed")
def test_predictions_use_the_observed_modalities(name):
    data = make_data(n_samples=40)
    model = make_method(name, settings=tiny(name)).fit(data)
    observed = data.hide(np.repeat([[True, False, False]], 40, axis=0))
    outputs = model.predict(observed.take(np.flatnonzero(observed.availability.any(axis=1))))
    # the inputs differ, so predictions of tiny random weights differ, too
    assert len(np.unique(outputs[:, 0])) > 1
    assert abs(model.predict(data)[: len(outputs)] - outputs).max() > 1e-6


@every_method
@pytest.mark.usefixtures("installed")
def test_a_constant_label_is_predicted_as_this_constant(name):
    data = make_data(n_samples=30, holes=False)
    labels = make_target("multilabel", 30).values.copy()
    labels[:, 1] = 1
    constant = MultimodalData(data.modalities, Target.from_multilabel(labels), None, data.sample_ids, None)
    outputs = make_method(name, settings=tiny(name)).fit(constant).predict(constant)
    np.testing.assert_array_equal(outputs[:, 1], 1)
