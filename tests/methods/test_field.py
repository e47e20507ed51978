"""Published methods: accuracy, additional losses, and independence of predictions from the batch."""

import numpy as np
import pytest

from factories import make_data, tiny
from redcore.data import MultimodalData, Target
from redcore.methods import make_method, method_class
from redcore.metrics import evaluate_patterns

PUBLISHED = {
    "cra": {"loss/restoration"},
    "dicmor": {"loss/flow", "loss/recovery"},
    "dymo": {"loss/prototype", "loss/imputation"},
    "if_mmin": {"loss/imagination", "loss/invariance", "loss/discrepancy"},
    "late_fusion_transformer": set(),
    "m3care": set(),
    "mce": {"loss/subset", "loss/completion", "loss/unimodal", "learning_factor/pixels"},
    "mctn": {"loss/translation", "loss/cycle"},
    "mmin": {"loss/imagination", "loss/cycle"},
    "momke": {"loss/experts"},
    "mopoe": {"loss/reconstruction", "loss/kl"},
    "mvtcae": {"loss/reconstruction", "loss/kl", "loss/conditional_kl"},
    "shaspec": {"loss/alignment", "loss/modality"},
    "tate": {"loss/teacher", "loss/decoding", "loss/tags"},
    "tfr_net": {"loss/prediction", "loss/reconstruction"},
}

every_method = pytest.mark.parametrize("name", PUBLISHED)


@every_method
def test_accuracy_on_incomplete_digits(name, incomplete_digits):
    train, test = incomplete_digits
    model = make_method(name, settings={"max_epochs": 15}).fit(train, seed=0)
    report = evaluate_patterns(model.predict, test)
    # chance is 0.1
    assert np.mean([scores["macro_f1"] for scores in report.per_pattern.values()]) > 0.7
    assert PUBLISHED[name] <= set(model.history.steps)
    assert all(np.isfinite(values).all() for values in model.history.steps.values())


@every_method
@pytest.mark.parametrize("n_modalities", [1, 12])
def test_any_number_of_modalities(name, n_modalities):
    rng = np.random.default_rng(0)
    arrays = {f"m{k}": rng.standard_normal((30, 3)) for k in range(n_modalities)}
    availability = rng.random((30, n_modalities)) > 0.3
    availability[:, 0] = True
    data = MultimodalData.from_arrays(arrays, Target.from_labels(np.arange(30) % 2), availability=availability)
    model = make_method(name, settings=tiny(name)).fit(data)
    assert np.isfinite(model.predict(data)).all()
    assert all(np.isfinite(values).all() for values in model.history.steps.values())


@every_method
def test_predictions_do_not_depend_on_the_batch(name):
    data = make_data(n_samples=60)
    model = make_method(name, settings=tiny(name, max_epochs=4)).fit(data)
    together = model.predict(data)
    for rows in (np.arange(0, 60, 7), np.array([3]), np.array([5, 5, 5, 41])):
        np.testing.assert_allclose(model.predict(data.take(rows)), together[rows], rtol=1e-4, atol=1e-6)


@every_method
def test_can_be_stacked(name):
    data = make_data(n_samples=40)
    model = make_method("stacked", settings=tiny("stacked", base=name, n_members=2)).fit(data)
    assert model.info()["n_networks"] == 2
    assert np.isfinite(model.predict(data)).all()


@every_method
def test_the_source_is_stated(name):
    source = __import__(method_class(name).__module__, fromlist=["SOURCE"]).SOURCE
    assert "paper" in source
    assert "Differences: " in source
