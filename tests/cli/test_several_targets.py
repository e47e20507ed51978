"""Commands with several targets: from a table to the predictions of each."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from redcore.cli import main
from redcore.data.formats import read
from redcore.data.store import write_store

N = 90
COLUMNS = ("--modality", "a=a_*", "--modality", "b=b_*", "--option", "id=id")
TARGETS = ("--target", "stage", "--target", "age", "--target", "time=days", "--event", "status=dead")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(N, 3))
    features = factors @ rng.normal(size=(3, 6)) + 0.7 * rng.normal(size=(N, 6))
    frame = pd.DataFrame(features, columns=[f"a_{i}" for i in range(3)] + [f"b_{i}" for i in range(3)])
    frame.loc[rng.random(N) < 0.2, ["a_0", "a_1", "a_2"]] = np.nan
    frame["stage"] = np.where(rng.random(N) < 0.2, "", np.where(factors[:, 0] > 0, "late", "early"))
    frame["age"] = np.where(rng.random(N) < 0.3, np.nan, 60.5 + 10 * factors[:, 1])
    frame["days"] = np.exp(4 - factors[:, 2] + 0.2 * rng.normal(size=N))
    frame["status"] = np.where(rng.random(N) < 0.6, "dead", "alive")
    frame.insert(0, "id", [f"p{i}" for i in range(N)])
    path = tmp_path_factory.mktemp("several") / "table.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(table):
    folder = table.parent / "run"
    status = main(["fit", str(table), *COLUMNS, *TARGETS, "--method", "stack", "--out", str(folder)])
    assert status == 0
    return folder


def test_a_run_scores_and_predicts_each_target(cli, run, table, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    assert {"stage.macro_f1", "age.r2", "days.uno_c"} <= metrics["pooled"].keys()
    assert metrics["parts"]["stage"]["details"]["per_class"][0]["class"] == "early"
    card = (run / "model_card.md").read_text()
    assert "3 targets: stage (binary, 2 output(s)), age (regression, 1 output(s)), days (survival" in card
    assert (run / "report.html").stat().st_size > 10_000
    done = cli("predict", str(run), str(table), "--out", str(tmp_path / "p.parquet"))
    assert done.status == 0, done.err
    predictions, truth = pq.read_table(tmp_path / "p.parquet").to_pandas(), pd.read_csv(table)
    np.testing.assert_array_equal(predictions["stage.target"].isna(), truth["stage"].isna())
    known = truth["age"].notna()
    np.testing.assert_allclose(predictions["age.target"][known], truth["age"][known])
    assert np.corrcoef(predictions["age.prediction"][known], truth["age"][known])[0, 1] > 0.5
    assert {"stage.prediction", "stage.probability_late", "days.risk", "days.median"} <= set(predictions)
    done = cli("evaluate", str(run), str(table), "--rows", "all")
    assert done.status == 0, done.err
    assert "target 'stage' of all samples" in " ".join(done.out.split())


def test_labels_of_new_data_may_be_absent_in_part_or_as_a_whole(cli, run, table, tmp_path):
    frame = pd.read_csv(table)
    frame.drop(columns=["stage", "days", "status"]).to_csv(tmp_path / "age.csv", index=False)
    frame.drop(columns=["stage", "age", "days", "status"]).to_csv(tmp_path / "none.csv", index=False)
    outputs = []
    for name in ("age", "none"):
        done = cli("predict", str(run), str(tmp_path / f"{name}.csv"), "--out", str(tmp_path / f"{name}.parquet"))
        assert done.status == 0, done.err
        outputs.append(pq.read_table(tmp_path / f"{name}.parquet").to_pandas())
    assert outputs[0]["age.prediction"].equals(outputs[1]["age.prediction"])
    assert "stage.target" not in outputs[1]


def test_inspect_describes_each_target(cli, table):
    done = cli("inspect", str(table), *COLUMNS, *TARGETS, "--json")
    parts = done.json["target"]["parts"]
    assert list(parts) == ["stage", "age", "days"]
    assert parts["age"]["n_labelled"] == int(pd.read_csv(table)["age"].notna().sum())
    assert "target 'stage': binary (" in cli("inspect", str(table), *COLUMNS, *TARGETS).out


def test_tables_stores_and_archives_hold_the_same_targets(cli, table, tmp_path):
    tasks = {"task": "mixed", "tasks": "days=survival", "event": "status=dead"}
    options = {"modalities": {"a": "a_*", "b": "b_*"}, "target": ["stage", "age", "days"], "id": "id", **tasks}
    data = read(table, options=options)
    assert [(part.name, part.kind) for part in data.target.parts] == [
        ("stage", "binary"),
        ("age", "regression"),
        ("days", "survival"),
    ]
    write_store(data, tmp_path / "store")
    assert read(tmp_path / "store").loaded().checksum() == data.checksum()
    stage = np.where(data.target.labelled("stage"), np.where(data.target.values[:, 0] == 1, "late", "early"), "")
    np.savez(tmp_path / "data.npz", x_b=data.modalities["b"].values, y_stage=stage, y_age=data.target.values[:, 1])
    archive = read(tmp_path / "data.npz")
    for name in ("stage", "age"):
        np.testing.assert_array_equal(archive.target.of_part(name).values, data.target.of_part(name).values)


def test_errors_name_the_option(cli, table):
    def error(*options):
        done = cli("inspect", str(table), *COLUMNS, *options)
        assert done.status != 0
        return " ".join(done.err.split())

    assert "--target 'a,b': expected one column per --target" in error("--target", "a,b", "--target", "age")
    assert "--target: a column is repeated" in error("--target", "age", "--target", "age")
    assert "without times" in error("--target", "age", "--target", "stage", "--event", "status=dead")
    assert "without --event" in error("--target", "age", "--target", "time=days")
    assert "no column matches 'sage'" in error("--target", "age", "--target", "sage")
    assert "column (of tasks) 'sage'" in error("--target", "age", "--target", "stage", "--option", "tasks=sage=numbers")
    assert "without task 'mixed'" in error("--target", "age", "--option", "tasks=age=numbers")
    assert "target 'stage'" in error("--target", "age", "--target", "stage", "--option", "tasks=stage=numbers")


def test_yaml_next_to_a_table_lists_the_targets(cli, table, tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(table.read_bytes())
    content = {"modalities": {"a": "a_*"}, "target": ["stage", "age"], "task": "mixed", "tasks": {"age": "numbers"}}
    path.with_suffix(".yaml").write_text(json.dumps(content))
    assert list(cli("inspect", str(path), "--json").json["target"]["parts"]) == ["stage", "age"]


def test_explain_takes_one_target(cli, run, table):
    done = cli("explain", str(run), str(table), "--target", "age", "--json")
    assert done.status == 0, done.err
    assert (done.json["target"], done.json["value"]["metric"]) == ("age", "r2")
    done = cli("explain", str(run), str(table), "--target", "stage", "--sample", "p3", "--json")
    assert done.json["samples"][0]["sample_id"] == "p3"
    assert "choose one of stage, age, days" in cli("explain", str(run), str(table)).err


def test_cross_validation_expects_a_single_target(cli, table, tmp_path):
    done = cli("fit", str(table), *COLUMNS, *TARGETS, "--cv", "3", "--out", str(tmp_path / "out"))
    assert done.status != 0
    assert "cross-validation expects a single target" in done.err


def test_calibrate_expects_a_single_target(cli, run, table, tmp_path):
    done = cli("calibrate", str(run), str(table), "--out", str(tmp_path / "out"))
    assert done.status != 0
    assert "expects a single target" in done.err
    assert not (tmp_path / "out").exists()
