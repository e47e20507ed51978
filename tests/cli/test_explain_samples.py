"""``redcore explain --sample`` and ``--features``."""

import json

import numpy as np


def test_samples_and_features_on_page_and_in_json(cli, linear_run, tmp_path):
    data = linear_run.parent / "data.npz"
    options = ("--rows", "all", "--sample", 3, "--sample", 5, "--features", "--out", tmp_path / "out")
    result = cli("explain", linear_run, data, *options, "--html", tmp_path / "page.html", "--json")
    assert result.status == 0, result.err
    page = (tmp_path / "page.html").read_text()
    assert json.loads((tmp_path / "out" / "explain.json").read_text()) == result.json
    shown = page.replace("\u2212", "-")
    samples = result.json["samples"]
    assert [sample["sample_id"] for sample in samples] == [3, 5]
    for sample in samples:
        assert sample["words"]["action"]
        for number in (sample["prediction"], sample["prior"], *(one["value"] for one in sample["patterns"])):
            assert f"{number:.3f}" in shown
        for value in sample["values"].values():
            assert f"{value:+.3f}".replace("-0.000", "0.000").replace("+0.000", "0.000") in shown
    assert [result["modality"] for result in result.json["features"]] == ["audio", "text"]
    assert shown.count("Suggested action.") == len(samples) + 2 + len(result.json["words"])


def test_samples_are_printed(cli, linear_run):
    result = cli("explain", linear_run, linear_run.parent / "data.npz", "--sample", 3, "--features", "--rows", "all")
    assert result.status == 0, result.err
    for text in ("Sample 3", "without any modality", "audio+text", "all features together", "→"):
        assert text in result.out


def test_samples_without_labels(cli, linear_run, tmp_path):
    with np.load(linear_run.parent / "data.npz") as file:
        np.savez(tmp_path / "new.npz", **{key: file[key] for key in file.files if key != "y"})
    result = cli("explain", linear_run, tmp_path / "new.npz", "--sample", 0, "--json")
    assert result.status == 0, result.err
    assert set(result.json) == {"run", "data", "rows", "words", "samples"}
    labels = cli("explain", linear_run, tmp_path / "new.npz", "--sample", 0, "--features")
    assert labels.status == 2
    assert "label" in labels.err


def test_errors_and_warnings_name_the_sample(cli, linear_run):
    data = linear_run.parent / "data.npz"
    unknown = cli("explain", linear_run, data, "--sample", "p7")
    assert unknown.status == 2
    assert "no sample 'p7' among its 60 ids, such as '0'" in unknown.err
    warnings = [cli("explain", linear_run, data, "--sample", row).err for row in range(4)]
    assert any("is not in the test split of the run" in text for text in warnings)
