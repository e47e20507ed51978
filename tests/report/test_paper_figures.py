"""Figures for papers."""

from pathlib import Path

import pytest

from record_factory import make_records, make_spec
from redcore import report
from redcore.report import write_figures
from redcore.report._comparison import comparison
from redcore.report._comparison_figures import BEHIND, FOCUS, LEVEL, comparison_figures
from redcore.report._payload import payload


def names(paths):
    return sorted(path.name for path in paths)


def test_all_figures_as_pdf_and_png(tmp_path):
    records = make_records(make_spec(data=("d/0", "Größe$"), rates=((0.5,),)))
    counts = {"train": {"audio": 3, "audio+text": 2, "nothing": 1}}
    records = [record.model_copy(update={"pattern_counts": counts}) for record in records]
    written = write_figures(records, tmp_path / "new" / "figures")
    stems = ["cost", "missing-modalities", "ranks", "verdict"]
    stems += [f"{kind}-{data}" for kind in ("differences", "heatmap") for data in ("Größe-", "d-0")]
    stems += [f"training-{data}-shared-0-5" for data in ("Größe-", "d-0")]
    assert names(written) == sorted(f"{stem}.{ending}" for stem in stems for ending in ("pdf", "png"))
    for path in written:
        assert path.read_bytes().startswith(b"%PDF" if path.suffix == ".pdf" else b"\x89PNG")


def drawn_numbers(figure):
    """Return the texts of the cells of a figure."""
    return {text.get_text() for text in figure.axes[0].texts}


def test_figures_have_the_numbers_of_the_page():
    records = make_records(make_spec(n_seeds=5))
    content = payload(records, "title")
    page = comparison(records, content, None, None)
    figures = comparison_figures(records, "m0", None)
    spans = sorted(tuple(line.get_xdata()) for line in figures["verdict"].axes[0].lines if len(line.get_xdata()) == 2)
    assert sorted(page["leads"].values()) == pytest.approx([pytest.approx(one, abs=1e-5) for one in spans[1:]])
    for place, name in enumerate(content["data"]):
        cells = drawn_numbers(figures[f"differences-{name}"])
        for key, (low, high) in page["patternLeads"].items():
            if content["dataOfPattern"][int(key.split()[0])] == place:
                assert f"{low:+.3f} to {high:+.3f}" in cells


def test_colours_equal_those_of_the_page():
    style = (Path(report.__file__).parent / "assets" / "page.css").read_text(encoding="utf-8")
    for name, colour in (("focus", FOCUS), ("faint", LEVEL), ("warn", BEHIND)):
        assert f"--{name}: light-dark({colour}," in style


def test_figures_are_reproducible(tmp_path):
    records = make_records(make_spec(data=("d",), methods=("a",), n_seeds=1))
    one, other = (write_figures(records, tmp_path / name) for name in ("one", "other"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


@pytest.mark.parametrize("fail", [True, False])
def test_few_or_no_records(tmp_path, fail):
    spec = make_spec(data=("d",), methods=("a",), n_seeds=1, rates=((0.5,),))
    written = write_figures(make_records(spec, modalities=("x",), fail=lambda cell: fail), tmp_path)
    assert bool(written) != fail
