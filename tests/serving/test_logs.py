"""Structured logs: one JSON line per request, request ids and errors."""

import json
import logging

import pytest

from redcore.serving import make_app
from redcore.serving._logs import JsonFormatter
from serving_client import talk

SAMPLES = [{"text": [0.5, 1.5, -0.5, 2.0]}, {"text": [0.5, 1.5, -0.5, 2.0]}, {}]


@pytest.fixture
def lines(caplog):
    """Return a function that returns the log lines as objects."""
    caplog.set_level(logging.INFO, "redcore.serving.requests")
    return lambda: [json.loads(JsonFormatter().format(record)) for record in caplog.records if "redcore" in record.name]


def test_one_line_per_request(ask, lines):
    answer = ask("POST", "/predict", json={"samples": SAMPLES}, headers={"X-Request-ID": "visit-17"})
    [line] = lines()
    assert answer.headers["X-Request-ID"] == line["id"] == "visit-17"
    assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "POST", "/predict", 200)
    assert line["patterns"] == {"text": 2, "none": 1}
    assert line["warnings"] == []
    assert 0 < line["seconds"] < 60
    assert "error" not in line


@pytest.mark.parametrize("value", ["", "a b", "x" * 65, '"}{"', "é".encode()])
def test_unsafe_request_ids_are_replaced(ask, lines, value):
    answer = ask("GET", "/health", headers={"X-Request-ID": value})
    [line] = lines()
    assert answer.headers["X-Request-ID"] == line["id"]
    assert len(line["id"]) == 32


def test_errors_have_a_reason_without_values_of_the_request(ask, lines):
    ask("POST", "/predict", json={"samples": [{"text": [0.5, 1.5, "secret", 2.0]}]})
    ask("POST", "/predict", api_key="key", json={"samples": SAMPLES})
    ask("GET", "/a%0Ab")
    first, second, third = lines()
    assert first["status"] == 422
    assert first["error"] == "samples.0.text.2: Input should be a valid number"
    assert second["status"] == 401
    assert third["status"] == 404
    assert not any("secret" in json.dumps(line) for line in lines())


def test_internal_errors_are_counted_and_logged_with_their_traceback(model, lines, monkeypatch):
    def fail(data):
        raise RuntimeError("broken model")

    monkeypatch.setattr(model, "predict", fail)

    async def conversation(client):
        answer = await client.post("/predict", json={"samples": SAMPLES})
        return answer, (await client.get("/metrics")).text

    answer, metrics = talk(make_app(model), conversation)
    assert (answer.status_code, answer.json()) == (500, {"error": "internal error"})
    assert 'redcore_requests_total{path="/predict",status="500"} 1.0' in metrics
    traceback, request, _ = lines()
    assert "RuntimeError: broken model" in traceback["traceback"]
    assert request["error"] == "internal error: RuntimeError"
