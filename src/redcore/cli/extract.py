"""``redcore extract``: extract features from a folder of recordings to a store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redcore.cli._options import Json, parse_settings, takes

if TYPE_CHECKING:
    from redcore.extract import ExtractReport, Labels
    from redcore.extract._worker import Outcome

__all__ = ["extract"]

BROKEN_FILES = 3
"""Exit status if the store was written, but some recordings could not be read."""
SHOWN_FILES = 20


def _extractors(medium: str) -> Any:
    return typer.Option(help=f"Extractor of {medium}, as EXTRACTOR or MODALITY=EXTRACTOR. Repeatable.")


@dataclass(frozen=True)
class ExtractOptions:
    """Arguments and options of ``redcore extract``."""

    folder: Annotated[Path, typer.Argument(help="Folder with recordings; the name of a file is its sample id.")]
    out: Annotated[Path, typer.Option(help="Store to create; it must not exist.")]
    audio: Annotated[list[str] | None, _extractors("audio files")] = None
    image: Annotated[list[str] | None, _extractors("images")] = None
    sensor: Annotated[list[str] | None, _extractors("sensor recordings (CSV, TSV, npy)")] = None
    text: Annotated[list[str] | None, _extractors("texts")] = None
    video: Annotated[list[str] | None, _extractors("videos")] = None
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", help="Option of an extractor, as MODALITY.OPTION=VALUE. Repeatable."),
    ] = None
    labels: Annotated[Path | None, typer.Option(help="Table with the label of each sample.")] = None
    id_column: Annotated[str, typer.Option("--id", help="Column of the sample ids in the table of labels.")] = "id"
    target: Annotated[str, typer.Option(help="Column of the target, or several separated by commas.")] = "label"
    group: Annotated[str | None, typer.Option(help="Column of the groups. Default: 'group', if it exists.")] = None
    split: Annotated[str | None, typer.Option(help="Column of the split. Default: 'split', if it exists.")] = None
    task: Annotated[str, typer.Option(help="Kind of the target: auto, classes, numbers or labels (multi-label).")] = (
        "auto"
    )
    jobs: Annotated[int, typer.Option(help="Number of processes.", min=1)] = 2
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps features for later extractions. Default: removed at the end."),
    ] = None
    as_json: Json = False

    def features(self) -> dict[str, list[str]]:
        """Return the extractors by medium."""
        from redcore.extract import MEDIA

        return {medium: own for medium in MEDIA if (own := getattr(self, medium))}

    def settings(self) -> dict[str, dict[str, str]]:
        """Return the options of the extractors by modality."""
        from redcore.exceptions import SettingsError

        settings: dict[str, dict[str, str]] = {}
        for key, value in parse_settings(self.assign or []).items():
            modality, dot, option = key.partition(".")
            if not dot:
                raise SettingsError(f"--set {key}={value}: expected MODALITY.OPTION=VALUE, such as audio.level=lld")
            settings.setdefault(modality, {})[option] = value
        return settings

    def label_table(self) -> "Labels | None":
        """Return the table of labels."""
        from redcore._validation import check_known
        from redcore.extract import Labels

        check_known("task", [self.task], ["auto", "classes", "numbers", "labels"])
        if self.labels is None:
            return None
        task: Any = self.task
        return Labels(self.labels, self.id_column, self.target, self.group, self.split, task)


@takes(ExtractOptions)
def extract(options: ExtractOptions) -> None:
    """Extract features from the recordings in FOLDER and write them to a store.

    The medium of a file follows from its suffix, or from a parent folder that is named audio, image, sensor, text or
    video. A sample without a file misses this modality. 'redcore list extractors' lists the extractors. An interrupted
    command is resumed by the same command. The exit status is 3 if the store was written but some files are broken.
    """
    from redcore.cli._output import print_json, warnings_as_messages
    from redcore.extract import extract as extract_features

    with warnings_as_messages(), _progress() as progress:
        report = extract_features(
            options.folder,
            options.out,
            options.features(),
            settings=options.settings(),
            labels=options.label_table(),
            n_jobs=options.jobs,
            cache=options.cache,
            progress=progress,
        )
    if options.as_json:
        print_json({"store": str(options.out), **report.to_dict()})
    else:
        _print(report, options.out)
    if report.broken:
        raise typer.Exit(BROKEN_FILES)


@contextmanager
def _progress() -> "Iterator[Callable[[int, int, Outcome], None]]":
    """Show a progress bar with the remaining time on stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from redcore.cli._output import messages

    columns = (TextColumn("recordings"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as bar:
        task = bar.add_task("recordings", total=None)

        def update(n_done: int, n_files: int, outcome: "Outcome") -> None:
            bar.update(task, total=n_files, completed=n_done)

        yield update


def _print(report: "ExtractReport", out: Path) -> None:
    from redcore.cli._output import messages, print_join_report

    print_join_report(report.join, sorted(report.join.modalities))
    if report.unused:
        names = ", ".join(report.unused[:SHOWN_FILES])
        messages.print(f"note: {len(report.unused)} files of no requested medium: {names}", markup=False)
    for modality, file, error in report.broken[:SHOWN_FILES]:
        messages.print(f"broken: {modality}: {file}: {error}", markup=False)
    if len(report.broken) > SHOWN_FILES:
        messages.print(f"{len(report.broken)} broken files; {out / 'files.csv'} lists all of them")
    typer.echo(f"{report.join.n_samples} samples written to {out}")
