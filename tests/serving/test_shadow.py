"""Second model that answers the same requests: metrics, log, and independence of the first model."""

import logging
import time
from dataclasses import replace

import numpy as np
import pytest

from factories import make_data, tiny
from redcore import load_model, make_method, save_model
from redcore.exceptions import RunError
from redcore.serving import make_app
from redcore.serving._shadow import QUEUE_LENGTH, Shadow, _difference, _disagree
from serving_client import talk

SAMPLES = [{"text": row} for row in np.random.default_rng(0).normal(size=(8, 4)).round(3).tolist()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the models "same", "other" (trained with shuffled labels) and "binary"."""
    root = tmp_path_factory.mktemp("models")
    data = make_data("multiclass", 60, sequences=True)
    model = make_method("late_fusion", settings=tiny("late_fusion")).fit(data)
    save_model(model, root / "same")
    shuffled = replace(data, target=data.target.take(np.random.default_rng(1).permutation(60)))
    save_model(make_method("late_fusion", settings=tiny("late_fusion")).fit(shuffled), root / "other")
    save_model(make_method("prior").fit(make_data("binary", 40, sequences=True)), root / "binary")
    return root


def counts(metrics):
    lines = [line.rpartition(" ") for line in metrics.splitlines() if line.startswith("redcore_shadow")]
    return {name: float(value) for name, _, value in lines}


def converse(app, n_requests, until):
    """Send requests and return all answers and the metrics as soon as `until(counts)` holds."""

    async def conversation(client):
        answers = [await client.post("/predict", json={"samples": SAMPLES}) for _ in range(n_requests)]
        end = time.monotonic() + 300
        while not until(found := counts((await client.get("/metrics")).text)) and time.monotonic() < end:
            time.sleep(0.1)
        return answers, found

    try:
        return talk(app, conversation)
    finally:
        app.state.service.close()


def test_disagreement_is_counted_and_logged(model, folder, caplog):
    caplog.set_level(logging.INFO, "redcore.serving")
    app = make_app(model, shadow=folder / "other")
    answers, found = converse(app, 3, lambda c: c["redcore_shadow_samples_total"] >= 24)
    assert [answer.status_code for answer in answers] == [200] * 3
    assert found['redcore_shadow_requests_total{result="different"}'] == 3
    other = talk(make_app(load_model(folder / "other")), lambda c: c.post("/predict", json={"samples": SAMPLES}))
    labels = [[p["label"] for p in answer.json()["predictions"]] for answer in (answers[0], other)]
    n_different = sum(one != two for one, two in zip(*labels, strict=True))
    assert n_different > 0
    assert found["redcore_shadow_disagreements_total"] == 3 * n_different
    lines = [record.content for record in caplog.records if getattr(record, "content", {}).get("event") == "shadow"]
    assert len(lines) == 3
    assert lines[0]["id"] == answers[0].headers["X-Request-ID"]
    assert lines[0]["different"] * 3 == found["redcore_shadow_disagreements_total"]


def test_disagreement_of_two_predictions():
    same = {"label": "a", "probabilities": {"a": 0.9, "b": 0.1}}
    assert not _disagree(same, {"label": "a", "probabilities": {"a": 0.6, "b": 0.4}})
    assert _disagree(same, {"label": "b", "probabilities": {"a": 0.4, "b": 0.6}})
    assert _disagree({"number": 1.0, "interval": [0.5, 1.5]}, {"number": 1.6, "interval": [0, 3]})
    assert not _disagree({"number": 1.0, "interval": [0.5, 1.5]}, {"number": 1.4, "interval": [0, 3]})
    assert not _disagree({"number": 1.0, "interval": None}, {"number": 9.0})
    assert _disagree({"numbers": [1, 2], "intervals": [None, [1, 3]]}, {"numbers": [1, 4]})
    assert _disagree({"risk": 1, "survival": [0.9, 0.5]}, {"risk": 1, "survival": [0.9, 0.3]})
    assert _difference(same, {"probabilities": {"a": 0.6, "b": 0.4}}) == pytest.approx(0.3)


def test_a_shadow_that_fails_changes_no_answer(model, folder, tmp_path):
    app = make_app(model, shadow=folder / "same")
    app.state.service.shadow.path = tmp_path / "gone"
    answers, found = converse(app, QUEUE_LENGTH + 20, lambda c: c.get('redcore_shadow_requests_total{result="failed"}'))
    assert {answer.status_code for answer in answers} == {200}
    assert found['redcore_shadow_requests_total{result="dropped"}'] >= 1


def test_a_shadow_with_another_target_is_rejected(model, folder):
    with pytest.raises(RunError, match=r"--shadow .*binary: the target is binary, expected multiclass"):
        make_app(model, shadow=folder / "binary")


def test_closing_does_not_wait_for_a_full_queue(model, folder):
    shadow = make_app(model, shadow=folder / "same").state.service.shadow
    assert isinstance(shadow, Shadow)
    for _ in range(QUEUE_LENGTH * 2):
        shadow.submit("id", b"{}", [])
    start = time.perf_counter()
    shadow.close()
    assert time.perf_counter() - start < 60
