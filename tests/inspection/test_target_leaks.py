import numpy as np
import pandas as pd
import pytest

from redcore.data import MultimodalData, Target
from redcore.datasets import load_dataset
from redcore.inspection import leak_messages, summarise, target_leaks

rng = np.random.default_rng(0)
NOISE = rng.normal(size=(200, 3))


def data_of(values, target, **options):
    return MultimodalData.from_arrays({"lab": values}, target, **options)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_copy_of_the_class_is_reported_by_name(n_classes):
    codes = np.arange(200) % n_classes
    values = np.column_stack([NOISE, 10 - 2 * codes + 0.01 * NOISE[:, 0]])
    data = data_of(values, Target.from_labels(codes), feature_names={"lab": ["a", "b", "c", "result"]})
    assert [str(leak) for leak in target_leaks(data)] == [
        "lab: feature 'result' alone predicts the target (AUC 1.000): possible leak"
    ]
    assert summarise(data).findings[0].text == leak_messages(data)[0]


@pytest.mark.parametrize("transform", [lambda y: 3 - 2 * y, np.exp])
def test_a_transform_of_a_continuous_target_is_reported(transform):
    target = rng.normal(size=200)
    values = np.column_stack([NOISE, transform(target)])
    assert [leak.feature for leak in target_leaks(data_of(values, Target.from_numbers(target)))] == ["3"]


def test_one_label_of_a_multilabel_target():
    labels = rng.integers(0, 2, (200, 2))
    values = np.column_stack([NOISE, labels[:, 1]])
    (leak,) = target_leaks(data_of(values, Target.from_multilabel(labels, ["x", "y"])))
    assert (leak.feature, leak.label) == ("3", "y")


def test_sequences_and_missing_rows():
    codes = np.arange(60) % 2
    entries = [None if row % 3 == 0 else np.full((1 + row % 4, 2), codes[row], dtype=float) for row in range(60)]
    assert {leak.feature for leak in target_leaks(data_of(entries, Target.from_labels(codes)))} == {"0", "1"}


def test_missing_cells():
    codes = np.arange(100) % 2
    values = np.column_stack([NOISE[:100], codes.astype(float)])
    values[::7, 3] = np.nan
    values[::5, 0] = np.nan
    assert [leak.feature for leak in target_leaks(data_of(values, Target.from_labels(codes)))] == ["3"]


def test_a_chance_separation_of_few_samples_is_not_reported():
    values = rng.normal(size=(12, 5000))
    assert not target_leaks(data_of(values, Target.from_labels(np.arange(12) % 2)))
    assert not target_leaks(data_of(np.ones((40, 2)), Target.from_labels(np.arange(40) % 2)))
    assert not target_leaks(MultimodalData.from_arrays({"lab": NOISE}))


@pytest.mark.parametrize("name", ["digits", "wine", "breast_cancer"])
def test_bundled_data_has_no_leak(name):
    assert not target_leaks(load_dataset(name))


def test_many_leaks_are_summarised():
    codes = np.arange(100) % 2
    values = np.tile(codes[:, None], 8).astype(float)
    messages = leak_messages(data_of(values, Target.from_labels(codes)))
    assert len(messages) == 6
    assert messages[-1].startswith("3 further features")


def test_categories_that_determine_the_class():
    codes = np.arange(300) % 3
    # alphabetical codes of the categories have no order in common with the classes
    discharge = np.array([["home", "dead", "clinic"], ["again home", "moved", "zoo"]])[np.arange(300) % 2, codes]
    ward = rng.choice(["a", "b", "c"], 300)
    ids = [f"id {row}" for row in range(300)]
    data = data_of(pd.DataFrame({"discharge": discharge, "ward": ward, "id": ids}), Target.from_labels(codes))
    assert [leak.feature for leak in target_leaks(data)] == ["discharge"]
    as_text = data_of(pd.DataFrame({"discharge": discharge}), data.target, text={"lab": ["discharge"]})
    assert not target_leaks(as_text)
