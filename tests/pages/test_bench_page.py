"""Benchmark page in a browser."""

import csv
import io
import time

import numpy as np
import pytest

from record_factory import make_records, make_spec
from redcore.benchmark import best_methods, rank_methods, score_of, summarise
from redcore.report import benchmark_page

SECTIONS = (
    *("overview", "leaderboard", "curves", "heatmap", "training", "calibration"),
    *("ranks", "traces", "cost", "failures", "records"),
)
FIGURES = ("verdict", "missing-modalities", "differences-0", "heatmap-0", "ranks", "traces", "cost")


def filter_box(view, name, place):
    """Open a filter and return one of its boxes."""
    menu = view.page.locator(f'details[data-filter="{name}"]')
    if menu.get_attribute("open") is None:
        menu.locator("summary").click()
    return menu.locator("input").nth(place)


def saved(view, selector):
    with view.page.expect_download() as waiting:
        view.page.locator(selector).click()
    return waiting.value.suggested_filename, waiting.value.path().read_text(encoding="utf-8")


def open_all(view):
    """Open the tables of numbers of all figures."""
    for details in view.page.locator("figure details").all():
        details.locator("summary").first.click()
        details.locator("table").first.wait_for()


def test_all_sections_are_drawn_without_errors_or_requests(look, bench_page):
    view = look(bench_page)
    for section in SECTIONS:
        assert view.texts(f"#{section} > .body")[0].strip(), section
    for figure in FIGURES:
        assert view.page.locator(f"#figure-{figure} svg[role=img]").count() == 1, figure
    saved(view, "#leaderboard .take >> nth=0")
    assert view.console == []
    assert [url for url in view.requests if not url.startswith(("file:", "blob:"))] == []
    assert sum(url.startswith("file:") for url in view.requests) == 1


def test_the_policy_blocks_requests(look, bench_page):
    view = look(bench_page)
    reached = view.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'reached', () => 'refused')")
    assert reached == "refused"
    assert any("Content Security Policy" in text for text in view.console)


def test_numbers_equal_those_of_the_library(look, bench_page, records):
    view = look(bench_page)
    ranking = rank_methods(records, score="nll")
    assert view.column("leaderboard-table", 1) == list(ranking.methods)
    assert view.column("leaderboard-table", 2) == [f"{rank:.2f}" for rank in ranking.mean_ranks]
    shown = view.page.locator("#blocks-table tbody").inner_text()
    for entry in summarise(records, score="nll"):
        assert f"{entry.mean:.3f}" in shown
        assert f"{entry.low:.3f} to {entry.high:.3f}" in shown
    assert f"{ranking.test.critical_difference:.2f} at level 0.05" in view.texts("#figure-ranks figcaption")[0]
    result = view.texts("#result")[0].replace("\u00a0", " ")
    assert result.startswith(f"{ranking.methods[0]} has the best mean rank, {ranking.mean_ranks[0]:.2f} of 4 methods")
    p_value = ranking.test.p_value
    assert ("p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}") in result


def test_the_best_is_bold_and_ties_are_marked(look, bench_page, records):
    view = look(bench_page)
    best = best_methods(records, score="nll")
    assert view.page.locator("#blocks-table td b").count() == len(best)
    marked = [text for text in view.texts("#blocks-table .mark") if "≈" in text]
    assert len(marked) == sum(len(near) for _, near in best.values())


def test_a_deselected_method_disappears_from_tables_and_figures(look, bench_page):
    view = look(bench_page)
    assert "m1" in view.column("leaderboard-table", 1)
    filter_box(view, "methods", 1).uncheck()
    view.settle()
    assert sorted(view.column("leaderboard-table", 1)) == ["m0", "m2", "m3"]
    for figure in FIGURES:
        assert "m1" not in view.page.locator(f"#figure-{figure}").inner_text(), figure
    assert "of 3 methods" in view.texts("#result")[0]
    filter_box(view, "methods", 1).check()
    view.settle()
    assert len(view.column("leaderboard-table", 1)) == 4


