"""Progress of long operations: reports to a listener, and bars of the command line."""

import io
import time

import pytest
from rich.console import Console

from redcore._progress import listening, stage, tracked
from redcore.cli import _output, _progress
from redcore.exceptions import SettingsError
from redcore.fitting import EpochLines, ProgressBar, progress_callbacks


class Recorder:
    def __init__(self):
        self.events = []

    def begin(self, name, total):
        self.events.append((name, total))
        return len(self.events)

    def advance(self, operation):
        self.events.append(operation)

    def end(self, operation):
        self.events.append(-operation)


def test_operations_are_reported_in_order_and_end_with_an_exception():
    recorder = Recorder()
    with listening(recorder):
        assert list(tracked("ab", "letters")) == ["a", "b"]
        with pytest.raises(ZeroDivisionError), stage("division"):
            _ = 1 / 0
    assert recorder.events == [("letters", 2), 1, 1, -1, ("division", None), -5]
    assert list(tracked("ab", "letters")) == ["a", "b"]
    assert len(recorder.events) == 6


@pytest.fixture
def terminal(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(_progress, "is_shown", lambda: True)
    monkeypatch.setattr(_progress, "DELAY_SECONDS", 0.05)
    monkeypatch.setattr(_output, "messages", Console(file=stream, force_terminal=True, width=100))
    return stream


def shown(terminal, text):
    """Return True as soon as the text is on the terminal, within a minute."""
    end = time.monotonic() + 60
    while text not in terminal.getvalue() and time.monotonic() < end:
        time.sleep(0.05)
    return text in terminal.getvalue()


def test_a_slow_operation_has_a_bar(terminal):
    with listening(_progress.Bars()):
        for _ in tracked(range(2), "slow and long"):
            assert shown(terminal, "slow and long")
            assert shown(terminal, " left ")
        with stage("of unknown length"):
            assert shown(terminal, "of unknown length")


def test_a_fast_operation_has_no_bar(terminal, monkeypatch):
    monkeypatch.setattr(_progress, "DELAY_SECONDS", 30)
    with listening(_progress.Bars()):
        list(tracked(range(3), "fast"))
    assert terminal.getvalue() == ""


def test_nothing_is_shown_without_a_terminal(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(_progress, "DELAY_SECONDS", 0.0)
    with listening(_progress.Bars()):
        for _ in tracked(range(2), "slow"):
            time.sleep(0.05)
    assert stream.getvalue() == ""


def test_bars_yield_to_another_bar(terminal):
    with ProgressBar("fit", _output.messages), listening(_progress.Bars()), stage("inside of a fit"):
        time.sleep(0.2)
    assert "fit" in terminal.getvalue()


def test_levels_of_verbose(capsys):
    with progress_callbacks(0, "model") as callbacks:
        assert callbacks == ()
    with progress_callbacks(1, "model") as (bar,):
        assert isinstance(bar, ProgressBar)
        bar.on_start(10, 0)
        bar.on_step(9, {})
    assert "10/10" in capsys.readouterr().err
    with progress_callbacks(2, "model") as (lines,):
        assert isinstance(lines, EpochLines)
        for epoch in range(2):
            lines.on_start(10, 0)
            lines.on_epoch(epoch, {"validation_loss": 0.5})
    assert capsys.readouterr().out.splitlines() == [
        "model, epoch 1: validation loss 0.5000",
        "model, network 2, epoch 2: validation loss 0.5000",
    ]
    for wrong in (3, -1, "1", None):
        with pytest.raises(SettingsError, match="verbose: expected 0"), progress_callbacks(wrong, "model"):
            pass
