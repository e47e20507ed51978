"""The ONNX graph on real ragged sequences."""

import warnings

import numpy as np
import pytest

from redcore import make_method
from redcore.data.formats import read
from redcore.export import export_onnx, onnx_inputs
from redcore.metrics import missing_patterns


@pytest.mark.parametrize("preset", ["default", "aaai2024"])
def test_parity_on_every_pattern_of_utd_mhad(shared_data, tmp_path, preset):
    onnxruntime = pytest.importorskip("onnxruntime")
    data = read(shared_data / "utd_mhad.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make_method(None, preset, {"max_steps": 4}).fit(data.part("train").take(range(0, 430, 4)))
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    test = data.part("test").take(np.arange(0, 400, 40))
    for pattern in missing_patterns(data.names):
        hidden = test.hide(np.broadcast_to(np.isin(data.names, pattern), (test.n_samples, len(data.names))))
        outputs, labels = session.run(None, onnx_inputs(hidden, model.active))
        expected = model.predict(hidden)
        assert np.abs(outputs - expected).max() <= 1e-5, pattern
        np.testing.assert_array_equal(labels, model.decide(outputs))
