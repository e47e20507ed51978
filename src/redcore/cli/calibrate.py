"""``redcore calibrate``: recalibration of a run on new labelled data."""

from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import Data, Json, Rows

__all__ = ["calibrate"]

SHOWN = ("nll", "ece", "brier", "accuracy")
"""Scores of classes that the command prints."""


def calibrate(
    run: Annotated[Path, typer.Argument(help="Finished run folder of 'redcore fit'. It is not modified.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the new run; must not exist.")],
    rows: Annotated[Rows, typer.Option(help="Samples to use, as in 'redcore evaluate'.")] = Rows.AUTO,
    as_json: Json = False,
) -> None:
    """Write a run with the model of RUN, calibrated on DATA, which has labels and was not used in training.

    Probabilities are divided by a temperature, and prediction intervals and sets get new conformal scores. No parameter
    of the model is fitted.
    """
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.metrics import score_label
    from redcore.runs import calibrate_run

    with warnings_as_messages():
        result = calibrate_run(run, data, out, rows.value)
    if as_json:
        print_json({"run": str(out), **result.to_dict()})
        return
    typer.echo(f"{result.n_samples} samples ({result.data})")
    if result.temperature is not None:
        typer.echo(f"temperature: {result.temperature:.3f}")
    if result.coverage_before is not None:
        typer.echo(f"coverage of intervals with nominal coverage 90% before: {result.coverage_before:.1%}")
    for name in SHOWN:
        before, after = result.before.get(name), result.after.get(name)
        if before is not None and after is not None:
            typer.echo(f"{score_label(name)}: {before:.3f} before, {after:.3f} after")
    typer.echo(f"Run folder: {out}")
