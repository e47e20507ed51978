"""Comparison of the method in focus with the others on the benchmark page."""

import numpy as np
import pytest

from record_factory import make_records, make_spec
from redcore.benchmark import SampleFile, leads
from redcore.metrics import SamplePredictions
from redcore.report import benchmark_page

HALO = 3
"""Width in pixels of the border that keeps text legible above lines."""


def numbers_of(view, figure):
    """Return the rows of the table below a figure."""
    view.page.locator(f"#figure-{figure} summary").first.click()
    view.page.locator(f"#figure-{figure} tbody tr").first.wait_for()
    rows = view.page.locator(f"#figure-{figure} tbody tr").all()
    return [[cell.replace("\u2212", "-") for cell in row.locator("th, td").all_inner_texts()] for row in rows]


def assert_leads(rows, records, focus, score="nll", over="patterns"):
    """Compare rows of name, mean, low and high with those of the library; shown values have four decimals."""
    own = leads(records, focus, score=score, over=over)
    assert [row[0] for row in rows] == list(own)
    for row, one in zip(rows, own.values(), strict=True):
        assert list(map(float, row[1:4])) == pytest.approx([one.mean, one.low, one.high], abs=2e-4)


def test_leads_equal_those_of_the_library(look, bench_page, records):
    view = look(bench_page)
    assert_leads(numbers_of(view, "verdict"), records, "m0")
    shown = view.page.locator("#figure-verdict svg").text_content()
    assert "m0 is better" in shown
    assert "is ahead of all other methods" in view.texts("#result")[0]


def test_another_focus_and_score(look, bench_page, records):
    view = look(bench_page)
    view.page.get_by_label("Method in focus").select_option("focus: m2")
    view.settle()
    view.page.get_by_label("Score", exact=True).select_option("accuracy (WA)")
    view.settle()
    assert_leads(numbers_of(view, "verdict"), records, "m2", "accuracy")
    assert view.texts("#leaderboard-table .focus") == ["m2"]
    assert "behind" in view.texts("#result")[0]


def test_leads_by_pattern_equal_those_of_the_library(look, bench_page, records):
    view = look(bench_page)
    rows = {(row[0], row[1]): row[2:] for row in numbers_of(view, "differences-0")}
    own = [record for record in records if record.data_title == "d0"]
    assert len(rows) == 7 * 3
    for pattern in ("audio", "audio+text+video"):
        shown = [[name, *rows[pattern, name]] for name in leads(own, "m0", score="nll", over=(pattern,))]
        assert_leads(shown, own, "m0", over=(pattern,))


def with_splits(records):
    """Return the records with one split per seed, so that intervals include the dependence between splits."""
    return [record.model_copy(update={"split_checksum": str(record.cell.seed)}) for record in records]


def test_intervals_of_the_browser_include_shared_samples(look, tmp_path):
    records = with_splits(make_records(make_spec(n_seeds=5)))
    path = tmp_path / "page.html"
    path.write_text(benchmark_page(records, "splits"), encoding="utf-8")
    view = look(path)
    view.page.get_by_label("Method in focus").select_option("focus: m1")
    view.settle()
    # stored intervals belong to the first focus only
    assert_leads(numbers_of(view, "verdict"), records, "m1")


def test_training_patterns_and_calibration(look, tmp_path):
    names = ("acoustic_features_of_the_whole_recording", "text", "video_frames_at_one_hertz")
    counts = {names[0]: 50, "+".join(names): 30}
    samples = SampleFile(np.arange(4).astype(str))
    columns = {"log_loss": np.ones(4), "confidence": np.array([0.95, 0.95, 0.55, 0.55])}
    classes = {"target": np.array([0, 1, 1, 1]), "decided": np.zeros(4, int), "argmax": np.array([0, 1, 1, 0])}
    samples.add("text", np.arange(4), SamplePredictions(**classes, **columns, predicted=None))
    records = make_records(make_spec(data=("d0",), methods=("m0",), n_seeds=2), modalities=names)
    records = [record.model_copy(update={"pattern_counts": {"train": counts}}) for record in records]
    for record in records:
        object.__setattr__(record, "sample_file", lambda: samples)
    path = tmp_path / "page.html"
    path.write_text(benchmark_page(records, "patterns"), encoding="utf-8")
    view = look(path)
    assert numbers_of(view, "training") == [[names[0], "50.0", "62.5"], ["+".join(names), "30.0", "37.5"]]
    assert numbers_of(view, "reliability") == [["0.550", "0.500", "8"], ["0.950", "1.000", "8"]]
    assert numbers_of(view, "confusion") == [["0", "4", "0"], ["1", "4", "8"]]
    assert view.console == []


def at_two_widths(look, path):
    """Yield the width of a phone and of a desktop, and the page at this width."""
    for width in (390, 1400):
        view = look(path)
        view.page.set_viewport_size({"width": width, "height": 844})
        view.page.wait_for_timeout(300)
        view.settle()
        yield width, view


@pytest.mark.parametrize("figure", ["verdict", "differences-0"])
def test_names_do_not_overlap(look, tmp_path, figure):
    long = [f"a method with a long name that ends in {place}" for place in range(4)]
    modalities = ("acoustic_features_of_the_recording", "transcribed_words_of_the_speaker", "video_frames")
    path = tmp_path / "page.html"
    records = make_records(make_spec(methods=long, n_seeds=5), modalities=modalities)
    path.write_text(benchmark_page(records, "names"), encoding="utf-8")
    for width, view in at_two_widths(look, path):
        texts = view.page.locator(f"#figure-{figure} svg text:not([transform])").all()
        boxes = [text.bounding_box() for text in texts]
        assert len(boxes) > 9
        for index, one in enumerate(boxes):
            for other in boxes[index + 1 :]:
                apart = (
                    one["x"] + one["width"] <= other["x"] + 1
                    or other["x"] + other["width"] <= one["x"] + 1
                    or one["y"] + one["height"] <= other["y"] + 4
                    or other["y"] + other["height"] <= one["y"] + 4
                )
                assert apart, (width, one, other)


def test_long_names_are_shortened_in_the_middle_and_not_cut(look, tmp_path):
    long = [f"method {place} with a long name of about sixty characters (dropout)" for place in range(4)]
    path = tmp_path / "page.html"
    records = make_records(make_spec(methods=long, n_seeds=5), modalities=("a" * 60, "b" * 60))
    path.write_text(benchmark_page(records, "names"), encoding="utf-8")
    for width, view in at_two_widths(look, path):
        for figure in ("verdict", "ranks", "differences-0", "heatmap-0"):
            frame = view.page.locator(f"#figure-{figure} svg").bounding_box()
            for text in view.page.locator(f"#figure-{figure} svg text").all():
                box, name = text.bounding_box(), (width, figure, text.text_content())
                assert box["x"] >= frame["x"] - HALO, name
                assert box["x"] + box["width"] <= frame["x"] + frame["width"] + HALO, name
                assert box["y"] >= frame["y"] - HALO, name
        names = view.page.locator("#figure-verdict svg text").all_text_contents()
        assert any("…" in name and name.endswith("(dropout)") for name in names)
