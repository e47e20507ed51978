"""Display of the trials of a tuning study while it runs."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TextColumn

from redcore.cli._output import messages
from redcore.cli._progress import duration

if TYPE_CHECKING:
    from redcore.tuning import Study

__all__ = ["TrialDisplay"]


class TrialDisplay:
    """A line per finished trial, and on a terminal a bar with the running trial, the best score and the time left.

    Use it as a context manager around the trials.

    Parameters
    ----------
    study : Study
    n_trials : int
        Total number of trials of the study.
    """

    def __init__(self, study: "Study", n_trials: int) -> None:
        self.study, self.n_trials = study, n_trials
        self.shown = {trial.number for trial in study.finished()}
        self.n_before = len(self.shown)
        self.start = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
        self.progress = Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal)

    def __enter__(self) -> Self:
        self.progress.start()
        self.bar = self.progress.add_task("", total=self.n_trials, state="")
        self._show(self.n_before)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def update(self) -> None:
        """Show the trials that were finished since the last call, also by other workers."""
        new = [trial for trial in self.study.finished() if trial.number not in self.shown]
        for trial in new:
            self.shown.add(trial.number)
            value = "-" if trial.value is None else f"{trial.value:.4f}"
            settings = " (default settings)" if trial.user_attrs.get("first") else ""
            score = f"{trial.state.name.lower()}, {self.study.task.chosen_metric} {value}"
            n_trials = max(len(self.shown), self.n_trials)
            state = self._state(len(self.shown))
            messages.print(f"trial {len(self.shown)} of {n_trials}{settings}: {score}; {state}", markup=False)
        self._show(len(self.shown))

    def _show(self, n_finished: int) -> None:
        name = f"trial {min(n_finished + 1, self.n_trials)} of {self.n_trials}"
        self.progress.update(self.bar, description=name, completed=n_finished, state=self._state(n_finished))

    def _state(self, n_finished: int) -> str:
        """Return the best score so far and the remaining time, extrapolated from the trials of this command."""
        best, n_run, n_left = self.study.best(), n_finished - self.n_before, max(0, self.n_trials - n_finished)
        parts = [] if best is None else [f"best {best.value:.4f}"]
        if n_run and n_left:
            parts.append(f"about {duration((time.monotonic() - self.start) / n_run * n_left)} left")
        return ", ".join(parts)
