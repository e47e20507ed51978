"""Three sentences per page of results, computed from its records: they say what these records say, and no more."""

from collections.abc import Callable, Sequence

import numpy as np
from accuracy import accuracy_findings, ceiling_findings

from redcore.benchmark import (
    Cell,
    Over,
    Record,
    bootstrap_interval,
    degradation_curves,
    imbalance_gaps,
    learning_balance,
    modality_equity,
    read_spec,
    score_of,
    single_modality_scores,
    trace_stability,
)

Keep = Callable[[Record], bool]


def everything(record: Record) -> bool:
    return True


def titles(records: Sequence[Record]) -> list[str]:
    return sorted({record.cell.method.title() for record in records})


def place(record: Record) -> tuple[str, str, int, int]:
    cell = record.cell
    return cell.data.title(), cell.protocol.title(), cell.seed, cell.fold or 0


def differences(records: Sequence[Record], method: str, other: str, over: Over, keep: Keep) -> list[float]:
    """Return the paired differences in points: the same data, protocol, seed and masks."""
    values: dict[str, dict[tuple[str, str, int, int], float]] = {method: {}, other: {}}
    for record in filter(keep, records):
        if record.cell.method.title() in values:
            values[record.cell.method.title()][place(record)] = 100 * score_of(record, over=over)
    return [values[method][key] - values[other][key] for key in values[method].keys() & values[other].keys()]


def points(found: Sequence[float]) -> str:
    low, high = bootstrap_interval(sorted(found), np.random.default_rng(0))
    return f"{np.mean(found):+.1f} points (95% interval {low:+.1f} to {high:+.1f}, {len(found)} pairs)"


def versus(
    records: Sequence[Record], method: str, others: Sequence[str], over: Over = "patterns", keep: Keep = everything
) -> str:
    """Say how far a method is from others."""
    parts = []
    for other in others:
        found = differences(records, method, other, over, keep)
        if found:
            parts.append(f"to {other} {points(found)}")
    return f"{method} compared {', '.join(parts)}"


def mean_of(records: Sequence[Record], read: Callable[[Record], float | None], keep: Keep = everything) -> float:
    found = [value for record in records if keep(record) and (value := read(record)) is not None]
    return float(np.mean(found)) if found else float("nan")


def by_method(records: Sequence[Record], read: Callable[[Record], float | None], form: str = "{:.3f}") -> str:
    """List a mean by method."""
    parts = []
    for method in titles(records):
        of_method = [record for record in records if record.cell.method.title() == method]
        value = mean_of(of_method, read, lambda record: True)
        if not np.isnan(value):
            parts.append(f"{method} {form.format(value)}")
    return ", ".join(parts)


def rivals(records: Sequence[Record]) -> list[str]:
    return [title for title in titles(records) if title not in ("stacked", "bayes")]


def quick(records: Sequence[Record]) -> list[str]:
    ece = by_method(records, lambda record: record.metrics["pooled"].get("ece"))
    return [
        f"{versus(records, 'stacked', rivals(records))}, mean over all missing patterns.",
        f"The expected calibration error of all patterns pooled is {ece}.",
        f"CPU seconds per fit: {by_method(records, lambda record: record.cpu_seconds['fit'], '{:.1f}')}.",
    ]


def uniform(records: Sequence[Record]) -> list[str]:
    curves, gaps = degradation_curves(records), imbalance_gaps(records)
    methods = sorted({curve.method for curve in curves})
    areas = {
        m: float(np.mean([curve.area for curve in curves if curve.method == m and curve.area is not None]))
        for m in methods
    }
    falls = {m: float(np.mean([100 * (c.means[0] - c.means[-1]) for c in curves if c.method == m])) for m in methods}
    costs = {m: float(np.mean([100 * gap.gap for gap in gaps if gap.method == m])) for m in methods}
    rates = f"{min(c.rates[0] for c in curves):g} to {max(c.rates[-1] for c in curves):g}"
    return [
        f"The area under the curve is {listed(areas, '{:.3f}')}, mean over data sets.",
        f"From a missing rate of {rates} in training the score falls by {listed(falls, '{:.1f}')} points.",
        f"At the same mean rate of 0.5, imbalance costs {listed(costs, '{:+.1f}')} points.",
    ]


