"""``redcore export``: write a fitted model as an ONNX graph, a single safetensors file or a model card."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redcore.cli._options import Json

if TYPE_CHECKING:
    from redcore.methods import Method

__all__ = ["export"]


class Form(StrEnum):
    """Output format of ``redcore export``."""

    ONNX = "onnx"
    SAFETENSORS = "safetensors"
    CARD = "card"


ENDINGS = {Form.ONNX: ".onnx", Form.SAFETENSORS: ".safetensors", Form.CARD: ".md"}


def export(
    run: Annotated[Path, typer.Argument(help="Finished run folder of 'redcore fit', or a model file.")],
    out: Annotated[Path, typer.Option(help="File to write; replaced if it exists.")],
    form: Annotated[
        Form,
        typer.Option(
            "--format",
            help="onnx: ONNX graph of preprocessing, network and decision, verified with ONNX Runtime; "
            "safetensors: the model in a single file; card: the model card in Markdown.",
        ),
    ] = Form.ONNX,
    as_json: Json = False,
) -> None:
    """Export the model of RUN as an ONNX graph, a single file or a model card."""
    from redcore.cli._output import print_json
    from redcore.exceptions import RunError
    from redcore.export import load_model

    if out.suffix.lower() != ENDINGS[form]:
        raise RunError(f"--out {out}: expected a file ending in {ENDINGS[form]}")
    if not out.parent.is_dir():
        raise RunError(f"--out {out}: its folder does not exist")
    method = load_model(run)
    details = _write(method, run, out, form)
    if as_json:
        print_json({"run": str(run), "out": str(out), "format": form.value, "bytes": out.stat().st_size, **details})
        return
    difference = f"; largest difference to the model {details['difference']:.1e}" if details else ""
    typer.echo(f"{out} written ({out.stat().st_size} bytes{difference})")


def _write(method: "Method", run: Path, out: Path, form: Form) -> dict[str, Any]:
    """Write the file. For ONNX, return the largest difference between the predictions of graph and model."""
    from redcore._files import write_atomic
    from redcore.export import export_onnx, load_calibration, load_reference, model_card, read_model_content, save_model

    if form is Form.ONNX:
        return {"difference": export_onnx(method, out)}
    if form is Form.SAFETENSORS:
        record, calibration = read_model_content(run)["record"], load_calibration(run)
        save_model(method, out, record=record, calibration=calibration, reference=load_reference(run))
    else:
        text = model_card(run)
        write_atomic(out, lambda path: path.write_text(text, encoding="utf-8"))
    return {}
