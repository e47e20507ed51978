"""Service of a survival model: risk, curve, median and conformal interval of the time, and their schema."""

from typing import Any

import numpy as np
import pytest

from factories import make_data
from redcore import make_method
from redcore.data import MultimodalData, risk_scores
from redcore.export import load_calibration, load_model, save_model
from redcore.serving import make_app
from redcore.uncertainty import Calibration
from serving_client import talk

SAMPLES: list[dict[str, Any]] = [
    {"audio": [-3.0, -3.0, -3.0], "text": [3.0] * 4},
    {"text": [0.5, 1.5, -0.5, 2.0]},
    {"video": [-1.0, None, 0.0, 0.0, 0.0]},
    {},
]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return the folder of a survival model with a calibration."""
    folder, data = tmp_path_factory.mktemp("model"), make_data("survival", 240)
    model = make_method("late_fusion").fit(data.take(np.arange(120)))
    save_model(model, folder, calibration=Calibration.fit(model, data.take(np.arange(120, 240))))
    return folder


def test_predictions_have_risk_curve_median_and_interval(saved):
    model, calibration = load_model(saved), load_calibration(saved)
    app = make_app(model, calibration=calibration)
    answer = talk(app, lambda client: client.post("/predict", json={"samples": SAMPLES}))
    assert answer.status_code == 200, answer.text
    predictions, grid = answer.json()["predictions"], model.schema.grid
    columns = {name: [sample.get(name) for sample in SAMPLES[:3]] for name in ("audio", "text", "video")}
    data = MultimodalData.from_arrays(columns, availability={k: [v is not None for v in c] for k, c in columns.items()})
    curves = np.concatenate([model.predict(data), model.prior[None]])
    intervals = grid.interval(curves, np.append(calibration.bounds(data, 0.9)[:, 0], calibration.bound((), 0.9)))
    for prediction, curve, interval in zip(predictions, curves, intervals, strict=True):
        np.testing.assert_allclose(prediction["survival"], curve)
        assert prediction["risk"] == pytest.approx(risk_scores(curve[None])[0])
        median = grid.quantile(curve[None], 0.5)[0]
        assert prediction["median"] == (pytest.approx(median) if np.isfinite(median) else None)
        low, high = prediction["interval"]
        assert low == pytest.approx(interval[0])
        assert high == (pytest.approx(interval[1]) if np.isfinite(interval[1]) else None)
    assert predictions[0]["risk"] != predictions[1]["risk"]
    described = talk(app, lambda client: client.get("/model")).json()
    assert described["times"] == grid.borders.tolist()
    assert described["interval_coverage"] == 0.9


def test_without_a_calibration_there_are_no_intervals(saved):
    app = make_app(load_model(saved))
    [prediction] = talk(app, lambda client: client.post("/predict", json={"samples": SAMPLES[:1]})).json()[
        "predictions"
    ]
    assert prediction.keys() == {"observed", "risk", "median", "survival"}
    schema = talk(app, lambda client: client.get("/openapi.json")).json()["components"]["schemas"]["Prediction"]
    assert "interval" not in schema["properties"]


def test_an_interval_of_too_few_calibration_samples_is_null(saved):
    model, data = load_model(saved), make_data("survival", 6)
    app = make_app(model, calibration=Calibration.fit(model, data))
    [prediction] = talk(app, lambda client: client.post("/predict", json={"samples": SAMPLES[:1]})).json()[
        "predictions"
    ]
    assert prediction["interval"] is None


def test_answers_follow_the_openapi_schema(saved):
    jsonschema = pytest.importorskip("jsonschema")
    app = make_app(load_model(saved), calibration=load_calibration(saved))
    document = talk(app, lambda client: client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    assert set(schemas["Prediction"]["required"]) == {"observed", "risk", "median", "survival", "interval"}
    schema = {"$ref": "#/components/schemas/Predictions", "components": document["components"]}
    answer = talk(app, lambda client: client.post("/predict", json={"samples": SAMPLES})).json()
    jsonschema.validate(answer, schema)
    answer["predictions"][0]["interval"] = [1.0]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(answer, schema)