def listed(values: dict[str, float], form: str) -> str:
    return ", ".join(f"{form.format(value)} ({name})" for name, value in values.items() if not np.isnan(value))


def extreme(records: Sequence[Record]) -> list[str]:
    def rare(record: Record) -> float | None:
        rates, single = record.missing_rates["train"], single_modality_scores(record)
        found = [score for name, score in single.items() if rates[name] > 0.5]
        return float(np.mean(found)) if found else None

    return [
        f"{versus(records, 'stacked', rivals(records))}, mean over all missing patterns.",
        f"With one of the rare modalities alone the mean score is {by_method(records, rare)}.",
        f"Modality equity (lowest over mean single-modality score) is {by_method(records, modality_equity)}.",
    ]


def stability(records: Sequence[Record]) -> list[str]:
    weights = [one for one in trace_stability(records) if "fixed" not in one.method]
    advantages = [one for one in trace_stability(records, "relative_advantage") if "fixed" not in one.method]
    sd = {f"{o.method}, {o.data}": float(np.mean(list(o.deviations.values()))) for o in weights if o.deviations}
    agreement = "; ".join(
        f"{w.agreement:.2f} and {a.agreement:.2f} ({w.method}, {w.data})"
        for w, a in zip(weights, advantages, strict=True)
        if w.agreement is not None and a.agreement is not None
    )
    settled = {f"{one.method}, {one.data}": 100 * one.settled for one in weights}
    return [
        f"The standard deviation of the final weights over seeds is {listed(sd, '{:.3f}')}.",
        f"Kendall's W of the order of the modalities, by weight and by relative advantage, is {agreement}.",
        f"Weights stay near their end after {listed(settled, '{:.0f}%')} of training; learning balance is "
        f"{by_method(records, learning_balance)}.",
    ]


def bilevel_cost(records: Sequence[Record]) -> list[str]:
    others = [title for title in titles(records) if title != "relative_advantage"]
    per_step = by_method(records, lambda record: 1000 * record.cpu_seconds["fit"] / record.n_steps, "{:.1f}")
    loss = by_method(records, lambda record: min(record.epochs["validation_loss"]))
    return [
        f"{versus(records, 'relative_advantage', others)}.",
        f"CPU milliseconds per step: {per_step}.",
        f"The lowest validation loss is {loss}, mean over data sets and seeds.",
    ]


def pattern_shift(records: Sequence[Record]) -> list[str]:
    never = ("two pairs, then one modality", "two pairs, then the other pairs", "complete, then one modality")

    def seen(record: Record) -> bool:
        return record.cell.protocol.title() not in never

    def unseen(record: Record) -> bool:
        return not seen(record)

    def score(record: Record) -> float:
        return score_of(record, over="as_observed")

    old, new = ([record for record in records if keep(record)] for keep in (seen, unseen))
    return [
        f"On test patterns that training had: {versus(records, 'stacked', rivals(records), 'as_observed', seen)}.",
        f"On patterns never seen in training: {versus(records, 'stacked', rivals(records), 'as_observed', unseen)}.",
        f"Mean scores are {by_method(old, score)} on seen patterns, and {by_method(new, score)} on unseen ones.",
    ]


def many_modalities(records: Sequence[Record]) -> list[str]:
    found = {(record.cell.data.title(), record.cell.method.title()) for record in records}
    labels = sorted({label for label, _ in found}, reverse=True)
    # the most that all methods were run with
    label = next((one for one in labels if all((one, title) in found for title in titles(records))), labels[0])
    most = [record for record in records if record.cell.data.title() == label]
    return [
        f"With {label}: macro-F1 {by_method(most, score_of)}.",
        f"CPU seconds to fit there: {by_method(most, lambda record: record.cpu_seconds['fit'], '{:.1f}')}.",
        f"Parameters there: {by_method(most, lambda record: record.n_parameters, '{:,.0f}')}; memory added, MB: "
        f"{by_method(most, lambda record: (record.growth_bytes or 0) / 1e6, '{:.0f}')}.",
    ]


