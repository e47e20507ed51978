"""Benchmarks of public data sets on written samples."""

import json

import pytest

from redcore.benchmark import read_records, read_spec, sample_benchmark
from redcore.cli import main
from redcore.datasets import load_public
from redcore.exceptions import RunError

pytestmark = pytest.mark.filterwarnings("ignore::redcore.exceptions.HoldOutWarning")

TABLES = {"iemocap": "iemocap", "msp-improv": "msp_improv", "cmu-mosei": "cmu_mosei"}


@pytest.mark.parametrize("table", TABLES)
def test_the_sample_has_every_protocol_and_method_of_the_table(table, tmp_path):
    spec = read_spec(table)
    sample = sample_benchmark(spec, tmp_path)
    assert [one.title() for one in sample.protocol] == [one.title() for one in spec.protocol]
    assert [one.title() for one in sample.method] == [one.title() for one in spec.method]
    assert [one.title() for one in sample.data] == [f"{TABLES[table]} (sample)"]
    assert load_public(TABLES[table], tmp_path / TABLES[table], 1).n_samples > 50


def test_a_benchmark_of_other_data_has_no_sample(tmp_path):
    with pytest.raises(RunError, match="no sample of data set 'digits'"):
        sample_benchmark(read_spec("quick"), tmp_path)


def test_the_page_and_the_tables_of_a_sample_say_so(tmp_path, capsys):
    content = read_spec("iemocap").dump()
    content["protocol"] = content["protocol"][5:6]
    content["method"] = [{"name": "zero_fill"}, {"name": "late_fusion"}]
    toml = "\n".join(
        [f"title = {json.dumps(content['title'])}", "[[data]]", 'name = "iemocap"', "n_folds = 10"]
        + ["[[protocol]]", 'name = "shared"', "rates = [0.5]"]
        + [line for method in content["method"] for line in ("[[method]]", f'name = "{method["name"]}"')]
    )
    (tmp_path / "table.toml").write_text(toml)
    out = tmp_path / "out"
    assert main(["bench", "run", str(tmp_path / "table.toml"), "--sample", "--out", str(out)]) == 0
    records = read_records(out)
    assert ([record.error for record in records], {record.data_title for record in records}) == (
        [None] * 4,
        {"iemocap (sample)"},
    )
    assert main(["bench", "report", str(out), "--markdown", "--out", str(tmp_path / "page.html")]) == 0
    assert "iemocap (sample)" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text()
    assert "Sample, not a result: Table of the paper" in page
    assert "were written to test the program" in page


def test_a_sample_needs_no_data_folder(tmp_path, capsys):
    command = ["bench", "run", "iemocap", "--sample", "--data-folder", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(command) != 0
    assert "mutually exclusive" in capsys.readouterr().err
