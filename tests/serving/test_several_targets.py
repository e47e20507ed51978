"""Service and ONNX graph of a model of several targets."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from redcore.data import MultimodalData, several_targets
from redcore.exceptions import RunError, UnsupportedError
from redcore.export import export_onnx, save_model
from redcore.export._onnx import onnx_inputs
from redcore.methods import make_method
from redcore.serving import make_app

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def fitted():
    factors = RNG.normal(size=(70, 2))
    death = np.empty(70, dtype=[("event", "?"), ("time", "f8")])
    death["event"], death["time"] = RNG.random(70) < 0.7, np.exp(-factors[:, 0])
    columns = {
        "stage": np.where(factors[:, 0] > 0, "late", "early"),
        "age of onset": np.where(RNG.random(70) < 0.3, np.nan, 60 + 10 * factors[:, 1]),
        "death": death,
    }
    values = {name: factors @ RNG.normal(size=(2, 3)) + 0.3 * RNG.normal(size=(70, 3)) for name in ("blood", "scan")}
    data = MultimodalData.from_arrays(values, several_targets(columns))
    return make_method("stack").fit(data), data


def test_the_service_returns_one_object_per_target(fitted):
    method, data = fitted
    sample = {name: modality.values[0].tolist() for name, modality in data.modalities.items()}
    with TestClient(make_app(method)) as client:
        response = client.post("/predict", json={"samples": [sample, {}]})
        assert response.status_code == 200
        first, empty = response.json()["predictions"]
        outputs = method.schema.by_part(method.predict(data.take(np.arange(1))))
        assert first["targets"]["age of onset"]["number"] == pytest.approx(outputs["age of onset"][0, 0])
        assert first["targets"]["stage"]["probabilities"]["late"] == pytest.approx(outputs["stage"][0, 1])
        assert first["targets"]["death"]["survival"] == pytest.approx(outputs["death"][0].tolist())
        assert empty["observed"] == []
        described = client.get("/model").json()["targets"]
        assert [target["name"] for target in described] == ["stage", "age of onset", "death"]
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
        assert list(schemas["Targets"]["properties"]) == ["stage", "age of onset", "death"]


def test_the_graph_has_outputs_of_each_target(fitted, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    method, data = fitted
    assert export_onnx(method, tmp_path / "model.onnx") < 1e-6
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    assert names == ["stage.probabilities", "stage.label", "age of onset.numbers", "death.survival", "death.risk"]
    results = dict(zip(names, session.run(None, onnx_inputs(data, data.names)), strict=True))
    np.testing.assert_allclose(results["age of onset.numbers"], method.of_part("age of onset").predict(data))
    np.testing.assert_array_equal(
        results["stage.label"], method.of_part("stage").decide(results["stage.probabilities"])
    )


def test_a_shadow_expects_a_single_target(fitted, tmp_path):
    method, _ = fitted
    save_model(method, tmp_path)
    with pytest.raises((UnsupportedError, RunError), match="--shadow expects a single target"):
        make_app(method, shadow=tmp_path)
