"""``redcore evaluate``: score a run under every missing pattern."""

from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import Data, Json, Rows

__all__ = ["evaluate"]


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder that 'redcore fit' has finished.")],
    data: Data,
    rows: Annotated[
        Rows,
        typer.Option(
            help="auto: the rows the run held out, where DATA is what it was trained on; else the data's "
            "own test rows, or all."
        ),
    ] = Rows.AUTO,
    as_json: Json = False,
) -> None:
    """Score the model of RUN on DATA under every missing pattern."""
    from redcore.cli._output import print_json, print_report, warnings_as_messages
    from redcore.runs import Run, read_data

    done = Run.load(run)
    # a damaged model is reported before the data is read
    kind = done.method.schema.target_kind
    scored, which = done.rows_to_score(read_data(data), rows.value)
    with warnings_as_messages():
        report = done.evaluate(scored, "all")
    if as_json:
        print_json({"run": str(run), "data": data, "rows": which, "metrics": report.to_dict()})
        return
    print_report(which, {done.request.method: report}, kind)
