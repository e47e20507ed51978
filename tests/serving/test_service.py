"""HTTP service: responses, rejected requests, limits and behaviour under load and errors."""

import asyncio
import json
import threading

import numpy as np
import pandas as pd
import pytest

from factories import TARGETS, make_data, tiny
from redcore import make_method
from redcore.data import MultimodalData, Target
from redcore.export import load_calibration, load_model, save_model
from redcore.serving import Limits, make_app
from redcore.uncertainty import Calibration
from serving_client import talk

SAMPLE = {"audio": [[0.1, -0.2, 0.3], [1, 2, 3]], "text": [0.5, 1.5, -0.5, 2.0], "video": [1.0, 2.0, 3.0, 4.0, 5.0]}


def body(*samples):
    return {"samples": list(samples or [SAMPLE])}


def expected(model, *samples):
    arrays = {name: [sample.get(name) for sample in samples] for name in ("audio", "text", "video")}
    return model.predict(MultimodalData.from_arrays({k: v for k, v in arrays.items() if any(x is not None for x in v)}))


def test_any_modality_may_be_absent(ask, model):
    samples = [SAMPLE, {"text": SAMPLE["text"]}, {"audio": None, "video": SAMPLE["video"]}, {"audio": SAMPLE["audio"]}]
    answer = ask("POST", "/predict", json=body(*samples))
    assert answer.status_code == 200
    predictions = answer.json()["predictions"]
    assert [p["observed"] for p in predictions] == [["audio", "text", "video"], ["text"], ["video"], ["audio"]]
    probabilities = np.array([list(p["probabilities"].values()) for p in predictions])
    np.testing.assert_allclose(probabilities, expected(model, *samples), rtol=1e-12)
    assert [p["label"] for p in predictions] == model.decide(probabilities).tolist()


def test_a_sample_without_modalities_gets_the_prior(ask, model):
    [prediction] = ask("POST", "/predict", json=body({})).json()["predictions"]
    assert prediction["observed"] == []
    np.testing.assert_allclose(list(prediction["probabilities"].values()), model.prior)


def test_cells_may_be_missing(ask, model):
    sample = {"text": [0.5, None, -0.5, 2.0], "video": [None] * 5}
    [prediction] = ask("POST", "/predict", json=body(sample)).json()["predictions"]
    assert prediction["observed"] == ["text"]
    outputs = model.predict(MultimodalData.from_arrays({"text": [[0.5, np.nan, -0.5, 2.0]]}))
    np.testing.assert_allclose(list(prediction["probabilities"].values()), outputs[0])


def test_categories_are_text():
    table = pd.DataFrame({"ward": ["a", "b"] * 30, "age": np.arange(60.0)})
    data = MultimodalData.from_arrays({"p": table}, Target.from_labels(np.arange(60) % 3))
    model = make_method("late_fusion").fit(data)
    samples = [{"p": ["b", 3.0]}, {"p": ["new", 3.0]}, {"p": [None, 3.0]}]
    answer = talk(make_app(model), lambda client: client.post("/predict", json=body(*samples)))
    outputs = [list(prediction["probabilities"].values()) for prediction in answer.json()["predictions"]]
    codes = [[1.0, 3.0], [2.0, 3.0], [np.nan, 3.0]]
    np.testing.assert_allclose(outputs, model.predict(MultimodalData.from_arrays({"p": codes})))
    answer = talk(make_app(model), lambda client: client.post("/predict", json=body({"p": [1, 3.0]})))
    assert answer.status_code == 422
    assert answer.json()["problems"][0].startswith("samples.0.p.0 (ward): ")


@pytest.mark.parametrize("kind", TARGETS)
def test_response_for_every_kind_of_target(kind):
    model = make_method("late_fusion").fit(make_data(kind, 60))
    sample = {"audio": [0.1, 0.2, 0.3], "text": None}
    answer = talk(make_app(model), lambda client: client.post("/predict", json=body(sample)))
    [prediction] = answer.json()["predictions"]
    outputs = model.predict(MultimodalData.from_arrays({"audio": [sample["audio"]]}))
    if kind == "regression":
        assert prediction == {"observed": ["audio"], "number": pytest.approx(outputs[0, 0])}
    elif kind == "several numbers":
        assert prediction == {"observed": ["audio"], "numbers": pytest.approx(outputs[0].tolist())}
    elif kind == "multilabel":
        assert prediction["labels"] == np.flatnonzero(outputs[0] >= 0.5).tolist()
    else:
        assert prediction["label"] == model.schema.classes[model.decide(outputs)[0]]


