"""``redcore tune``: search for the settings that suit a data set and its missing rates."""

import multiprocessing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redcore import _defaults
from redcore.cli._options import Data, Json, Seed, parse_rates, parse_settings
from redcore.cli._signature import takes

if TYPE_CHECKING:
    from redcore.data import MultimodalData
    from redcore.tuning import Study

__all__ = ["tune"]


@dataclass(frozen=True)
class TuneOptions:
    """What ``redcore tune`` is told."""

    data: Data
    trials: Annotated[int, typer.Option(help="Trials that the study has in the end, all workers together.", min=1)]
    out: Annotated[Path, typer.Option(help="Folder of the study; an existing one is gone on with.")]
    method: Annotated[str, typer.Option(help="'redcore list methods'.")] = _defaults.METHOD
    preset: Annotated[str | None, typer.Option(help="Where settings that are not searched come from.")] = None
    protocol: Annotated[str, typer.Option(help="'redcore list protocols'.")] = _defaults.PROTOCOL
    missing_rate: Annotated[
        list[str] | None, typer.Option(help="MODALITY=RATE, or RATE for all; hidden in every fold. Repeatable.")
    ] = None
    protocol_option: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE, an option of the protocol. Repeatable.")
    ] = None
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, a setting that is not searched. Repeatable.")
    ] = None
    folds: Annotated[int, typer.Option(help="Folds, whole groups where there are some.", min=2, max=20)] = 3
    metric: Annotated[str | None, typer.Option(help="Default: nll, macro_f1 for labels, r2 for numbers.")] = None
    test_fraction: Annotated[
        float, typer.Option(help="As in 'redcore fit': what a fit with the same seed tests on is not looked at.")
    ] = _defaults.TEST_FRACTION
    workers: Annotated[int, typer.Option(help="Processes that work on the study.", min=1, max=256)] = 1
    seed: Seed = 0
    as_json: Json = False

    def request(self, source: "MultimodalData") -> dict[str, Any]:
        """Return what makes this study, JSON-ready."""
        return {
            "data": self.data,
            "data_checksum": source.checksum(),
            "method": self.method,
            "preset": self.preset,
            "settings": parse_settings(self.assign or []),
            "protocol": self.protocol,
            "missing_rates": parse_rates(self.missing_rate or [], source.names),
            "protocol_options": parse_settings(self.protocol_option or []),
            "folds": self.folds,
            "metric": self.metric,
            "test_fraction": self.test_fraction,
            "seed": self.seed,
        }


@takes(TuneOptions)
def tune(options: TuneOptions) -> None:
    """Search for good settings of a method on DATA, by folds of the training rows with holes at the missing rates.

    The study is a journal in a folder: workers may join and be killed at any time, and the same command goes on with
    it. preset.json there holds the best settings; 'redcore fit --preset FILE' and the estimators take it.
    """
    from redcore.cli._output import print_json
    from redcore.exceptions import RunError
    from redcore.runs import open_request, read_data

    try:
        from redcore.tuning import describe
    except ImportError as error:
        raise RunError(f"package {error.name} is absent: pip install 'redcore[tune]'") from None
    source = read_data(options.data)
    request = options.request(source)
    study = _study(options.out, request, source)
    open_request(options.out, request)
    others = [_start(options, worker) for worker in range(1, options.workers)]
    _work(study, options.trials, 0)
    for process in others:
        process.join()
    study.write_preset()
    best = study.best()
    result = {
        "study": str(options.out),
        "trials": study.counts(),
        "searched": describe(study.settings, tuple(study.fixed)),
        "metric": study.task.chosen_metric,
        "score": None if best is None else best.value,
        "settings": None if best is None else {**study.fixed, **best.params},
        "preset": str(options.out / "preset.json"),
    }
    if options.as_json:
        print_json(result)
        return
    typer.echo(f"best {result['metric']}: {result['score']}, {result['settings']}")
    typer.echo(f"trials: {result['trials']}; preset: {result['preset']}")


def _study(folder: Path, request: dict[str, Any], source: "MultimodalData") -> "Study":
    """Open the study of a request, on the rows that a fit with the same seed would not test on."""
    import numpy as np

    from redcore.runs import Request, parts_of
    from redcore.tuning import Study, Task

    common = {key: request[key] for key in ("data", "data_checksum", "method", "test_fraction", "seed")}
    part = parts_of(source, Request(**common))
    task = Task(
        request["method"],
        source.take(np.flatnonzero(part != 2)),
        request["missing_rates"],
        request["protocol"],
        request["protocol_options"],
        request["preset"],
        request["folds"],
        request["metric"],
        request["seed"],
    )
    folder.mkdir(parents=True, exist_ok=True)
    return Study(folder, task, request["settings"])


def _work(study: "Study", n_trials: int, worker: int) -> None:
    from redcore.cli._output import messages, warnings_as_messages

    def say(trial: Any) -> None:
        value = "-" if trial.value is None else f"{trial.value:.4f}"
        messages.print(f"trial {trial.number}: {trial.state.name.lower()}, {study.task.chosen_metric} {value}")

    with warnings_as_messages():
        study.work(n_trials, worker, say)


def _start(options: TuneOptions, worker: int) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=_join, args=(options, worker), daemon=True)
    process.start()
    return process


def _join(options: TuneOptions, worker: int) -> None:
    """Work on the study in a process of its own."""
    import torch

    from redcore.runs import read_data

    torch.set_num_threads(max(1, torch.get_num_threads() // options.workers))
    source = read_data(options.data)
    _work(_study(options.out, options.request(source), source), options.trials, worker)
