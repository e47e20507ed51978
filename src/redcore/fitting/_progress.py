"""Callbacks that show the progress of a fit: a bar on a terminal, or a line per epoch."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from redcore.exceptions import SettingsError
from redcore.fitting._context import Callback

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["EpochLines", "ProgressBar", "progress_callbacks"]

SILENT, BAR, LINES = 0, 1, 2


class ProgressBar(Callback):
    """Callback that shows a progress bar with the remaining time. Use it as a context manager around the fit.

    Parameters
    ----------
    name : str
        Description of the fit.
    console : rich.console.Console, optional
        Console of the bar. Default: stderr.
    transient : bool, default False
        If True, the bar disappears at the end, and is not shown at all unless the console is a terminal.
    """

    def __init__(self, name: str, console: "Console | None" = None, transient: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}"),
        )
        console = console or Console(stderr=True)
        # without a terminal a transient bar would still print an empty line
        disable = transient and not console.is_terminal
        self.progress = Progress(*columns, console=console, transient=transient, disable=disable)
        self.name = name
        self.n_fits = 0

    def __enter__(self) -> Self:
        self.progress.start()
        self.task = self.progress.add_task(self.name, total=None, state="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def on_start(self, n_steps: int, first_step: int) -> None:
        """Start the bar for the next network; an ensemble trains several networks."""
        self.n_fits += 1
        name = self.name if self.n_fits == 1 else f"{self.name}, network {self.n_fits}"
        self.progress.update(self.task, description=name, total=n_steps, completed=first_step)

    def on_step(self, step: int, values: Mapping[str, float]) -> None:
        """Advance the bar."""
        self.progress.update(self.task, completed=step + 1)

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Show the validation loss."""
        self.progress.update(self.task, state=f"epoch {epoch + 1}, validation loss {values['validation_loss']:.3f}")


class EpochLines(Callback):
    """Callback that writes one line per epoch to stdout.

    Parameters
    ----------
    name : str
        Description of the fit.
    """

    def __init__(self, name: str) -> None:
        self.name, self.n_fits = name, 0

    def on_start(self, n_steps: int, first_step: int) -> None:
        """Count the networks of an ensemble."""
        self.n_fits += 1

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Write the line of an epoch."""
        network = "" if self.n_fits <= 1 else f", network {self.n_fits}"
        sys.stdout.write(f"{self.name}{network}, epoch {epoch + 1}: validation loss {values['validation_loss']:.4f}\n")


@contextmanager
def progress_callbacks(verbose: int, name: str) -> Iterator[Sequence[Callback]]:
    """Yield the callbacks for a level of `verbose`: none for 0, a `ProgressBar` for 1, `EpochLines` for 2.

    Raises
    ------
    SettingsError
        If `verbose` is not 0, 1 or 2.
    """
    if verbose not in (SILENT, BAR, LINES):
        raise SettingsError(f"verbose: expected 0 (silent), 1 (progress bar) or 2 (a line per epoch), got {verbose!r}")
    if verbose == BAR:
        with ProgressBar(name) as bar:
            yield (bar,)
    else:
        yield (EpochLines(name),) if verbose == LINES else ()
