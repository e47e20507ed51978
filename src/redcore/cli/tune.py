"""``redcore tune``: hyperparameter search for a data set and its missing rates."""

import multiprocessing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redcore import _defaults
from redcore.cli._options import Data, Encoders, Json, Seed, method_settings, parse_rates, parse_settings, takes

if TYPE_CHECKING:
    from collections.abc import Callable

    from redcore.data import MultimodalData
    from redcore.tuning import Study

__all__ = ["tune"]


@dataclass(frozen=True)
class TuneOptions:
    """Arguments and options of ``redcore tune``."""

    data: Data
    trials: Annotated[int, typer.Option(help="Total number of trials of the study, over all workers.", min=1)]
    out: Annotated[Path, typer.Option(help="Folder of the study; an existing study is resumed.")]
    method: Annotated[
        str | None,
        typer.Option(help="Method; see 'redcore list methods'. Default: the method of the preset, else stacked."),
    ] = None
    preset: Annotated[str | None, typer.Option(help="Preset with the values of settings that are not searched.")] = None
    protocol: Annotated[str, typer.Option(help="Missing protocol; see 'redcore list protocols'.")] = _defaults.PROTOCOL
    missing_rate: Annotated[
        list[str] | None,
        typer.Option(
            help="Missing rate of every fold, as MODALITY=RATE, or RATE for all modalities. Repeatable. Default: 0."
        ),
    ] = None
    protocol_option: Annotated[
        list[str] | None, typer.Option(help="Option of the protocol as KEY=VALUE. Repeatable.")
    ] = None
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", help="Fixed value of a setting as KEY=VALUE; it is not searched. Repeatable."),
    ] = None
    encoder: Encoders = None
    folds: Annotated[
        int, typer.Option(help="Number of cross-validation folds. Groups are never split.", min=2, max=20)
    ] = 3
    metric: Annotated[
        str | None,
        typer.Option(help="Score to optimise. Default: nll; multilabel macro_f1, regression r2, survival ibs."),
    ] = None
    test_fraction: Annotated[
        float,
        typer.Option(
            help="Fraction of samples for the test split, as in 'redcore fit'. The search never uses the test split of "
            "a fit with the same seed."
        ),
    ] = _defaults.TEST_FRACTION
    workers: Annotated[int, typer.Option(help="Number of processes that run trials.", min=1, max=256)] = 1
    seed: Seed = 0
    as_json: Json = False

    def request(self, source: "MultimodalData") -> dict[str, Any]:
        """Return the options of the command and the checksum of `source`, by which an existing study is recognised."""
        from redcore.methods import method_name

        return {
            "data": self.data,
            "data_checksum": source.checksum(),
            "method": method_name(self.method, self.preset),
            "preset": self.preset,
            "settings": method_settings(self.assign, self.encoder),
            "protocol": self.protocol,
            "missing_rates": parse_rates(self.missing_rate or [], source.names),
            "protocol_options": parse_settings(self.protocol_option or [], "--protocol-option", "key=value"),
            "folds": self.folds,
            "metric": self.metric,
            "test_fraction": self.test_fraction,
            "seed": self.seed,
        }


@takes(TuneOptions)
def tune(options: TuneOptions) -> None:
    """Search for the best settings of a method by cross-validation on DATA.

    Modalities are removed from every fold at the given missing rates. The test split is never used. The study is stored
    in a folder, so that an interrupted search is resumed by the same command. The best settings are written to
    preset.json in this folder, for use with 'redcore fit --preset FILE' or an estimator.
    """
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.cli._trials import TrialDisplay
    from redcore.runs import open_request, read_data
    from redcore.tuning import describe

    source = read_data(options.data)
    request = options.request(source)
    with warnings_as_messages():
        study = _open_study(options.out, request, source)
    open_request(options.out, request)
    processes = [_start_worker(options, worker) for worker in range(1, options.workers)]
    with TrialDisplay(study, options.trials) as display:
        _run_trials(study, options.trials, 0, lambda _: display.update())
        for process in processes:
            process.join()
        display.update()
    study.write_preset()
    best = study.best()
    result = {
        "study": str(options.out),
        "trials": study.counts(),
        "searched": describe(study.settings, study.fixed),
        "metric": study.task.chosen_metric,
        "score": None if best is None else best.value,
        "settings": None if best is None else study.settings_of(best),
        "preset": str(options.out / "preset.json"),
    }
    if options.as_json:
        print_json(result)
        return
    typer.echo(f"best {result['metric']}: {result['score']}, {result['settings']}")
    typer.echo(f"trials: {result['trials']}; preset: {result['preset']}")


def _open_study(folder: Path, request: dict[str, Any], source: "MultimodalData") -> "Study":
    """Open or create the study, on all samples outside the test split of a fit with the same seed."""
    import numpy as np

    from redcore._files import writing
    from redcore.runs import split_codes
    from redcore.tuning import Study, Task

    split = split_codes(source, request["test_fraction"], request["seed"])
    task = Task(
        request["method"],
        source.take(np.flatnonzero(split != 2)),
        request["missing_rates"],
        request["protocol"],
        request["protocol_options"],
        request["preset"],
        request["folds"],
        request["metric"],
        request["seed"],
    )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return Study(folder, task, request["settings"])


def _run_trials(study: "Study", n_trials: int, worker: int, done: "Callable[[object], None] | None" = None) -> None:
    from redcore._files import writing
    from redcore.cli._output import warnings_as_messages
    from redcore.tuning import Budget

    with warnings_as_messages(), writing(study.folder):
        study.work(Budget(n_trials), worker, done)


def _start_worker(options: TuneOptions, worker: int) -> multiprocessing.process.BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=_worker, args=(options, worker), daemon=True)
    process.start()
    return process


def _worker(options: TuneOptions, worker: int) -> None:
    """Run trials of the study in a child process."""
    import torch

    from redcore.runs import read_data

    torch.set_num_threads(max(1, torch.get_num_threads() // options.workers))
    source = read_data(options.data)
    _run_trials(_open_study(options.out, options.request(source), source), options.trials, worker)
