"""Raw inputs of the service: files in base64 and texts, and the rejection of damaged and harmful ones."""

import base64
import io
import pickle
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from redcore import make_method
from redcore.data import MultimodalData, Target
from redcore.data.store import Store
from redcore.extract import Recipe, extract, load_recipes
from redcore.extract._plan import ModalityPlan
from redcore.serving import Limits, make_app
from samples.recordings import write_audio, write_recordings
from serving_client import talk

EXTRACTORS = {"audio": "logmel", "image": "colour", "sensor": "windows", "text": "tfidf"}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    return write_recordings(tmp_path_factory.mktemp("raw") / "r", tuple(EXTRACTORS), 12)


@pytest.fixture(scope="module")
def stored(recordings):
    """Return the extracted data and the recipes."""
    store = recordings.with_name("store")
    extract(recordings, store, EXTRACTORS, labels=recordings / "labels.csv")
    return Store(store).read(), load_recipes(store)


@pytest.fixture(scope="module")
def app(stored):
    data, recipes = stored
    limits = Limits(max_seconds=5, max_steps=1000, max_decoded_bytes=2**27, timeout_seconds=60)
    app = make_app(make_method("late_fusion").fit(data), limits, recipes=recipes)
    yield app
    app.state.service.raw.close()


def post(app, *samples):
    return talk(app, lambda client: client.post("/predict", json={"samples": list(samples)}))


def encoded(content):
    return base64.b64encode(content).decode()


def raw_sample(recordings, number):
    files = {"audio": ".wav", "image": ".png", "sensor": ".csv"}
    sample = {name: encoded((recordings / f"s{number}{suffix}").read_bytes()) for name, suffix in files.items()}
    return {**sample, "text": (recordings / f"s{number}.txt").read_text()}


def test_raw_inputs_are_predicted_as_their_features(app, recordings, stored):
    data, _ = stored
    samples = [raw_sample(recordings, 3), {"text": raw_sample(recordings, 5)["text"], "audio": None}]
    rows = [data.sample_ids.tolist().index(f"s{number}") for number in (3, 5, 7)]
    features = data.modalities["image"].values[rows[2]].tolist()
    answer = post(app, *samples, {**raw_sample(recordings, 7), "image": features})
    assert answer.status_code == 200
    predictions = answer.json()["predictions"]
    assert [p["observed"] for p in predictions] == [list(EXTRACTORS), ["text"], list(EXTRACTORS)]
    some = data.take(np.array(rows))
    hidden = {name: np.array([False, name != "text", False]) for name in EXTRACTORS}
    expected = app.state.service.method.predict(some.hide(np.stack([~hidden[name] for name in data.names], axis=1)))
    probabilities = [list(prediction["probabilities"].values()) for prediction in predictions]
    np.testing.assert_allclose(probabilities, expected, rtol=1e-6)


def test_the_description_names_the_media(app):
    about = talk(app, lambda client: client.get("/model")).json()
    assert {m["name"]: m["raw"] for m in about["modalities"]} == {name: name for name in EXTRACTORS}
    document = talk(app, lambda client: client.get("/openapi.json")).json()
    assert "base64" in document["components"]["schemas"]["Sample"]["properties"]["audio"]["description"]


def png(size, mode="RGB"):
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, "PNG")
    return stream.getvalue()


