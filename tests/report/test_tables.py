"""Tables for papers."""

import re
import shutil
import subprocess

import pytest

from record_factory import make_records, make_spec
from redcore.benchmark import best_methods, rank_methods, summarise
from redcore.report import latex_tables, markdown_tables

HOSTILE = r"50% of a_b & c #1 {x} $y$ ~^\z <R²> |"


@pytest.fixture(scope="module")
def records():
    return make_records(make_spec())


def test_markdown_contains_all_means(records):
    text = markdown_tables(records)
    for entry in summarise(records):
        assert f"{entry.mean:.3f}" in text
        assert f"({entry.low:.3f} to {entry.high:.3f})" in text
    rows = [line for line in text.splitlines() if line.startswith("| m")]
    assert len(rows) == 2 * 3 + 3 + 3  # two data sets, the ranks, and three heads
    for method, rank in zip(*[getattr(rank_methods(records), name) for name in ("methods", "mean_ranks")], strict=True):
        assert f"| {method} | {rank:.2f} |" in text


def test_best_is_bold_and_ties_are_marked(records):
    text = markdown_tables(records)
    best = best_methods(records)
    assert text.count("**") == 2 * len(best)
    assert text.count(" ≈ (") == sum(len(near) for _, near in best.values())


def test_another_score(records):
    text = markdown_tables(records, score="nll")
    assert "d0: log loss" in text
    (first,) = {best for (data, _), (best, _) in best_methods(records, score="nll").items() if data == "d0"}
    assert re.search(rf"\| {first} \| \*\*", text)


def test_markdown_escapes():
    text = markdown_tables(make_records(make_spec(data=("d",), methods=("a|b*c", "e"))))
    assert r"| a\|b\*c |" in text


def test_a_method_without_a_block(records):
    some = [record for record in records if (record.cell.method.label, record.cell.protocol.name) != ("m1", "shared")]
    (row,) = [line for line in latex_tables(some).splitlines() if line.startswith("m1") and "--" in line][:1]
    assert row.count("&") == 2


def test_wide_tables_are_split():
    rates = tuple((place / 10,) for place in range(1, 8))
    text = latex_tables(make_records(make_spec(data=("d",), rates=rates)))
    assert text.count("\\begin{tabular}{lccc}") == 2
    assert text.count("\\begin{tabular}{lc}") == 1


def test_no_finished_records():
    failed = make_records(make_spec(), fail=lambda cell: True)
    assert "tabular" not in latex_tables(failed)
    assert markdown_tables(failed) == ""


def test_latex_compiles(tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not here (Debian: texlive-latex-recommended)")
    table = latex_tables(make_records(make_spec(data=(HOSTILE, "d"), methods=(HOSTILE, "plain"))))
    (tmp_path / "table.tex").write_text(table, encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n\\input{table}\n\\end{document}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 1000
