"""Columns of free text, encoded by TF-IDF weights."""

import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.feature_extraction.text import TfidfVectorizer

from factories import tiny
from redcore import MethodClassifier
from redcore.data import MultimodalData, Schema, Target, concatenate
from redcore.data.formats import read
from redcore.data.store import Store, write_store
from redcore.exceptions import DataError, DataWarning, SchemaError, UnknownNameError
from redcore.export import export_onnx, load_model, model_card, onnx_inputs, read_model_content, save_model
from redcore.methods import make_method
from redcore.monitoring import Monitor, make_reference
from redcore.preprocessing import TextEncoder
from redcore.serving._limits import Limits
from redcore.serving._samples import parse_samples, predict_samples, request_model

COMMON = ["stable", "mobile", "awake", "oriented", "checked"]
BAD = ["septic", "confused", "dyspnoea", "hypotonic"]


def frame(n_samples=80, seed=0):
    """Return a table whose notes contain a word of `BAD` for the samples with an odd row number."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n_samples) % 2
    notes = [" ".join([*rng.choice(COMMON, 3), rng.choice(BAD if label else COMMON)]) for label in labels]
    missing = rng.random(n_samples) < 0.2
    return pd.DataFrame(
        {
            "age": rng.normal(60, 10, n_samples),
            "note": pd.Series(notes).mask(missing),
            "ward": rng.choice(["a", "b"], 80),
        }
    )


def data_of(table):
    return MultimodalData.from_arrays(
        {"patient": table}, Target.from_labels(np.arange(len(table)) % 2), text={"patient": ["note"]}
    )


def fitted(data, name="late_fusion"):
    return make_method(name, settings=tiny(name)).fit(data)


def test_encoder_gives_the_weights_of_scikit_learn():
    texts = [*frame().note.fillna("")]
    encoder = TextEncoder.fit(texts)
    reference = TfidfVectorizer(min_df=2, sublinear_tf=True).fit(texts)
    new = ["Septic, septic and awake", "", "unknown words"]
    assert encoder.names == ["number of words", *reference.get_feature_names_out()]
    assert_allclose(encoder.encode(new)[:, 1:], reference.transform(new).toarray(), atol=1e-6)
    assert_allclose(encoder.encode(new)[:, 0], np.log([3, 1, 1]), atol=1e-6)


def test_many_words_are_reduced_to_components():
    rng = np.random.default_rng(0)
    topics = [[f"t{topic}w{k}" for k in range(50)] for topic in range(3)]
    texts = [" ".join(rng.choice(topics[row % 3], 20)) for row in range(90)]
    encoder = TextEncoder.fit(texts)
    encoded = encoder.encode(texts)
    assert encoded.shape == (90, 65)
    # words of one topic occur together, so that the texts of a topic are similar
    similar = encoded[:, 1:] @ encoded[:, 1:].T
    topic = np.arange(90) % 3
    assert similar[topic[:, None] == topic].mean() > 0.3
    assert np.abs(similar[topic[:, None] != topic]).max() < 0.1
    restored = TextEncoder(encoder.arrays)
    assert_array_equal(restored.encode(texts), encoded)


def test_text_without_a_repeated_word():
    assert_array_equal(TextEncoder.fit(["one", "two", ""]).encode(["one", ""]), np.zeros((2, 1)))


@pytest.mark.parametrize("name", ["late_fusion", "zero_fill", "boosting"])
def test_fit_predict_save_load(name, tmp_path):
    data = data_of(frame())
    method = fitted(data, name)
    outputs = method.predict(data)
    is_written = data.modalities["patient"].values[:, 1] >= 0
    correct = outputs.argmax(axis=1) == data.target.values
    # a tiny network is hardly trained
    assert correct[is_written].mean() > (0.9 if name != "zero_fill" else 0.3)
    save_model(method, tmp_path / "model")
    assert_array_equal(load_model(tmp_path / "model").predict(data), outputs)
    assert "| patient | note |" in model_card(tmp_path / "model")
    # no text of a training sample is saved
    saved = json.dumps(read_model_content(tmp_path / "model"))
    assert "awake" not in saved


def test_predictions_depend_on_the_words_only():
    data = data_of(frame())
    method = fitted(data)
    expected = method.predict(data)
    table = frame().iloc[::-1].reset_index(drop=True)
    assert_allclose(method.predict(data_of(table)), expected[::-1], atol=1e-6)
    # without the option, the column is recognised by the model
    with pytest.warns(DataWarning, match="read as categories"):
        as_categories = MultimodalData.from_arrays({"patient": frame()})
    assert_allclose(method.predict(as_categories), expected, atol=1e-6)
    numbers = MultimodalData.from_arrays({"patient": frame().assign(note=17.0)})
    unknown = data_of(frame().assign(note="17"))
    assert_allclose(method.predict(numbers), method.predict(unknown), atol=1e-6)


def test_text_in_place_of_a_category_or_number():
    method = fitted(MultimodalData.from_arrays({"patient": frame()[["age", "ward"]]}, data_of(frame()).target))
    text = MultimodalData.from_arrays({"patient": frame()[["age", "ward"]]}, text={"patient": ["ward"]})
    assert_allclose(
        method.predict(text), method.predict(MultimodalData.from_arrays({"patient": frame()[["age", "ward"]]}))
    )
    with pytest.raises(SchemaError, match="'age' holds text"):
        method.predict(MultimodalData.from_arrays({"patient": frame().assign(age="old")[["age", "ward"]]}))


def test_text_travels(tmp_path):
    data = data_of(frame())
    assert data.text == {"patient": ("note",)}
    assert data.take(np.arange(3)).text == data.select(["patient"]).text == data.text
    schema = Schema.of(data).modalities[0]
    assert schema.text == ("note",)
    assert list(schema.categories) == ["ward"]
    write_store(data, tmp_path / "store")
    store = Store(tmp_path / "store")
    assert store.read().text == store.data().text == data.text
    method = fitted(data)
    assert_allclose(method.predict(store.data()), method.predict(data), atol=1e-7)
    parts = [data.take(np.arange(40)), data_of(frame(seed=1))]
    both = concatenate(parts)
    assert both.text == data.text
    assert_allclose(method.predict(both), np.concatenate([method.predict(part) for part in parts]), atol=1e-6)


def test_tables_and_npz(tmp_path):
    table = frame().assign(y=np.arange(80) % 2)
    table.to_csv(tmp_path / "p.csv", index=False)
    options = {"modalities": {"patient": "age,note,ward"}, "target": "y", "text": "no*"}
    data = read(tmp_path / "p.csv", options=options)
    assert data.text == {"patient": ("note",)}
    assert data.categories == data_of(frame()).categories
    with pytest.raises(DataError, match="text: no feature matches 'absent'"):
        read(tmp_path / "p.csv", options=options | {"text": "absent"})
    categories = np.array(json.dumps({"note": ["a b", "c"]}))
    np.savez(tmp_path / "p.npz", x_p=[[0.0], [1.0]], names_p=["note"], categories_p=categories, text_p=["note"])
    assert read(tmp_path / "p.npz").text == {"p": ("note",)}


def test_join(tmp_path):
    table = frame().assign(id=[f"p{row}" for row in range(80)])
    table.to_csv(tmp_path / "p.csv", index=False)
    data = MultimodalData.join({"patient": tmp_path / "p.csv"}, "id", options={"text": "note"})
    assert data.text == {"patient": ("note",)}
    with (
        pytest.warns(DataWarning, match="p.csv, column 'note': 62 different texts"),
        pytest.raises(DataError, match="text: no column of features matches 'nota'"),
    ):
        MultimodalData.join({"patient": tmp_path / "p.csv"}, "id", options={"text": "nota"})


def test_estimator():
    table, labels = frame(), np.arange(80) % 2
    model = MethodClassifier("late_fusion", text="note", random_state=0).fit(table, labels)
    written = table.note.notna().to_numpy()
    assert model.score(table[written], labels[written]) > 0.9
    with pytest.raises(DataError, match="text: no column matches 'nota'"):
        MethodClassifier("late_fusion", text=["nota"]).fit(table, labels)


def test_onnx_graph_reads_encoded_text(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    data = data_of(frame())
    method = fitted(data)
    export_onnx(method, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    encoded = method.encode_text(data)
    assert_allclose(session.run(None, onnx_inputs(encoded, data.names))[0], method.predict(data), atol=1e-5)
    described = json.loads(onnx.load(tmp_path / "model.onnx").metadata_props[0].value)["modalities"][0]
    assert described["feature_names"][:4] == ["age", "ward", "note: number of words", "note: awake"]


def test_monitor_compares_the_number_of_words():
    def notes(n_words, seed):
        rng = np.random.default_rng(seed)
        return frame(seed=seed).assign(note=[" ".join(rng.choice(COMMON, size)) for size in n_words])

    sizes = np.arange(80) % 6 + 1
    data = data_of(notes(sizes, 0))
    method = fitted(data)
    reference = make_reference(method, data)
    monitors = []
    for shift in (0, 20):
        monitors.append(Monitor(method, reference))
        new = data_of(notes(sizes[::-1] + shift, 1))
        monitors[-1].add(new, method.predict(new))
    same, longer = ({(one.kind, one.feature) for one in monitor.compare().shifts} for monitor in monitors)
    assert not same
    assert ("distribution", "note") in longer


def test_service_reads_text():
    data = data_of(frame())
    method = fitted(data)
    model = request_model(method.schema, Limits())
    cells = [frame().iloc[row].where(frame().iloc[row].notna(), None).to_dict() for row in range(8)]
    content = {"samples": [{"patient": [sample["age"], sample["note"], sample["ward"]]} for sample in cells]}
    content["samples"] += [{"patient": [None, "", None]}, {}]
    samples = parse_samples(model.model_validate_json(json.dumps(content)), method)
    assert samples[-2:] == [{}, {}]
    expected = method.predict(data.take(np.arange(8)))
    assert_allclose(predict_samples(method, samples), np.concatenate([expected, [method.prior] * 2]), atol=1e-6)


def test_probable_free_text_is_a_warning():
    notes = [f"word{row} seen today" for row in range(50)] * 4
    with pytest.warns(DataWarning, match="column 'note': 50 different texts of 3 words are read as categories"):
        MultimodalData.from_arrays({"p": pd.DataFrame({"note": notes})})
    MultimodalData.from_arrays({"p": pd.DataFrame({"note": pd.Categorical(notes)})})


def test_unknown_feature_of_text_is_an_error():
    with pytest.raises(UnknownNameError, match="feature of text"):
        MultimodalData.from_arrays({"p": np.ones((2, 2))}, text={"p": ["note"]}, feature_names={"p": ["note", "age"]})
