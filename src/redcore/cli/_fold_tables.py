"""Terminal output of the scores of a cross-validation."""

from rich.markup import escape
from rich.table import Table

from redcore.cli._output import PER_CLASS, SHOWN_CLASSES, result_console, score_text
from redcore.metrics import score_label
from redcore.runs import CrossValidation, FoldMean

__all__ = ["print_cross_validation"]

ROWS = {"pooled": "all patterns pooled", "as_observed": "as observed"}


def print_cross_validation(folds: CrossValidation, method: str) -> None:
    """Print the means over the folds by missing pattern, the scores per class and all scores as observed."""
    score, console = folds.score, result_console()
    table = Table(title=f"{score} of {method}, mean over {folds.n_folds} folds, by missing pattern")
    table.add_column("observed modalities", no_wrap=True)
    for column in ("mean", "95% interval", "samples"):
        table.add_column(column, justify="right")
    for row in folds.rows:
        mean = folds.means(row).get(score, FoldMean(None, None, None, 0))
        cells = (score_text(mean.mean), _interval(mean), str(folds.n_samples(row)))
        table.add_row(escape(ROWS.get(row, row)), *cells, end_section=row == folds.rows[-3])
    console.print(table)
    if folds.per_class:
        console.print(_classes(folds))
    for name, mean in folds.means("as_observed").items():
        console.print(
            f"{score_label(name)}: {score_text(mean.mean)} (95% interval {_interval(mean)}, {mean.n_folds} folds)"
        )
    console.print(
        "These are scores of the folds. The model of the run was fitted to all samples and has no test split."
    )


def _classes(folds: CrossValidation) -> Table:
    table = Table(title="by class, as observed, all folds")
    for column in ("class", "samples", "per fold", "predicted", "correct", *PER_CLASS.values()):
        table.add_column(column, justify="left" if column == "class" else "right")
    for row in folds.per_class[:SHOWN_CLASSES]:
        counts = (sum(row["n_samples"]), _shortest(row["n_samples"]), row["n_predicted"], row["n_correct"])
        table.add_row(escape(str(row["class"])), *map(str, counts), *(score_text(row[name]) for name in PER_CLASS))
    if len(folds.per_class) > SHOWN_CLASSES:
        table.caption = f"... and {len(folds.per_class) - SHOWN_CLASSES} more classes; --json shows all of them"
    return table


def _shortest(counts: list[int]) -> str:
    return f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])


def _interval(mean: FoldMean) -> str:
    return "-" if mean.low is None or mean.high is None else f"{mean.low:.3f} to {mean.high:.3f}"
