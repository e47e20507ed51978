"""``redcore drift`` and ``redcore calibrate``, and warnings of ``redcore predict``."""

import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from redcore.export import load_calibration, load_model
from redcore.runs import Run


@pytest.fixture(scope="module")
def rows():
    """Return ``rows(seed, n, shift, noise)``, the lines of a table of two modalities with times and labels."""

    def make(seed, n=200, shift=0.0, noise=0.3):
        rng = np.random.default_rng(seed)
        lines = ["day,crp,hb,ecg,out"]
        for k in range(n):
            severity = rng.normal()
            ecg = f"{severity + rng.normal():.3f}" if rng.random() < 0.7 else ""
            label = int(severity + noise * rng.normal() > 0)
            day = np.datetime64("2024-01-01") + k
            lines.append(f"{day},{np.exp(severity + shift):.3f},{rng.normal() - severity:.3f},{ecg},{label}")
        return "\n".join(lines) + "\n"

    return make


@pytest.fixture(scope="module")
def run(rows, tmp_path_factory):
    from redcore.cli import main

    folder = tmp_path_factory.mktemp("drift")
    (folder / "train.csv").write_text(rows(0, 300))
    options = ("--modality", "blood=crp,hb", "--modality", "heart=ecg", "--option", "target=out")
    fit = ("fit", folder / "train.csv", "--out", folder / "run", "--method", "late_fusion", *options)
    assert main([str(part) for part in fit]) == 0
    return folder / "run"


def test_training_samples_are_named(cli, run, rows, tmp_path):
    text = " ".join(cli("drift", run, run.parent / "train.csv").out.split())
    assert "warning: 240 of 300 samples are training samples of the run" in text
    lines = [f"{'id' if k == 0 else f'p{k}'},{line}" for k, line in enumerate(rows(0, 300).splitlines())]
    (tmp_path / "ids.csv").write_text("\n".join(lines) + "\n")
    columns = ("--modality", "blood=crp,hb", "--option", "target=out", "--option", "id=id")
    fit = cli("fit", tmp_path / "ids.csv", "--out", tmp_path / "run", "--method", "late_fusion", *columns)
    assert fit.status == 0
    (tmp_path / "some.csv").write_text("\n".join([lines[0], *lines[101:]]) + "\n")
    parts = pq.read_table(tmp_path / "run" / "samples.parquet")["part"].to_pylist()[100:]
    text = " ".join(cli("drift", tmp_path / "run", tmp_path / "some.csv").out.split())
    assert f"{200 - parts.count('test')} of 200 samples are training samples" in text


def test_data_without_a_shift(cli, run, rows, tmp_path):
    (tmp_path / "new.csv").write_text(rows(1))
    result = cli("drift", run, tmp_path / "new.csv", "--time", "day", "--check")
    assert result.status == 0
    assert result.out.startswith(f"{tmp_path / 'new.csv'}: 200 samples compared with 240 training samples in ")
    assert "no shift found" in result.out
    assert "→ Nothing needs to be done." in result.out
    assert [day in result.out for day in ("2024-01-01", "2024-02-20", "2024-04-10", "2024-05-30")] == [True] * 4
    assert cli("predict", run, tmp_path / "new.csv", "--out", tmp_path / "p.csv").err == ""


