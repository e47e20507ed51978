"""``redcore explain`` and ``redcore tune``."""

import json

import numpy as np
import pytest

from redcore.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory, write_npz, small):
    folder = tmp_path_factory.mktemp("explain")
    data = write_npz(folder / "data.npz", "binary")
    options = (*small, "--set", "n_members=1", "--missing-rate", "text=0.3")
    assert main(["fit", str(data), "--out", str(folder / "run"), *options]) == 0
    return folder / "run"


def test_explain_writes_json_table_and_figures(cli, run, tmp_path):
    result = cli(
        "explain", run, run.parent / "data.npz", "--rows", "all", "--metric", "nll", "--out", tmp_path, "--json"
    )
    assert result.status == 0
    value = result.json["value"]
    assert sum(value["values"].values()) == pytest.approx(value["with_all"] - value["without"])
    # the text is missing in a quarter of the samples of the file
    assert result.json["acquisition"]["text"]["n_samples"] == 15
    assert {state["modality"] for state in result.json["training"]} == {"audio", "text"}
    assert json.loads((tmp_path / "explain.json").read_text()) == result.json
    assert len((tmp_path / "acquisition.csv").read_text().splitlines()) == 16
    assert [codes["modality"] for codes in result.json["codes"]] == ["audio", "text"]
    # the text is missing in a quarter of the samples of the file
    assert {codes["n_samples"] for codes in result.json["codes"]} == {45}
    assert (tmp_path / "explain.html").read_text().count('class="codes"') == 2
    for picture in ("worth.png", "training.png"):
        assert (tmp_path / picture).stat().st_size > 1000


def test_explain_prints_values_and_training_states(cli, run):
    result = cli("explain", run, run.parent / "data.npz", "--rows", "all")
    assert result.status == 0
    for text in ("audio", "interaction audio+text", "advantage", "missing in"):
        assert text in result.out


@pytest.mark.filterwarnings("always::redcore.exceptions.DataWarning")
def test_values_of_an_undefined_score_are_dashes_and_the_rest_goes_on(cli, run, make_npz, tmp_path):
    data = make_npz("binary", has_text=np.arange(60) % 3 != 1)  # the text is observed in one class only
    arguments = ("explain", run, data, "--rows", "all", "--features", "--metric", "macro_f1", "--out", tmp_path)
    result = cli(*arguments, "--json")
    assert result.status == 0
    reason = (
        "macro_f1 is not defined on the 40 sample(s) that observe any modality or none, which are all of class 'neg'"
    )
    assert result.json["value"]["values"] == {"audio": None, "text": None}
    assert result.json["value"]["not_estimated"].startswith(reason)
    assert result.json["acquisition"]["text"]["n_samples"] == 20
    assert [one["modality"] for one in result.json["features"]] == ["audio"]
    assert "warning: features of text are left out: macro_f1 is not defined" in " ".join(result.err.split())
    assert f"\u2013 <small>({reason}".replace("'", "&#39;") in (tmp_path / "explain.html").read_text()
    assert not (tmp_path / "worth.png").exists()
    text = cli(*arguments)
    rows = [line.split("│")[1:3] for line in text.out.splitlines() if line.startswith(("│ audio", "│ text"))]
    assert [[cell.strip() for cell in row] for row in rows] == [["audio", "-"], ["text", "-"]]
    assert f"No values: {reason}" in text.out


def test_explain_of_a_method_without_training_steps(cli, linear_run):
    result = cli("explain", linear_run, linear_run.parent / "data.npz", "--json")
    assert result.json["training"] == []
    assert result.json["acquisition"] == {}
    assert cli("explain", linear_run, linear_run.parent / "data.npz", "--metric", "f7").status == 2


def test_fit_uses_the_preset_of_a_study(cli, make_npz, tmp_path):
    data, study = make_npz(), tmp_path / "study"
    options = ("--method", "late_fusion", "--missing-rate", "0.4", "--seed", 3)
    result = cli("tune", data, "--trials", 3, "--out", study, *options, "--json")
    assert result.status == 0
    assert sum(result.json["trials"].values()) == 3
    lines = [line for line in result.err.splitlines() if line.startswith("trial ")]
    assert lines[0].startswith("trial 1 of 3 (default settings): complete, ")
    assert "; best " in lines[1]
    assert lines[1].endswith(" left")
    assert lines[2].startswith("trial 3 of 3: ")
    assert set(result.json["searched"]) == {"C", "alpha"}
    again = cli("tune", data, "--trials", 5, "--out", study, "--workers", 2, *options, "--json")
    assert 5 <= sum(again.json["trials"].values()) <= 6
    fit = cli("fit", data, "--out", tmp_path / "run", "--preset", study / "preset.json", *options, "--json")
    assert fit.status == 0
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())["settings"]
    assert settings["C"] == again.json["settings"]["C"]


def test_tune_ignores_the_test_split_of_a_fit(cli, make_npz, tmp_path):
    data = make_npz()
    assert cli("fit", data, "--out", tmp_path / "run", "--method", "late_fusion", "--seed", 5).status == 0
    import pyarrow.parquet as pq

    test = np.array(pq.read_table(tmp_path / "run" / "samples.parquet")["part"].to_pylist()) == "test"
    with np.load(data) as file:
        content = dict(file)
    content["x_audio"][test] = 1e6
    np.savez(tmp_path / "other.npz", **content)
    scores = []
    for name, source in (("one", data), ("two", tmp_path / "other.npz")):
        options = ("--trials", 2, "--out", tmp_path / name, "--method", "late_fusion", "--seed", 5, "--json")
        scores.append(cli("tune", source, *options).json["score"])
    assert scores[0] == scores[1]


def test_a_different_study_in_the_folder_is_rejected(cli, make_npz, tmp_path):
    data, study = make_npz(), tmp_path / "study"
    assert cli("tune", data, "--trials", 1, "--out", study, "--method", "late_fusion").status == 0
    other = cli("tune", data, "--trials", 1, "--out", study, "--method", "late_fusion", "--folds", 4)
    assert other.status == 2
    assert "folds was 3, now 4" in other.err
    nothing = cli("tune", data, "--trials", 1, "--out", tmp_path / "new", "--method", "prior")
    assert nothing.status == 2
    assert "no setting to tune" in nothing.err
