"""``redcore fit``: train a method on a data set and write a run folder."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redcore import _defaults
from redcore.cli._options import (
    Data,
    Encoders,
    EventOption,
    FormatOption,
    GroupColumn,
    Json,
    ModalityColumns,
    Seed,
    TargetOption,
    method_settings,
    parse_rates,
    parse_settings,
    reader_options,
    takes,
)

if TYPE_CHECKING:
    from redcore.data import MultimodalData
    from redcore.fitting import Callback
    from redcore.runs import Request, Run

__all__ = ["fit"]


@dataclass(frozen=True)
class FitOptions:
    """Arguments and options of ``redcore fit``."""

    data: Data
    out: Annotated[Path, typer.Option(help="Run folder to create.")]
    method: Annotated[
        str | None,
        typer.Option(help="Method; see 'redcore list methods'. Default: the method of the preset, else stacked."),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(help="Preset; see 'redcore list presets'. Default: the default settings of the method."),
    ] = None
    protocol: Annotated[str, typer.Option(help="Missing protocol; see 'redcore list protocols'.")] = _defaults.PROTOCOL
    missing_rate: Annotated[
        list[str] | None,
        typer.Option(
            help="Missing rate of the training and validation split, as MODALITY=RATE, or RATE for all modalities. "
            "Repeatable. Default: 0."
        ),
    ] = None
    protocol_option: Annotated[
        list[str] | None, typer.Option(help="Option of the protocol as KEY=VALUE. Repeatable.")
    ] = None
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Allow samples in which all modalities are missing.")
    ] = False
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the method as KEY=VALUE. Repeatable.")
    ] = None
    encoder: Encoders = None
    test_fraction: Annotated[
        float, typer.Option(help="Fraction of samples for the test split, if DATA has none.", min=0, max=0.9)
    ] = _defaults.TEST_FRACTION
    threshold: Annotated[
        str | None,
        typer.Option(
            help="Probability from which the rarer class of two is predicted: a number, or chosen on validation "
            "samples: f1 (best F1), or cost=N (a missed sample costs N false alarms). Default: the rule of the method."
        ),
    ] = None
    cv: Annotated[
        int | None,
        typer.Option(
            help="Score the method by cross-validation with this number of folds instead of a test split, for small "
            "data. The model of the run is then fitted to all samples.",
            min=2,
        ),
    ] = None
    seed: Seed = _defaults.SEED
    resume: Annotated[bool, typer.Option("--resume", help="Resume an unfinished run.")] = False
    log_every: Annotated[
        int | None,
        typer.Option(
            help="Write TensorBoard logs to the run folder every N steps. Requires the extra 'tensorboard'.", min=1
        ),
    ] = None
    data_format: Annotated[
        str | None,
        typer.Option("--format", help="Format of DATA; see 'redcore list formats'. Default: detected from DATA."),
    ] = None
    modality: ModalityColumns = None
    target: TargetOption = None
    event: EventOption = None
    group: GroupColumn = None
    option: FormatOption = None
    as_json: Json = False

    def reader(self) -> "dict[str, Any]":
        """Return format and options of the reader, as keyword arguments."""
        options = reader_options(self.option, self.modality, self.target, self.event, self.group)
        return {"data_format": self.data_format, "options": options}

    def request(self, source: "MultimodalData") -> "Request":
        """Return the options of the command and the checksum of `source`, by which ``--resume`` recognises the run."""
        from redcore.runs import RunOptions, reader_of

        options = RunOptions.checked(
            {
                "method": self.method,
                "preset": self.preset,
                "settings": method_settings(self.assign, self.encoder),
                "protocol": self.protocol,
                "missing_rates": parse_rates(self.missing_rate or [], source.names),
                "protocol_options": parse_settings(self.protocol_option or [], "--protocol-option", "key=value"),
                "allow_empty": self.allow_empty,
                "test_fraction": self.test_fraction,
                "threshold": self.threshold,
                "cv": self.cv,
                "seed": self.seed,
            }
        )
        return options.request(source, self.data, reader_of(self.data, **self.reader()))


@takes(FitOptions)
def fit(options: FitOptions) -> None:
    """Train a method on DATA and write a run folder with model, settings, metrics, predictions and a report.

    The test split is never used for training or model selection. It is scored once, under every missing pattern. With
    --cv, the scores are means over folds, and the model is fitted to all samples.
    """
    from redcore._files import locked
    from redcore.cli._fold_tables import print_cross_validation
    from redcore.cli._output import messages, print_json, print_run_report, warnings_as_messages
    from redcore.fitting import process_rank
    from redcore.runs import Run, read_data

    # under torchrun, all processes train, and only the first prints and writes files
    is_first = process_rank() == 0
    messages.quiet = not is_first
    with warnings_as_messages():
        source = read_data(options.data, **options.reader())
        run = Run.prepare(source, options.request(source))
        with locked(options.out) if is_first else nullcontext():
            run = _fit_in_folder(run, options, is_first)
    if not is_first:
        return
    if options.as_json:
        folds = {} if run.cross_validation is None else {"cross_validation": run.cross_validation.to_dict()}
        print_json({"run": str(options.out), **run.record, "metrics": run.metrics, **folds})
        return
    if run.cross_validation is not None:
        print_cross_validation(run.cross_validation, run.request.method)
    if run.report is not None:
        print_run_report("the test split", run.request.method, run.report, run.method.schema)
    typer.echo(f"Run folder: {options.out} ({run.seconds:.1f} s of training)")


def _fit_in_folder(run: "Run", options: FitOptions, is_first: bool) -> "Run":
    """Fit a run and write its folder. An interrupted fit leaves the folder with its checkpoint."""
    from redcore.cli._output import fit_with_progress, messages
    from redcore.exceptions import ProcessLostError, TrainingInterrupted
    from redcore.runs import open_run, release_run

    out = options.out
    if is_first:
        open_run(out, run.request, options.resume)
    checkpoint = out / "checkpoint.safetensors"
    try:
        with _logging(out, options.log_every if is_first else None) as callbacks:
            run = run.cross_validate(out, partial(_fit_fold, options.cv))
            run = fit_with_progress(run, checkpoint, callbacks)
    except (TrainingInterrupted, ProcessLostError) as interrupt:
        messages.print(_resume_message(out), markup=False)
        raise interrupt from None
    except Exception:
        if is_first:
            release_run(out)
        raise
    if is_first:
        from redcore.report import write_run_report  # loads matplotlib, which takes half a second

        run = run.save(out)
        write_run_report(out)
    return run


@contextmanager
def _logging(folder: Path, every: int | None) -> "Iterator[Sequence[Callback]]":
    """Yield the logging callbacks and close them at the end; none if `every` is None."""
    if every is None:
        yield ()
        return
    from redcore.fitting import TensorBoardLogger

    logger = TensorBoardLogger(folder / "tensorboard", every)
    try:
        yield (logger,)
    finally:
        logger.close()


def _fit_fold(n_folds: int | None, run: "Run", number: int, checkpoint: Path | None) -> "Run":
    from redcore.cli._output import fit_with_progress

    return fit_with_progress(run, checkpoint, title=f"{run.request.method}, fold {number} of {n_folds}")


def _resume_message(folder: Path) -> str:
    """Return the message after an interrupt, with the command that resumes the run."""
    # a method that writes no checkpoints is fitted from the start
    saved = "The checkpoint was saved. " if any(folder.glob("*checkpoint.safetensors")) else ""
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    return f"{saved}To resume: {shlex.join(['redcore', *arguments, '--resume'])}"
