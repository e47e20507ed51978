"""Features by name in requests: order, unknown and absent names, OpenAPI document, description of the model."""

import numpy as np
import pandas as pd
import pytest

from redcore import make_method
from redcore.data import MultimodalData, Target
from redcore.serving import make_app
from serving_client import talk

NAMES = ["crp", "ph", "sodium"]


@pytest.fixture(scope="module")
def app():
    rng = np.random.default_rng(0)
    person = pd.DataFrame({"ward": ["a", "b"] * 30, "age": np.arange(60.0)})
    labs = pd.DataFrame(rng.normal(size=(60, 3)), columns=NAMES)
    rhythm = [rng.normal(size=(4, 2)) for _ in range(60)]
    data = MultimodalData.from_arrays(
        {"person": person, "labs": labs, "rhythm": rhythm},
        Target.from_labels(np.arange(60) % 3),
        feature_names={"rhythm": ["rr", "qt"]},
    )
    return make_app(make_method("late_fusion").fit(data))


def ask(app, *samples):
    return talk(app, lambda client: client.post("/predict", json={"samples": list(samples)}))


def test_names_and_positions_give_the_same_prediction_in_any_order(app):
    by_position = {"person": ["b", 3.0], "labs": [1, None, 3], "rhythm": [[1, 2], [3, 4]]}
    by_name = {
        "person": {"age": 3.0, "ward": "b"},
        "labs": {"sodium": 3, "crp": 1, "ph": None},
        "rhythm": [{"qt": 2, "rr": 1}, [3, 4]],
    }
    answer = ask(app, by_position, by_name)
    assert answer.status_code == 200
    first, second = answer.json()["predictions"]
    assert first == second
    assert first["observed"] == ["labs", "person", "rhythm"]


@pytest.mark.parametrize(
    ("sample", "problem"),
    [
        ({"labs": {"crp": 1}}, "samples.0.labs: absent features: 'ph', 'sodium'"),
        ({"labs": "1, 2, 3"}, "samples.0.labs: expected a list of 3 value(s), or an object with 'crp', 'ph', 'sodium'"),
        ({"rhythm": [1, 2]}, "samples.0.rhythm.0: expected a list of 2 value(s), or an object with 'rr', 'qt'"),
        ({"crp": 1}, "samples.0.crp: a feature of modality 'labs'; expected it inside of an object of this modality"),
        ({"smell": [1]}, "samples.0.smell: unknown modality; the model has 'labs', 'person', 'rhythm'"),
        ({"labs": {}}, "samples.0.labs: absent features: 'crp', 'ph', 'sodium'"),
        ({"labs": dict.fromkeys([*NAMES, "CRP"], 1)}, "samples.0.labs: unknown features: 'CRP'"),
        ({"person": {"Ward": "a", "age": 1}}, "samples.0.person: unknown features: 'Ward'; absent features: 'ward'"),
        ({"rhythm": [{"rr": 1, "qt": 1}, {"rr": 1}]}, "samples.0.rhythm.1: absent features: 'qt'"),
        ({"labs": {"crp": "1", "ph": 1, "sodium": 1}}, "samples.0.labs.0 (crp): Input should be a valid number"),
        ({"labs": {"crp": {}, "ph": 1, "sodium": 1}}, "samples.0.labs.0 (crp): Input should be a valid number"),
        ({"person": {"age": 1, "ward": 1}}, "samples.0.person.0 (ward): Input should be a valid string"),
        ({"rhythm": [{"rr": 1, "qt": "x"}]}, "samples.0.rhythm.0.1 (qt): Input should be a valid number"),
    ],
)
def test_wrong_names_and_values_are_listed(app, sample, problem):
    answer = ask(app, sample)
    assert answer.status_code == 422
    assert problem in answer.json()["problems"]


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"samples": [{"labs": {"crp": 1, "ph": 2, "sodium": 3, "crp": 4}}]}', "crp"),
        ('{"samples": [{"labs": [1, 2, 3], "labs": null}]}', "labs"),
        ('{"samples": [{"labs": [1, 2, 3]}], "samples": [{}]}', "samples"),
        ('{"samples": [{"labs": {"cr\\u0070": 1, "ph": 2, "sodium": 3, "crp": 4}}]}', "crp"),
    ],
)
def test_a_repeated_key_is_named(app, body, key):
    headers = {"content-type": "application/json"}
    answer = talk(app, lambda client: client.post("/predict", content=body, headers=headers))
    assert answer.status_code == 422
    assert answer.json()["problems"] == [f"the key {key!r} occurs 2 times in one object"]


def test_many_unknown_names_are_shortened(app):
    [problem] = ask(app, {"labs": {"x" * 1000 + str(k): 1 for k in range(500)}}).json()["problems"]
    assert "and 480 more; absent features: 'crp', 'ph', 'sodium'" in problem
    assert len(problem) < 3000


def test_names_without_names_of_the_model_are_rejected(ask, model):
    answer = ask("POST", "/predict", json={"samples": [{"text": {"0": 1, "1": 1, "2": 1, "3": 1}}]})
    assert answer.status_code == 422


def test_the_description_and_the_document_have_the_names(app):
    async def conversation(client):
        return (await client.get("/model")).json(), (await client.get("/openapi.json")).json()

    about, document = talk(app, conversation)
    assert {m["name"]: m["feature_names"] for m in about["modalities"]} == {
        "labs": NAMES,
        "person": ["ward", "age"],
        "rhythm": ["rr", "qt"],
    }
    _, named, _ = document["components"]["schemas"]["Sample"]["properties"]["labs"]["anyOf"]
    assert named["required"] == NAMES
    assert named["additionalProperties"] is False
