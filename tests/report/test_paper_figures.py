"""Figures for papers."""

import pytest

from record_factory import make_records, make_spec
from redcore.report import write_figures


def names(paths):
    return sorted(path.name for path in paths)


def test_all_figures_as_pdf_and_png(tmp_path):
    written = write_figures(make_records(make_spec(data=("d/0", "Größe$"))), tmp_path / "new" / "figures")
    stems = ["cost", "heatmap-Größe-", "heatmap-d-0", "missing-modalities", "ranks"]
    assert names(written) == sorted(f"{stem}.{ending}" for stem in stems for ending in ("pdf", "png"))
    for path in written:
        assert path.read_bytes().startswith(b"%PDF" if path.suffix == ".pdf" else b"\x89PNG")


def test_figures_are_reproducible(tmp_path):
    records = make_records(make_spec(data=("d",), methods=("a",), n_seeds=1))
    one, other = (write_figures(records, tmp_path / name) for name in ("one", "other"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


@pytest.mark.parametrize("fail", [True, False])
def test_few_or_no_records(tmp_path, fail):
    spec = make_spec(data=("d",), methods=("a",), n_seeds=1, rates=((0.5,),))
    written = write_figures(make_records(spec, modalities=("x",), fail=lambda cell: fail), tmp_path)
    assert bool(written) != fail
