"""``redcore predict``: write the predictions of a model to a CSV or Parquet file."""

from pathlib import Path
from typing import Annotated

import typer

from redcore.cli._options import Data, FormatOption, Json, ModalityColumns, Threshold, reader_options

__all__ = ["predict"]


def predict(
    run: Annotated[Path, typer.Argument(help="Finished run folder of 'redcore fit', or a model file.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="File to write, .csv or .parquet; replaced if it exists.")],
    threshold: Threshold = None,
    modality: ModalityColumns = None,
    option: FormatOption = None,
    as_json: Json = False,
) -> None:
    """Predict all samples of DATA with the model of RUN. DATA needs no labels.

    DATA is read with the columns and options of the training data, which --modality and --option replace.
    Large data is processed in blocks. If the command is interrupted, running it again resumes after the last block.
    """
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.runs import predict_stream

    with warnings_as_messages():
        n_samples, columns = predict_stream(run, data, out, threshold, reader_options(option, modality))
    if as_json:
        print_json({"run": str(run), "data": data, "out": str(out), "n_samples": n_samples, "columns": columns})
        return
    typer.echo(f"{n_samples} predictions written to {out}")
