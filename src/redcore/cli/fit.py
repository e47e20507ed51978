"""``redcore fit``: train on a data set and leave a run folder."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redcore import _defaults
from redcore.cli._options import Data, Json, Seed, parse_rates, parse_settings
from redcore.cli._signature import takes

if TYPE_CHECKING:
    from redcore.data import MultimodalData
    from redcore.fitting import Callback
    from redcore.runs import Request

__all__ = ["fit"]


@dataclass(frozen=True)
class FitOptions:
    """What ``redcore fit`` is told."""

    data: Data
    out: Annotated[Path, typer.Option(help="Run folder to make.")]
    method: Annotated[str, typer.Option(help="'redcore list methods'.")] = _defaults.METHOD
    preset: Annotated[str | None, typer.Option(help="'redcore list presets'. Default: the method's defaults.")] = None
    protocol: Annotated[str, typer.Option(help="'redcore list protocols'.")] = _defaults.PROTOCOL
    missing_rate: Annotated[
        list[str] | None,
        typer.Option(help="MODALITY=RATE, or RATE for all; hidden in training and validation rows. Repeatable."),
    ] = None
    protocol_option: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE, an option of the protocol. Repeatable.")
    ] = None
    allow_empty: Annotated[bool, typer.Option("--allow-empty", help="Let samples lose all modalities.")] = False
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, a setting of the method. Repeatable.")
    ] = None
    test_fraction: Annotated[
        float, typer.Option(help="Held out for the test where the data has no test split.", min=0, max=0.9)
    ] = _defaults.TEST_FRACTION
    seed: Seed = _defaults.SEED
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run.")] = False
    log_every: Annotated[
        int | None,
        typer.Option(help="Log every so many steps to RUN/tensorboard (needs the extra 'tensorboard').", min=1),
    ] = None
    as_json: Json = False

    def request(self, source: "MultimodalData") -> "Request":
        """Return what is asked, with the checksum of the data."""
        from redcore.runs import Request

        return Request(
            data=self.data,
            data_checksum=source.checksum(),
            method=self.method,
            preset=self.preset,
            settings=parse_settings(self.assign or []),
            protocol=self.protocol,
            missing_rates=parse_rates(self.missing_rate or [], source.names),
            protocol_options=parse_settings(self.protocol_option or []),
            allow_empty=self.allow_empty,
            test_fraction=self.test_fraction,
            seed=self.seed,
        )


@takes(FitOptions)
def fit(options: FitOptions) -> None:
    """Train on DATA and leave a run folder: model, settings, metrics, predictions, history, picture.

    Test rows are never used for training or choosing; they are scored once, under every missing pattern.
    """
    from redcore.cli._output import fit_with_progress, messages, print_json, print_report, warnings_as_messages
    from redcore.exceptions import ProcessLostError, TrainingInterrupted
    from redcore.fitting import process_rank
    from redcore.report import write_run_report
    from redcore.runs import Run, open_run, read_data

    # under torchrun the first process speaks and writes; the others help it to fit
    first = process_rank() == 0
    messages.quiet = not first
    source = read_data(options.data)
    request, out = options.request(source), options.out
    run = Run.prepare(source, request)
    if first:
        open_run(out, request, options.resume)
    checkpoint = out / "checkpoint.safetensors"
    with warnings_as_messages():
        try:
            with _logging(out, options.log_every if first else None) as callbacks:
                run = fit_with_progress(run, checkpoint, callbacks)
        except (TrainingInterrupted, ProcessLostError) as interrupt:
            messages.print(_how_to_go_on(checkpoint), markup=False)
            raise interrupt from None
        if not first:
            return
        run = run.save(out)
        write_run_report(out)
    if options.as_json:
        print_json({"run": str(out), **run.record, "metrics": run.metrics})
        return
    if run.report is not None:
        print_report("the test part", {request.method: run.report}, run.method.schema.target_kind)
    typer.echo(f"Run folder: {out} ({run.seconds:.1f} s of training)")


@contextmanager
def _logging(folder: Path, every: int | None) -> "Iterator[Sequence[Callback]]":
    """Return the callbacks that log, and close them."""
    if every is None:
        yield ()
        return
    from redcore.fitting import TensorBoardLogger

    logger = TensorBoardLogger(folder / "tensorboard", every)
    try:
        yield (logger,)
    finally:
        logger.close()


def _how_to_go_on(checkpoint: Path) -> str:
    # not every method keeps one; without it the fit starts anew
    kept = "The checkpoint is kept. " if checkpoint.exists() else ""
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    return f"{kept}To go on: {shlex.join(['redcore', *arguments, '--resume'])}"
