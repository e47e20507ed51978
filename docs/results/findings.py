"""Findings of the result pages: sentences that are computed from the records."""

from collections.abc import Callable, Sequence

import numpy as np
from ablation import ablation_findings
from accuracy import DEFAULT, DEFAULT_AMONG_STACKS, accuracy_findings, ceiling_findings, f1_of
from equal_aids import equal_aids_findings
from survival import survival_findings
from tuned import tuned_findings

from redcore.benchmark import (
    Cell,
    Over,
    Record,
    degradation_curves,
    imbalance_gaps,
    leads,
    learning_balance,
    modality_equity,
    read_spec,
    single_modality_scores,
    trace_stability,
)

Keep = Callable[[Record], bool]


def keep_all(record: Record) -> bool:
    return True


def method_titles(records: Sequence[Record]) -> list[str]:
    return sorted({record.cell.method.title() for record in records})


def versus(
    records: Sequence[Record], method: str, others: Sequence[str], over: Over = "patterns", keep: Keep = keep_all
) -> str:
    """Return the mean paired differences of a method to other methods as text, with the intervals of `leads`."""
    chosen = [record for record in records if keep(record)]
    parts = []
    for other in others:
        pair = [record for record in chosen if record.cell.method.title() in (method, other)]
        one = leads(pair, method, score="argmax", over=over).get(other)
        if one is not None:
            interval = (
                "no interval" if np.isnan(one.low) else f"95% interval {100 * one.low:+.1f} to {100 * one.high:+.1f}"
            )
            parts.append(f"minus `{other}` {100 * one.mean:+.1f} points ({interval}, {runs_of(one.n_runs)})")
    return f"`{method}` {', '.join(parts)}"


