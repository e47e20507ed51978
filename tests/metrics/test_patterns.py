import json
from itertools import combinations

import numpy as np
import pytest

from redcore.data import MultimodalData, Target
from redcore.exceptions import TargetError
from redcore.metrics import classification_scores, evaluate_patterns, missing_patterns, pattern_name


def letters(n_modalities):
    return [chr(ord("a") + k) for k in range(n_modalities)]


@pytest.mark.parametrize("n_modalities", range(1, 7))
def test_all_patterns_of_up_to_six_modalities_are_listed(n_modalities):
    patterns = missing_patterns(letters(n_modalities))
    assert len(patterns) == len(set(patterns)) == 2**n_modalities - 1
    assert [len(pattern) for pattern in patterns] == sorted(len(pattern) for pattern in patterns)
    assert patterns[-1] == tuple(letters(n_modalities))


@pytest.mark.parametrize("n_modalities", [7, 8, 11, 20, 40])
def test_with_more_modalities_singles_all_but_one_and_all_are_included(n_modalities):
    names = letters(n_modalities)
    patterns = missing_patterns(names, seed=1)
    assert len(patterns) == len(set(patterns)) == max(64, 2 * n_modalities + 1)
    assert {(name,) for name in names} | set(combinations(names, n_modalities - 1)) | {tuple(names)} <= set(patterns)
    assert all(pattern == tuple(sorted(set(pattern))) for pattern in patterns)
    assert set().union(*patterns) == set(names)


def test_random_patterns_depend_on_the_seed_only():
    names = letters(9)
    assert missing_patterns(names, 1) == missing_patterns(names[::-1], 1)
    assert missing_patterns(names, 1) != missing_patterns(names, 2)


def test_order_of_names_does_not_matter():
    assert missing_patterns(["text", "audio"]) == [("audio",), ("text",), ("audio", "text")]


def test_pattern_name():
    assert pattern_name(("audio", "text")) == "audio+text"


CODES = np.array([0, 1, 0, 1, 1])
AVAILABILITY = np.array([[1, 1], [1, 0], [0, 1], [1, 1], [0, 0]], dtype=bool)


def make(target=None):
    rows = np.arange(5.0)[:, None]
    target = target or Target.from_labels(CODES)
    return MultimodalData.from_arrays({"a": rows, "b": rows + 10}, target, availability=AVAILABILITY)


class Model:
    """Stub that records its inputs and predicts from the availability of modality b only."""

    def __init__(self):
        self.inputs = []

    def __call__(self, data):
        self.inputs.append((data.sample_ids.tolist(), data.availability.tolist()))
        share = np.where(data.availability[:, 1], 0.8, 0.3)
        return np.stack([1 - share, share], axis=1)


def test_patterns_are_scored_on_samples_that_observe_them_with_other_modalities_hidden():
    model = Model()
    report = evaluate_patterns(model, make())
    only_a, only_b, both = [True, False], [False, True], [True, True]
    assert model.inputs == [
        ([0, 1, 3], [only_a] * 3),
        ([0, 2, 3], [only_b] * 3),
        ([0, 3], [both] * 2),
        ([0, 1, 2, 3, 4], AVAILABILITY.tolist()),
    ]
    assert {name: entry["n_samples"] for name, entry in report.per_pattern.items()} == {"a": 3, "b": 3, "a+b": 2}


def test_scores_of_each_pattern_pooled_and_as_observed():
    report = evaluate_patterns(Model(), make())
    zero, one = [0.7, 0.3], [0.2, 0.8]
    expected = {
        "a": classification_scores(CODES[[0, 1, 3]], np.array([zero] * 3)),
        "b": classification_scores(CODES[[0, 2, 3]], np.array([one] * 3)),
        "a+b": classification_scores(CODES[[0, 3]], np.array([one] * 2)),
    }
    for name, entry in expected.items():
        assert {key: report.per_pattern[name][key] for key in entry} == pytest.approx(entry)
    assert report.per_pattern["a"]["accuracy"] == pytest.approx(1 / 3)
    pooled = classification_scores(CODES[[0, 1, 3, 0, 2, 3, 0, 3]], np.array([zero] * 3 + [one] * 5))
    assert {key: report.pooled[key] for key in pooled} == pytest.approx(pooled)
    assert report.pooled["n_samples"] == 8
    observed = classification_scores(CODES, np.array([one, zero, one, one, zero]))
    assert {key: report.as_observed[key] for key in observed} == pytest.approx(observed)
    assert report.as_observed["n_samples"] == 5


def test_data_is_not_modified():
    data = make()
    checksum = data.checksum()
    evaluate_patterns(Model(), data)
    assert data.checksum() == checksum


def test_pattern_that_no_sample_observes_is_not_predicted():
    data = make().hide({"b": [0, 0, 1, 0, 0]})
    model = Model()
    report = evaluate_patterns(model, data)
    assert report.per_pattern["a+b"] == {"n_samples": 0}
    assert len(model.inputs) == 3
    assert report.pooled["n_samples"] == 4


def test_all_modalities_missing():
    report = evaluate_patterns(Model(), make().hide(np.zeros((5, 2))))
    assert report.pooled == {"n_samples": 0}
    assert report.as_observed["n_samples"] == 5


def test_undefined_scores_are_none_and_the_report_is_json():
    report = evaluate_patterns(lambda data: np.zeros((data.n_samples, 1)), make(Target.from_numbers(np.arange(5))))
    assert report.per_pattern["a"]["pearson_r"] is None
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["pooled"]["n_samples"] == 8


def test_target_is_required():
    data = MultimodalData.from_arrays({"a": np.ones((2, 1))})
    with pytest.raises(TargetError, match="no target to score against"):
        evaluate_patterns(Model(), data)


def test_many_modalities():
    names = letters(8)
    data = MultimodalData.from_arrays({name: np.ones((3, 1)) for name in names}, Target.from_labels([0, 1, 1]))
    patterns = []

    def predict(data):
        patterns.append(tuple(np.array(data.names)[data.availability[0]].tolist()))
        return np.full((data.n_samples, 2), 0.5)

    report = evaluate_patterns(predict, data, seed=3)
    assert patterns[:-1] == missing_patterns(names, 3)
    assert list(report.per_pattern) == [pattern_name(pattern) for pattern in missing_patterns(names, 3)]
