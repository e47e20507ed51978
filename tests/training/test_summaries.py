"""Fixed summaries of long sequences."""

import numpy as np
import pytest
import torch

from factories import make_target
from redcore.data import MultimodalData
from redcore.export import export_onnx, load_model, save_model
from redcore.methods import make_method
from redcore.preprocessing import VectorPreprocessor, vectors_of

N = 30
RNG = np.random.default_rng(0)


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
    expected += [moment for part in parts for moment in (part.mean(axis=0), part.std(axis=0))]
    np.testing.assert_allclose(vector, np.concatenate(expected), rtol=1e-5, atol=1e-6)
    repeated, zero = sequence[0], np.zeros(2)
    np.testing.assert_allclose(
        single, np.concatenate([repeated, zero, *[repeated] * 2, *[repeated, zero] * 4]), atol=1e-6
    )


@pytest.mark.parametrize(("length", "expected"), [(31, {}), (40, {"watch": 8})])
def test_only_long_sequences_have_windows(length, expected):
    fitted, vectors = VectorPreprocessor.fit(make_data(length))
    assert fitted.windows == expected
    assert vectors.modalities["watch"].n_features == (4 + 2 * expected.get("watch", 0)) * 2
    restored = VectorPreprocessor.from_arrays(fitted.to_arrays(), fitted.names)
    assert restored.windows == expected


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
