"""Fixed summaries of long sequences."""

from typing import Any

import numpy as np
import pytest
import torch

from factories import make_target
from redcore.data import MultimodalData, hold_out
from redcore.export import export_onnx, load_model, onnx_inputs, save_model
from redcore.methods import NetworkMethod, make_method
from redcore.nn import batches, time_statistics
from redcore.nn.encoders import EncoderSpec, build_encoder
from redcore.preprocessing import VectorPreprocessor, vectors_of

N = 30
RNG = np.random.default_rng(0)
SPEC = EncoderSpec(
    width=8, n_layers=1, n_heads=2, hidden_ratio=2, attention_dropout=0.1, dropout=0.1, positional_encoding=True
)


def make_data(length=40):
    """Return sequences in which the order of time steps determines the class."""
    target = make_target("binary", N)
    steps = np.linspace(-1, 1, length)[:, None] * np.where(target.values, 3.0, -3.0)[:, None, None]
    signals = [step[: length - row % 3] for row, step in enumerate(steps + RNG.normal(size=(N, length, 2)))]
    return MultimodalData.from_arrays({"watch": signals, "age": RNG.normal(size=(N, 1))}, target)


def test_windows_by_hand():
    sequence = RNG.normal(size=(10, 2)).astype(np.float32)
    data = MultimodalData.from_arrays({"a": [sequence, sequence[:1]]})
    vector, single = vectors_of(data, {"a": 4}).modalities["a"].values
    parts = [sequence[0:3], sequence[2:5], sequence[5:8], sequence[7:10]]
    expected = [sequence.mean(axis=0), sequence.std(axis=0), sequence.min(axis=0), sequence.max(axis=0)]
    deviation = sequence - sequence.mean(axis=0)
    variance = (deviation**2).sum(axis=0)
    # the lags 16 and 32 are longer than the sequence
    expected += [(deviation[lag:] * deviation[: 10 - lag]).sum(axis=0) / variance for lag in (1, 2, 4, 8)]
    expected += [np.zeros(2)] * 2
    expected += [moment for part in parts for moment in (part.mean(axis=0), part.std(axis=0))]
    np.testing.assert_allclose(vector, np.concatenate(expected), rtol=1e-5, atol=1e-6)
    repeated, zero = sequence[0], np.zeros(2)
    np.testing.assert_allclose(
        single, np.concatenate([repeated, zero, *[repeated] * 2, *[zero] * 6, *[repeated, zero] * 4]), atol=1e-6
    )


@pytest.mark.parametrize(("length", "expected"), [(31, {}), (40, {"watch": 8})])
def test_only_long_sequences_have_windows(length, expected):
    fitted, vectors = VectorPreprocessor.fit(make_data(length))
    assert fitted.windows == expected
    assert vectors.modalities["watch"].n_features == (4 + (6 + 2 * 8 if expected else 0)) * 2
    restored = VectorPreprocessor.from_arrays(fitted.to_arrays(), fitted.names)
    assert restored.windows == expected


def test_frequencies_are_learned():
    steps, rng = np.arange(64), np.random.default_rng(0)
    target = make_target("binary", N)
    periods = np.where(target.values, 8.0, 16.0)
    waves = [np.sin(2 * np.pi * (steps / period + rng.uniform()))[:, None] for period in periods]
    data = MultimodalData.from_arrays({"watch": waves}, target)
    model = make_method("indicator_linear").fit(data)
    assert (model.predict(data).argmax(axis=1) == target.values).all()


def test_the_default_encoder_depends_on_the_length():
    encoders = [build_encoder("auto", 2, length, SPEC) for length in (31, 32)]
    assert [type(encoder).__name__ for encoder in encoders] == ["TransformerEncoder", "WindowsEncoder"]


@pytest.mark.parametrize("base", ["zero_fill", "redcore"])
def test_networks_learn_order_in_time_from_standardised_windows(base, tmp_path):
    data = make_data()
    model = make_method(base, settings={"max_epochs": 40, "learning_rate": 1e-2}).fit(data)
    assert isinstance(model, NetworkMethod)
    encoder: Any = model.network.encoders.encoders[1]
    kept, _ = hold_out(data, 0.15, 0)
    watch = next(batches(model.preprocessor.transform(data.take(kept)))).modalities[1]
    statistics = time_statistics(watch.values, watch.lengths, 8)
    torch.testing.assert_close(encoder.mean, statistics.mean(dim=0), atol=1e-5, rtol=1e-5)
    predictions = model.predict(data)
    assert (predictions.argmax(axis=1) == data.target.values).mean() > 0.9
    save_model(model, tmp_path / "model")
    np.testing.assert_array_equal(load_model(tmp_path / "model").predict(data), predictions)
    onnxruntime = pytest.importorskip("onnxruntime")
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    np.testing.assert_allclose(session.run(None, onnx_inputs(data, data.names))[0], predictions, atol=1e-5)


@pytest.mark.parametrize("name", ["stack", "late_fusion", "indicator_linear"])
def test_order_in_time_is_learned_saved_and_exported(name, tmp_path):
    data = make_data()
    model = make_method(name).fit(data)
    predictions = model.predict(data)
    assert (predictions.argmax(axis=1) == data.target.values).mean() > 0.95
    save_model(model, tmp_path / "model")
    np.testing.assert_array_equal(load_model(tmp_path / "model").predict(data), predictions)
    pytest.importorskip("onnxruntime")
    assert export_onnx(model, tmp_path / "model.onnx") < 1e-4


def test_the_padding_of_a_batch_has_no_effect():
    data = make_data()
    fitted, _ = VectorPreprocessor.fit(data)
    together = fitted.transform(data).modalities["watch"].values
    alone = [fitted.transform(data.take([row])).modalities["watch"].values[0] for row in range(N)]
    torch.testing.assert_close(torch.tensor(together), torch.tensor(np.array(alone)))
