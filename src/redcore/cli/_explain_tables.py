"""Tables and sentences of ``redcore explain`` on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from redcore.metrics import is_lower_better, pattern_name, score_label

__all__ = ["print_explanation"]

SHOWN_INTERACTIONS = 5
SHOWN_FEATURES = 10
SHOWN_PATTERNS = 16


def print_explanation(content: Mapping[str, Any]) -> None:
    """Print the content of an explanation; see `redcore.report.explanation_page`."""
    console = Console(soft_wrap=True, highlight=False)
    if "value" in content:
        _print_model(console, content)
    for result in content.get("features", []):
        console.print(_feature_table(result))
        _print_words(console, result["words"])
    for sample in content.get("samples", []):
        _print_sample(console, sample)


def _print_words(console: Console, words: Mapping[str, str] | None) -> None:
    if words is not None:
        console.print(words["meaning"], markup=False)
        console.print(f"[bold]→[/bold] {escape(words['action'])}\n")


def _table(title: str, *columns: str) -> Table:
    """Return a table whose first column is aligned to the left and whose others to the right."""
    table = Table(title=title)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def _print_model(console: Console, content: Mapping[str, Any]) -> None:
    value, words = content["value"], content["words"]
    is_estimated = "not_estimated" not in value
    title = _scored(value, content["rows"]) if is_estimated else f"modalities on {content['rows']}"
    table = _table(title, "modality", "value", "mean information gain if acquired, nats")
    errors = value.get("standard_errors")
    for name, shapley in sorted(value["values"].items(), key=lambda item: -(item[1] or 0.0)):
        cell = "-" if shapley is None else f"{shapley:.3f}" + (f" ± {errors[name]:.3f}" if errors else "")
        acquired = content["acquisition"].get(name)
        gain = "-" if acquired is None else f"{acquired['mean']:.3f} ({acquired['n_samples']} samples)"
        table.add_row(escape(name), cell, gain)
    console.print(table)
    if not is_estimated:
        console.print(f"No values: {value['not_estimated']}\n", markup=False)
    for name in ("value", "acquisition"):
        _print_words(console, words.get(name))
    interactions = sorted(value.get("interactions", {}).items(), key=lambda item: -abs(item[1]))
    for pair, strength in interactions[:SHOWN_INTERACTIONS]:
        console.print(f"interaction {escape(pair)}: {strength:+.3f}")
    _print_words(console, words.get("interactions"))
    for state in content["training"]:
        status = "under-trained" if state["under_trained"] else "trained"
        console.print(f"{escape(state['modality'])}: {status}, {escape(state['reason'])}")
    _print_words(console, words.get("training"))


def _scored(value: Mapping[str, Any], rows: str) -> str:
    """Return the score of the values, and the samples on which it was computed."""
    scores = f"{value['without']:.3f} without, {value['with_all']:.3f} with all modalities"
    samples = "the same complete samples" if value["complete_samples"] else "the samples that observe the pattern"
    return f"{value['metric']} on {rows} ({scores}), each pattern on {samples}"


def _feature_table(result: Mapping[str, Any]) -> Table:
    direction = "increase" if is_lower_better(result["metric"]) else "decrease"
    title = f"{result['modality']}: {direction} of the {score_label(result['metric'])} if features are shuffled"
    table = _table(escape(title), "feature", direction, "95% interval")
    for feature in result["features"][:SHOWN_FEATURES]:
        table.add_row(escape(feature["feature"]), *_importance(feature))
    if len(result["features"]) > SHOWN_FEATURES:
        table.add_row(f"... {len(result['features']) - SHOWN_FEATURES} more (--json, --html)", "", "")
    if result["rest"] is not None:
        table.add_row(f"the other {result['n_rest']} features together", *_importance(result["rest"]))
    table.add_row("all features together", *_importance(result["together"]))
    return table


def _importance(importance: Mapping[str, float]) -> tuple[str, str]:
    return f"{importance['value']:.3f}", f"{importance['low']:.3f} to {importance['high']:.3f}"


def _print_sample(console: Console, sample: Mapping[str, Any]) -> None:
    decided = "" if sample["predicted"] is None else f", predicted: {sample['predicted']}"
    console.print(f"[bold]Sample {escape(str(sample['sample_id']))}[/bold]{escape(decided)}")
    table = _table(f"{sample['output']}: {sample['prediction']:.3f}", "modality", "contribution")
    table.add_row("without any modality", f"{sample['prior']:.3f}")
    for name, value in sorted(sample["values"].items(), key=lambda item: -abs(item[1])):
        error = "" if sample["errors"] is None else f" ± {sample['errors'][name]:.3f}"
        table.add_row(escape(name), f"{value:+.3f}{error}")
    console.print(table)
    console.print(_pattern_table(sample["output"], sample["patterns"]))
    if sample["changes"]:
        console.print(_change_table(sample))
    _print_words(console, sample["words"])


def _pattern_table(output: str, patterns: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("Prediction if only these modalities were observed", "observed", output, "predicted")
    for pattern in patterns[:SHOWN_PATTERNS]:
        decided = "" if pattern["predicted"] is None else str(pattern["predicted"])
        table.add_row(escape(pattern_name(pattern["observed"]) or "none"), f"{pattern['value']:.3f}", escape(decided))
    if len(patterns) > SHOWN_PATTERNS:
        table.add_row(f"... {len(patterns) - SHOWN_PATTERNS} more (--json, --html)", "", "")
    return table


def _change_table(sample: Mapping[str, Any]) -> Table:
    columns = ("expected size", "90% of changes", "class changes", "similar samples")
    table = _table("Expected change by measuring a missing modality", "missing", *columns)
    for name, change in sample["changes"].items():
        if "not_estimated" in change:
            table.add_row(escape(name), "-", "-", "-", escape(change["not_estimated"]))
            continue
        flips = "" if change["decision_changes"] is None else f"{change['decision_changes']:.0%}"
        limits = f"{change['low']:+.3f} to {change['high']:+.3f}"
        table.add_row(
            escape(name), f"{change['size']:.3f} ± {change['size_error']:.3f}", limits, flips, str(change["n_similar"])
        )
    return table
