"""The page of a benchmark as a reader sees it."""

import csv
import io
import time

import numpy as np
import pytest

from record_factory import make_records, make_spec
from redcore.benchmark import best_methods, rank_methods, score_of, summarise
from redcore.report import benchmark_page

SECTIONS = ("overview", "leaderboard", "curves", "heatmap", "ranks", "traces", "cost", "failures", "records")
FIGURES = ("missing-modalities", "heatmap-0", "ranks", "traces", "cost")


def filter_box(seen, name, place):
    """Open a filter and return one of its boxes."""
    menu = seen.page.locator(f'details[data-filter="{name}"]')
    if menu.get_attribute("open") is None:
        menu.locator("summary").click()
    return menu.locator("input").nth(place)


def saved(seen, selector):
    with seen.page.expect_download() as waiting:
        seen.page.locator(selector).click()
    return waiting.value.suggested_filename, waiting.value.path().read_text(encoding="utf-8")


def open_all(seen):
    """Show the numbers of every figure."""
    for details in seen.page.locator("figure details").all():
        details.locator("summary").first.click()


def test_everything_is_drawn_without_an_error_or_a_request(look, bench_page):
    seen = look(bench_page)
    for section in SECTIONS:
        assert seen.texts(f"#{section} > .body")[0].strip(), section
    for figure in FIGURES:
        assert seen.page.locator(f"#figure-{figure} svg[role=img]").count() == 1, figure
    saved(seen, "#leaderboard .take >> nth=0")
    assert seen.console == []
    assert [url for url in seen.requests if not url.startswith(("file:", "blob:"))] == []
    assert sum(url.startswith("file:") for url in seen.requests) == 1


def test_the_policy_lets_nothing_out(look, bench_page):
    seen = look(bench_page)
    reached = seen.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'reached', () => 'refused')")
    assert reached == "refused"
    assert any("Content Security Policy" in text for text in seen.console)


def test_numbers_are_those_of_the_library(look, bench_page, records):
    seen = look(bench_page)
    ranking = rank_methods(records)
    assert seen.column("leaderboard-table", 1) == list(ranking.methods)
    assert seen.column("leaderboard-table", 2) == [f"{rank:.2f}" for rank in ranking.mean_ranks]
    shown = seen.page.locator("#blocks-table tbody").inner_text()
    for entry in summarise(records):
        assert f"{entry.mean:.3f}" in shown
        assert f"{entry.low:.3f} to {entry.high:.3f}" in shown
    assert f"{ranking.test.critical_difference:.2f} at level 0.05" in seen.texts("#figure-ranks figcaption")[0]
    said = seen.texts("#result")[0].replace("\u00a0", " ")
    assert said.startswith(f"{ranking.methods[0]} has the best mean rank, {ranking.mean_ranks[0]:.2f} of 4 methods")
    p_value = ranking.test.p_value
    assert ("p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}") in said


def test_the_best_is_bold_and_the_near_are_marked(look, bench_page, records):
    seen = look(bench_page)
    best = best_methods(records)
    assert seen.page.locator("#blocks-table td b").count() == len(best)
    marked = [text for text in seen.texts("#blocks-table .mark") if "≈" in text]
    assert len(marked) == sum(len(near) for _, near in best.values())


def test_a_method_taken_out_leaves_tables_and_figures(look, bench_page):
    seen = look(bench_page)
    assert "m1" in seen.column("leaderboard-table", 1)
    filter_box(seen, "methods", 1).uncheck()
    seen.settle()
    assert sorted(seen.column("leaderboard-table", 1)) == ["m0", "m2", "m3"]
    for figure in FIGURES:
        assert "m1" not in seen.page.locator(f"#figure-{figure}").inner_text(), figure
    assert "of 3 methods" in seen.texts("#result")[0]
    filter_box(seen, "methods", 1).check()
    seen.settle()
    assert len(seen.column("leaderboard-table", 1)) == 4


def test_seeds_taken_out_change_the_means(look, bench_page, records):
    seen = look(bench_page)
    for place in (1, 2, 3):
        filter_box(seen, "seeds", place).uncheck()
    seen.settle()
    first = [record for record in records if record.cell.seed == 0]
    for place, method in enumerate(seen.column("leaderboard-table", 1)):
        values = [score_of(record) for record in first if record.cell.method.title() == method]
        assert seen.column("leaderboard-table", 3)[place].split()[0] == f"{np.mean(values):.3f}"
    # one seed tells nothing apart
    assert not any("≈" in text for text in seen.texts("#blocks-table .mark"))


def test_data_sets_and_protocols_taken_out(look, bench_page):
    seen = look(bench_page)
    filter_box(seen, "data", 0).uncheck()
    filter_box(seen, "protocols", 0).uncheck()
    seen.settle()
    assert seen.texts("#blocks-table .group") == ["d1, macro-F1"]
    assert seen.page.locator("#figure-heatmap-0").count() == 0
    assert seen.page.locator("#figure-heatmap-1").count() == 1
    assert seen.texts("#result")[0].startswith("On d1, ")


def test_nothing_selected(look, bench_page):
    seen = look(bench_page)
    seen.page.locator('details[data-filter="methods"] summary').click()
    seen.page.get_by_role("button", name="None").locator("visible=true").click()
    seen.settle()
    assert seen.texts("#result") == ["No finished cell is selected."]
    assert seen.console == []