def test_a_shift_is_reported_in_every_form(cli, run, rows, tmp_path):
    data = tmp_path / "new.csv"
    data.write_text(rows(2, shift=1.0, noise=3.0))
    outputs = ("--html", tmp_path / "pages/d.html", "--json", tmp_path / "d.json")
    result = cli("drift", run, data, "--time", "day", "--check", *outputs)
    assert result.status == 3
    assert "- modality 'blood': the distribution differs from training in 1 feature(s): crp" in result.out
    assert "- macro-F1 is 0." in result.out
    assert "→ The predictions have become worse. Check shifted features" in result.out
    content = json.loads((tmp_path / "d.json").read_text())
    assert content["has_shifted"]
    assert len(content["periods"]) == 4
    assert content["comparison"]["correction"] == "Holm"
    page = (tmp_path / "pages/d.html").read_text()
    assert "new.csv compared with the training data of run" in page
    assert page.count("<circle") == 4 * len(content["at_fit"]["intervals"])
    assert "<b>Suggested action.</b> The predictions have become worse." in page
    assert re.findall(r"axis (\S+) to (\S+)<", page)
    assert all(float(low) >= 0 for low, _ in re.findall(r"axis (\S+) to (\S+)<", page))
    assert "<script" not in page
    assert "warning: modality 'blood': the distribution differs" in cli(
        "predict", run, data, "--out", tmp_path / "p.csv"
    ).err  # fmt: skip


@pytest.mark.parametrize(
    ("column", "message"),
    [("hour", "no column 'hour'; columns: day, crp"), ("ecg", "column 'ecg' has 8 empty cells, first in row 4")],
)
def test_an_unusable_time_column_is_an_error(cli, run, rows, tmp_path, column, message):
    (tmp_path / "new.csv").write_text(rows(3, 30))
    result = cli("drift", run, tmp_path / "new.csv", "--time", column)
    assert result.status == 2
    assert f"{tmp_path / 'new.csv'}: {message}" in result.err


def test_a_model_without_a_profile_is_an_error(cli, rows, tmp_path):
    from service_process import save_small_model

    save_small_model(tmp_path / "model")
    (tmp_path / "new.csv").write_text(rows(3, 30))
    result = cli("drift", tmp_path / "model", tmp_path / "new.csv")
    assert result.status == 2
    assert f"{tmp_path / 'model'}: has no profile of its training data" in result.err


def test_calibration_of_classes_changes_probabilities_and_no_decision(cli, run, rows, tmp_path):
    (tmp_path / "new.csv").write_text(rows(4, noise=3.0))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    out = tmp_path / "new_run"
    result = cli("calibrate", run, tmp_path / "new.csv", "--out", out, "--json")
    assert result.status == 0
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert result.json["temperature"] > 1.2
    assert result.json["after"]["nll"] < result.json["before"]["nll"]
    assert result.json["after"]["accuracy"] == result.json["before"]["accuracy"]
    assert load_model(out).temperature == result.json["temperature"]
    # prediction sets are valid for the data of the calibration
    data = Run.load(out).read(tmp_path / "new.csv")
    outputs = load_model(out).predict(data)
    assert load_calibration(out).covers(data, outputs, 0.9).mean() == pytest.approx(0.92, abs=0.05)
    assert cli("evaluate", out, tmp_path / "new.csv").status == 0
    assert cli("drift", out, tmp_path / "new.csv").status == 0
    again = cli("calibrate", run, tmp_path / "new.csv", "--out", out)
    assert (again.status, again.err) == (2, f"redcore: {out}: exists; choose another --out\n")


def test_calibration_of_a_regression_replaces_the_intervals(cli, make_npz, tmp_path):
    data = make_npz("regression")
    assert cli("fit", data, "--out", tmp_path / "run", "--method", "late_fusion", "--test-fraction", 0).status == 0
    shifted = make_npz("regression", "shifted.npz", y=np.arange(60.0))
    result = cli("calibrate", tmp_path / "run", shifted, "--out", tmp_path / "new", "--json")
    assert result.status == 0
    assert result.json["temperature"] is None
    wide, none = load_calibration(tmp_path / "new"), load_calibration(tmp_path / "run")
    assert none is None
    assert wide.bound(("audio", "text"), 0.9) > 20
    few = cli("calibrate", tmp_path / "run", make_npz("regression", "few.npz", n_samples=20), "--out", tmp_path / "few")
    assert few.status == 2
    assert "expected at least 30 labelled samples, got 20" in few.err
    assert not (tmp_path / "few").exists()
