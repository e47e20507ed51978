"""``redcore bench`` commands: run, table, compare, pack and unpack."""

import numpy as np

from redcore.benchmark import read_records

SPEC = """
title = "small"
[[data]]
name = "data.npz"
[[data]]
name = "absent.npz"
[[protocol]]
name = "shared"
rates = [0.3]
[[method]]
name = "late_fusion"
"""


def test_run_and_rerun(cli, make_npz, tmp_path):
    make_npz()
    (tmp_path / "spec.toml").write_text(SPEC)
    command = ("bench", "run", tmp_path / "spec.toml", "--out", tmp_path / "out", "--data-folder", tmp_path)
    first = cli(*command)
    assert first.status == 0
    assert "2 records" in first.out
    assert "failed: absent" in first.err
    again = cli(*command, "--json").json
    assert (again["n_records"], again["run_now"], len(again["failed"])) == (2, 1, 1)
    assert np.load(next((tmp_path / "out" / "predictions").iterdir())).shape[1] == 3
    wrong = cli(*command, "--seeds", 1, "--set", "penalty=l2")
    assert (wrong.status, "unknown setting 'penalty'" in wrong.err) == (2, True)


def test_options_of_a_file_and_repeated_errors(cli, tmp_path):
    rows = "".join(f"{place % 2},w{place % 8},{place},{place % 5}\n" for place in range(60))
    (tmp_path / "table.csv").write_text(f"outcome,ward,lab_1,ecg_1\n{rows}")
    options = 'options = {modalities = {lab = "lab_*", ecg = "ecg_*"}, target = "outcome", group = "ward"}'
    spec = SPEC.replace('name = "data.npz"', f'name = "table.csv"\n{options}').replace("late_fusion", "prior")
    (tmp_path / "spec.toml").write_text(spec + '[[method]]\nname = "mean_fill"\n')
    result = cli("bench", "run", tmp_path / "spec.toml", "--out", tmp_path / "out", "--data-folder", tmp_path)
    assert "4 records" in result.out
    assert result.err.count("failed: absent") == 1
    assert "2 cells failed with the error: DataError" in result.err.replace("\n", " ")
    (record, _) = [one for one in read_records(tmp_path / "out") if one.status == "done"]
    assert set(record.missing_rates["train"]) == {"lab", "ecg"}


def test_bad_spec(cli, tmp_path):
    result = cli("bench", "run", "nosuch", "--out", tmp_path / "out")
    assert result.status == 2
    assert "neither a file nor a built-in benchmark" in result.err


def test_table(cli, make_npz, tmp_path):
    make_npz()
    (tmp_path / "spec.toml").write_text(SPEC)
    assert cli("bench", "table", tmp_path / "out").status == 2
    cli("bench", "run", tmp_path / "spec.toml", "--out", tmp_path / "out", "--data-folder", tmp_path)
    content = cli("bench", "table", tmp_path / "out", "--json").json
    assert [entry["method"] for entry in content["entries"]] == ["late_fusion"]
    shown = cli("bench", "table", tmp_path / "out")
    assert "Mean rank by log loss: late_fusion 1.00" in shown.out
    assert "Mean rank by macro-F1 of argmax: late_fusion 1.00" in shown.out
    assert "fewer than 5 runs" in shown.err
    assert content["entries"][0]["low"] is None
    by_pattern = cli("bench", "table", tmp_path / "out", "--by-pattern", "--latex").out
    assert "average" in by_pattern
    assert "\\begin{tabular}" in by_pattern
    other = cli("bench", "table", tmp_path / "out", "--score", "ece", "--over", "as_observed", "--json").json
    assert 0 < other["entries"][0]["mean"] < 1
    wrong = cli("bench", "table", tmp_path / "out", "--score", "ecf")
    assert (wrong.status, "did you mean 'ece'" in wrong.err) == (2, True)


def test_compare(cli, make_npz, tmp_path):
    make_npz()
    two = SPEC.replace('[[data]]\nname = "absent.npz"\n', "") + '[[method]]\nname = "prior"\n'
    (tmp_path / "spec.toml").write_text(two)
    cli("bench", "run", tmp_path / "spec.toml", "--out", tmp_path / "out", "--data-folder", tmp_path)
    command = ("bench", "compare", tmp_path / "out", "--base", "late_fusion")
    (difference,) = cli(*command, "--json").json["differences"]
    assert difference["method"] == "prior"
    assert difference["wins"] + difference["losses"] == 1
    assert "| method | data | wins / losses |\n| --- |" in cli(*command, "--markdown").out
    shown = cli(*command)
    assert "log loss: differences to late_fusion" in " ".join(shown.out.split())
    assert (
        cli(*command, "--score", "accuracy", "--rope", "1", "--json").json["differences"][0]["bayes"]["equivalent"]
        > 0.9
    )
    assert cli(*command[:-1], "nosuch").status == 2
    (tmp_path / "spec.toml").write_text(f'{two}[[data]]\nname = "data.npz"\nlabel = "again"\n')
    cli("bench", "run", tmp_path / "spec.toml", "--out", tmp_path / "out", "--data-folder", tmp_path)
    header = "| method | again | data | all | wins / losses | p (Holm) | P(worse / equivalent / better) |\n| --- |"
    assert header in cli(*command, "--markdown").out


def test_pack(cli, make_npz, tmp_path):
    make_npz()
    (tmp_path / "spec.toml").write_text(SPEC)
    cli("bench", "run", tmp_path / "spec.toml", "--out", tmp_path / "out", "--data-folder", tmp_path)
    packed = tmp_path / "records.jsonl.gz"
    assert "2 records" in cli("bench", "pack", tmp_path / "out", "--out", packed).out
    assert cli("bench", "table", packed, "--json").json == cli("bench", "table", tmp_path / "out", "--json").json
    first = packed.read_bytes()
    cli("bench", "pack", tmp_path / "out", "--out", packed)
    assert packed.read_bytes() == first
    packed.write_bytes(first[:-20])
    damaged = cli("bench", "table", packed)
    assert (damaged.status, "not a file of packed records" in damaged.err) == (2, True)
    assert cli("bench", "pack", tmp_path / "nosuch", "--out", packed).status == 2


def test_a_run_resumes_from_unpacked_records(cli, make_npz, tmp_path):
    make_npz()
    two = SPEC.replace('[[data]]\nname = "absent.npz"\n', "") + '[[method]]\nname = "prior"\n'
    (tmp_path / "spec.toml").write_text(two)
    run = ("bench", "run", tmp_path / "spec.toml", "--data-folder", tmp_path, "--out")
    cli(*run, tmp_path / "out")
    packed, elsewhere = tmp_path / "records.jsonl.gz", tmp_path / "elsewhere"
    cli("bench", "pack", tmp_path / "out", "--out", packed)
    assert "2 new records" in cli("bench", "unpack", packed, "--out", elsewhere).out
    first, second = sorted((elsewhere / "records").iterdir())
    before = first.stat().st_mtime_ns
    second.unlink()
    cli(*run, elsewhere)
    assert first.stat().st_mtime_ns == before
    assert second.exists()
    assert "0 new records" in cli("bench", "unpack", packed, "--out", elsewhere).out
    absent = cli("bench", "unpack", tmp_path / "nosuch", "--out", elsewhere)
    assert (absent.status, "nosuch: not a file of packed records" in absent.err) == (2, True)
