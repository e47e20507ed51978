"""The stack without a network."""

import numpy as np
import pytest

from factories import make_data, make_target
from redcore.data import MultimodalData
from redcore.estimators import RedCoreClassifier
from redcore.methods import make_method
from redcore.methods.stack import Stack, StackSettings


def informative(n_samples: int = 120, seed: int = 0) -> MultimodalData:
    """Two modalities, one that predicts the class and one of noise."""
    target = make_target("multiclass", n_samples)
    rng = np.random.default_rng(seed)
    signal = np.eye(3)[target.values] * 2 + rng.normal(size=(n_samples, 3))
    return MultimodalData.from_arrays({"noise": rng.normal(size=(n_samples, 4)), "signal": signal}, target)


def test_it_is_no_worse_than_late_fusion_in_log_loss():
    train, test = informative(300), informative(600, seed=1)

    def log_loss(name: str) -> float:
        probabilities = make_method(name).fit(train, seed=0).predict(test)
        return -np.log(probabilities[np.arange(600), test.target.values]).mean()

    assert log_loss("stack") < log_loss("late_fusion")


def test_only_the_weights_depend_on_the_labels_of_the_validation_set():
    data, validation = make_data(), make_data(n_samples=12)
    labels = make_target("multiclass", 12).take(np.arange(12)[::-1])
    other = MultimodalData(validation.modalities, labels, None, validation.sample_ids, None)
    first, second = (make_method("stack").fit(data, each).arrays() for each in (validation, other))
    different = {name for name in first if not np.array_equal(first[name], second[name])}
    assert different == {"weights"}


def test_every_sample_is_held_out_once():
    data = informative()
    method = Stack(StackSettings(n_folds=4))
    held_out = np.concatenate([held.sample_ids for _, held in method._splits(data, seed=0)])
    assert sorted(held_out) == sorted(data.sample_ids)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
def test_a_few_samples_suffice(kind):
    data = make_data(kind, n_samples=4)
    assert np.isfinite(make_method("stack").fit(data).predict(data)).all()


def test_the_preset_fast_is_the_stack():
    rng, codes = np.random.default_rng(0), np.resize([0, 1, 2], 60)
    inputs = {"noise": rng.normal(size=(60, 4)), "signal": np.eye(3)[codes] + rng.normal(size=(60, 3))}
    model = RedCoreClassifier(preset="fast").fit(inputs, codes)
    assert type(model.method_).__name__ == "Stack"
    assert model.predict_proba(inputs).shape == (60, 3)
