"""The page of one run of ``redcore fit``, from the files in its folder."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from redcore._files import read_json, write_atomic
from redcore._histories import thinned
from redcore._types import AnyArray
from redcore.benchmark import Cell, Record
from redcore.exceptions import RedCoreError, RunError
from redcore.report._page import page
from redcore.report._payload import payload
from redcore.report._supervision_figure import supervision_figure

__all__ = ["run_page", "write_run_report"]

MOST_POINTS = 400


def run_page(folder: Path) -> str:
    """Return the page of a finished run: scores under every missing pattern, training, settings.

    Parameters
    ----------
    folder : Path
        That ``redcore fit`` has filled.

    Raises
    ------
    RunError
        If the folder holds no finished run, or a file of it is damaged; the message names it.
    """
    if not (folder / "run.json").exists():
        raise RunError(f"{folder}: holds no finished run; expected a folder that 'redcore fit' has finished")
    run = read_json(folder / "run.json")
    try:
        record = _record(folder, run)
    except (KeyError, TypeError, AttributeError, RedCoreError) as error:
        raise RunError(f"{folder / 'run.json'}: damaged ({type(error).__name__}: {error})") from None
    request = run["request"]
    title = f"{record.cell.method.title()} on {record.cell.data.title()}"
    return page(
        "run.html.j2",
        payload([record], title),
        counts=[(name, run["n_samples"].get(part, 0)) for name, part in FACTS],
        fit_seconds=run["fit_seconds"],
        rates=run["realised_missing_rates"],
        request=request,
        best_epoch=record.best_epoch + 1,
        n_epochs=len(record.epochs.get("validation_loss", [])),
    )


def write_run_report(folder: Path) -> None:
    """Write ``report.html``, and ``supervision.png`` if the method has supervision weights, into a finished run folder.

    Raises
    ------
    RunError
        See `run_page`.
    """
    text = run_page(folder)
    steps = _table(folder / "history.parquet")
    if any(name.startswith("supervision_weight/") for name in steps):
        figure = supervision_figure(steps)
        write_atomic(folder / "supervision.png", lambda path: figure.savefig(path, dpi=150))
    write_atomic(folder / "report.html", lambda path: path.write_text(text, encoding="utf-8"))


FACTS = (("training samples", "train"), ("validation samples", "validation"), ("test samples", "test"))


def _record(folder: Path, run: dict[str, Any]) -> Record:
    """Return the run as what it would be as a cell of a benchmark."""
    metrics = read_json(folder / "metrics.json") if (folder / "metrics.json").exists() else {}
    cell = _cell(run["request"])
    return Record(
        key=folder.resolve().name,
        cell=cell,
        status="done",
        n_samples=run["n_samples"],
        data_checksum=run["request"]["data_checksum"],
        missing_rates=run["realised_missing_rates"],
        metrics={name: metrics[name] for name in ("per_pattern", "pooled", "as_observed") if name in metrics},
        weights=run["supervision_weights"],
        relative_advantage=run["relative_advantage"],
        history=_columns(folder / "history.parquet", "step"),
        epochs=_columns(folder / "validation.parquet", "epoch"),
        n_steps=run["n_steps"],
        best_epoch=run["best_epoch"],
        seconds={"fit": run["fit_seconds"]},
        settings=read_json(folder / "settings.json").get("settings", {}),
        versions=run["versions"],
    )


def _cell(request: dict[str, Any]) -> Cell:
    rates = request["missing_rates"]
    return Cell.checked(
        {
            "data": {"name": request["data"]},
            "protocol": {
                "name": request["protocol"],
                "rates": [rates[name] for name in sorted(rates)],
                "options": request["protocol_options"],
            },
            "method": {"name": request["method"], "preset": request["preset"], "settings": request["settings"]},
            "seed": request["seed"],
            "test_fraction": request["test_fraction"],
            "n_threads": 1,
        }
    )


def _columns(path: Path, index: str) -> dict[str, list[float]]:
    """Return the thinned columns of a history; empty if the method has none."""
    return thinned({name: column.tolist() for name, column in _table(path).items()}, index, MOST_POINTS)


def _table(path: Path) -> dict[str, AnyArray]:
    """Read the columns of a history as float64 arrays; none where the method keeps no history."""
    if not path.exists():
        return {}
    try:
        table = pq.read_table(path)
        return {name: table[name].to_numpy().astype(float) for name in table.column_names}
    except (OSError, ValueError, pa.ArrowInvalid) as error:
        raise RunError(f"{path}: damaged ({type(error).__name__}: {error})") from None