def test_deselected_seeds_change_the_means(look, bench_page, records):
    view = look(bench_page)
    for place in (1, 2, 3):
        filter_box(view, "seeds", place).uncheck()
    view.settle()
    first = [record for record in records if record.cell.seed == 0]
    for place, method in enumerate(view.column("leaderboard-table", 1)):
        values = [score_of(record, "nll") for record in first if record.cell.method.title() == method]
        assert view.column("leaderboard-table", 3)[place].split()[0] == f"{np.mean(values):.3f}"
    # with one seed there is no test of differences
    assert not any("≈" in text for text in view.texts("#blocks-table .mark"))


def test_deselected_data_sets_and_protocols(look, bench_page):
    view = look(bench_page)
    filter_box(view, "data", 0).uncheck()
    filter_box(view, "protocols", 0).uncheck()
    view.settle()
    assert view.texts("#blocks-table .group") == ["d1, log loss"]
    assert view.page.locator("#figure-heatmap-0").count() == 0
    assert view.page.locator("#figure-heatmap-1").count() == 1
    assert view.texts("#result")[0].startswith("On d1, ")


def test_nothing_selected(look, bench_page):
    view = look(bench_page)
    view.page.locator('details[data-filter="methods"] summary').click()
    view.page.get_by_role("button", name="None").locator("visible=true").click()
    view.settle()
    assert view.texts("#result") == ["No finished cell is selected."]
    assert view.console == []


def test_another_score(look, bench_page, records):
    view = look(bench_page)
    view.page.get_by_label("Score", exact=True).select_option("accuracy (WA)")
    view.settle()
    ranking = rank_methods(records, score="accuracy")
    assert view.column("leaderboard-table", 2) == [f"{rank:.2f}" for rank in ranking.mean_ranks]
    view.page.get_by_label("Scored on").select_option("all patterns pooled")
    view.settle()
    pooled = rank_methods(records, score="accuracy", over="pooled")
    assert view.column("leaderboard-table", 2) == [f"{rank:.2f}" for rank in pooled.mean_ranks]


def test_columns_sort_by_mouse_and_by_keyboard(look, bench_page):
    view = look(bench_page)
    heading = view.page.locator("#leaderboard-table thead button", has_text="parameters")
    place = 1 + view.texts("#leaderboard-table thead button").index("parameters")
    numbers = lambda: [int(text.replace("\u202f", "")) for text in view.column("leaderboard-table", place)]  # noqa: E731
    heading.click()
    assert numbers() == [4000, 3000, 2000, 1000]
    assert heading.locator("..").get_attribute("aria-sort") == "descending"
    heading.focus()
    view.page.keyboard.press("Enter")
    assert numbers() == [1000, 2000, 3000, 4000]
    assert heading.locator("..").get_attribute("aria-sort") == "ascending"


def test_filters_by_keyboard_alone(look, bench_page):
    view = look(bench_page)
    summary = view.page.locator('details[data-filter="methods"] summary')
    summary.focus()
    keys = view.page.keyboard
    for key in ("Enter", "Tab", "Tab", "Tab", "Space"):  # All, None, the first method
        keys.press(key)
    view.settle()
    assert "m0" not in view.column("leaderboard-table", 1)
    keys.press("Escape")
    assert view.page.locator(".filter[open]").count() == 0
    assert summary.evaluate("node => node === document.activeElement")


def test_all_tables_download_as_csv(look, bench_page, records):
    view = look(bench_page)
    open_all(view)
    assert view.page.locator(".table > .tools > .take").count() == view.page.locator("table").count() == 11
    name, text = saved(view, "#records > .body .table > .tools .take")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert (name, len(rows)) == ("records-table.csv", len(records))
    by_key = {row["key"]: row for row in rows}
    for record in records:
        if record.status == "done":
            assert float(by_key[record.key]["macro_f1"]) == pytest.approx(score_of(record), abs=2e-5)


