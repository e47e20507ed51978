"""``redcore predict``: predictions of a run as CSV or Parquet."""

from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import Data, Json

__all__ = ["predict"]


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder that 'redcore fit' has finished, or a model file.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="File to write, .csv or .parquet; replaced if it exists.")],
    as_json: Json = False,
) -> None:
    """Predict every sample of DATA with the model of RUN; labels in DATA are not needed.

    Large data is read, predicted and kept piece by piece; the same command goes on where a killed one stopped.
    """
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.runs import predict_stream

    with warnings_as_messages():
        n_samples, columns = predict_stream(run, data, out)
    if as_json:
        print_json({"run": str(run), "data": data, "out": str(out), "n_samples": n_samples, "columns": columns})
        return
    typer.echo(f"{n_samples} predictions written to {out}")