def test_another_score(look, bench_page, records):
    seen = look(bench_page)
    seen.page.get_by_label("Score", exact=True).select_option("log loss")
    seen.settle()
    ranking = rank_methods(records, score="nll")
    assert seen.column("leaderboard-table", 2) == [f"{rank:.2f}" for rank in ranking.mean_ranks]
    seen.page.get_by_label("Scored on").select_option("all patterns pooled")
    seen.settle()
    pooled = rank_methods(records, score="nll", over="pooled")
    assert seen.column("leaderboard-table", 2) == [f"{rank:.2f}" for rank in pooled.mean_ranks]


def test_columns_sort_by_mouse_and_by_keyboard(look, bench_page):
    seen = look(bench_page)
    heading = seen.page.locator("#leaderboard-table thead button", has_text="parameters")
    place = 1 + seen.texts("#leaderboard-table thead button").index("parameters")
    numbers = lambda: [int(text.replace("\u202f", "")) for text in seen.column("leaderboard-table", place)]  # noqa: E731
    heading.click()
    assert numbers() == [4000, 3000, 2000, 1000]
    assert heading.locator("..").get_attribute("aria-sort") == "descending"
    heading.focus()
    seen.page.keyboard.press("Enter")
    assert numbers() == [1000, 2000, 3000, 4000]
    assert heading.locator("..").get_attribute("aria-sort") == "ascending"


def test_filters_by_keyboard_alone(look, bench_page):
    seen = look(bench_page)
    summary = seen.page.locator('details[data-filter="methods"] summary')
    summary.focus()
    keys = seen.page.keyboard
    for key in ("Enter", "Tab", "Tab", "Tab", "Space"):  # All, None, the first method
        keys.press(key)
    seen.settle()
    assert "m0" not in seen.column("leaderboard-table", 1)
    keys.press("Escape")
    assert seen.page.locator(".filter[open]").count() == 0
    assert summary.evaluate("node => node === document.activeElement")


def test_every_table_is_a_csv(look, bench_page, records):
    seen = look(bench_page)
    open_all(seen)
    assert seen.page.locator(".table > .tools > .take").count() == seen.page.locator("table").count() == 9
    name, text = saved(seen, "#records > .body .table > .tools .take")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert (name, len(rows)) == ("records-table.csv", len(records))
    by_key = {row["key"]: row for row in rows}
    for record in records:
        if record.status == "done":
            assert float(by_key[record.key]["macro_f1"]) == pytest.approx(score_of(record), abs=2e-5)


def test_every_figure_is_an_svg_of_its_own(look, bench_page, browser):
    seen = look(bench_page, color_scheme="dark")
    assert seen.page.locator("figure").count() == seen.page.get_by_role("button", name="Download as SVG").count()
    for figure in FIGURES:
        name, text = saved(seen, f"#figure-{figure} > .tools > .take")
        assert (name.endswith(".svg"), "var(" in text) == (True, False)
        page = browser.new_page()
        page.set_content(text)
        assert page.locator("svg rect").first.get_attribute("fill") == "#fdfdfb"
        page.close()


def test_figures_are_told_in_words_and_as_tables(look, bench_page):
    seen = look(bench_page)
    for figure in seen.page.locator("figure").all():
        figure.locator("summary").first.click()
        label = figure.locator("svg[role=img]").get_attribute("aria-label")
        assert len(label) > 40
        assert figure.locator("details table tbody tr").count() > 0


def test_the_configuration_of_a_record(look, bench_page, records):
    seen = look(bench_page)
    seen.page.locator("#records-table tbody button").first.click()
    shown = seen.texts("dialog pre")[0]
    (record,) = [record for record in records if record.key in shown]
    assert f'"learning_rate": {record.settings["learning_rate"]}' in shown
    seen.page.keyboard.press("Escape")
    seen.page.locator("dialog").wait_for(state="detached")


def test_failures_show_their_errors(look, bench_page):
    seen = look(bench_page)
    assert seen.texts("#failures-table .error") == ["DataError: labels are <b>missing</b>"] * 4
    assert seen.texts(".facts .failed") == ["4"]


def test_light_and_dark(look, bench_page):
    background = "getComputedStyle(document.body).backgroundColor"
    light, dark = look(bench_page, color_scheme="light"), look(bench_page, color_scheme="dark")
    assert light.page.evaluate(background) == "rgb(253, 253, 251)"
    assert dark.page.evaluate(background) == "rgb(21, 23, 26)"
    dark.page.get_by_role("button", name="Light page").click()
    assert dark.page.evaluate(background) == "rgb(253, 253, 251)"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_never_scrolls_sideways(look, bench_page, width):
    seen = look(bench_page)
    seen.page.set_viewport_size({"width": width, "height": 844})
    seen.page.wait_for_timeout(400)
    seen.settle()
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(look, bench_page, fit_page, axe, scheme):
    for path in (bench_page, fit_page):
        seen = look(path, color_scheme=scheme)
        open_all(seen)
        seen.page.evaluate(axe)
        found = seen.page.evaluate("axe.run()")["violations"]
        assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found] == []


def test_hostile_names_stay_text(look, tmp_path):
    hostile = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    spec = make_spec(data=(hostile, "=1+1"), methods=(hostile, "m1", "m2"))
    path = tmp_path / "page.html"
    path.write_text(benchmark_page(make_records(spec, n_points=3), hostile), encoding="utf-8")
    seen = look(path)
    assert hostile in seen.column("leaderboard-table", 1)
    assert seen.page.evaluate("window.hacked") is None
    assert seen.page.locator("img").count() == 0
    assert seen.console == []
    assert "'=1+1" in saved(seen, "#records > .body .table > .tools .take")[1]


def test_two_thousand_records_open_in_three_seconds(browser, tmp_path):
    """Counted in processor time of the page's thread, so that a busy machine does not fail it."""
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
