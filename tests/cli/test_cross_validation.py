"""``redcore fit --cv``."""

import json


def test_table_json_and_folder(cli, make_npz, tmp_path):
    data = make_npz("binary")
    result = cli("fit", data, "--out", tmp_path / "run", "--method", "late_fusion", "--cv", 3)
    assert result.status == 0, result.err
    for text in (
        "macro_f1 of late_fusion, mean over 3 folds",
        "by class, as observed, all folds",
        "AUROC: ",
        "3 folds)",
    ):
        assert text in result.out
    assert "The model of the run was fitted to all samples" in result.out
    assert not (tmp_path / "run/metrics.json").exists()
    assert not list((tmp_path / "run").glob("*checkpoint*"))
    assert "Scores of the folds as observed" in (tmp_path / "run/report.html").read_text()
    result = cli("evaluate", tmp_path / "run", data)
    assert result.status == 2
    assert "cross_validation.json has the scores of its folds" in result.err
    result = cli("fit", data, "--out", tmp_path / "json", "--method", "late_fusion", "--cv", 3, "--json")
    content = json.loads(result.out)
    assert content["metrics"] is None
    assert content["cross_validation"] == json.loads((tmp_path / "run/cross_validation.json").read_text()) | {
        "folds": content["cross_validation"]["folds"]
    }


def test_a_failed_fold_is_resumed(cli, make_npz, tmp_path, monkeypatch):
    from redcore.runs import Run

    fit, fitted = Run.fit, []

    def interrupted(self, callbacks=(), checkpoint=None):
        if len(fitted) == 2:
            raise MemoryError
        fitted.append(checkpoint.name)
        return fit(self, callbacks, checkpoint)

    arguments = ("fit", make_npz("binary"), "--out", tmp_path / "run", "--method", "late_fusion", "--cv", 3)
    monkeypatch.setattr(Run, "fit", interrupted)
    assert cli(*arguments).status != 0
    fitted.clear()

    def recorded(self, callbacks=(), checkpoint=None):
        fitted.append(checkpoint.name)
        return fit(self, callbacks, checkpoint)

    monkeypatch.setattr(Run, "fit", recorded)
    assert cli(*arguments, "--resume").status == 0
    assert fitted == ["fold-3-checkpoint.safetensors", "checkpoint.safetensors"]


def test_options_that_exclude_each_other_and_too_many_folds_are_named(cli, make_npz, tmp_path):
    arguments = ("fit", make_npz("binary"), "--out", tmp_path / "run", "--method", "late_fusion", "--cv")
    result = cli(*arguments, 3, "--test-fraction", 0.3)
    assert result.status == 2
    assert "exclude each other" in result.err
    result = cli(*arguments, 40)
    assert result.status == 2
    assert "class 'pos' occurs in 20 samples, which are fewer than 40 folds; expected at most 20 folds" in result.err
    assert not (tmp_path / "run").exists()