@pytest.mark.parametrize("kind", ["regression", "several numbers"])
def test_regression_predictions_include_the_calibrated_interval(kind, tmp_path):
    data = make_data(kind, 60)
    model = make_method("late_fusion").fit(data.take(np.arange(30)))
    save_model(model, tmp_path, calibration=Calibration.fit(model, data.take(np.arange(30, 60))))
    loaded, calibration = load_model(tmp_path), load_calibration(tmp_path)
    app = make_app(loaded, calibration=calibration)
    sample = {"text": SAMPLE["text"]}
    [prediction] = talk(app, lambda client: client.post("/predict", json=body(sample))).json()["predictions"]
    one = MultimodalData.from_arrays({"text": [sample["text"]]})
    bounds, outputs = calibration.bounds(one, 0.9)[0], loaded.predict(one)[0]
    both = np.stack([outputs - bounds, outputs + bounds], axis=1).tolist()
    answered = [prediction["interval"]] if kind == "regression" else prediction["intervals"]
    np.testing.assert_allclose(answered, both)


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", "body"),
        (b"nonsense", "body"),
        (b"\xff\xfe", "body"),
        (b"[" * 100_000, "body"),
        (b'{"samples": 1}', "samples"),
        (b'{"samples": []}', "samples"),
        (b'{"samples": [{}], "more": 1}', "more"),
        (b'{"samples": [{"voice": [1]}]}', "samples.0.voice"),
        (b'{"samples": [{"text": [1, 2]}]}', "samples.0.text"),
        (b'{"samples": [{"text": [1, 2, 3, "4"]}]}', "samples.0.text.3"),
        (b'{"samples": [{"text": [1, 2, 3, true]}]}', "samples.0.text.3"),
        (b'{"samples": [{"text": [1, 2, 3, NaN]}]}', "samples.0.text.3"),
        (b'{"samples": [{"text": [1, 2, 3, Infinity]}]}', "samples.0.text.3"),
        (b'{"samples": [{"text": [1, 2, 3, 1e39]}]}', "samples.0.text.3"),
        (b'{"samples": [{"audio": []}]}', "samples.0.audio"),
        (b'{"samples": [{"audio": [[1, 2]]}]}', "samples.0.audio.0"),
        (b'{"samples": [{"audio": [1, 2, 3]}]}', "samples.0.audio.0"),
        (b'{"samples": [{"modality_0": null}]}', "samples.0.modality_0"),
    ],
)
def test_an_invalid_body_is_rejected_with_the_invalid_field(ask, content, where):
    answer = ask("POST", "/predict", content=content)
    assert answer.status_code == 422
    assert answer.json()["error"] == "the request body does not match the inputs of the model"
    assert any(problem.startswith(f"{where}: ") for problem in answer.json()["problems"])
    assert "Traceback" not in answer.text


def test_limits_on_the_size_of_a_request(ask):
    limits = Limits(max_body_bytes=1000, max_samples=2, max_steps=3)
    assert ask("POST", "/predict", limits=limits, json=body(SAMPLE, SAMPLE)).status_code == 200
    assert ask("POST", "/predict", limits=limits, json=body(*[{}] * 3)).status_code == 422
    assert ask("POST", "/predict", limits=limits, json=body({"audio": [[1, 2, 3]] * 4})).status_code == 422
    assert ask("POST", "/predict", limits=limits, content=b" " * 1001).status_code == 413

    async def chunks():
        for _ in range(11):
            yield b" " * 100

    # chunked transfer: the request has no content-length
    assert ask("POST", "/predict", limits=limits, content=chunks()).status_code == 413


def test_a_slow_body_times_out(ask):
    async def slow():
        yield b"{"
        await asyncio.sleep(5)

    assert ask("POST", "/predict", limits=Limits(timeout_seconds=0.05), content=slow()).status_code == 408


def test_unknown_paths_methods_and_content_types(ask):
    assert ask("GET", "/nosuch").status_code == 404
    assert ask("GET", "/predict").status_code == 405
    assert ask("POST", "/predict", content=b"a=1", headers={"content-type": "text/plain"}).status_code == 415
    assert ask("GET", "/health").json() == {"status": "ok"}


def test_api_key(ask):
    assert ask("POST", "/predict", api_key="secret", json=body()).status_code == 401
    for key in ("", "secre", "secret ", "SECRET"):
        assert ask("POST", "/predict", api_key="secret", json=body(), headers={"X-API-Key": key}).status_code == 401
    answer = ask("POST", "/predict", api_key="secret", json=body(), headers={"X-API-Key": "secret"})
    assert answer.status_code == 200
    assert ask("GET", "/health", api_key="secret").status_code == 200
    assert ask("GET", "/metrics", api_key="secret").status_code == 401
    assert ask("GET", "/openapi.json", api_key="secret").status_code == 401


