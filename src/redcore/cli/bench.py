"""``redcore bench``: run benchmarks and show their results."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from redcore.cli._options import Json, parse_settings, takes

if TYPE_CHECKING:
    from redcore.benchmark import Spec

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


@dataclass(frozen=True)
class RunOptions:
    """Arguments and options of ``redcore bench run``."""

    spec: Annotated[
        str, typer.Argument(help="Name of a built-in benchmark ('redcore list specs') or path of a TOML file.")
    ]
    out: Annotated[Path, typer.Option(help="Folder of the records; cells that have a record are not run again.")]
    jobs: Annotated[
        int | None,
        typer.Option(help="Number of cells to run in parallel. Default: 1, or the number of CPUs with Ray.", min=1),
    ] = None
    backend: Annotated[
        BackendName, typer.Option(help="Run cells in local processes or on a Ray cluster (RAY_ADDRESS).")
    ] = BackendName.process
    data_folder: Annotated[Path | None, typer.Option(help="Folder of the data files of the benchmark.")] = None
    sample: Annotated[
        bool,
        typer.Option(
            "--sample",
            help="Run on written samples of the public data sets, with random features and tiny networks: a test of "
            "the program, whose scores have no meaning.",
        ),
    ] = False
    seeds: Annotated[int | None, typer.Option(help="Run at most this number of seeds, for a quick test.", min=1)] = None
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting as KEY=VALUE, applied to all methods that have it. Repeatable."),
    ] = None
    as_json: Json = False

    def benchmark(self) -> "tuple[Spec, Path | None]":
        """Return the benchmark and its data folder."""
        from redcore.benchmark import read_spec, sample_benchmark
        from redcore.exceptions import RunError

        spec, data_folder = read_spec(self.spec), self.data_folder
        if self.sample:
            if data_folder is not None:
                raise RunError("--sample and --data-folder are mutually exclusive: expected one of them")
            data_folder = self.out / "sample-data"
            spec = sample_benchmark(spec, data_folder)
        return spec.shortened(self.seeds, parse_settings(self.assign or [])), data_folder


@bench.command()
@takes(RunOptions)
def run(options: RunOptions) -> None:
    """Run a benchmark and store one record per cell.

    A cell is one method with one protocol, missing rate, seed and fold on one data set. A run that was interrupted or
    killed is resumed by the same command.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from redcore.benchmark import Record, conflicts, missing_cells, read_records
    from redcore.benchmark import run as run_benchmark
    from redcore.cli._output import messages, print_json

    benchmark, data_folder = options.benchmark()
    out = options.out
    n_remaining, n_cells = len(missing_cells(benchmark, out)), sum(1 for _ in benchmark.cells())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages) as bar:
        task = bar.add_task("cells", total=n_cells, completed=n_cells - n_remaining)
        errors: Counter[str] = Counter()

        def on_record(record: Record) -> None:
            if record.error is not None:
                errors[record.error] += 1
                # one error of a data set can fail all of its cells
                if errors[record.error] == 1:
                    messages.print(f"failed: {record.key}: {record.error}", markup=False)
            bar.advance(task)

        run_benchmark(
            benchmark,
            out,
            n_jobs=options.jobs,
            backend=options.backend.value,
            data_folder=data_folder,
            progress=on_record,
        )
    for error, count in errors.items():
        if count > 1:
            messages.print(f"{count} cells failed with the error: {error}", markup=False)
    keys = {cell.key() for cell in benchmark.cells()}
    records = [record for record in read_records(out) if record.key in keys]
    for conflict in conflicts(records):
        messages.print(f"data, splits or masks differ between methods: {conflict}", markup=False)
    failed = [record.key for record in records if record.status == "failed"]
    if options.as_json:
        print_json({"folder": str(out), "n_records": len(records), "run_now": n_remaining, "failed": failed})
        return
    typer.echo(f"{len(records)} records in {out} ({n_remaining} new, {len(failed)} failed)")


ScoreName = Annotated[
    str | None,
    typer.Option(
        help="Score, such as uar, ece or acc7. Default: log loss and macro-F1 of the most probable classes, or R2."
    ),
]
OverOption = Annotated[
    OverName,
    typer.Option(
        help="patterns: mean of the scores under all missing patterns; pooled: one score over the samples of all "
        "patterns; as_observed: score with the modalities missing as in the data."
    ),
]


@bench.command()
def table(
    folder: Records,
    score: ScoreName = None,
    over: OverOption = OverName.patterns,
    by_pattern: Annotated[
        bool, typer.Option("--by-pattern", help="One column per missing pattern, and their mean, as Markdown.")
    ] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX tables (booktabs).")] = False,
    as_json: Json = False,
) -> None:
    """Show the scores of every method with 95% confidence intervals over runs and test samples, and mean ranks.

    Without --score, the table has two scores with intervals: the log loss, or R2 for regression, and the macro-F1 of
    the most probable classes. Accuracy and calibration error are shown without intervals.
    """
    from redcore.cli._bench_tables import json_table, print_tables, read_scored
    from redcore.cli._output import print_json
    from redcore.report import latex_tables, pattern_tables

    records = read_scored(folder, score)
    if by_pattern:
        typer.echo(pattern_tables(records, score=score, latex=latex))
    elif latex:
        typer.echo(latex_tables(records, score=score, over=over.value))
    elif as_json:
        print_json(json_table(records, score, over.value))
    else:
        print_tables(records, score, over.value)


@bench.command()
def compare(
    folder: Records,
    base: Annotated[str, typer.Option(help="Reference method; its name as shown by 'redcore bench table'.")],
    score: ScoreName = None,
    over: OverOption = OverName.patterns,
    rope: Annotated[
        float,
        typer.Option(help="Differences of at most this size, in units of the score, count as equivalent.", min=0),
    ] = 0.01,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    as_json: Json = False,
) -> None:
    """Show the score difference between every method and a reference method on the same splits and masks.

    Positive differences are in favour of the method, also for scores for which lower is better. Tests over data sets
    are Wilcoxon's signed-rank test with Holm's correction and the Bayesian signed-rank test.
    """
    from redcore.cli._bench_tables import json_comparison, print_comparisons, read_scored
    from redcore.cli._output import print_json

    records = read_scored(folder, score)
    if as_json:
        print_json(json_comparison(records, base, score, over.value, rope))
    else:
        print_comparisons(records, base, score, over.value, rope, markdown)


@bench.command()
def pack(
    folder: Annotated[Path, typer.Argument(help="Folder of 'redcore bench run'.")],
    out: Annotated[Path, typer.Option(help="File to write, such as records.jsonl.gz.")],
) -> None:
    """Pack all records of a benchmark into one compressed file.

    Predictions per test sample, from which intervals are computed, are packed into FILE.samples.zip in the same folder.

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
