"""The typer application with all commands."""

from typing import Annotated

import typer

from redcore._version import __version__
from redcore.cli.ampute import ampute
from redcore.cli.bench import bench
from redcore.cli.bench_report import report as bench_report
from redcore.cli.calibrate import calibrate
from redcore.cli.convert import convert
from redcore.cli.demo import demo
from redcore.cli.doctor import doctor
from redcore.cli.drift import drift
from redcore.cli.evaluate import evaluate
from redcore.cli.explain import explain
from redcore.cli.export import export
from redcore.cli.extract import extract
from redcore.cli.fit import fit
from redcore.cli.inspect import inspect
from redcore.cli.join import join
from redcore.cli.list import list_names
from redcore.cli.predict import predict
from redcore.cli.report import report
from redcore.cli.serve import serve
from redcore.cli.tune import tune

__all__ = ["app"]

app = typer.Typer(
    name="redcore",
    help="Supervised learning on multimodal data with missing modalities at imbalanced rates.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_set: bool) -> None:
    if is_set:
        typer.echo(f"redcore {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Define the options of the program itself."""


app.command()(demo)
app.command()(fit)
app.command()(evaluate)
app.command()(predict)
app.command()(export)
app.command()(serve)
app.command()(drift)
app.command()(calibrate)
app.command()(explain)
app.command()(tune)
app.command()(report)
app.command()(inspect)
app.command()(convert)
app.command()(join)
app.command()(extract)
app.command()(ampute)
app.command(name="list")(list_names)
app.command()(doctor)
bench.command()(bench_report)
app.add_typer(bench, name="bench")