def test_model_description_and_openapi_document(ask, model):
    about = ask("GET", "/model").json()
    assert about["method"] == "late_fusion"
    assert [m["name"] for m in about["modalities"]] == list(model.schema.names)
    assert about["classes"] == [0, 1, 2]
    document = ask("GET", "/openapi.json").json()
    sample = document["components"]["schemas"]["Sample"]
    assert set(sample["properties"]) == {"audio", "text", "video"}
    assert sample["properties"]["text"]["anyOf"][0]["minItems"] == 4
    assert {"/predict", "/health", "/metrics", "/model"} == set(document["paths"])


class BlockedMethod:
    """A method whose ``predict`` blocks until `go` is set."""

    def __init__(self, model):
        self.model, self.sizes, self.go, self.n_begun = model, [], threading.Event(), 0
        self.schema, self.active, self.prior, self.decide = model.schema, model.active, model.prior, model.decide

    def predict(self, data):
        self.n_begun += data.n_samples
        self.go.wait(5)
        self.sizes.append(data.n_samples)
        return self.model.predict(data)


def test_concurrent_requests_share_a_batch(model):
    blocked = BlockedMethod(model)
    app = make_app(blocked)

    async def conversation(client):
        requests = [asyncio.create_task(client.post("/predict", json=body(SAMPLE, SAMPLE))) for _ in range(20)]
        while blocked.n_begun + app.state.service.batcher.n_waiting < 40:
            await asyncio.sleep(0.01)
        blocked.go.set()
        answers = await asyncio.gather(*requests)
        return answers, (await client.get("/metrics")).text

    answers, metrics = talk(app, conversation)
    assert [answer.status_code for answer in answers] == [200] * 20
    assert sum(blocked.sizes) == 40
    # all requests that arrive during the first batch form the second
    assert len(blocked.sizes) <= 2
    assert "redcore_samples_total 40.0" in metrics
    assert f"redcore_batch_size_count {len(blocked.sizes)}.0" in metrics
    assert 'redcore_requests_total{path="/predict",status="200"} 20.0' in metrics


def test_overload_is_rejected_with_retry_after(model):
    blocked = BlockedMethod(model)
    app = make_app(blocked, Limits(max_waiting=3, max_requests=5))

    async def conversation(client):
        requests = [asyncio.create_task(client.post("/predict", json=body())) for _ in range(12)]
        await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
        blocked.go.set()
        return await asyncio.gather(*requests)

    answers = talk(app, conversation)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert 0 < len(refused) < 12
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {answer.status_code for answer in answers} == {200, 503}


def test_a_slow_prediction_times_out(model):
    blocked = BlockedMethod(model)
    app = make_app(blocked, Limits(timeout_seconds=0.1))

    async def conversation(client):
        answer = await client.post("/predict", json=body())
        blocked.go.set()
        # on a busy machine, a later prediction may exceed the short time limit too
        for _ in range(50):
            after = await client.post("/predict", json=body())
            if after.status_code == 200:
                break
        return answer, after

    late, after = talk(app, conversation)
    assert (late.status_code, late.headers["retry-after"]) == (503, "1")
    assert after.status_code == 200


def test_an_internal_error_reveals_no_traceback(model, monkeypatch):
    def fail(data):
        raise RuntimeError("secret of the model")

    monkeypatch.setattr(model, "predict", fail)
    app = make_app(model)

    async def conversation(client):
        return [await client.post("/predict", json=body()) for _ in range(2)]

    for answer in talk(app, conversation):
        assert answer.status_code == 500
        assert answer.json() == {"error": "internal error"}


def test_large_answers_are_json(ask):
    answer = ask("POST", "/predict", json=body(*[SAMPLE] * 64))
    assert len(json.loads(answer.content)["predictions"]) == 64


def test_a_served_network_predicts_as_the_method_itself():
    model = make_method("stacked", settings=tiny("stacked", n_members=2)).fit(make_data("binary", 40, sequences=True))
    answer = talk(make_app(model), lambda client: client.post("/predict", json=body(SAMPLE, {"text": SAMPLE["text"]})))
    probabilities = [list(p["probabilities"].values()) for p in answer.json()["predictions"]]
    np.testing.assert_allclose(probabilities, expected(model, SAMPLE, {"text": SAMPLE["text"]}), atol=1e-6)
