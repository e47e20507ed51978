"""Model files that older versions wrote load, and predict what they did."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from redcore import load_model
from redcore.exceptions import ModelFileError
from redcore.export import model_card

SAMPLES = Path(__file__).parent / "samples"
spec = importlib.util.spec_from_file_location("regenerate", SAMPLES / "regenerate.py")
regenerate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(regenerate)


@pytest.mark.parametrize(
    ("version", "method"),
    [("v1", "late_fusion"), ("v1", "zero_fill"), ("v2", "late_fusion"), ("v2", "zero_fill"), ("v2", "redcore")],
)
def test_samples_of_every_version_predict_what_they_did(version, method):
    expected = np.load(SAMPLES / version / "predictions.npz")[method]
    found = load_model(SAMPLES / version / method).predict(regenerate.make_data())
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert model_card(SAMPLES / version / method).startswith(f"# Model card: {method}\n")


def test_what_has_no_form_now_says_so():
    with pytest.raises(ModelFileError, match="RedCore of schema version 1 has no form"):
        load_model(SAMPLES / "v1" / "redcore")


def test_the_sample_in_a_single_file():
    expected = np.load(SAMPLES / "v2" / "predictions.npz")["redcore"]
    found = load_model(SAMPLES / "v2" / "single.safetensors").predict(regenerate.make_data())
    np.testing.assert_allclose(found, expected, atol=1e-6)
