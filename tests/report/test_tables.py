"""Tables for papers."""

import re
import shutil
import subprocess
from functools import partial

import numpy as np
import pytest

from record_factory import make_records, make_spec
from redcore.benchmark import best_methods, rank_methods, summarise
from redcore.report import latex_tables, markdown_tables, pattern_tables

HOSTILE = r"50% of a_b & c #1 {x} $y$ ~^\z <R²> |"


@pytest.fixture(scope="module")
def records():
    return make_records(make_spec())


def test_markdown_contains_all_means(records):
    text = markdown_tables(records)
    for score in ("nll", "argmax_macro_f1"):
        for entry in summarise(records, score=score):
            assert f"{entry.mean:.3f}" in text
            assert f"({entry.low:.3f} to {entry.high:.3f})" in text
        ranking = rank_methods(records, score=score)
        for method, rank in zip(ranking.methods, ranking.mean_ranks, strict=True):
            assert f"| {method} | {rank:.2f} |" in text
    rows = [line for line in text.splitlines() if line.startswith("| m")]
    assert len(rows) == 2 * (2 * 3 + 3 + 3)  # two scores: two data sets, the ranks, and three heads
    assert "fewer than 5 runs" in text


def test_best_is_bold_and_ties_are_marked(records):
    text = markdown_tables(records, score="macro_f1")
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
    text = latex_tables(make_records(make_spec(data=("d",), rates=rates)), score="nll")
    assert text.count("\\begin{tabular}{lccc}") == 2
    assert text.count("\\begin{tabular}{lc}") == 1


def test_no_finished_records():
    failed = make_records(make_spec(), fail=lambda cell: True)
    assert "tabular" not in latex_tables(failed)
    assert markdown_tables(failed) == ""


def test_tables_by_pattern(records):
    text = pattern_tables(records, score="nll")
    assert "| method | {a} | {t} | {v} | {a,t} | {a,v} | {t,v} | {a,t,v} | average |" in text
    assert "(a: audio, t: text, v: video)" in text
    own = [r for r in records if (r.data_title, r.protocol_title, r.method_title) == ("d0", "shared 0.5", "m0")]
    means = [np.mean([r.metrics["per_pattern"][p]["nll"] for r in own]) for p in own[0].metrics["per_pattern"]]
    row = text.split("d0, shared 0.5")[1].split("| m0 |")[1].splitlines()[0].replace("*", "")
    assert [cell.strip() for cell in row.strip(" |").split("|")] == [f"{m:.3f}" for m in [*means, np.mean(means)]]


def test_by_pattern_marks_patterns_without_scores(records):
    one = records[0].model_copy(deep=True)
    one.metrics["per_pattern"]["audio"] = {"n_samples": 0}
    text = pattern_tables([one], score="nll")
    assert "| m0 | -- |" in text
    assert "audio: no test sample observes all of its modalities" in text


def test_many_patterns_are_averaged_by_size():
    text = pattern_tables(make_records(make_spec(data=("d",)), modalities=tuple("abcdef")), score="nll", latex=True)
    assert "method & 1 observed & 2 observed" in text


@pytest.mark.parametrize("tables", [latex_tables, partial(pattern_tables, latex=True)])
def test_latex_compiles(tmp_path, tables):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not here (Debian: texlive-latex-recommended)")
    table = tables(make_records(make_spec(data=(HOSTILE, "d"), methods=(HOSTILE, "plain"))))
    (tmp_path / "table.tex").write_text(table, encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n\\input{table}\n\\end{document}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 1000