def test_all_figures_download_as_standalone_svg(look, bench_page, browser):
    view = look(bench_page, color_scheme="dark")
    assert view.page.locator("figure").count() == view.page.get_by_role("button", name="Download as SVG").count()
    for figure in FIGURES:
        name, text = saved(view, f"#figure-{figure} > .tools > .take")
        assert (name.endswith(".svg"), "var(" in text) == (True, False)
        page = browser.new_page()
        page.set_content(text)
        assert page.locator("svg rect").first.get_attribute("fill") == "#fdfdfb"
        page.close()


def test_figures_have_a_description_and_a_table(look, bench_page):
    view = look(bench_page)
    for figure in view.page.locator("figure").all():
        figure.locator("summary").first.click()
        label = figure.locator("svg[role=img]").get_attribute("aria-label")
        assert len(label) > 40
        figure.locator("details table tbody tr").first.wait_for()


def test_the_configuration_of_a_record(look, bench_page, records):
    view = look(bench_page)
    view.page.locator("#records-table tbody button").first.click()
    shown = view.texts("dialog pre")[0]
    (record,) = [record for record in records if record.key in shown]
    assert f'"learning_rate": {record.settings["learning_rate"]}' in shown
    view.page.keyboard.press("Escape")
    view.page.locator("dialog").wait_for(state="detached")


def test_failures_show_their_errors(look, bench_page):
    view = look(bench_page)
    assert view.texts("#failures-table .error") == ["DataError: labels are <b>missing</b>"] * 4
    assert view.texts(".facts .failed") == ["4"]


def test_light_and_dark_scheme(look, bench_page):
    background = "getComputedStyle(document.body).backgroundColor"
    light, dark = look(bench_page, color_scheme="light"), look(bench_page, color_scheme="dark")
    assert light.page.evaluate(background) == "rgb(253, 253, 251)"
    assert dark.page.evaluate(background) == "rgb(21, 23, 26)"
    dark.page.get_by_role("button", name="Light page").click()
    assert dark.page.evaluate(background) == "rgb(253, 253, 251)"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(look, bench_page, width):
    view = look(bench_page)
    view.page.set_viewport_size({"width": width, "height": 844})
    view.page.wait_for_timeout(400)
    view.settle()
    assert view.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violations(look, bench_page, fit_page, axe, scheme):
    for path in (bench_page, fit_page):
        view = look(path, color_scheme=scheme)
        open_all(view)
        view.page.evaluate(axe)
        violations = view.page.evaluate("axe.run()")["violations"]
        assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in violations] == []


def test_names_with_markup_are_escaped(look, tmp_path):
    hostile = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    spec = make_spec(data=(hostile, "=1+1"), methods=(hostile, "m1", "m2"))
    path = tmp_path / "page.html"
    path.write_text(benchmark_page(make_records(spec, n_points=3), hostile), encoding="utf-8")
    view = look(path)
    assert hostile in view.column("leaderboard-table", 1)
    assert view.page.evaluate("window.hacked") is None
    assert view.page.locator("img").count() == 0
    assert view.console == []
    assert "'=1+1" in saved(view, "#records > .body .table > .tools .take")[1]


def test_two_thousand_records_open_in_three_seconds(browser, tmp_path):
    """Measure CPU time of the page's thread, so that other load on the machine does not fail the test."""
    spec = make_spec(
        data=[f"data {place}" for place in range(5)],
        methods=[f"method {place}" for place in range(10)],
        n_seeds=10,
        rates=((0.2,), (0.5,), (0.8,), (0.2, 0.5, 0.8)),
    )
    records = make_records(spec, modalities=("audio", "pose", "text", "video"), n_points=100)
    assert len(records) == 2000
    path = tmp_path / "page.html"
    path.write_text(benchmark_page(records, "many"), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    start = time.perf_counter()
    page.goto(path.as_uri())
    page.wait_for_selector("#records-table tbody tr")
    page.wait_for_selector("main:not([aria-busy])")
    waited = time.perf_counter() - start
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    page.close()
    spent = metrics["TaskDuration"]
    print(f"{path.stat().st_size / 1e6:.1f} MB: {spent:.2f} s of the processor, {waited:.2f} s by the clock")
    assert 0.01 < spent < 3
