"""``redcore bench``: run benchmarks and show their results."""

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
    """Execution backend of a benchmark."""

    process = "process"
    ray = "ray"


class OverName(StrEnum):
    """Aggregation of a score over missing patterns."""

    patterns = "patterns"
    pooled = "pooled"
    as_observed = "as_observed"


Records = Annotated[
    Path, typer.Argument(help="Folder of 'redcore bench run' or file of 'redcore bench pack' with the records.")
]

bench = typer.Typer(
    help="Run benchmarks of several methods on the same splits and masks, and show the results.", no_args_is_help=True
)


@bench.command()
def run(
    spec: Annotated[
        str, typer.Argument(help="Name of a built-in benchmark ('redcore list specs') or path of a TOML file.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the records; cells that have a record are not run again.")],
    jobs: Annotated[
        int | None,
        typer.Option(help="Number of cells to run in parallel. Default: 1, or the number of CPUs with Ray.", min=1),
    ] = None,
    backend: Annotated[
        BackendName, typer.Option(help="Run cells in local processes or on a Ray cluster (RAY_ADDRESS).")
    ] = BackendName.process,
    data_folder: Annotated[Path | None, typer.Option(help="Folder of the data files of the benchmark.")] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Run at most this number of seeds, for a quick test.", min=1)
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting as KEY=VALUE, applied to all methods that have it. Repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a benchmark and store one record per cell.

    A cell is one method with one protocol, missing rate, seed and fold on one data set. A run that was interrupted or
    killed is resumed by the same command.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from redcore.benchmark import Record, conflicts, missing_cells, read_records, read_spec
    from redcore.benchmark import run as run_benchmark
    from redcore.cli._output import messages, print_json

    benchmark = read_spec(spec).shortened(seeds, parse_settings(assign or []))
    n_remaining, n_cells = len(missing_cells(benchmark, out)), sum(1 for _ in benchmark.cells())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages) as bar:
        task = bar.add_task("cells", total=n_cells, completed=n_cells - n_remaining)

        def on_record(record: Record) -> None:
            if record.error is not None:
                messages.print(f"failed: {record.key}: {record.error}", markup=False)
            bar.advance(task)

        run_benchmark(benchmark, out, n_jobs=jobs, backend=backend.value, data_folder=data_folder, progress=on_record)
    keys = {cell.key() for cell in benchmark.cells()}
    records = [record for record in read_records(out) if record.key in keys]
    for conflict in conflicts(records):
        messages.print(f"data, splits or masks differ between methods: {conflict}", markup=False)
    failed = [record.key for record in records if record.status == "failed"]
    if as_json:
        print_json({"folder": str(out), "n_records": len(records), "run_now": n_remaining, "failed": failed})
        return
    typer.echo(f"{len(records)} records in {out} ({n_remaining} new, {len(failed)} failed)")


@bench.command()
def table(
    folder: Records,
    score: Annotated[
        str | None, typer.Option(help="Score, such as uar, ece or acc7. Default: macro-F1, or R2 for regression.")
    ] = None,
    over: Annotated[
        OverName,
        typer.Option(
            help="patterns: mean of the scores under all missing patterns; pooled: one score over the samples of all "
            "patterns; as_observed: score with the modalities missing as in the data."
        ),
    ] = OverName.patterns,
    as_json: Json = False,
) -> None:
    """Show the score of every method with 95% confidence intervals over seeds and folds, and mean ranks."""
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

    entries_table = Table("data", "protocol", "method", "score", "95% interval", "log loss", "fit s", "runs")
    for entry in entries:
        loss = "" if entry.nll is None else f"{entry.nll:.3f}"
        interval = f"{entry.low:.3f} to {entry.high:.3f}"
        cells = (f"{entry.mean:.3f}", interval, loss, f"{entry.fit_seconds:.1f}", str(entry.n_seeds))
        entries_table.add_row(entry.data, entry.protocol, entry.method, *cells)
    Console().print(entries_table)


@bench.command()
def compare(
    folder: Records,
    base: Annotated[str, typer.Option(help="Reference method; its name as shown by 'redcore bench table'.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
    as_json: Json = False,
) -> None:
    """Show the score difference between every method and a reference method on the same splits and masks."""
    from dataclasses import asdict

    from redcore.benchmark import compare as compare_methods
    from redcore.benchmark import read_records
    from redcore.cli._output import print_json

    differences = compare_methods(read_records(folder), base)
    if as_json:
        print_json({"base": base, "differences": [asdict(difference) for difference in differences]})
        return
    data_sets = sorted({data for difference in differences for data in difference.by_data})
    header = ["method", *data_sets, "all", "wins / losses", "p (Holm)"]
    rows = []
    for difference in differences:
        cells = [_points(*difference.by_data[data]) if data in difference.by_data else "" for data in data_sets]
        p_value = "" if difference.adjusted is None else f"{difference.adjusted:.2g}"
        overall = _points(difference.mean, difference.low, difference.high)
        rows.append([difference.method, *cells, overall, f"{difference.wins} / {difference.losses}", p_value])
    _print_table(header, rows, markdown)


@bench.command()
def pack(
    folder: Annotated[Path, typer.Argument(help="Folder of 'redcore bench run'.")],
    out: Annotated[Path, typer.Option(help="File to write, such as records.jsonl.gz.")],
) -> None:
    """Pack all records of a benchmark into one compressed file, without predictions.

    'redcore bench table', 'compare' and 'report' accept the file in place of the folder.
    """
    from redcore.benchmark import pack_records
    from redcore.exceptions import RunError

    if not (folder / "records").is_dir():
        raise RunError(f"{folder}: holds no records of a benchmark")
    typer.echo(f"{pack_records(folder, out)} records in {out}")


@bench.command()
def unpack(
    file: Annotated[Path, typer.Argument(help="File of 'redcore bench pack'.")],
    out: Annotated[Path, typer.Option(help="New or existing folder of a benchmark.")],
) -> None:
    """Unpack records into a folder, so that 'redcore bench run' can resume from them.

    Existing records in the folder are not overwritten.
    """
    from redcore.benchmark import unpack_records

    typer.echo(f"{unpack_records(file, out)} new records in {out}")


def _points(mean: float, low: float, high: float) -> str:
    """Format a score difference and its interval in points (hundredths)."""
    return f"{100 * mean:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def _print_table(header: list[str], rows: list[list[str]], markdown: bool) -> None:
    if markdown:
        for cells in (header, ["---"] * len(header), *rows):
            typer.echo(f"| {' | '.join(cells)} |")
        return
    from rich.console import Console
    from rich.table import Table

    differences_table = Table(*header, title="Differences in points (hundredths), 95% intervals over seeds")
    for cells in rows:
        differences_table.add_row(*cells)
    Console().print(differences_table)
