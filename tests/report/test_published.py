"""Figures printed by others on the page and in the tables for papers."""

import tomllib
from pathlib import Path

import pytest

from record_factory import make_records, make_spec
from redcore import report
from redcore.metrics._table import SCORES
from redcore.report import benchmark_page, latex_tables, markdown_tables
from redcore.report._published import published_tables

TABLES = tomllib.loads((Path(report.__file__).parent / "published.toml").read_text(encoding="utf-8"))["table"]


def records_of(name, rate, test_rate=None):
    records = make_records(make_spec(data=(name,), methods=("m0",), n_seeds=2, rates=((rate,),)))
    data = records[0].cell.data.model_copy(update={"name": name})
    protocol = records[0].cell.protocol
    if test_rate is not None:
        protocol = protocol.model_copy(update={"test_rates": (test_rate,)})
    update = {"data": data, "protocol": protocol}
    return [one.model_copy(update={"cell": one.cell.model_copy(update=update)}) for one in records]


def own_rows(records, title):
    (table,) = [one for one in published_tables(records) if one["title"].startswith(title)]
    return [row for row in table["rows"] if row[1] != "printed"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table['data']}-{table['title']}")
def test_every_table_has_a_source_and_complete_rows(table):
    n_rates = len(table["rates"]) if table["missing"] == "random" else 1
    assert table["source"].startswith("https://")
    assert table["protocol"]
    assert table["differs"]
    assert set(table["scores"]) <= set(SCORES)
    assert table["missing"] in {"none", "patterns", "random"}
    assert ("rates" in table) == (table["missing"] != "none")
    assert {len(row) for row in table["rows"].values()} == {len(table["scores"]) * n_rates}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table['data']}-{table['title']}")
def test_printed_figures_have_the_scale_of_the_scores(table):
    printed = [abs(value) * table["scale"] for row in table["rows"].values() for value in row]
    assert max(printed) < 2
    assert max(printed) > 0.25


def test_rows_of_the_records_have_the_conditions_of_the_table():
    title = "MMSA, results for CMU-MOSEI"
    assert own_rows(records_of("cmu_mosei", 0.0), title) == [["m0", "2 runs here", [None] * 6]]
    assert own_rows(records_of("cmu_mosei", 0.5), title) == []
    (table,) = [one for one in published_tables(records_of("cmu_mosei", 0.0)) if one["title"].startswith(title)]
    assert table["rows"][0] == ["ef_lstm", "printed", [0.7396, 0.7855, 0.5176, 0.5049, 0.5928, 0.6893]]


def test_means_over_missing_patterns_leave_out_the_complete_pattern():
    records = records_of("iemocap", 0.5)
    ((method, origin, values),) = own_rows(records, "PriMD")
    patterns = [record.metrics["per_pattern"] for record in records]
    incomplete = [scores["accuracy"] for one in patterns for name, scores in one.items() if name.count("+") < 2]
    assert (method, origin) == ("m0", "2 runs here")
    assert values == [pytest.approx(sum(incomplete) / len(incomplete), abs=1e-4), None]
    assert own_rows(records_of("iemocap", 0.4), "PriMD") == []


def test_scores_at_a_missing_rate_are_those_as_observed_at_this_rate():
    records = records_of("iemocap", 0.3, test_rate=0.3)
    ((_, _, values),) = own_rows(records, "ComP")
    observed = [record.metrics["as_observed"]["accuracy"] for record in records]
    assert values[4] == pytest.approx(sum(observed) / 2, abs=1e-4)
    assert [place for place, value in enumerate(values) if value is not None] == [4]
    assert own_rows(records_of("iemocap", 0.3), "ComP") == []
    assert own_rows(records_of("iemocap", 0.3, test_rate=0.5), "ComP") == []


def test_a_sample_has_no_rows():
    records = records_of("cmu_mosei", 0.0)
    data = records[0].cell.data.model_copy(update={"label": "cmu_mosei (sample)"})
    records = [one.model_copy(update={"cell": one.cell.model_copy(update={"data": data})}) for one in records]
    assert {row[1] for row in published_tables(records)[0]["rows"]} == {"printed"}


def test_only_pages_of_these_data_sets_have_the_section():
    for name in ("cmu_mosei", "cmu_mosi", "iemocap"):
        assert 'id="published"' in benchmark_page(records_of(name, 0.0), "title")
    assert 'id="published"' not in benchmark_page(records_of("other", 0.0), "title")


def test_tables_for_papers_contain_the_printed_figures():
    records = records_of("iemocap", 0.5)
    latex = latex_tables(records)
    assert r"cpm\_net & printed & 0.4442 & 0.4561 \\" in latex
    # the seven rates of ComP are divided, so that they fit the width of a page
    assert latex.count("% source: https://github.com/WenjueHE") == 4
    assert r"method & origin & accuracy at 0.7 & uar at 0.7 \\" in latex
    assert "| cpm\\_net | printed | 0.4442 | 0.4561 |" in markdown_tables(records)
    assert "printed" not in latex_tables(records_of("other", 0.5))
    assert "printed" not in latex_tables(records, score="macro_f1")
