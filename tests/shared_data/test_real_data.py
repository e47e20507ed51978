"""Fit, evaluate and predict on real data: ``../shared/data`` beside the checkout, or the folder REDCORE_DATA."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from redcore.cli import main

DATA = Path(os.environ.get("REDCORE_DATA") or Path(__file__).parents[3] / "shared" / "data")
RATES = {
    "mosi": {"audio": 0.2, "text": 0.8, "visual": 0.5},
    "utd_mhad": {"acc": 0.7, "gyro": 0.2, "skeleton": 0.5, "depth": 0.4},
    "houses": {"attributes": 0.6, "location": 0.1, "bathroom": 0.5, "bedroom": 0.5, "frontal": 0.8, "kitchen": 0.3},
}
SETTINGS = ("max_epochs=2", "latent_dim=16", "encoder_heads=2", "imputer_layers=16", "max_steps=20", "n_members=1")


def leaves(content):
    """Return all numbers of nested dicts and lists (a confusion matrix is a list of lists)."""
    if isinstance(content, dict):
        return [leaf for value in content.values() for leaf in leaves(value)]
    if isinstance(content, list):
        return [leaf for value in content for leaf in leaves(value)]
    return [content]


@pytest.fixture(scope="module", params=RATES)
def run(request, tmp_path_factory):
    """A finished run: (name, data file, run folder)."""
    data = DATA / f"{request.param}.npz"
    if not data.exists():
        pytest.skip(f"{data} is not there; set REDCORE_DATA to the folder that holds it")
    folder = tmp_path_factory.mktemp(request.param) / "run"
    rates = [text for name, rate in RATES[request.param].items() for text in ("--missing-rate", f"{name}={rate}")]
    settings = [text for setting in SETTINGS for text in ("--set", setting)]
    assert main(["fit", str(data), "--out", str(folder), *rates, *settings]) == 0
    return request.param, data, folder


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_pattern_has_finite_metrics(run):
    name, _, folder = run
    metrics = read_json(folder / "metrics.json")
    assert len(metrics["per_pattern"]) == 2 ** len(RATES[name]) - 1
    numbers = [number for number in leaves(metrics) if not isinstance(number, str)]
    assert numbers
    assert all(math.isfinite(number) for number in numbers)
    assert metrics["as_observed"]["n_samples"] == read_json(folder / "run.json")["n_samples"]["test"] > 0


def test_rates_are_realised(run):
    name, _, folder = run
    record = read_json(folder / "run.json")
    for part in ("train", "validation"):
        if part in record["realised_missing_rates"]:
            tolerance = 0.5 / record["n_samples"][part] + 1e-9
            assert record["realised_missing_rates"][part] == pytest.approx(RATES[name], abs=tolerance)


def test_rows_go_where_the_data_says(run):
    _, data, folder = run
    part = np.array(pq.read_table(folder / "samples.parquet")["part"].to_pylist())
    with np.load(data, allow_pickle=False) as file:
        split, group = file.get("split"), file.get("group")
    if split is not None and (split == 2).any():
        assert ((part == "test") == (split == 2)).all()
    elif group is not None:
        assert not set(group[part == "test"]) & set(group[part != "test"])


def test_evaluate_agrees_with_the_run(run, capsys):
    _, data, folder = run
    capsys.readouterr()
    assert main(["evaluate", str(folder), str(data), "--json"]) == 0
    metrics = read_json(folder / "metrics.json")
    assert {"part": "test", **json.loads(capsys.readouterr().out)["metrics"]} == metrics


def test_predictions_of_every_row(run, tmp_path):
    _, data, folder = run
    assert main(["predict", str(folder), str(data), "--out", str(tmp_path / "out.parquet")]) == 0
    table = pq.read_table(tmp_path / "out.parquet")
    with np.load(data, allow_pickle=False) as file:
        assert table.num_rows == len(file["y"])
    probability = [name for name in table.column_names if name.startswith("probability_")]
    if probability:
        total = np.sum([table[name].to_numpy() for name in probability], axis=0)
        np.testing.assert_allclose(total, 1, rtol=1e-6)
    else:
        assert np.isfinite(table["prediction"].to_numpy()).all()


def test_mosi_is_tested_on_its_own_test_rows(run):
    name, data, folder = run
    if name != "mosi":
        pytest.skip("about mosi only")
    with np.load(data, allow_pickle=False) as file:
        assert read_json(folder / "run.json")["n_samples"]["test"] == (file["split"] == 2).sum() > 0
