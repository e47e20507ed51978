"""Figures printed by others on the page."""

import tomllib
from pathlib import Path

import pytest

from record_factory import make_records, make_spec
from redcore import report
from redcore.report import benchmark_page
from redcore.report._published import published_tables

TABLES = tomllib.loads((Path(report.__file__).parent / "published.toml").read_text(encoding="utf-8"))["table"]


def records_of(name, rate):
    records = make_records(make_spec(data=(name,), methods=("m0",), n_seeds=2, rates=((rate,),)))
    data = records[0].cell.data.model_copy(update={"name": name})
    return [one.model_copy(update={"cell": one.cell.model_copy(update={"data": data})}) for one in records]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["data"])
def test_every_table_has_a_source_and_complete_rows(table):
    assert table["source"].startswith("https://")
    assert table["protocol"]
    assert table["differs"]
    assert {len(row) for row in table["rows"].values()} == {len(table["scores"])}


def test_rows_of_the_records_have_the_conditions_of_the_table():
    (table,) = published_tables(records_of("cmu_mosei", 0.0))
    assert [row for row in table["rows"] if row[1] != "printed"] == [["m0", "2 runs here", [None] * 6]]
    assert table["rows"][0] == ["ef_lstm", "printed", [0.7396, 0.7855, 0.5176, 0.5049, 0.5928, 0.6893]]
    (missing,) = published_tables(records_of("cmu_mosei", 0.5))
    assert {row[1] for row in missing["rows"]} == {"printed"}


def test_a_sample_has_no_rows():
    records = records_of("cmu_mosei", 0.0)
    data = records[0].cell.data.model_copy(update={"label": "cmu_mosei (sample)"})
    records = [one.model_copy(update={"cell": one.cell.model_copy(update={"data": data})}) for one in records]
    assert {row[1] for row in published_tables(records)[0]["rows"]} == {"printed"}


def test_only_pages_of_these_data_sets_have_the_section():
    assert 'id="published"' in benchmark_page(records_of("cmu_mosei", 0.0), "title")
    assert 'id="published"' not in benchmark_page(records_of("other", 0.0), "title")
