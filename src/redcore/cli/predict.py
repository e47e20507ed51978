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
    from redcore.export import load_model, read_model_content
    from redcore.runs import check_output, checksum_of, read_run, stream_predictions

    check_output(out)
    if not run.is_file():
        read_run(run)
    method = load_model(run)
    checksum = checksum_of(Path(data)) if Path(data).exists() else data
    request = {"model": read_model_content(run)["sha256"], "data": checksum}
    with warnings_as_messages():
        n_samples, columns = stream_predictions(method, data, out, request)
    if as_json:
        print_json({"run": str(run), "data": data, "out": str(out), "n_samples": n_samples, "columns": columns})
        return
    typer.echo(f"{n_samples} predictions written to {out}")
