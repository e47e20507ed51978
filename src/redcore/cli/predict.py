"""``redcore predict``: predictions of a run as CSV or Parquet."""

from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import Data, Json

__all__ = ["predict"]


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder that 'redcore fit' has finished.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="File to write, .csv or .parquet; replaced if it exists.")],
    as_json: Json = False,
) -> None:
    """Predict every sample of DATA with the model of RUN; labels in DATA are not needed."""
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.cli._predictions import check_output, prediction_table, write_table
    from redcore.cli._run import read_run
    from redcore.cli._sources import read_data
    from redcore.serving import load_model

    check_output(out)
    read_run(run)
    method = load_model(run)
    with warnings_as_messages():
        table = prediction_table(method, read_data(data))
    write_table(table, out)
    if as_json:
        print_json(
            {"run": str(run), "data": data, "out": str(out), "n_samples": table.num_rows, "columns": table.column_names}
        )
        return
    typer.echo(f"{table.num_rows} predictions written to {out}")
