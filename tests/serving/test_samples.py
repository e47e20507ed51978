"""Saved model files load and give the predictions that were saved with them."""

from pathlib import Path

import numpy as np
import pytest

from factories import load_script
from redcore import load_model
from redcore.export import model_card

SAMPLES = Path(__file__).parent / "samples"
regenerate = load_script(SAMPLES / "regenerate.py")


@pytest.mark.parametrize(("version", "method"), [("v2", "late_fusion"), ("v2", "zero_fill"), ("v2", "stacked")])
def test_saved_models_give_the_saved_predictions(version, method):
    expected = np.load(SAMPLES / version / "predictions.npz")[method]
    predictions = load_model(SAMPLES / version / method).predict(regenerate.make_data())
    np.testing.assert_allclose(predictions, expected, atol=1e-6)
    assert model_card(SAMPLES / version / method).startswith(f"# Model card: {method}\n")


def test_single_file_model():
    expected = np.load(SAMPLES / "v2" / "predictions.npz")["stacked"]
    predictions = load_model(SAMPLES / "v2" / "single.safetensors").predict(regenerate.make_data())
    np.testing.assert_allclose(predictions, expected, atol=1e-6)
