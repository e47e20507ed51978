"""``redcore evaluate``: score a run under every missing pattern."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redcore.cli._options import Data, Json

if TYPE_CHECKING:
    from redcore.data import MultimodalData

__all__ = ["Rows", "choose_rows", "evaluate"]


class Rows(StrEnum):
    """Which samples to score."""

    AUTO = "auto"
    TEST = "test"
    ALL = "all"


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
    from redcore.export import load_model
    from redcore.metrics import evaluate_patterns
    from redcore.runs import read_data, read_run

    record = read_run(run)
    method = load_model(run)
    scored, which = choose_rows(run, record, read_data(data), rows)
    with warnings_as_messages():
        report = evaluate_patterns(
            method.predict, method.schema.align(scored), record["request"]["seed"], decide=method.decide
        )
    if as_json:
        print_json({"run": str(run), "data": data, "rows": which, "metrics": report.to_dict()})
        return
    print_report(which, {record["request"]["method"]: report}, method.schema.target_kind)


def choose_rows(run: Path, record: dict[str, Any], data: "MultimodalData", rows: Rows) -> tuple["MultimodalData", str]:
    """Return the samples to score, and what they are called."""
    from redcore.exceptions import RunError
    from redcore.runs import read_held_out

    if rows is Rows.ALL:
        return data, "all rows"
    if data.checksum() == record["request"]["data_checksum"]:
        held_out = read_held_out(run)
        if not held_out.size:
            raise RunError(f"{run}: was trained on all rows of this data; give other data, or --rows all")
        return data.take(held_out), "the rows held out for the test"
    if data.split is not None and (data.split == 2).any():
        return data.part("test"), "the data's own test rows"
    if rows is Rows.TEST:
        raise RunError("the data has no test rows of its own; use --rows all")
    return data, "all rows"
