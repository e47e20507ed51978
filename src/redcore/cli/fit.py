"""``redcore fit``: train on a data set and leave a run folder."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import Data, Json, Seed, parse_rates, parse_settings

__all__ = ["fit"]


def fit(
    data: Data,
    out: Annotated[Path, typer.Option(help="Run folder to make.")],
    method: Annotated[str, typer.Option(help="'redcore list methods'.")] = "redcore",
    preset: Annotated[str | None, typer.Option(help="'redcore list presets'. Default: the method's defaults.")] = None,
    protocol: Annotated[str, typer.Option(help="'redcore list protocols'.")] = "imbalanced",
    missing_rate: Annotated[
        list[str], typer.Option(help="MODALITY=RATE, or RATE for all; hidden in training and validation rows.")
    ] = [],  # noqa: B006 - typer copies it
    allow_empty: Annotated[bool, typer.Option(help="Let samples lose all modalities.")] = False,
    assign: Annotated[list[str], typer.Option("--set", help="KEY=VALUE, a setting of the method.")] = [],  # noqa: B006
    test_fraction: Annotated[
        float, typer.Option(help="Held out for the test where the data has no test split.", min=0, max=0.9)
    ] = 0.2,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run.")] = False,
    as_json: Json = False,
) -> None:
    """Train on DATA and leave a run folder: model, settings, metrics, predictions, history, picture.

    Test rows are never used for training or choosing; they are scored once, under every missing pattern.
    """
    from redcore.cli._output import messages, print_json, print_scores, warnings_as_messages
    from redcore.cli._run import Request, finish_run, fit_one, make_requested, open_run, prepare, read_data
    from redcore.exceptions import TrainingInterrupted
    from redcore.metrics import headline

    source = read_data(data)
    request = Request(
        data=data,
        data_checksum=source.checksum(),
        method=method,
        preset=preset,
        settings=parse_settings(assign),
        protocol=protocol,
        missing_rates=parse_rates(missing_rate, source.names),
        allow_empty=allow_empty,
        test_fraction=test_fraction,
        seed=seed,
    )
    model = make_requested(request)
    prepared = prepare(source, request)
    open_run(out, request, resume)
    checkpoint = out / "checkpoint.safetensors"
    with warnings_as_messages():
        try:
            seconds = fit_one(prepared, model, seed, method, checkpoint)
        except TrainingInterrupted as interrupt:
            kept = "The checkpoint is kept. " if checkpoint.exists() else ""
            messages.print(f"{kept}To go on: {_resume_command()}", markup=False)
            raise interrupt from None
        record, report = finish_run(out, request, prepared, model, seconds)
    if as_json:
        print_json({"run": str(out), **record, "metrics": report.to_dict() if report else None})
        return
    if report is not None:
        score = headline(model.schema.target_kind)
        rows = {**report.per_pattern, "all patterns pooled": report.pooled, "as observed": report.as_observed}
        print_scores(f"{score} on the test part", {method: rows}, score)
    typer.echo(f"Run folder: {out} ({seconds:.1f} s of training)")


def _resume_command() -> str:
    arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
    return shlex.join(["redcore", *arguments, "--resume"])
