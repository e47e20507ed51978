"""Methods of the field: they learn, their extra losses are finite, and any number of modalities will do."""

import numpy as np
import pytest

from factories import tiny
from redcore.data import MultimodalData, Target
from redcore.datasets import load_dataset
from redcore.methods import make_method, method_class
from redcore.metrics import evaluate_patterns
from redcore.missing import ampute

FIELD = {
    "mmin": {"loss/imagination", "loss/cycle"},
    "momke": {"loss/experts"},
    "mopoe": {"loss/reconstruction", "loss/kl"},
    "shaspec": {"loss/alignment", "loss/modality"},
}


@pytest.fixture(scope="module")
def digits():
    data = load_dataset("digits")
    rates = dict(zip(data.names, (0.2, 0.5, 0.8, 0.5), strict=True))
    return ampute(data.part("train"), "imbalanced", rates, np.random.default_rng(0)), data.part("test")


@pytest.mark.parametrize("name", FIELD)
def test_learns_digits_with_holes(name, digits):
    train, test = digits
    model = make_method(name, settings={"max_epochs": 15}).fit(train, seed=0)
    report = evaluate_patterns(model.predict, test)
    # chance is 0.1
    assert np.mean([scores["macro_f1"] for scores in report.per_pattern.values()]) > 0.7
    assert FIELD[name] <= set(model.history.steps)
    assert all(np.isfinite(values).all() for values in model.history.steps.values())


@pytest.mark.parametrize("name", FIELD)
@pytest.mark.parametrize("n_modalities", [1, 12])
def test_any_number_of_modalities(name, n_modalities):
    rng = np.random.default_rng(0)
    arrays = {f"m{k}": rng.standard_normal((30, 3)) for k in range(n_modalities)}
    availability = rng.random((30, n_modalities)) > 0.3
    availability[:, 0] = True
    data = MultimodalData.from_arrays(arrays, Target.from_labels(np.arange(30) % 2), availability=availability)
    assert np.isfinite(make_method(name, settings=tiny(name)).fit(data).predict(data)).all()


@pytest.mark.parametrize("name", FIELD)
def test_where_it_comes_from_is_stated(name):
    source = __import__(method_class(name).__module__, fromlist=["SOURCE"]).SOURCE
    assert "from the paper" in source
