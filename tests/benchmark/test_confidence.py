"""Confidence by the number of observed modalities in benchmarks/confidence.py."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from factories import load_script
from redcore.benchmark import SampleFile
from redcore.metrics import AS_OBSERVED

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "confidence.py"


@pytest.fixture(scope="module")
def confidence():
    return load_script(SCRIPT)


def predictions(confidences, is_right, losses):
    return SimpleNamespace(
        confidence=np.array(confidences, np.float16),
        argmax=np.array(is_right, int),
        target=np.ones(len(is_right), int),
        log_loss=np.array(losses, np.float16),
    )


def record(method, samples, seed=0):
    facts = {"status": "done", "data_title": "data", "protocol_title": "protocol", "seed": seed, "fold": None}
    return SimpleNamespace(method_title=method, sample_file=lambda: samples, **facts)


def test_patterns_of_the_same_size_are_averaged(confidence):
    samples = SampleFile(np.array(["1", "2"]))
    samples.predictions = {
        "a": predictions([0.5, 1.0], [1, 1], [0.5, 0.5]),
        r"b\+c": predictions([0.5, 0.5], [0, 0], [1.5, 1.5]),
        r"a+b\+c": predictions([1.0, 1.0], [1, 0], [0.25, 0.75]),
        AS_OBSERVED: predictions([0.0, 0.0], [0, 0], [9.0, 9.0]),
    }
    found = confidence.by_number(samples)
    assert {number: values.tolist() for number, values in found.items()} == {1: [0.625, 0.5, 1.0], 2: [1.0, 0.5, 0.5]}


def test_only_runs_of_all_methods_are_used(confidence):
    samples = SampleFile(np.array(["1"]))
    records = [record("x", samples), record("y", None), record("x", samples, 1), record("y", samples, 1)]
    assert [run["x"].seed for run in confidence.paired(records, ["x", "y"])] == [1]
