"""The exported ONNX graph agrees with the method under all missing patterns and ignores values of missing entries."""

import json

import numpy as np
import pytest

from factories import ANY_DATA_METHODS, TARGETS, make_data, tiny
from redcore import make_method
from redcore.data import MultimodalData
from redcore.exceptions import ExportError
from redcore.export import export_onnx, onnx_inputs
from redcore.methods import Method, method_class

onnxruntime = pytest.importorskip("onnxruntime")

WITHOUT_MODULE = [name for name in ANY_DATA_METHODS if method_class(name).prediction_module is Method.prediction_module]
EXPORTABLE = [name for name in ANY_DATA_METHODS if name not in WITHOUT_MODULE]


def fitted(method, kind="multiclass", *, sequences=True, **changes):
    settings = tiny(method, n_members=2, **changes)
    return make_method(method, settings=settings).fit(make_data(kind, 40, sequences=sequences))


def run(path, inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def corrupt_missing(inputs):
    """Write NaN, infinity and huge numbers to all missing entries and to the padding of sequences."""
    result = {name: array.copy() for name, array in inputs.items()}
    for column, name in enumerate(sorted(name[2:] for name in inputs if name.startswith("x_"))):
        missing = ~inputs["availability"][:, column]
        result[f"x_{name}"][missing] = np.nan
        result[f"x_{name}"][missing, ..., 0] = np.inf
        result[f"x_{name}"][missing, ..., -1] = -1e30
        if f"len_{name}" in inputs:
            result[f"len_{name}"][missing] = -5
            beyond = np.arange(inputs[f"x_{name}"].shape[1]) >= inputs[f"len_{name}"][:, None]
            result[f"x_{name}"][beyond & ~missing[:, None]] = np.nan
    return result


@pytest.mark.parametrize("method", EXPORTABLE)
def test_every_exportable_method_agrees_on_every_pattern(method, tmp_path):
    # the export compares graph and method under every missing pattern and raises above 1e-5
    assert export_onnx(fitted(method), tmp_path / "model.onnx") <= 1e-5


@pytest.mark.parametrize("kind", TARGETS)
def test_values_of_missing_entries_are_ignored(kind, tmp_path):
    model = fitted("redcore", kind)
    export_onnx(model, tmp_path / "model.onnx")
    data = make_data(kind, 33, sequences=True)
    inputs = onnx_inputs(data, model.active)
    outputs, *labels = run(tmp_path / "model.onnx", inputs)
    expected = model.predict(data)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    if kind in ("binary", "multiclass"):
        np.testing.assert_array_equal(labels[0], model.decide(expected))
    for clean, dirty in zip([outputs, *labels], run(tmp_path / "model.onnx", corrupt_missing(inputs)), strict=True):
        np.testing.assert_array_equal(clean, dirty)


def test_one_sample_long_sequences_and_no_modality(tmp_path):
    model = fitted("redcore")
    export_onnx(model, tmp_path / "model.onnx")
    clip = np.random.default_rng(0).normal(size=(50, 3))
    one = MultimodalData.from_arrays({"audio": [clip], "text": [[0.0] * 4], "video": [None]})
    padded = onnx_inputs(model.completed(one), model.active) | {"x_video": np.full((1, 5), np.nan, dtype=np.float32)}
    outputs, _ = run(tmp_path / "model.onnx", padded)
    np.testing.assert_allclose(outputs, model.predict(one), atol=1e-5)
    nothing = padded | {"availability": np.zeros((1, 3), dtype=bool)}
    np.testing.assert_allclose(run(tmp_path / "model.onnx", nothing)[0], model.prior[None])


@pytest.mark.parametrize("kind", ["identity", "log1p", "quantile", "standardize"])
def test_every_kind_of_preprocessing(kind, tmp_path):
    model = fitted("zero_fill", preprocessing={"*": kind})
    assert export_onnx(model, tmp_path / "model.onnx") <= 1e-5


def test_tied_values_map_to_the_middle_of_their_quantiles(tmp_path):
    rng = np.random.default_rng(0)
    # skewed, with a quarter of zeros: mapped by "auto"
    values = np.where(rng.random((400, 3)) < 0.25, 0.0, rng.lognormal(size=(400, 3))).astype(np.float32)
    data = MultimodalData.from_arrays({"sensor": values}, make_data("binary", 400).target)
    model = make_method("zero_fill", settings=tiny("zero_fill")).fit(data)
    assert model.preprocessor.to_arrays()["mapped/sensor"].size == 3
    export_onnx(model, tmp_path / "model.onnx")
    outputs, _ = run(tmp_path / "model.onnx", onnx_inputs(data, model.active))
    np.testing.assert_allclose(outputs, model.predict(data), atol=1e-5)


@pytest.mark.parametrize("encoder", ["mlp", "lstm", "textcnn"])
def test_other_encoders(encoder, tmp_path):
    assert export_onnx(fitted("zero_fill", encoder=encoder), tmp_path / "model.onnx") <= 1e-5


def test_metadata_of_the_graph(tmp_path):
    model = fitted("late_fusion")
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["redcore"])
    assert about["classes"] == [0, 1, 2]
    assert [m["name"] for m in about["modalities"]] == list(model.active)
    shapes = {entry.name: entry.shape for entry in session.get_inputs()}
    assert shapes["x_audio"] == ["n_samples", "time_audio", 3]
    assert shapes["availability"] == ["n_samples", 3]


@pytest.mark.parametrize("method", WITHOUT_MODULE)
def test_methods_with_no_onnx_form_are_named(method, tmp_path):
    with pytest.raises(ExportError, match=f"method '{method}' has no ONNX form"):
        export_onnx(fitted(method), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_graph_that_differs_from_the_method_is_rejected(tmp_path, monkeypatch):
    model = fitted("late_fusion")
    monkeypatch.setattr(model, "predict", lambda data: type(model).predict(model, data) + 1e-4)
    (tmp_path / "model.onnx").write_bytes(b"older")
    with pytest.raises(ExportError, match=r"differs from the method by 0\.0001"):
        export_onnx(model, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == b"older"
