"""``redcore evaluate``: score the model of a run under every missing pattern."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import (
    Data,
    EventOption,
    FormatOption,
    GroupColumn,
    Json,
    ModalityColumns,
    Rows,
    TargetOption,
    Threshold,
    reader_options,
    takes,
)

__all__ = ["evaluate"]


@dataclass(frozen=True)
class EvaluateOptions:
    """Arguments and options of ``redcore evaluate``."""

    run: Annotated[Path, typer.Argument(help="Finished run folder of 'redcore fit'.")]
    data: Data
    rows: Annotated[
        Rows,
        typer.Option(
            help="Samples to score. auto: the test split of the run if DATA is its training data, otherwise the test "
            "split of DATA if it has one, otherwise all samples."
        ),
    ] = Rows.AUTO
    threshold: Threshold = None
    weighted: Annotated[
        bool,
        typer.Option(
            "--weighted",
            help="Also show scores with inverse probability weights, for missingness that depends on the target or on "
            "modalities without missing samples.",
        ),
    ] = False
    modality: ModalityColumns = None
    target: TargetOption = None
    event: EventOption = None
    group: GroupColumn = None
    option: FormatOption = None
    as_json: Json = False


@takes(EvaluateOptions)
def evaluate(options: EvaluateOptions) -> None:
    """Score the model of RUN on DATA under every missing pattern.

    DATA is read with the columns and options of the training data, which --modality, --target, --event, --group and
    --option replace.
    """
    from redcore.cli._output import print_json, print_run_report, warnings_as_messages
    from redcore.runs import Run

    finished = Run.load(options.run)
    # load the model first, so that a damaged model is reported before the data is read
    schema = finished.method.schema
    if options.threshold is not None:
        finished.method.set_threshold(options.threshold)
    reader = reader_options(options.option, options.modality, options.target, options.event, options.group)
    with warnings_as_messages():
        samples, description = finished.rows_to_score(finished.read(options.data, options=reader), options.rows.value)
        report = finished.evaluate(samples, "all", options.weighted)
    if options.as_json:
        print_json(
            {
                "run": str(options.run),
                "data": options.data,
                "rows": description,
                "threshold": finished.method.threshold,
                "metrics": report.to_dict(),
            }
        )
        return
    print_run_report(description, finished.request.method, report, schema)
