"""LaTeX tables, compiled by a real LaTeX. Without one, the tests are skipped."""

import shutil
import subprocess

import pytest

from record_factory import make_records, make_spec
from redcore.report import latex_tables, pattern_tables
from redcore.report._tables import latex_float, latex_floats

HOSTILE = "50% of a_b & c#d $x^2$ {y} ~z \\\\ <w> |v|"
DOCUMENT = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n\\input{table}\n\\end{document}\n"


@pytest.fixture
def compiled(tmp_path):
    """Return a function that compiles a table and returns the log of LaTeX."""
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("pdflatex is not installed (Debian: apt-get install texlive-latex-recommended)")

    def compile_table(text):
        (tmp_path / "table.tex").write_text(text, encoding="utf-8")
        (tmp_path / "main.tex").write_text(DOCUMENT, encoding="utf-8")
        command = [program, "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        assert (tmp_path / "main.pdf").read_bytes().startswith(b"%PDF")
        return done.stdout

    return compile_table


@pytest.mark.parametrize("table", [latex_tables, lambda records: pattern_tables(records, latex=True)])
def test_tables_compile(compiled, table):
    records = make_records(make_spec(data=("d0", HOSTILE), methods=("m0", HOSTILE)), modalities=("a_1", "t", "v&w"))
    compiled(table(records))


def test_tables_by_pattern_have_the_form_of_the_literature_and_fit_the_page(compiled):
    records = make_records(make_spec(data=("iemocap",), methods=("redcore", "zero_fill"), n_seeds=5, rates=((0.5,),)))
    text = pattern_tables(records, score="accuracy", latex=True)
    heads = [line for line in text.splitlines() if line.startswith("method & ")]
    patterns = ("a", "t", "v", "a,t", "a,v", "t,v", "a,t,v")
    columns = " & ".join(rf"\{{{pattern}\}}" for pattern in patterns)
    assert heads == [rf"method & {columns} & average \\"]
    assert "Overfull" not in compiled(text)


def test_tables_of_many_patterns_fit_the_page(compiled):
    names = ("late_fusion_transformer, stacked", "zero_fill")
    spec = make_spec(data=("d0",), methods=names, n_seeds=2, rates=((0.5,),))
    text = pattern_tables(make_records(spec, modalities=("audio", "pose", "text", "video")), latex=True)
    assert text.count("late\\_fusion") > 2
    assert "Overfull" not in compiled(text)


def test_long_names_keep_the_average_in_the_table(compiled):
    names = ("zero_fill (modality_dropout)", "redcore (aaai2024)")
    records = make_records(make_spec(data=("iemocap",), methods=names, n_seeds=2, rates=((0.5,),)))
    text = pattern_tables(records, score="accuracy", latex=True)
    assert text.count("\\begin{table}") == text.count("& average") == 1
    assert "Overfull" not in compiled(text)


def test_more_than_a_hundred_tables_compile(compiled):
    table = latex_float("caption", "lr", "method & score", ["a & 0.5"])
    compiled(latex_floats(["a note"], [table] * 120))
