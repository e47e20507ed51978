"""The injector of faults recognises each kind of failure. `make faults` runs all of its cases."""

import pytest

from faults.cases import COMMANDS, Command
from faults.inject import OLD, Bench

RESULT = {"p.csv": b"result"}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, tmp_path, 1)


@pytest.mark.parametrize(
    ("status", "log", "content", "failure"),
    [
        (0, "", RESULT, None),
        (0, "", {"p.csv": b"other"}, "silent"),
        (2, "redcore: p.csv: cannot be written", {}, None),
        (2, "redcore: a\nredcore: b", {}, "traceback"),
        (2, "Traceback (most recent call last)\nredcore: a", {}, "traceback"),
        (1, "redcore: internal error", {}, "traceback"),
        (-9, "", {}, "traceback"),
        (None, "", {}, "hang"),
    ],
)
def test_ends_of_a_command(bench, status, log, content, failure):
    assert bench.judge(status, log, content, RESULT) == failure


@pytest.mark.parametrize(
    ("content", "failure"), [(OLD, None), (RESULT["p.csv"], None), (b"half a res", "lost"), (None, "lost")]
)
def test_outputs_after_a_failure(bench, tmp_path, content, failure):
    command = Command((), tmp_path / "p.csv", ("",), ())
    if content is not None:
        command.out.write_bytes(content)
    assert bench.lost(command, 2, RESULT, partial_only=True) == failure


def test_the_table_counts_cases_and_failures(bench):
    bench.note("predict", "SIGKILL", None)
    bench.note("predict", "SIGKILL", "lost", "detail")
    bench.note("fit", "full disk", None)
    assert "| predict | 0 | 0 | 0 | 0 | 2 | 1 | 0 | 0 | 0 |" in bench.table()
    assert bench.table().splitlines()[-1] == "| all | 1 | 0 | 0 | 0 | 2 | 1 | 0 | 0 | 0 |"
    assert bench.problems == ["predict, SIGKILL: lost: detail"]
    assert {"fit", "predict", "convert", "bench", "tune", "export", "explain", "calibrate", "drift"} <= set(COMMANDS)