def domain_shift(records: Sequence[Record]) -> list[str]:
    def unseen(record: Record) -> bool:
        return "unseen" in record.cell.data.title()

    def shifted(record: Record) -> bool:
        return record.cell.protocol.title() == "shifted rates"

    def score(record: Record) -> float:
        return score_of(record, over="as_observed")

    kinds = {
        "unseen groups, shifted rates": lambda record: unseen(record) and shifted(record),
        "unseen groups, same rates": lambda record: unseen(record) and not shifted(record),
        "known groups, shifted rates": lambda record: not unseen(record) and shifted(record),
        "known groups, same rates": lambda record: not unseen(record) and not shifted(record),
    }
    means = "; ".join(f"{name}: {by_method([r for r in records if keep(r)], score)}" for name, keep in kinds.items())
    return [
        f"Mean scores by shift: {means}.",
        f"On unseen groups: {versus(records, 'stacked', rivals(records), 'as_observed', unseen)}.",
        f"On known groups: {versus(records, 'stacked', rivals(records), 'as_observed', lambda r: not unseen(r))}.",
    ]


def two_modalities(records: Sequence[Record]) -> list[str]:
    def imbalanced(record: Record) -> bool:
        return record.cell.protocol.name == "imbalanced"

    balanced = versus(records, "stacked", ["stacked, fixed weights"], keep=lambda record: not imbalanced(record))
    return [
        f"Under imbalanced rates {versus(records, 'stacked', ['stacked, fixed weights'], keep=imbalanced)}.",
        f"Under shared rates {balanced}.",
        f"Over all: {versus(records, 'stacked', [t for t in rivals(records) if 'fixed' not in t])}.",
    ]


def hardware(records: Sequence[Record]) -> list[str]:
    return [
        f"Seconds to fit: {by_method(records, lambda record: record.seconds['fit'], '{:.1f}')}.",
        f"CPU seconds to fit: {by_method(records, lambda record: record.cpu_seconds['fit'], '{:.1f}')}.",
        f"Macro-F1: {by_method(records, score_of)}.",
    ]


FINDINGS: dict[str, Callable[[Sequence[Record]], list[str]]] = {
    "quick": quick,
    "uniform": uniform,
    "extreme": extreme,
    "stability": stability,
    "bilevel-cost": bilevel_cost,
    "pattern-shift": pattern_shift,
    "many-modalities": many_modalities,
    "domain-shift": domain_shift,
    "two-modalities": two_modalities,
    "hardware": hardware,
    "accuracy": accuracy_findings,
    "unseen": accuracy_findings,
    "ceiling": ceiling_findings,
}


def coverage(name: str, records: Sequence[Record]) -> str:
    """Say how much of the benchmark the records are, and which settings were changed for a smaller budget."""
    planned = {title_of(cell): cell for cell in read_spec(name).cells()}
    changed: dict[str, set[str]] = {}
    for record in records:
        asked = planned[title_of(record.cell)].method.settings
        for key, value in record.cell.method.settings.items():
            if key not in asked or str(asked[key]) != str(value):
                changed.setdefault(key, set()).add(str(value))
    settings = ", ".join(f"`{key}={'/'.join(sorted(values))}`" for key, values in sorted(changed.items()))
    return f"{len(records)} of the {len(planned)} cells of the benchmark" + (f", with {settings}" if settings else "")


def title_of(cell: Cell) -> tuple[str, str, str, int, int]:
    return cell.data.title(), cell.protocol.title(), cell.method.title(), cell.seed, cell.fold or 0