def runs_of(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def mean_of(records: Sequence[Record], read: Callable[[Record], float | None], keep: Keep = keep_all) -> float:
    values = [value for record in records if keep(record) and (value := read(record)) is not None]
    return float(np.mean(values)) if values else float("nan")


def by_method(records: Sequence[Record], read: Callable[[Record], float | None], form: str = "{:.3f}") -> str:
    """Return the mean of each method as text."""

    def of_method(title: str) -> list[Record]:
        return [record for record in records if record.cell.method.title() == title]

    return listed({title: mean_of(of_method(title), read) for title in method_titles(records)}, form)


def other_methods(records: Sequence[Record]) -> list[str]:
    """Return all methods except the default and `bayes`, which knows the model of the data."""
    return [title for title in method_titles(records) if title not in (DEFAULT, "bayes")]


def quick(records: Sequence[Record]) -> list[str]:
    ece = by_method(records, lambda record: record.metrics["pooled"].get("ece"))
    return [
        f"Macro-F1 of argmax, mean over all missing patterns: {versus(records, DEFAULT, other_methods(records))}.",
        f"Expected calibration error of all patterns pooled: {ece}.",
        f"CPU seconds per fit: {by_method(records, lambda record: record.cpu_seconds['fit'], '{:.1f}')}.",
    ]


def uniform(records: Sequence[Record]) -> list[str]:
    curves, gaps = degradation_curves(records, score="argmax"), imbalance_gaps(records, score="argmax")
    methods = sorted({curve.method for curve in curves})
    areas = {
        m: float(np.mean([curve.area for curve in curves if curve.method == m and curve.area is not None]))
        for m in methods
    }
    falls = {m: float(np.mean([100 * (c.means[0] - c.means[-1]) for c in curves if c.method == m])) for m in methods}
    costs = {m: float(np.mean([100 * gap.gap for gap in gaps if gap.method == m])) for m in methods}
    rates = f"{min(c.rates[0] for c in curves):g} to {max(c.rates[-1] for c in curves):g}"
    return [
        f"Area under the curve, mean over data sets: {listed(areas, '{:.3f}')}.",
        f"Loss of score from missing rate {rates} in training, in points: {listed(falls, '{:.1f}')}.",
        f"Cost of imbalanced rates at the same mean rate of 0.5, in points: {listed(costs, '{:+.1f}')}.",
    ]


def listed(values: dict[str, float], form: str) -> str:
    """Return values with their names as text; NaN values are left out."""
    return ", ".join(f"{form.format(value)} ({name})" for name, value in values.items() if not np.isnan(value))


def extreme(records: Sequence[Record]) -> list[str]:
    def rare(record: Record) -> float | None:
        rates, single = record.missing_rates["train"], single_modality_scores(record, "argmax")
        scores = [score for name, score in single.items() if rates[name] > 0.5]
        return float(np.mean(scores)) if scores else None

    def equity(record: Record) -> float | None:
        return modality_equity(record, score="argmax")

    return [
        f"Macro-F1 of argmax, mean over all missing patterns: {versus(records, DEFAULT, other_methods(records))}.",
        f"Mean score if only one of the rare modalities is observed: {by_method(records, rare)}.",
        f"Modality equity (lowest divided by mean single-modality score): {by_method(records, equity)}.",
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
        f"Standard deviation of the final weights over seeds: {listed(sd, '{:.3f}')}.",
        f"Kendall's W of the order of the modalities, by weight and by relative advantage: {agreement}.",
        f"Part of training after which weights stay near their final value: {listed(settled, '{:.0f}%')}. Learning "
        f"balance: {by_method(records, learning_balance)}.",
    ]


def bilevel_cost(records: Sequence[Record]) -> list[str]:
    others = [title for title in method_titles(records) if title != "relative_advantage"]
    per_step = by_method(records, lambda record: 1000 * record.cpu_seconds["fit"] / record.n_steps, "{:.1f}")
    loss = by_method(records, lambda record: min(record.epochs["validation_loss"]))
    return [
        f"Macro-F1 of argmax, mean over all missing patterns: {versus(records, 'relative_advantage', others)}.",
        f"CPU milliseconds per step: {per_step}.",
        f"Lowest validation loss, mean over data sets and seeds: {loss}.",
    ]


def pattern_shift(records: Sequence[Record]) -> list[str]:
    never = ("two pairs, then one modality", "two pairs, then the other pairs", "complete, then one modality")

    def seen(record: Record) -> bool:
        return record.cell.protocol.title() not in never

    def unseen(record: Record) -> bool:
        return not seen(record)

    def score(record: Record) -> float:
        return f1_of(record, over="as_observed")

    others = other_methods(records)
    old, new = ([record for record in records if keep(record)] for keep in (seen, unseen))
    return [
        f"Test patterns that occur in training: {versus(records, DEFAULT, others, 'as_observed', seen)}.",
        f"Test patterns that never occur in training: {versus(records, DEFAULT, others, 'as_observed', unseen)}.",
        f"Mean scores on patterns that occur in training: {by_method(old, score)}; on the others: "
        f"{by_method(new, score)}.",
    ]


def many_modalities(records: Sequence[Record]) -> list[str]:
    pairs = {(record.cell.data.title(), record.cell.method.title()) for record in records}
    labels = sorted({label for label, _ in pairs}, reverse=True)
    # the largest number of modalities that was run with all methods
    label = next((one for one in labels if all((one, title) in pairs for title in method_titles(records))), labels[0])
    most = [record for record in records if record.cell.data.title() == label]
    return [
        f"Macro-F1 of argmax with {label}: {by_method(most, f1_of)}.",
        f"CPU seconds to fit with {label}: {by_method(most, lambda record: record.cpu_seconds['fit'], '{:.1f}')}.",
        f"Parameters: {by_method(most, lambda record: record.n_parameters, '{:,.0f}')}. Memory added, MB: "
        f"{by_method(most, lambda record: (record.growth_bytes or 0) / 1e6, '{:.0f}')}.",
    ]


def domain_shift(records: Sequence[Record]) -> list[str]:
    def unseen(record: Record) -> bool:
        return "unseen" in record.cell.data.title()

    def shifted(record: Record) -> bool:
        return record.cell.protocol.title() == "shifted rates"

    def score(record: Record) -> float:
        return f1_of(record, over="as_observed")

    kinds = {
        "unseen groups, shifted rates": lambda record: unseen(record) and shifted(record),
        "unseen groups, same rates": lambda record: unseen(record) and not shifted(record),
        "known groups, shifted rates": lambda record: not unseen(record) and shifted(record),
        "known groups, same rates": lambda record: not unseen(record) and not shifted(record),
    }
    others = other_methods(records)
    means = "; ".join(f"{name}: {by_method([r for r in records if keep(r)], score)}" for name, keep in kinds.items())
    return [
        f"Mean scores: {means}.",
        f"Unseen groups: {versus(records, DEFAULT, others, 'as_observed', unseen)}.",
        f"Known groups: {versus(records, DEFAULT, others, 'as_observed', lambda r: not unseen(r))}.",
    ]


def two_modalities(records: Sequence[Record]) -> list[str]:
    def imbalanced(record: Record) -> bool:
        return record.cell.protocol.name == "imbalanced"

    fixed = [f"{DEFAULT}, fixed weights"]
    balanced = versus(records, DEFAULT, fixed, keep=lambda record: not imbalanced(record))
    others = [title for title in other_methods(records) if "fixed" not in title]
    return [
        f"Imbalanced rates: {versus(records, DEFAULT, fixed, keep=imbalanced)}.",
        f"Shared rates: {balanced}.",
        f"All rates: {versus(records, DEFAULT, others)}.",
    ]


def by_protocol(records: Sequence[Record], over: Over) -> list[str]:
    """Return one sentence per protocol: the default minus every other method."""
    others = [title for title in method_titles(records) if title != DEFAULT_AMONG_STACKS]
    return [
        f"{protocol}: {versus(of_protocol, DEFAULT_AMONG_STACKS, others, over)}."
        for protocol in dict.fromkeys(record.cell.protocol.title() for record in records)
        if (of_protocol := [record for record in records if record.cell.protocol.title() == protocol])
    ]


def observed_by_protocol(records: Sequence[Record]) -> list[str]:
    return by_protocol(records, "as_observed")


def hardware(records: Sequence[Record]) -> list[str]:
    return [
        f"Seconds to fit: {by_method(records, lambda record: record.seconds['fit'], '{:.1f}')}.",
        f"CPU seconds to fit: {by_method(records, lambda record: record.cpu_seconds['fit'], '{:.1f}')}.",
        f"Macro-F1 of argmax: {by_method(records, f1_of)}.",
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
    "real-missingness": observed_by_protocol,
    "survival": survival_findings,
    "informative": observed_by_protocol,
    "within-modality": observed_by_protocol,
    "ablation": ablation_findings,
    "tuned": tuned_findings,
    "accuracy": equal_aids_findings,
    "unseen": accuracy_findings,
    "ceiling": ceiling_findings,
}


def coverage(name: str, records: Sequence[Record]) -> str:
    """Return the share of the benchmark that was run, and how its records differ from the current specification."""
    planned = {cell_title(cell): cell for cell in read_spec(name).cells()}
    known = [record for record in records if cell_title(record.cell) in planned]
    changed: dict[str, set[str]] = {}
    for record in known:
        settings = planned[cell_title(record.cell)].method.settings
        for key, value in record.cell.method.settings.items():
            if key not in settings or str(settings[key]) != str(value):
                changed.setdefault(key, set()).add(str(value))
    changes = ", ".join(f"`{key}={'/'.join(sorted(values))}`" for key, values in sorted(changed.items()))
    other = {
        r.cell.data.title() for r in known if r.cell.data.outer_split != planned[cell_title(r.cell)].data.outer_split
    }
    return (
        f"{len(records)} cells run, {len(known)} of them among the {len(planned)} cells of the benchmark"
        + (f", with {changes}" if changes else "")
        + (
            f"; {', '.join(sorted(other))} on the split in the data, whereas the benchmark now draws one split per seed"
            if other
            else ""
        )
    )


def cell_title(cell: Cell) -> tuple[str, str, str, int, int]:
    return cell.data.title(), cell.protocol.title(), cell.method.title(), cell.seed, cell.fold or 0