def npy(shape, body=b""):
    """Return an npy file whose header declares a shape that its body may not have."""
    header = str({"descr": "<f8", "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def long_flac(path):
    import av

    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), dtype=np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        for second in range(20):
            frame.pts = 8000 * second
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_damaged_and_harmful_inputs_are_named(app, recordings, tmp_path):
    wav = write_audio(tmp_path / "a.wav").read_bytes()
    image, series = (recordings / "s0.png").read_bytes(), (recordings / "s0.csv").read_bytes()
    triggered = tmp_path / "triggered"
    arrays = io.BytesIO()
    np.save(arrays, np.array([Bomb(triggered)], dtype=object))
    playlist = f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'a.wav'}\n#EXT-X-ENDLIST\n".encode()
    cases = [
        ("audio", "%%%", "not base64"),
        ("audio", "é", "not base64"),
        ("audio", "data:audio/wav;base64,AAAA", "not base64"),
        ("audio", "", "is damaged"),
        ("audio", encoded(b"\0" * 1000), "is damaged"),
        ("audio", encoded(wav[:500]), "is truncated"),
        ("audio", encoded(wav[:4] + struct.pack("<I", 2**31) + wav[8:]), "is truncated"),
        ("audio", encoded(image), "is damaged"),
        ("audio", encoded(long_flac(tmp_path / "l.flac")), "is longer than 5 s"),
        ("audio", encoded(playlist), "is damaged"),
        ("audio", encoded(b"ffconcat version 1.0\nfile a.wav\n"), "is damaged"),
        ("audio", encoded(pickle.dumps(Bomb(triggered))), "is damaged"),
        ("image", "", "not a readable image"),
        ("image", encoded(image[: len(image) // 2]), "not a readable image"),
        ("image", encoded(wav), "not a readable image"),
        ("image", encoded(png((20_000, 20_000), "1")), "too many pixels"),
        ("image", encoded(png((9_000, 9_000), "1")), "bytes of memory"),
        ("image", encoded(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "not a readable image"),
        ("image", encoded(pickle.dumps(Bomb(triggered))), "not a readable image"),
        ("sensor", "", "the table is empty"),
        ("sensor", encoded(series.replace(b"x,y", b"y,x")), "has the features y, x, expected x, y"),
        ("sensor", encoded(series.replace(b"time,x,y", b"a,b,c")), "has 3 features, expected 2"),
        ("sensor", encoded(series + b"0,nan,1\n"), "missing cells"),
        ("sensor", encoded(b"x,y\n" + b"1,1\n" * 1001), "has 1001 time steps, expected at most 1000"),
        ("sensor", encoded(b"x,y\n1,1e300\n"), "beyond 3e+38"),
        ("sensor", encoded(npy((10**15, 2))), "not a readable npy array"),
        ("sensor", encoded(npy((2**24, 2))), "not a readable npy array"),
        ("sensor", encoded(arrays.getvalue()), "not a readable npy array"),
        ("text", "", "the text is empty"),
        ("text", " \n", "the text is empty"),
    ]
    for modality, value, reason in cases:
        answer = post(app, {"text": "good"}, {modality: value})
        assert answer.status_code == 422, (modality, value[:100], answer.text)
        [problem] = answer.json()["problems"]
        assert problem.startswith(f"samples.1.{modality}: "), problem
        assert reason in problem
    assert not triggered.exists()
    assert post(app, {"text": "word " * 500_000}).status_code == 200
    # values of other types are rejected as before
    problems = post(app, {"text": 7}, {"audio": {"a": 1}}, {"image": [1.0]}).json()["problems"]
    assert [problem.partition(": ")[0] for problem in problems] == [
        "samples.0.text.features",
        "samples.1.audio.features",
        "samples.2.image.features",
    ]


def test_random_damage_never_ends_the_service(app, recordings):
    rng = random.Random(0)
    statuses = set()
    for _ in range(60):
        name, suffix = rng.choice([("audio", "wav"), ("image", "png"), ("sensor", "csv")])
        content = bytearray((recordings / f"s{rng.randrange(12)}.{suffix}").read_bytes())
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(content) + 1)
            content[place : place + rng.randint(0, 9)] = rng.randbytes(rng.randint(0, 9))
        text = encoded(bytes(content))
        answer = post(app, {name: text[: len(text) - rng.choice([0, 0, 0, 1])]})
        assert "Traceback" not in answer.text
        statuses.add(answer.status_code)
    assert statuses == {200, 422}


def test_crashes_timeouts_and_memory_cost_one_request_only():
    values = np.random.default_rng(0).normal(size=(40, 2))
    data = MultimodalData.from_arrays({"t": values}, Target.from_labels([0, 1] * 20))
    recipe = Recipe(ModalityPlan("t", "text", "samples.harmful_extractor:Harmful"), {})
    limits = Limits(timeout_seconds=2, max_decoded_bytes=2**27)
    app = make_app(make_method("late_fusion").fit(data), limits, recipes={"t": recipe, "unknown": recipe})
    raw = app.state.service.raw
    asked = {"crash": 422, "memory": 422, "secret": 422, "sleep": 503}

    async def conversation(client):
        await raw.start()
        answers = []
        for text in asked:
            answers.append(await client.post("/predict", json={"samples": [{"t": text}]}))
            await raw.start()
            answers.append(await client.post("/predict", json={"samples": [{"t": "fine"}]}))
        return answers

    answers = talk(app, conversation)
    raw.close()
    assert [answer.status_code for answer in answers[1::2]] == [200] * 4
    assert [answer.status_code for answer in answers[::2]] == list(asked.values())
    crash, memory, secret, sleep = (answer.json() for answer in answers[::2])
    assert crash["problems"] == ["samples.0.t: crashed the program that reads it"]
    assert memory["problems"] == [f"samples.0.t: needs more than {2**27} bytes of memory"]
    assert secret["problems"] == ["samples.0.t: cannot be read (RuntimeError)"]
    assert sleep["error"] == "the conversion of raw inputs took longer than 2.0 s"


def test_models_without_recipes_start_no_process_and_reject_text(model):
    app = make_app(model)
    assert app.state.service.raw.media == {}
    assert post(app, {"text": "words"}).status_code == 422
    assert app.state.service.raw._process._running is None
