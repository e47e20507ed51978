"""``redcore bench``: run a benchmark and look at its records."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redcore.cli._options import Json, parse_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redcore.benchmark import Entry

__all__ = ["bench"]


class BackendName(StrEnum):
    """What runs the cells."""

    process = "process"
    ray = "ray"


class OverName(StrEnum):
    """What a score is taken over."""

    patterns = "patterns"
    pooled = "pooled"
    as_observed = "as_observed"


bench = typer.Typer(help="Run benchmarks: the same masks for every method, one record per cell.", no_args_is_help=True)


@bench.command()
def run(
    spec: Annotated[str, typer.Argument(help="A built-in benchmark ('redcore list specs') or a TOML file.")],
    out: Annotated[Path, typer.Option(help="Folder for the records; what is there is not run again.")],
    jobs: Annotated[
        int | None, typer.Option(help="Cells at once. Default: 1; with ray, as many as there are CPUs.", min=1)
    ] = None,
    backend: Annotated[
        BackendName, typer.Option(help="Processes here, or a Ray cluster (RAY_ADDRESS).")
    ] = BackendName.process,
    data_folder: Annotated[Path | None, typer.Option(help="Where the data files of the benchmark are.")] = None,
    seeds: Annotated[int | None, typer.Option(help="At most so many seeds, for a first look.", min=1)] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="key=value: change a setting of every method that has it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run what is missing of a benchmark. It may be killed at any moment and run again."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from redcore.benchmark import Record, conflicts, missing_cells, read_records, read_spec
    from redcore.benchmark import run as run_benchmark
    from redcore.cli._output import messages, print_json

    asked = read_spec(spec).shortened(seeds, parse_settings(assign or []))
    todo, total = len(missing_cells(asked, out)), sum(1 for _ in asked.cells())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages) as bar:
        task = bar.add_task("cells", total=total, completed=total - todo)

        def done(record: Record) -> None:
            if record.error is not None:
                messages.print(f"failed: {record.key}: {record.error}", markup=False)
            bar.advance(task)

        run_benchmark(asked, out, n_jobs=jobs, backend=backend.value, data_folder=data_folder, progress=done)
    keys = {cell.key() for cell in asked.cells()}
    records = [record for record in read_records(out) if record.key in keys]
    for place in conflicts(records):
        messages.print(f"not the same data, split or masks for all methods: {place}", markup=False)
    failed = [record.key for record in records if record.status == "failed"]
    if as_json:
        print_json({"folder": str(out), "n_records": len(records), "run_now": todo, "failed": failed})
        return
    typer.echo(f"{len(records)} records in {out}, {todo} of them run now, {len(failed)} failed")


@bench.command()
def table(
    folder: Annotated[Path, typer.Argument(help="Folder that 'redcore bench run' has filled, or a file of 'pack'.")],
    score: Annotated[str | None, typer.Option(help="Such as uar, ece, acc7. Default: macro-F1, or R2.")] = None,
    over: Annotated[OverName, typer.Option(help="Mean of all patterns, pooled, or as observed.")] = OverName.patterns,
    as_json: Json = False,
) -> None:
    """Show a score of every method, with 95% intervals over seeds and folds, and mean ranks."""
    from dataclasses import asdict

    from redcore._validation import check_known
    from redcore.benchmark import rank_methods, read_records, score_names, summarise
    from redcore.cli._output import print_json
    from redcore.exceptions import RunError

    records = read_records(folder)
    if score is not None:
        check_known("score", [score], score_names(records))
    entries = summarise(records, score=score, over=over.value)
    if not entries:
        raise RunError(f"{folder}: holds no finished records of a benchmark")
    ranking = rank_methods(records, score=score, over=over.value)
    ranks = {} if ranking is None else dict(zip(ranking.methods, ranking.mean_ranks, strict=True))
    if as_json:
        print_json({"entries": [asdict(entry) for entry in entries], "mean_ranks": ranks})
        return
    _print_entries(entries)
    if ranking is not None:
        typer.echo("Mean rank: " + ", ".join(f"{method} {rank:.2f}" for method, rank in ranks.items()))
        if ranking.test.p_value is not None:
            difference = f"{ranking.test.critical_difference:.2f}"
            typer.echo(f"Friedman p = {ranking.test.p_value:.2g}; Nemenyi critical difference {difference}")


def _print_entries(entries: "Sequence[Entry]") -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table("data", "protocol", "method", "score", "95% interval", "log loss", "fit s", "runs")
    for entry in entries:
        loss = "" if entry.nll is None else f"{entry.nll:.3f}"
        interval = f"{entry.low:.3f} to {entry.high:.3f}"
        cells = (f"{entry.mean:.3f}", interval, loss, f"{entry.fit_seconds:.1f}", str(entry.n_seeds))
        shown.add_row(entry.data, entry.protocol, entry.method, *cells)
    Console().print(shown)


@bench.command()
def compare(
    folder: Annotated[Path, typer.Argument(help="Folder that 'redcore bench run' has filled, or a file of 'pack'.")],
    base: Annotated[str, typer.Option(help="Method that the others are compared with, as tables call it.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    as_json: Json = False,
) -> None:
    """Show how much every method's score differs from that of one method, on the same splits and masks."""
    from dataclasses import asdict

    from redcore.benchmark import compare as differences_to
    from redcore.benchmark import read_records
    from redcore.cli._output import print_json

    found = differences_to(read_records(folder), base)
    if as_json:
        print_json({"base": base, "differences": [asdict(difference) for difference in found]})
        return
    data_sets = sorted({data for difference in found for data in difference.by_data})
    header = ["method", *data_sets, "all", "wins / losses", "p (Holm)"]
    rows = []
    for difference in found:
        cells = [_points(*difference.by_data[data]) if data in difference.by_data else "" for data in data_sets]
        level = "" if difference.adjusted is None else f"{difference.adjusted:.2g}"
        overall = _points(difference.mean, difference.low, difference.high)
        rows.append([difference.method, *cells, overall, f"{difference.wins} / {difference.losses}", level])
    _print_table(header, rows, markdown)


@bench.command()
def pack(
    folder: Annotated[Path, typer.Argument(help="Folder that 'redcore bench run' has filled.")],
    out: Annotated[Path, typer.Option(help="File to write, such as records.jsonl.gz; tables read it like the folder.")],
) -> None:
    """Put all records of a benchmark in one small file, without predictions."""
    from redcore.benchmark import pack_records
    from redcore.exceptions import RunError

    if not (folder / "records").is_dir():
        raise RunError(f"{folder}: holds no records of a benchmark")
    typer.echo(f"{pack_records(folder, out)} records in {out}")


@bench.command()
def unpack(
    file: Annotated[Path, typer.Argument(help="File that 'redcore bench pack' has written.")],
    out: Annotated[Path, typer.Option(help="Folder of a benchmark, new or not; 'redcore bench run' goes on in it.")],
) -> None:
    """Put packed records in a folder, so that a run goes on from them. What the folder has already stays."""
    from redcore.benchmark import unpack_records

    typer.echo(f"{unpack_records(file, out)} new records in {out}")


def _points(mean: float, low: float, high: float) -> str:
    """Return a difference and its interval in points, hundredths of a score."""
    return f"{100 * mean:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def _print_table(header: list[str], rows: list[list[str]], markdown: bool) -> None:
    if markdown:
        for cells in (header, ["---"] * len(header), *rows):
            typer.echo(f"| {' | '.join(cells)} |")
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(*header, title="Differences in points (hundredths), 95% intervals over seeds")
    for cells in rows:
        shown.add_row(*cells)
    Console().print(shown)
