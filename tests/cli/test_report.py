"""``redcore bench report`` and ``redcore report``."""

import gzip
import json

import pytest

from record_factory import make_records, make_spec, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    spec = make_spec(data=("d",), n_seeds=2)
    return write_folder(tmp_path_factory.mktemp("bench"), spec, make_records(spec))


def test_the_default_path_of_the_page(cli, folder):
    result = cli("bench", "report", folder)
    assert (result.status, result.out) == (0, "")
    assert f"Page: {folder / 'report.html'}" in result.err
    assert "<h1>a benchmark</h1>" in (folder / "report.html").read_text(encoding="utf-8")


def test_another_path_and_title(cli, folder, tmp_path):
    out = tmp_path / "new" / "page.html"
    assert cli("bench", "report", folder, "--out", out, "--title", "<b>").status == 0
    assert "<h1>&lt;b&gt;</h1>" in out.read_text(encoding="utf-8")


def test_tables_are_printed_to_stdout(cli, folder):
    assert cli("bench", "report", folder, "--latex").out.startswith("% needs \\usepackage{booktabs}")
    assert cli("bench", "report", folder, "--markdown", "--score", "ece").out.startswith(
        "d: calibration error\n\n| meth"
    )


def test_figures(cli, folder, tmp_path):
    assert "12 figures in" in cli("bench", "report", folder, "--figures", tmp_path / "figures").err
    assert (tmp_path / "figures" / "ranks.pdf").exists()


def test_a_packed_file(cli, folder, tmp_path):
    packed, out = tmp_path / "records.jsonl.gz", tmp_path / "report.html"
    cli("bench", "pack", folder, "--out", packed)
    assert cli("bench", "report", packed).status == 0
    assert "<h1>records</h1>" in out.read_text(encoding="utf-8")


def test_bad_input(cli, folder, tmp_path):
    (tmp_path / "empty" / "records").mkdir(parents=True)
    (tmp_path / "damaged.gz").write_bytes(gzip.compress(b"{")[:-4])
    (tmp_path / "file").write_text("")
    for arguments, message in (
        ((tmp_path / "empty",), "holds no records"),
        ((tmp_path / "damaged.gz",), "not a file of packed records"),
        ((folder, "--latex", "--score", "nosuch"), "unknown score 'nosuch'"),
        ((folder, "--out", tmp_path / "file" / "page.html"), "cannot be written"),
        ((folder, "--figures", tmp_path / "file" / "figures"), "cannot be created"),
    ):
        result = cli("bench", "report", *arguments)
        assert (result.status, message in result.err) == (2, True), result.err


def test_fit_writes_the_page_of_a_run(linear_run):
    text = (linear_run / "report.html").read_text(encoding="utf-8")
    assert "<h1>late_fusion on data</h1>" in text
    assert "<dd>48</dd>" in text


def test_rewriting_the_page_of_a_run(cli, linear_run, tmp_path):
    out = tmp_path / "page.html"
    assert cli("report", linear_run, "--out", out).out == f"Page: {out}\n"
    assert out.read_bytes() == (linear_run / "report.html").read_bytes()


def test_the_page_of_a_network_includes_its_history(cli, make_npz, small, tmp_path):
    assert cli("fit", make_npz(), "--out", tmp_path / "run", *small).status == 0
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    (record,) = data["records"]
    assert {"supervision_weight/audio", "relative_advantage/text", "loss"} <= set(record["history"]["columns"])
    assert len(record["epochs"]["columns"]["validation_loss"]) == 2


def test_missing_or_damaged_run_files(cli, tmp_path, linear_run):
    assert "holds no run" in cli("report", tmp_path).err
    for file, content in (("run.json", "{"), ("run.json", "[]"), ("run.json", "{}"), ("metrics.json", "1")):
        copy = tmp_path / f"{file}-{len(content)}-{content[0] == '['}"
        copy.mkdir()
        for source in linear_run.glob("*.*"):
            (copy / source.name).write_bytes(source.read_bytes())
        (copy / file).write_text(content)
        result = cli("report", copy)
        assert (result.status, f"{file}: damaged" in result.err) == (2, True), result.err
