"""``redcore evaluate``: score the model of a run under every missing pattern."""

from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import Data, Json, Rows, Threshold

__all__ = ["evaluate"]


def evaluate(
    run: Annotated[Path, typer.Argument(help="Finished run folder of 'redcore fit'.")],
    data: Data,
    rows: Annotated[
        Rows,
        typer.Option(
            help="Samples to score. auto: the test split of the run if DATA is its training data, otherwise the test "
            "split of DATA if it has one, otherwise all samples."
        ),
    ] = Rows.AUTO,
    threshold: Threshold = None,
    as_json: Json = False,
) -> None:
    """Score the model of RUN on DATA under every missing pattern."""
    from redcore.cli._output import print_json, print_report, warnings_as_messages
    from redcore.runs import Run

    finished = Run.load(run)
    # load the model first, so that a damaged model is reported before the data is read
    target_kind = finished.method.schema.target_kind
    if threshold is not None:
        finished.method.set_threshold(threshold)
    with warnings_as_messages():
        samples, description = finished.rows_to_score(finished.read(data), rows.value)
        report = finished.evaluate(samples, "all")
    if as_json:
        print_json(
            {
                "run": str(run),
                "data": data,
                "rows": description,
                "threshold": finished.method.threshold,
                "metrics": report.to_dict(),
            }
        )
        return
    print_report(description, {finished.request.method: report}, target_kind)
