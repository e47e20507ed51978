import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from redcore.cli import main


@pytest.fixture(scope="module", params=["multiclass", "binary", "multilabel", "regression", "ragged"])
def run(request, tmp_path_factory, write_npz, small):
    folder = tmp_path_factory.mktemp(request.param)
    data = write_npz(folder / "data.npz", request.param)
    assert main(["fit", str(data), "--out", str(folder / "run"), *small, "--missing-rate", "0.2"]) == 0
    return folder / "run"


def metrics_of(run):
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics.pop("part") == "test"
    return metrics


def test_the_same_data_gives_the_metrics_of_the_run(cli, run):
    result = cli("evaluate", run, run.parent / "data.npz", "--json")
    assert result.status == 0
    assert result.json["rows"] == "the test split of the run"
    assert result.json["metrics"] == metrics_of(run)


def test_the_test_split_of_the_run_is_scored(cli, run, tmp_path):
    part = np.array(pq.read_table(run / "samples.parquet")["part"].to_pylist())
    with np.load(run.parent / "data.npz") as file:
        held_out = {key: array[part == "test"] if len(array) == 60 else array for key, array in file.items()}
    np.savez(tmp_path / "held_out.npz", **held_out)
    result = cli("evaluate", run, tmp_path / "held_out.npz", "--json")
    assert result.json["rows"] == "all samples"
    assert result.json["metrics"] == metrics_of(run)


def test_rows_all(cli, run):
    result = cli("evaluate", run, run.parent / "data.npz", "--rows", "all", "--json")
    assert result.json["metrics"]["as_observed"]["n_samples"] == 60
    assert result.json["metrics"] != metrics_of(run)


def test_other_data_is_scored_on_its_test_split(cli, linear_run, make_npz):
    data = make_npz(n_samples=90, split=np.repeat([0, 1, 2], 30))
    result = cli("evaluate", linear_run, data, "--json")
    assert result.json["rows"] == "the test split of the data"
    assert result.json["metrics"]["as_observed"]["n_samples"] == 30
    assert cli("evaluate", linear_run, data, "--json", "--rows", "test").out == result.out


def test_labels_are_compared_by_name_not_by_code(cli, make_npz, tmp_path):
    data = make_npz("binary")
    assert cli("fit", data, "--out", tmp_path / "run", "--method", "late_fusion").status == 0
    expected = cli("evaluate", tmp_path / "run", data, "--rows", "all", "--json").json["metrics"]
    renamed = make_npz("binary", "other.npz", y=1 - np.arange(60) % 3 % 2, class_names=["pos", "neg"])
    assert cli("evaluate", tmp_path / "run", renamed, "--rows", "all", "--json").json["metrics"] == expected


def test_some_classes_and_modalities_are_enough(cli, linear_run, make_npz):
    data = make_npz(y=np.arange(60) % 2, x_text=None)
    metrics = cli("evaluate", linear_run, data, "--json").json["metrics"]
    assert list(metrics["per_pattern"]) == ["audio"]
    assert metrics["as_observed"]["n_samples"] == 60


def test_the_table_describes_the_scored_samples(cli, linear_run):
    result = cli("evaluate", linear_run, linear_run.parent / "data.npz")
    assert "macro_f1 on the test split of the run" in result.out
    assert f"{metrics_of(linear_run)['pooled']['macro_f1']:.3f}" in result.out
    assert result.err.startswith("note: classes with fewer than 10 samples")


def test_scores_on_unseen_digits(cli, tmp_path, small):
    rates = ("--missing-rate", "0.3")
    fitted = cli("fit", "digits", "--out", tmp_path / "run", *small, "--set", "learning_rate=0.02", *rates, "--json")
    assert fitted.json["n_samples"] == {"train": 1077, "validation": 270, "test": 450}
    again = cli("evaluate", tmp_path / "run", "digits", "--json").json["metrics"]
    assert again == fitted.json["metrics"]
    assert len(again["per_pattern"]) == 15
    assert again["as_observed"]["accuracy"] > 0.5


def test_columns_of_another_table_are_options(cli, tmp_path):
    def write(name, names):
        rng = np.random.default_rng(len(names))
        codes = np.arange(60) % 2
        columns = {"a_1": rng.normal(size=60) + 2 * codes, "b_1": rng.normal(size=60), "a_9": rng.normal(size=60)}
        columns |= {"y": codes, "label": codes, "subject": np.arange(60) // 2}
        table = np.stack([columns[column] for column in names], axis=1)
        np.savetxt(tmp_path / name, table, "%g", ",", header=",".join(names), comments="")
        return tmp_path / name

    train, run = write("train.csv", ["a_1", "b_1", "y", "subject"]), tmp_path / "run"
    columns = ("--modality", "a=a_*", "--modality", "b=b_1", "--target", "y", "--group", "subject")
    assert cli("fit", train, "--out", run, "--method", "late_fusion", *columns).status == 0
    other = write("other.csv", ["b_1", "a_9", "a_1", "label"])
    result = cli("evaluate", run, other, "--target", "label")
    assert "modality 'a' has other features than in training (unknown: 'a_9')" in result.err
    result = cli("evaluate", run, other, "--target", "label", "--modality", "a=a_1", "--modality", "b=b_1", "--json")
    assert result.json["metrics"]["pooled"]["accuracy"] > 0.7
    out = tmp_path / "predictions.csv"
    assert cli("predict", run, other, "--out", out, "--modality", "a=a_1", "--modality", "b=b_1").status == 0
    assert len(out.read_text().splitlines()) == 61
    result = cli("predict", run, other, "--out", out, "--modality", "a=c_*", "--modality", "b=d_1")
    assert "no column of any modality (c_*, d_1)" in result.err


def test_weighted_scores_correct_for_missingness_that_depends_on_the_label(cli, tmp_path):
    rng, codes = np.random.default_rng(0), np.arange(400) % 2
    audio = rng.normal(size=(400, 2)) + np.where(codes, 2.0, 0.0)[:, None]
    audio[rng.random(400) < np.where(codes, 0.8, 0.1)] = np.nan
    np.savez(tmp_path / "data.npz", x_audio=audio, x_text=rng.normal(size=(400, 2)), y=codes)
    fit = ("fit", tmp_path / "data.npz", "--out", tmp_path / "run", "--method", "late_fusion")
    assert cli(*fit).status == 0
    metrics = cli("evaluate", tmp_path / "run", tmp_path / "data.npz", "--rows", "all", "--weighted", "--json").json[
        "metrics"
    ]
    audio, text = metrics["weighted"]["audio"], metrics["weighted"]["text"]
    assert audio["effective_samples"] < metrics["per_pattern"]["audio"]["n_samples"]
    # all samples observe the text, so that its weights are equal
    assert text["nll"] == pytest.approx(metrics["per_pattern"]["text"]["nll"])
    shown = cli("evaluate", tmp_path / "run", tmp_path / "data.npz", "--rows", "all", "--weighted").out
    assert "inverse probability weights" in shown


def test_weighted_scores_of_several_labels_are_an_error(cli, run, request):
    if run.parent.name.startswith("multilabel"):
        result = cli("evaluate", run, run.parent / "data.npz", "--weighted")
        assert result.status == 2
        assert "expected a target with one class or one continuous value" in result.err
