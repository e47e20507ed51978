"""Survival targets on the command line."""

import json

import numpy as np
import pyarrow.csv as pa_csv
import pytest

from redcore.benchmark import leads, read_records
from redcore.datasets import WeibullTimes


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(150, 3))
    times, events = WeibullTimes().sample(values[:, 0], rng)
    cells = values.round(4).astype(str)
    cells[:30, :2] = cells[30:50, 2:] = ""
    status = np.where(events, "dead", "alive")
    rows = [f"p{row},{','.join(cells[row])},{times[row]:.4f},{status[row]}" for row in range(150)]
    path = tmp_path / "cohort.csv"
    path.write_text("id,a_1,a_2,t_1,days,status\n" + "\n".join(rows) + "\n")
    return path


COLUMNS = ("--modality", "audio=a_*", "--modality", "text=t_1", "--option", "id=id")
TARGET = ("--target", "time=days", "--event", "status=dead")


def test_a_survival_run_from_a_table_to_predictions(cli, table, tmp_path):
    summary = cli("inspect", table, *COLUMNS, *TARGET, "--json").json
    assert summary["target"]["kind"] == "survival"
    assert summary["target"]["counts"]["event"] + summary["target"]["counts"]["censored"] == 150
    run = tmp_path / "run"
    fitted = cli(
        "fit", table, "--out", run, "--method", "redcore", "--set", "max_epochs=2", *COLUMNS, *TARGET, "--json"
    )
    assert fitted.status == 0, fitted.err
    assert set(fitted.json["metrics"]["pooled"]) >= {"uno_c", "harrell_c", "ibs", "dynamic_auc", "horizon_error"}
    assert "probability of survival" in (run / "model_card.md").read_text()
    page = (run / "report.html").read_text()
    assert "integrated Brier score" in page
    assert "Survival by predicted risk" in page
    assert page.count('fill-opacity="0.16"') == len(json.loads((run / "metrics.json").read_text())["risk_groups"]) == 3
    out = tmp_path / "predictions.csv"
    assert cli("predict", run, table, "--out", out).status == 0
    columns = pa_csv.read_csv(out)
    assert columns.column_names[:4] == ["sample_id", "observed", "risk", "median"]
    assert columns.column_names[-2:] == ["time", "event"]
    assert cli("evaluate", run, table, "--json").status == 0
    explained = cli("explain", run, table, "--json").json
    assert explained["value"]["metric"] == "uno_c"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--event", "status=dead"), "without --target"),
        (("--target", "time=days"), "without --event"),
        (("--target", "time=days", "--event", "status=deceased"), "no row of column 'status' is 'deceased'"),
        (("--target", "time=weeks", "--event", "status=dead"), "no column matches 'weeks'"),
    ],
)
def test_bad_options_of_a_survival_target_are_named(cli, table, tmp_path, options, text):
    result = cli("fit", table, "--out", tmp_path / "run", *COLUMNS, *options)
    assert result.status != 0
    assert text in " ".join(result.err.split())


def test_join_and_threshold(cli, table, tmp_path):
    store = tmp_path / "store"
    target = ("--target", f"time={table}:days", "--event", "status=dead")
    assert cli("join", "--modality", f"audio={table}:a_*", "--id", "id", *target, "--out", store).status == 0
    result = cli("fit", store, "--out", tmp_path / "run", "--method", "late_fusion", "--threshold", "0.3")
    assert "expected a target with two classes, got survival" in " ".join(result.err.split())


def test_tuning_minimises_the_integrated_brier_score(cli, table, tmp_path):
    pytest.importorskip("optuna")
    assert cli("convert", table, "--out", tmp_path / "store", *COLUMNS, *TARGET).status == 0
    options = ("--method", "late_fusion", "--trials", 2, "--out", tmp_path / "study", "--json")
    result = cli("tune", tmp_path / "store", *options)
    assert result.status == 0, result.err
    assert result.json["metric"] == "ibs"
    assert 0 < result.json["score"] < 0.3


def test_a_benchmark_of_survival_data_has_records_and_a_page(cli, tmp_path):
    (tmp_path / "spec.toml").write_text(
        "title = 'times'\nn_seeds = 2\n"
        "[[data]]\nname = 'weibull'\nouter_split = 'repeated'\noptions = {n_samples = 200}\n"
        "[[protocol]]\nname = 'shared'\nrates = [0.3]\n"
        "[[method]]\nname = 'stack'\n[[method]]\nname = 'prior'\n"
    )
    result = cli("bench", "run", tmp_path / "spec.toml", "--out", tmp_path / "out")
    assert result.status == 0, result.err
    records = read_records(tmp_path / "out")
    assert [record.status for record in records] == ["done"] * 4
    ahead = leads(records, "stack", score="ibs", over="as_observed")["prior"]
    assert ahead.mean > 0.01
    assert cli("bench", "report", tmp_path / "out", "--out", tmp_path / "page.html").status == 0
    assert "integrated Brier score" in (tmp_path / "page.html").read_text()
