"""Page of a run of ``redcore fit``."""

from pathlib import Path

import numpy as np

from redcore._files import write_atomic
from redcore.metrics import score_label
from redcore.report._page import page
from redcore.report._payload import payload
from redcore.report._risk_groups import risk_group_curves
from redcore.report._supervision_figure import supervision_figure
from redcore.runs import RunResult, read_result

__all__ = ["run_page", "write_run_report"]

COUNTS = (("training samples", "train"), ("validation samples", "validation"), ("test samples", "test"))


def run_page(result: RunResult) -> str:
    """Return the page of a run: scores under every missing pattern, training history and settings.

    For survival, it also has the survival curves by predicted risk.

    Parameters
    ----------
    result : RunResult
        `Run.result`, or `redcore.runs.read_result` of a run folder, which does not load torch.

    Returns
    -------
    str
        HTML.
    """
    record = result.record
    return page(
        "run.html.j2",
        payload([result], f"{result.method_title} on {result.data_title}"),
        counts=_counts(result),
        fit_seconds=record["fit_seconds"],
        rates=result.missing_rates,
        request=record["request"],
        threshold=record.get("threshold"),
        risk_groups=risk_group_curves(result.metrics.get("risk_groups", [])),
        details=result.metrics.get("details"),
        scores=[
            (score_label(name), result.metrics["as_observed"].get(name), interval)
            for name, interval in result.metrics.get("details", {}).get("intervals", {}).items()
        ],
        folds=result.cross_validation,
        score_label=score_label,
        best_epoch=record["best_epoch"] + 1,
        n_epochs=len(result.epochs.get("validation_loss", [])),
    )


def _counts(result: RunResult) -> list[tuple[str, str]]:
    """Return the number of samples by split; a fit without a validation split holds out training samples itself."""
    counts = {name: result.record["n_samples"].get(split, 0) for name, split in COUNTS}
    shown = {name: str(count) for name, count in counts.items()}
    if not counts["validation samples"] and "validation_loss" in result.epochs:
        shown["validation samples"] = "held out of the training samples"
    return list(shown.items())


def write_run_report(folder: Path) -> None:
    """Write ``report.html``, and ``supervision.png`` if the method has supervision weights, to a finished run folder.

    Raises
    ------
    RunError
        If the folder holds no finished run, or a file is damaged. The message names the file.
    """
    result = read_result(folder)
    text = run_page(result)
    if any(name.startswith("supervision_weight/") for name in result.history):
        figure = supervision_figure({name: np.array(column) for name, column in result.history.items()})
        write_atomic(folder / "supervision.png", lambda path: figure.savefig(path, dpi=150))
    write_atomic(folder / "report.html", lambda path: path.write_text(text, encoding="utf-8"))
