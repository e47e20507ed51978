"""``redcore demo``: the default method, RedCore alone and two baselines on digits with missing modalities."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from redcore import _defaults
from redcore._pattern_names import pattern_modalities
from redcore.cli._options import Json, Seed

if TYPE_CHECKING:
    from redcore.metrics import PatternReport

__all__ = ["demo"]

DATA = "digits"
RATES = {"fourier": 0.2, "gradients": 0.5, "pixels": 0.8, "profiles": 0.5}
METHODS = (_defaults.METHOD, "redcore", "zero_fill", "late_fusion")


def demo(
    out: Annotated[
        Path | None, typer.Option(help="Run folder to create. Default: runs/demo, or runs/demo-2, ... if it exists.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train the default method, RedCore alone and two baselines on digits, and compare their scores.

    The data set has four modalities computed from images of handwritten digits. They are missing in training at rates
    of 0.2, 0.5, 0.5 and 0.8. The default method, stacked, combines RedCore networks and linear models; redcore is a
    single RedCore network. The baselines are a network that fills missing latent codes with zeros, and the average
    of one logistic regression per modality. All methods are scored under every missing pattern.
    """
    from redcore._files import write_json
    from redcore.cli._output import fit_with_progress, messages, print_json, print_report, warnings_as_messages
    from redcore.report import write_run_report
    from redcore.runs import Run, RunOptions, open_run, read_data

    out = out or _free_folder(Path("runs"))
    source = read_data(DATA)
    request = RunOptions(missing_rates=RATES, seed=seed).request(source, DATA)
    runs = {method: Run.prepare(source, request.replace(method=method)) for method in METHODS}
    open_run(out, request, resume=False)
    rates = ", ".join(f"{name} {rate:g}" for name, rate in RATES.items())
    messages.print(f"{source!r}, missing in training: {rates}", markup=False)
    with warnings_as_messages():
        runs = {method: fit_with_progress(run) for method, run in runs.items()}
        reports = {method: run.report for method, run in runs.items() if run.report is not None}
    comparison = {method: report.to_dict() for method, report in reports.items()}
    write_json(out / "comparison.json", comparison)
    record = runs[request.method].save(out).record
    write_run_report(out)
    seconds = {method: run.seconds for method, run in runs.items()}
    conclusion = _conclusion(reports)
    if as_json:
        print_json({"run": str(out), **record, "comparison": comparison, "seen": conclusion, "seconds": seconds})
        return
    print_report("test digits", reports, runs[request.method].method.schema.target_kind)
    typer.echo(conclusion)
    typer.echo(f"Run folder: {out} (model, settings.json, metrics.json, predictions.parquet, supervision.png)")


def _free_folder(parent: Path) -> Path:
    """Return the first of ``demo``, ``demo-2``, ``demo-3``, ... that does not exist in `parent`."""
    folder, number = parent / "demo", 1
    while folder.exists():
        number += 1
        folder = parent / f"demo-{number}"
    return folder


def _conclusion(reports: Mapping[str, "PatternReport"]) -> str:
    """Return a one-sentence summary of the scores: the ranking over all patterns and the best method on single ones."""
    singles = {method: _mean(report.per_pattern, single=True) for method, report in reports.items()}
    overall = {method: _mean(report.per_pattern, single=False) for method, report in reports.items()}
    ranking = sorted(overall, key=lambda method: -overall[method])
    scores = ", ".join(f"{method} {overall[method]:.3f}" for method in ranking)
    best_single = max(singles, key=lambda method: singles[method])
    default = _defaults.METHOD
    default_single = "" if best_single == default else f" ({default} {singles[default]:.3f})"
    return (
        f"Result: macro-F1 averaged over all {len(next(iter(reports.values())).per_pattern)} missing patterns is "
        f"{scores}; with a single modality, {best_single} is best at {singles[best_single]:.3f}{default_single}."
    )


def _mean(per_pattern: Mapping[str, Mapping[str, Any]], single: bool) -> float:
    values = [
        scores["macro_f1"] for name, scores in per_pattern.items() if not (single and len(pattern_modalities(name)) > 1)
    ]
    return float(sum(values) / len(values))
